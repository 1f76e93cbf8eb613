"""Reports as text."""

import io
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from loadtest.events import Event, OwnRequest, Repaired
from loadtest.records.report import Report
from loadtest.render.terminal import print_report
from loadtest.workload.arrivals import Stage
from loadtest.workload.spec import Load, Race
from tests.helpers.load_events import Market
from tests.helpers.shop_events import one_round
from tests.unit.render.printed_reports import Terminal, a_day, rated, report_of


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    """Prints a report to standard output and returns its lines."""

    def run(report: Report, *, quiet: bool = False, verbose: bool = False) -> list[str]:
        print_report(report, Path("runs/a-run"), to_stdout=True, quiet=quiet, verbose=verbose)
        return capsys.readouterr().out.splitlines()

    return run


def test_a_load_shows_its_orders_and_what_was_dropped(printed: Any) -> None:
    lines = printed(report_of(a_day().end(), rated()))
    assert lines[0] == "conditional: 50 orders a second for 2 s of 1 × p#4, 1 attempt, target embedded"
    words = [line.split() for line in lines]
    for row in (["placed", "5"], ["accepted", "3"], ["unknown", "0"], ["load#1", "3", "0", "3"]):
        assert row in words
    assert ["rejected", "2", "sold_out", "2"] in words
    assert ["dropped", "2", *["due,", "but", "as", "many", "as", "may", "be", "were", "under", "way"]] in words
    assert "2 of 7 dropped" in "\n".join(lines)
    assert lines[-1].startswith("3 of 5 orders won from a stock of 3; 2 were rejected: inconclusive (no win was contes")


def test_a_load_shows_what_it_cost_and_who_was_served_worst(printed: Any) -> None:
    lines = printed(report_of(a_day().end(), rated(attempts=7)))
    text = "\n".join(lines)
    assert "3.67 attempts and 3.67 writes for each; 8 writes wasted" in text
    assert "worst served: 0.0 ms (a-1-5, rejected); 7 attempts (a-1-5, rejected)" in text
    assert "cost: $0.000007 for 11 write and 0 read units, $0.002292 for 1,000 accepted orders (on demand" in text
    assert "7 attempts, target embedded" in lines[0]


def test_a_load_shows_whole_orders_and_single_requests(printed: Any) -> None:
    lines = printed(report_of(a_day().end(), rated()))
    titles = [line.split("ms")[0].strip() for line in lines if line.endswith("max") and "p99.9" in line]
    assert titles == ["order, due to end,", "service time,"]
    rows = [line.split()[:2] for line in lines]
    assert ["accepted", "3"] in rows
    assert ["write", "rejected"] in rows


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (Load(concurrency=20, duration_s=1.5), "version: 20 buyers for 1.5 s of 1 × p#4, 1 attempt,"),
        (rated(poisson=True), "50 orders a second at random (Poisson) for 2 s"),
        (rated(stages=[Stage(1, 5), Stage(2, 0)], rate_per_s=None, duration_s=3.0), "orders in 2 stages for 3 s"),
        (rated(products=20, skew=1.5, units=3), "of 3 × 20 products (skew 1.5)"),
    ],
)
def test_the_first_line_says_how_orders_came(plan: Load, says: str, printed: Any) -> None:
    assert says in printed(report_of(a_day().end(), plan))[0]


def test_repairs_are_told_in_one_line_and_only_if_there_were_any(printed: Any) -> None:
    events = a_day().end()
    assert not any(line.startswith("repaired") for line in printed(report_of(events, rated())))
    lost = [OwnRequest.READ, OwnRequest.SET_STOCK, OwnRequest.READ]
    repaired: list[Event] = [Repaired(1, request, n) for n, request in enumerate(lost)]
    report = report_of([*repaired, *events], rated())
    assert report.repairs == {"read": 2, "set_stock": 1}
    assert "repaired: 3 lost answers to the tool's own requests (read 2, set_stock 1)" in printed(report)


def test_of_many_products_the_first_are_shown(printed: Any) -> None:
    names = [f"load#{n}" for n in range(1, 1235)]
    lines = printed(report_of(a_day(*names).end(), rated(products=1234)))
    assert sum(line.startswith("load#") for line in lines) == 5
    assert any(line.startswith("and 1,229 more") for line in lines)


def test_a_load_that_ended_in_its_warm_up_divides_nothing_by_zero(printed: Any) -> None:
    market = Market()
    market.order()
    market.now_ns += 10**10
    market.measure()
    lines = printed(report_of(market.events, rated(warm_up_s=10.0), stopped_by="SIGINT"))
    assert "stopped early, so this is a part: SIGINT" in lines
    assert any("– attempts and – writes for each" in line for line in lines)


