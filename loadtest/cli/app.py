"""The commands, and what they have in common."""

from typing import Annotated

import typer

import loadtest
from loadtest.cli.calibrate import calibrate
from loadtest.cli.check import check
from loadtest.cli.cluster import local
from loadtest.cli.compare import compare
from loadtest.cli.export import export
from loadtest.cli.find import find
from loadtest.cli.help import App, show_help
from loadtest.cli.invoked import Recorded, Root
from loadtest.cli.load import load
from loadtest.cli.probe import probe
from loadtest.cli.race import race
from loadtest.cli.report import report
from loadtest.cli.rerun import rerun
from loadtest.cli.runs import runs
from loadtest.cli.scenario import run
from loadtest.cli.serve import serve
from loadtest.cli.tables import create, delete, describe, populate

app = App(
    name="loadtest",
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
table = App(no_args_is_help=True, help="Make, describe or delete the table without Terraform.")
app.add_typer(table, name="table", epilog="Example: loadtest table create --endpoint-url http://127.0.0.1:8000")


cluster = App(no_args_is_help=True, help="Run a Dask cluster to try --cluster with.")
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


# In this order they stand in the help, and in docs/reference/command-line.md.
app.command(
    cls=Recorded,
    short_help="Place many orders for one product at once and show who won.",
    epilog="Example: loadtest race -n 100 --rounds 20 --strategy conditional",
)(race)
app.command(
    cls=Recorded,
    short_help="Place orders over time and show what they cost.",
    epilog="Example: loadtest load --rate 500 --duration 30s --warmup 5s --products 20 --skew 1 --attempts 5",
)(load)
app.command(
    cls=Recorded,
    short_help="Run levels and strategies, and say which differences are real.",
    epilog="Example: loadtest compare --concurrency 1,10,100 --strategy version,conditional",
)(compare)
app.command(
    cls=Recorded,
    short_help="Find the highest concurrency or rate that holds the thresholds.",
    epilog="Example: loadtest find --p99-under 50ms --strategy conditional",
)(find)
app.command(short_help="List the stored runs.", epilog="Example: loadtest runs")(runs)
app.command(
    short_help="Make a stored run again.",
    epilog="Example: loadtest rerun latest --rounds 100",
    context_settings={"allow_extra_args": True, "allow_interspersed_args": False},
    debug=False,
)(rerun)
app.command(
    short_help="Draw stored runs as one HTML page, or as pictures.",
    epilog="Example: loadtest report latest --open",
)(report)
app.command(
    short_help="Find out whether verdicts on a target can be believed.",
    epilog="Example: loadtest probe --endpoint-url http://127.0.0.1:8000 --populate-table",
)(probe)
app.command(
    short_help="Judge a stored history again.",
    epilog="Example: loadtest check runs/2026-11-23T09-31-28Z-84f987a417",
)(check)
app.command(
    short_help="Give stored runs to other tools.",
    epilog="Example: loadtest export runs/* --csv tables",
)(export)
app.command(
    short_help="Run the command that a file describes.",
    epilog="Example: loadtest run sale.toml --rounds 20",
    context_settings={"allow_extra_args": True, "allow_interspersed_args": False},
    debug=False,
)(run)
app.command(
    short_help="Write the six sample products p#0 to p#5.",
    epilog="Example: loadtest populate --endpoint-url http://127.0.0.1:8000",
)(populate)
app.command(
    short_help="Run the embedded server in the foreground, for other clients.",
    epilog="Example: loadtest serve --port 8000",
)(serve)
app.command(
    short_help="Measure what this machine can believe.",
    epilog="Example: loadtest calibrate --client sdk",
)(calibrate)
app.command(name="help", debug=False, epilog="Example: loadtest help table create")(show_help)
table.command(epilog="Example: loadtest table create --target aws --region eu-west-1 --table sale-test")(create)
table.command(epilog="Example: loadtest table describe --endpoint-url http://127.0.0.1:8000")(describe)
table.command(epilog="Example: loadtest table delete --target aws --region eu-west-1 --table sale-test")(delete)
cluster.command(epilog="Example: loadtest cluster local --workers 4")(local)
