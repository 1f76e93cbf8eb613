"""What `loadtest compare` runs: the cells, as options."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from loadtest.cli import options
from loadtest.cli.panels import Panel
from loadtest.errors import UsageError

ROUNDS = 10
REPEATS = 5


class Workload(StrEnum):
    """What each cell of the matrix runs."""

    LOAD = "load"
    RACE = "race"


@dataclass(frozen=True, slots=True)
class Matrix:
    """The cells, and what is run in each."""

    concurrency: Annotated[
        str | None,
        typer.Option(
            "--concurrency",
            "-c",
            metavar="N,…",
            help="Levels: buyers in a closed loop, or orders of a race.",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate",
            "-r",
            metavar="RATE,…",
            help="Levels of an open loop: orders a second, as 100,200 or 100/s,6000/m.",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help="Strategies to compare.",
            show_default=options.DEFAULT_STRATEGY,
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    duration: Annotated[
        str | None,
        typer.Option(
            "--duration",
            "-d",
            metavar="TIME",
            help="Load: how long each run measures.",
            show_default="5s",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    repeats: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            metavar="N",
            help="How often each cell is run.",
            show_default=str(REPEATS),
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    workload: Annotated[
        Workload,
        typer.Option(help="What a cell runs: load over time, or races.", rich_help_panel=Panel.ORDERS),
    ] = Workload.LOAD
    warmup: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Load: before each run's measuring.",
            show_default="1s",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None
    number_of_requests: Annotated[
        int | None,
        typer.Option(
            "--number-of-requests",
            "-n",
            min=1,
            max=1_000_000,
            metavar="N",
            help="Race: orders of a round.",
            show_default="the level",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            metavar="N",
            help="Race: rounds of each run.",
            show_default=str(ROUNDS),
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None

    def cells(self) -> list[dict[str, Any]]:
        """The settings of each cell. Raises UsageError if there is none."""
        return [{"strategy": name, **level} for name in self._strategies() for level in self._levels()]

    def _strategies(self) -> list[str]:
        names = options.DEFAULT_STRATEGY if self.strategy is None else self.strategy
        return [options.strategy(name.strip()) for name in names.split(",")]

    def _levels(self) -> list[dict[str, Any]]:
        from loadtest.workload.arrivals import parse_rate

        if self.concurrency is not None and self.rate is not None:
            raise UsageError("--concurrency and --rate contradict one another: orders arrive in one way")
        if self.rate is not None:
            return [{"rate": level} for level in _numbers("--rate", self.rate, parse_rate)]
        if self.concurrency is None:
            raise UsageError("nothing to compare: give --concurrency 1,10,100, or --rate 100,200, or stored runs")
        return [{"concurrency": level} for level in _numbers("--concurrency", self.concurrency, int)]


def _numbers(option: str, text: str, read: Callable[[str], float]) -> list[float]:
    try:
        found = [read(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{option} {text!r} is no list like 1,10,100") from None
    except UsageError as error:
        raise UsageError(f"{option} {error}") from error
    if not all(0 < level <= 1_000_000 for level in found):
        raise UsageError(f"{option} {text!r}: each must be above 0 and at most 1,000,000")
    return found
