"""`--cluster`: the same run from the workers of a real Dask cluster, and whatever can be wrong with one."""

import json
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

import loadtest
from loadtest.dynamodb.admin import read_product
from loadtest.dynamodb.client import connect
from loadtest.dynamodb.endpoint import Connection
from tests.conftest import Cli, Start, free_port
from tests.helpers.certificates import Authority
from tests.helpers.cut_runs import the_report
from tests.helpers.one_line import assert_one_line
from tests.helpers.sound_verdicts import is_sound_report
from tests.integration.distributed.machines import Machines, machines
from tests.integration.distributed.test_processes import (
    Case,
    assert_history_agrees,
    assert_lost_as_unknown,
    assert_no_order_is_lost,
    by_default,
    ended,
    folder_of,
    operations,
    wait_for_operations,
)
from tests.integration.racy_server import Racy, racy

__all__ = ["racy"]  # the fixture of the server whose writes are not atomic

FOUR = ("w1", "w2", "w3", "w4")


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A cluster of four workers; no test may harm it."""
    with machines(tmp_path_factory.mktemp("four"), *FOUR) as found:
        yield found


@pytest.mark.parametrize(("strategy", "rounds"), by_default(1, [Case(("version", 10)), Case(("transaction", 5))]))
def test_the_last_item_is_won_once_a_round(
    strategy: str, rounds: int, four: Machines, cli: Cli, tmp_path: Path
) -> None:
    report = race(four.address, cli, tmp_path, "-n", "40", "--rounds", str(rounds), "--strategy", strategy)
    assert report["rounds"] == {"count": rounds, "winners": {"1": rounds}}
    shares = report["client"]["workers"]
    assert [one["name"] for one in shares] == [f"worker {name}" for name in FOUR]
    assert [one["orders"] for one in shares] == [10 * rounds] * 4
    assert all(one["clock_uncertainty_ms"] > 0 for one in shares)
    assert_history_agrees(report, tmp_path, cli)


def race(address: str, cli: Cli, folder: Path, *arguments: str) -> dict[str, Any]:
    done = cli("race", "--quiet", "--cluster", address, *arguments, "--json", "out.json")
    report: dict[str, Any] = json.loads((folder / "out.json").read_text())
    assert is_sound_report(done.returncode, report), done
    assert done.stderr == ""
    return report


@pytest.mark.slow
def test_a_hundred_rounds_have_one_winner_each(four: Machines, cli: Cli, tmp_path: Path) -> None:
    report = race(four.address, cli, tmp_path, "-n", "40", "--rounds", "100")
    assert report["rounds"] == {"count": 100, "winners": {"1": 100}}


def test_a_load_from_four_workers_is_counted_whole(four: Machines, cli: Cli, tmp_path: Path) -> None:
    done = cli("load", "--cluster", four.address, "--rate", "100", "--duration", "1s", "--products", "3", "--json", "-",
               "--quiet")  # fmt: skip
    assert done.returncode in (0, 4), done.stderr
    report = json.loads(done.stdout)
    assert report["orders"]["placed"] + report["orders"]["dropped"] == 100
    assert_history_agrees(report, tmp_path, cli)


@pytest.mark.slow
def test_a_racy_server_is_caught_from_four_workers(four: Machines, racy: Racy, cli: Cli) -> None:
    where = ("--endpoint-url", racy.url)
    assert cli("populate", *where).returncode == 0
    for _ in range(6):  # it goes wrong in some ten of sixty rounds
        done = cli("race", *where, "-n", "32", "--rounds", "60", "--cluster", four.address, "--json", "-")
        report = json.loads(done.stdout)
        double = {n: orders for n, orders in racy.winners(report["run_id"][-10:]).items() if len(orders) > 1}
        assert set(double) <= {violation["round"] for violation in report["verdict"]["violations"]}
        if double:
            assert (done.returncode, report["verdict"]["status"]) == (1, "violated")
            return
    pytest.fail("the server was atomic in 360 rounds")


def test_no_scheduler_is_one_line(cli: Cli) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    done = cli("race", "--quiet", "--cluster", address)
    assert_one_line(done, 3, f"no Dask scheduler answers at {address}")


@pytest.mark.slow
def test_a_server_that_is_silent_is_one_line(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert_one_line(cli("race", "--quiet", "--cluster", address), 3, f"no Dask scheduler answers at {address}")


def test_a_scheduler_without_workers_is_one_line(tmp_path: Path, cli: Cli) -> None:
    with machines(tmp_path) as empty:
        assert_one_line(
            cli("race", "--quiet", "--cluster", empty.address), 3, f"the cluster at {empty.address} has no worker"
        )


@pytest.mark.parametrize(
    ("version", "words"),
    by_default(
        1,
        [
            Case(("0.0.1", f"worker odd has loadtest 0.0.1, here is {loadtest.__version__}: both must be the same")),
            Case(("", f"worker odd has no loadtest; here is {loadtest.__version__}")),
        ],
    ),
)
def test_a_worker_of_another_version_is_refused(version: str, words: str, tmp_path: Path, cli: Cli) -> None:
    with machines(tmp_path, "even") as found:
        found.add("odd", version=version)
        assert_one_line(cli("race", "--quiet", "--cluster", found.address), 3, words)
        assert list(tmp_path.glob("runs/*")) == []


@pytest.fixture(scope="module")
def with_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machines, Authority]]:
    """A cluster that speaks TLS only, to those whom its authority knows."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority.founded(folder, "the authority of the tests")
    files = ("--tls-ca-file", str(authority.certificate), "--tls-cert", str(authority.server_certificate), "--tls-key",
             str(authority.server_key))  # fmt: skip
    with machines(folder, "w1", "w2", tls=files) as found:
        yield found, authority


