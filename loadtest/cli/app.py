"""The commands, and what they have in common."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

import loadtest
from loadtest.cli.calibrate import calibrate
from loadtest.cli.check import check
from loadtest.cli.cluster import local
from loadtest.cli.compare import compare
from loadtest.cli.export import export
from loadtest.cli.find import find
from loadtest.cli.help import Command, Group, show_help
from loadtest.cli.load import load
from loadtest.cli.probe import probe
from loadtest.cli.race import race
from loadtest.cli.report import report
from loadtest.cli.scenario import run
from loadtest.cli.serve import serve
from loadtest.cli.tables import create, delete, describe, populate

_GROUP: dict[str, Any] = {
    "cls": Group,
    "rich_markup_mode": None,  # help.py draws the help
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app = typer.Typer(name="loadtest", pretty_exceptions_enable=False, **_GROUP)
table = typer.Typer(help="Make, describe or delete the table without Terraform.", **_GROUP)
app.add_typer(table, name="table", epilog="Example: loadtest table create --endpoint-url http://127.0.0.1:8000")


cluster = typer.Typer(help="Run a Dask cluster to try --cluster with.", **_GROUP)
app.add_typer(cluster, name="cluster", epilog="Example: loadtest cluster local --workers 4")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"loadtest {loadtest.__version__}")
        raise typer.Exit


@app.callback(epilog="Example: loadtest race -n 100. Options of a command: loadtest race --help")
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Race conditional writes in DynamoDB, prove who won, and measure what it cost.

    Exit codes: 0 safe · 1 violated · 2 wrong usage · 3 target unusable or run not completed · 4 inconclusive ·
    5 a threshold crossed · 130 interrupted.
    """


def command(parent: typer.Typer, example: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a command to its group; what is added first comes first in the help."""
    return parent.command(cls=Command, epilog=f"Example: loadtest {example}", **settings)


command(app, "race -n 100 --rounds 20 --strategy conditional")(race)
command(app, "load --rate 500 --duration 30s --warmup 5s --products 20 --skew 1 --attempts 5")(load)
command(app, "compare --concurrency 1,10,100 --strategy version,conditional")(compare)
command(app, "find --p99-under 50ms --strategy conditional")(find)
command(app, "report runs/2026-11-23T09-31-28Z-84f987a417 -o report.html")(report)
command(app, "probe --endpoint-url http://127.0.0.1:8000 --populate-table")(probe)
command(app, "check runs/2026-11-23T09-31-28Z-84f987a417")(check)
command(app, "export runs/* --csv tables")(export)
command(
    app,
    "run sale.toml --rounds 20",
    context_settings={"allow_extra_args": True, "allow_interspersed_args": False},
)(run)
command(app, "populate --endpoint-url http://127.0.0.1:8000")(populate)
command(app, "serve --port 8000")(serve)
command(app, "calibrate --client sdk")(calibrate)
command(app, "help table create", name="help")(show_help)
command(table, "table create --target aws --region eu-west-1 --table sale-test")(create)
command(table, "table describe --endpoint-url http://127.0.0.1:8000")(describe)
command(table, "table delete --target aws --region eu-west-1 --table sale-test")(delete)
command(cluster, "cluster local --workers 4")(local)