@pytest.mark.parametrize("name", ["[/b]", "[bold]x", "a seat [row 7]", "[link=x]"])
def test_a_name_in_brackets_is_shown_as_it_is(name: str, printed: Any) -> None:
    lines = printed(report_of(a_day("load#1", name).end(), Race(product=name)))
    assert name in lines[0]
    assert any(line.startswith(name) for line in lines[1:])


def test_quiet_leaves_the_verdict_and_what_it_is_worth(printed: Any) -> None:
    contention, verdict = printed(report_of(one_round(), Race(number_of_requests=3)), quiet=True)
    assert verdict == "1 of 3 orders won the last item; 2 were rejected: safe"
    assert contention == (
        "contention: 1 of 1 win was contested; that excludes, with 95 % certainty, double wins in more than 95 % of "
        "contested wins, and, should they come in bursts, in more than 95 % of the rounds (1 round)"
    )


def test_a_run_without_a_contested_win_says_so(printed: Any) -> None:
    assert printed(report_of(a_day().end(), rated()), quiet=True)[0] == (
        "contention: no win was contested, so this run cannot show a double win"
    )


def unsold(**settings: Any) -> tuple[Report, str | None]:
    """A race for more than one, in which all but one gave up."""
    report = report_of(one_round(stock=3), Race(number_of_requests=3, stock=3, **settings))
    return report, report.hint


def test_a_race_that_gave_up_although_stock_was_left_says_what_to_change(printed: Any) -> None:
    report, hint = unsold()
    assert hint == (
        "2 of 3 left though 3 orders wanted them: each order made one attempt; give more --attempts, or --strategy "
        "conditional"
    )
    assert hint in printed(report)
    assert "each order made at most 4 attempts;" in str(unsold(attempts=4)[1])
    assert str(unsold(strategy="transaction")[1]).endswith("give more --attempts")
    assert unsold(units=3)[1] is None
    assert report_of(one_round(), Race(number_of_requests=3)).hint is None


def test_a_race_has_nothing_of_a_load(printed: Any) -> None:
    text = "\n".join(printed(report_of(one_round(), Race(number_of_requests=3))))
    for word in ("dropped", "goodput", "worst served", "due to end"):
        assert word not in text
    assert "3 write and 3 read units" in text


OF_THE_TOOL = ("overlap: ", "client overhead: ", "send spread: ")


def told(lines: list[str]) -> set[str]:
    """Which figures of the tool itself are among the lines."""
    return {name for name in OF_THE_TOOL for line in lines if line.startswith(name)}


def test_figures_of_the_tool_itself_are_told_to_whoever_asks(printed: Any) -> None:
    report = report_of(one_round(), Race(number_of_requests=3))
    assert told(printed(report)) == set()
    lines = printed(report, verbose=True)
    assert told(lines) == set(OF_THE_TOOL)
    assert any(line.endswith("0% of the units as the server reported)") for line in lines)


@pytest.mark.parametrize(("share", "shown"), [(0.24, False), (0.25, True)])
def test_a_large_client_overhead_is_told(share: float, shown: bool, printed: Any) -> None:
    report = report_of(one_round(), Race(number_of_requests=3))
    lines = printed(replace(report, client=replace(report.client, own_share=share)))
    assert told(lines) == ({"client overhead: "} if shown else set())


def test_a_burst_that_overlapped_nothing_shows_how_far_apart_it_was_sent(printed: Any) -> None:
    report = report_of(one_round(), Race(number_of_requests=3))
    assert told(printed(replace(report, verdict=replace(report.verdict, untested=True)))) == {"send spread: "}


def test_the_verdict_is_the_last_line_and_stands_alone(printed: Any) -> None:
    report = report_of(one_round(), Race(number_of_requests=3))
    assert printed(report)[-2:] == ["", report.verdict.sentence]


@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize("command", ["race", "load"])
def test_tables_fit_the_window(columns: int, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Terminal()
    monkeypatch.setattr("sys.stdout", file)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    race = report_of(one_round(), Race(number_of_requests=3))
    report = race if command == "race" else report_of(a_day().end(), rated())
    print_report(report, Path("runs/a-run"), to_stdout=True, quiet=False)
    lines = file.getvalue().splitlines()
    figures = [line for line in lines if line.startswith(("write ", "read ", "accepted", "service time", "stock"))]
    assert max(map(len, figures)) <= columns
    assert any(line.startswith("service time, ms  count") and line.endswith(("p99", "max")) for line in lines)


@pytest.mark.parametrize(
    ("environment", "terminal", "coloured"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_the_verdict_is_coloured_where_that_is_wanted(
    environment: dict[str, str], terminal: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr("sys.stdout", file)
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    report = report_of(one_round(), Race(number_of_requests=3))
    print_report(report, Path("runs/a-run"), to_stdout=True, quiet=False)
    assert ("\x1b[" in file.getvalue()) == coloured
    assert (f"\x1b[1;32m{report.verdict.sentence}" in file.getvalue()) == coloured