def tls_options(authority: Authority, identity: Authority) -> tuple[str, ...]:
    return ("--cluster-ca", str(authority.certificate), "--cluster-cert", str(identity.server_certificate),
            "--cluster-key", str(identity.server_key))  # fmt: skip


def test_with_the_right_certificates_a_cluster_with_tls_works(
    with_tls: tuple[Machines, Authority], cli: Cli, tmp_path: Path
) -> None:
    found, authority = with_tls
    report = race(found.address, cli, tmp_path, "-n", "20", *tls_options(authority, authority))
    assert report["rounds"] == {"count": 1, "winners": {"1": 1}}


def timed(run: Callable[[], subprocess.CompletedProcess[str]]) -> subprocess.CompletedProcess[str]:
    begun_s = time.monotonic()
    done = run()
    assert time.monotonic() - begun_s < 25
    return done


@pytest.mark.parametrize("which", by_default(1, ["both", "authority", "certificate"]))
def test_certificates_of_another_authority_are_refused(
    which: str, with_tls: tuple[Machines, Authority], cli: Cli, tmp_path: Path
) -> None:
    found, known = with_tls
    other = Authority.founded(tmp_path, "another authority")
    options = tls_options(
        known if which == "certificate" else other,
        known if which == "authority" else other,
    )
    done = timed(lambda: cli("race", "--quiet", "--cluster", found.address, *options))
    assert_one_line(done, 3, f"no Dask scheduler answers at {found.address}")
    assert "certificate" in done.stderr.lower() or "tls" in done.stderr.lower()


def test_without_tls_a_scheduler_that_wants_it_is_refused(with_tls: tuple[Machines, Authority], cli: Cli) -> None:
    address = with_tls[0].address.replace("tls://", "tcp://")
    assert_one_line(
        timed(lambda: cli("race", "--quiet", "--cluster", address)), 3, f"no Dask scheduler answers at {address}"
    )


def test_files_for_tls_that_hold_something_else_are_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    options = ("--cluster-ca", "no.pem", "--cluster-cert", "no.pem", "--cluster-key", "no.pem")
    done = cli("race", "--quiet", "--cluster", f"tls://127.0.0.1:{free_port()}", *options)
    assert_one_line(done, 3, "cannot be asked")


RACE = ("race", "-n", "100", "--rounds", "100000", "--strategy")
LOAD = ("load", "--rate", "100", "--duration", "10m", "--products", "3", "--skew", "1")


