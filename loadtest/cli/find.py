"""`loadtest find`: the highest concurrency or rate that still holds a threshold."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

import typer

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped
from loadtest.cli.load import Arrivals, arrivals, load_plan
from loadtest.cli.panels import Panel
from loadtest.errors import UsageError


class Of(StrEnum):
    """What is raised."""

    CONCURRENCY = "concurrency"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class Limits:
    """What must hold, and where to look."""

    p99_under: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="What must hold: 99 of 100 accepted orders take less, from due to end. --threshold adds more.",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    of: Annotated[
        Of,
        typer.Option(
            help="What is raised: buyers in a closed loop, or orders a second.",
            rich_help_panel=Panel.MAIN,
        ),
    ] = Of.CONCURRENCY
    lowest: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="LEVEL",
            help="Where to begin.",
            show_default="1; a rate 10",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    highest: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="LEVEL",
            help="Where to stop at the latest.",
            show_default="1,000; a rate 10,000",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    duration: Annotated[
        str,
        typer.Option(
            "--duration", "-d", metavar="TIME", help="How long each level is measured.", rich_help_panel=Panel.MAIN
        ),
    ] = "5s"
    warmup: Annotated[
        str, typer.Option(metavar="TIME", help="Before each measuring.", rich_help_panel=Panel.ORDERS)
    ] = "1s"
    precision: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=1,
            metavar="SHARE",
            help="How exact, as a share of the level.",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = 0.05
    within: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Begin no run later than so long after the first.",
            show_default="40 runs at most",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None

    def thresholds(self) -> list[str]:
        """The threshold that --p99-under stands for."""
        return [] if self.p99_under is None else [f"p99(order.accepted) < {self.p99_under}"]

    def ends(self) -> tuple[float, float]:
        """The lowest and the highest level. Raises UsageError if there is nothing between them."""
        rate = self.of is Of.RATE
        first = self._end("--from", self.lowest or ("10" if rate else "1"))
        last = self._end("--to", self.highest or ("10000" if rate else "1000"))
        if not 0 < first <= last <= 1_000_000 or (not rate and not (first.is_integer() and last.is_integer())):
            raise UsageError(f"no {self.of.value} lies from --from {first:g} to --to {last:g}")
        return first, last

    def _end(self, option: str, text: str) -> float:
        from loadtest.workload.arrivals import parse_number, parse_rate

        try:
            return parse_rate(text) if self.of is Of.RATE else parse_number(text)
        except (ValueError, UsageError):
            raise UsageError(f"{option} {text!r} is no {self.of.value}") from None

    def at(self, level: float) -> Arrivals:
        """How orders arrive at a level."""
        if self.of is Of.RATE:
            return Arrivals(duration=self.duration, warmup=self.warmup, rate=str(level))
        return Arrivals(duration=self.duration, warmup=self.warmup, concurrency=int(level))


@grouped
def find(
    *,
    limits: Limits,
    strategy: options.StrategyOption = options.DEFAULT_STRATEGY,
    contention: groups.Contention,
    orders: groups.Orders,
    run_target: groups.RunTarget,
    max_spend: options.MaxSpend = None,
    pricing: groups.Pricing,
    output: groups.Output,
) -> int:
    """Find the highest concurrency or rate at which the thresholds still hold.

    Doubles the level until one of them is crossed, then runs levels again and again around the place where that
    happens: one run decides nothing. The answer is a level that holds in most runs and a higher one that does not,
    with the limit between them in 95 of 100 searches. A rate also has to be reached: an order dropped, or one in a
    hundred not begun in its time, is a crossing.
    """
    from loadtest.cli.finding import Wanted, run_search
    from loadtest.workload.spec import Load

    texts = [*limits.thresholds(), *(output.threshold or ())]
    if not texts:
        raise UsageError("nothing to hold: give --p99-under 50ms, or --threshold")
    first, last = limits.ends()
    orders = replace(orders, seed=orders.chosen_seed())  # one for all levels

    def plan(level: float) -> Load:
        fields = arrivals(limits.at(level), exactly=True)
        return load_plan(contention, orders, run_target, pricing, **fields, strategy=strategy)

    plan(last)  # a usage error must come before the first run
    within_s = None if limits.within is None else groups.seconds("--within", limits.within)
    wanted = Wanted(limits.of.value, plan, first, last, limits.precision, texts, max_spend, within_s)
    return run_search(wanted, run_target, output)
