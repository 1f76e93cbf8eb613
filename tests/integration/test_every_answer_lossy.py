"""One answer in eight is lost, also of the tool's own requests: every run comes to its end, and nobody is accused."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.events import StockSet
from loadtest.rebuild import rebuild
from loadtest.records.history import read_history
from tests.conftest import Cli
from tests.helpers.lossy_link import LossyLink

SERVERS = ("moto_server_serial", "dynalite", "ministack")
STRATEGIES = ("version", "conditional", "transaction")
Link = Callable[[str, int], LossyLink]


@pytest.fixture
def link(server_urls: Callable[[str], str]) -> Iterator[Link]:
    """A link to a server that loses one of so many."""
    opened: list[LossyLink] = []

    def to(server: str, one_in: int) -> LossyLink:
        opened.append(LossyLink(int(server_urls(server).rpartition(":")[2]), one_in, seed=7))
        return opened[-1]

    yield to
    for each in opened:
        each.close()


def raced(cli: Cli, link: LossyLink, table: str, rounds: int, strategy: str = "version") -> tuple[int, dict[str, Any]]:
    where = ["--endpoint-url", link.url, "--table", table, "--populate-table"]
    done = cli("race", *where, "--rounds", str(rounds), "-n", "20", "--strategy", strategy, "--json", "-",
               timeout_s=600)  # fmt: skip
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert sum(report["repairs"].values()) > 0
    assert f"repaired: {sum(report['repairs'].values())} lost answer" in done.stderr
    assert (report["completed"], report["rounds"]["count"]) == (True, rounds)
    assert report["verdict"]["violations"] == []
    return done.returncode, report


@pytest.mark.parametrize("server", ["embedded", "dynalite"])
def test_a_short_race_ends_with_every_repair_in_its_report_and_its_history(
    server: str, link: Link, cli: Cli, tmp_path: Path
) -> None:
    lossy = link(server, 4)
    code, report = raced(cli, lossy, "short", 5)
    assert code in (0, 4)
    assert min(lossy.lost_requests, lossy.lost_answers) > 0
    (history,) = tmp_path.glob("runs/*/history.jsonl")
    assert rebuild(history).repairs == report["repairs"]
    lost = [event for event in read_history(history) if isinstance(event, StockSet) and event.outcome == "unknown"]
    assert len(lost) == report["repairs"].get("set_stock", 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "strategy"),
    [
        (server, strategy)
        for server in SERVERS
        for strategy in STRATEGIES
        if (server, strategy) != ("dynalite", "transaction")  # which it does not have
    ],
)
def test_twenty_five_rounds_come_to_their_end(server: str, strategy: str, link: Link, cli: Cli) -> None:
    lossy = link(server, 8)
    code, report = raced(cli, lossy, f"long-{strategy}", 25, strategy)
    assert code == {"safe": 0, "inconclusive": 4}[report["verdict"]["status"]]
    assert lossy.lost > 50


def test_a_load_is_restocked_once_for_each_restock(link: Link, cli: Cli) -> None:
    lossy = link("embedded", 8)
    where = ["--endpoint-url", lossy.url, "--table", "restocked", "--populate-table"]
    done = cli("load", *where, "--product", "p#1", "--stock", "5", "--restock", "--attempts", "3", "--duration", "3s",
               "--concurrency", "4", "--strategy", "conditional", "--json", "-")  # fmt: skip
    assert done.returncode in (0, 4), done.stderr
    report = json.loads(done.stdout)
    assert report["repairs"]["restock"] > 0
    assert report["verdict"]["violations"] == []


def test_what_sets_up_and_takes_down_a_table_comes_to_its_end(link: Link, cli: Cli) -> None:
    lossy = link("embedded", 3)
    where = ["--endpoint-url", lossy.url, "--table", "lossy"]
    commands = (["table", "create"], ["table", "create"], ["table", "describe"], ["populate"], ["table", "delete"])
    made, again, described, written, deleted = [cli(*command, *where) for command in commands]
    assert [done.returncode for done in (made, described, written, deleted)] == [0] * 4
    assert (again.returncode, "exists already" in again.stderr) == (3, True)
    assert min(lossy.lost_requests, lossy.lost_answers) > 0