@pytest.mark.parametrize(
    ("command", "number"),
    by_default(
        1,
        [
            Case((LOAD, signal.SIGKILL)),
            Case(((*RACE, "version"), signal.SIGKILL)),
            Case(((*RACE, "transaction"), signal.SIGSTOP)),
            Case((LOAD, signal.SIGSTOP)),
            Case(((*RACE, "transaction"), signal.SIGKILL)),
        ],
    ),
)
def test_a_worker_that_is_lost_ends_the_run_and_its_orders_are_unknown(
    command: tuple[str, ...], number: signal.Signals, start: Start, tmp_path: Path, cli: Cli
) -> None:
    assert_ended_without_a_worker(command, number, 0.0, start, tmp_path, cli)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_worker_killed_at_any_moment(seed: int, start: Start, tmp_path: Path, cli: Cli) -> None:
    command = ((*RACE, "version"), (*RACE, "transaction"), (*RACE, "conditional"), LOAD)[seed % 4]
    assert_ended_without_a_worker(command, signal.SIGKILL, Random(seed).uniform(0, 2), start, tmp_path, cli)


def assert_ended_without_a_worker(
    command: tuple[str, ...], number: signal.Signals, after_s: float, start: Start, tmp_path: Path, cli: Cli
) -> None:
    (tmp_path / "cluster").mkdir()
    with machines(tmp_path / "cluster", *FOUR) as found:
        process = start(*command, "--cluster", found.address)
        wait_for_operations(tmp_path, 300)
        time.sleep(after_s)
        measured = operations(tmp_path)
        found.remove("w2", number)
        output, errors = ended(process)
    assert len(errors) == 1, errors
    (line,) = errors
    assert line.startswith("loadtest: worker w2 ")
    report = the_report(tmp_path)
    # Between two rounds it has no orders.
    assert report["orders"]["unknown"] == 0 or line.endswith("; its orders without a result are unknown")
    assert (process.returncode, report["completed"]) == (3, False)
    assert [bool(one["lost"]) for one in report["client"]["workers"]] == [False, True, False, False]
    assert_lost_as_unknown(report, tmp_path, measured)
    checked = cli("check", str(folder_of(tmp_path)))
    assert checked.stdout.splitlines()[-1] == report["verdict"]["sentence"] == output.splitlines()[-1]


@pytest.mark.slow
def test_a_scheduler_that_is_lost_ends_the_run_in_one_line(start: Start, tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    with machines(tmp_path / "cluster", "w1", "w2") as found:
        process = start(*RACE, "conditional", "--cluster", found.address)
        wait_for_operations(tmp_path, 300)
        measured = operations(tmp_path)
        os.kill(found.scheduler.pid, signal.SIGKILL)
        _, errors = ended(process)
    assert process.returncode == 3
    assert len(errors) == 1, errors
    assert_lost_as_unknown(the_report(tmp_path), tmp_path, measured)


@pytest.mark.slow
def test_a_signal_ends_the_run_and_the_workers_are_free_for_the_next(
    four: Machines, start: Start, tmp_path: Path, cli: Cli
) -> None:
    process = start(*LOAD, "--cluster", four.address)
    wait_for_operations(tmp_path, 100)
    process.send_signal(signal.SIGINT)
    _, errors = ended(process)
    assert (process.returncode, errors) == (130, [])
    assert_no_order_is_lost(the_report(tmp_path), tmp_path)
    race(four.address, cli, tmp_path, "-n", "8")


@pytest.mark.slow
async def test_when_the_first_process_is_killed_the_workers_buy_nothing_more(
    four: Machines, server_urls: Callable[[str], str], start: Start, cli: Cli, tmp_path: Path
) -> None:
    url, table = server_urls("embedded"), f"t-{uuid.uuid4().hex[:12]}"
    where = ("--endpoint-url", url, "--table", table, "--populate-table", "--yes")
    process = start("load", "--concurrency", "20", "--duration", "10m", *where, "--cluster", four.address)
    wait_for_operations(tmp_path, 300)
    process.kill()
    process.communicate()
    connection = Connection(table=table, endpoint_url=url, region="us-east-1", anonymous=True)
    versions = [0, 1]
    async with connect(connection) as client:
        with anyio.fail_after(60):
            while versions[-1] != versions[-2]:
                await anyio.sleep(2)
                versions.append((await read_product(client, connection, "p#4")).version)
    race(four.address, cli, tmp_path, "-n", "8")
