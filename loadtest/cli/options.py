"""Options that several commands share, one by one; `loadtest.cli.groups` has them in groups.

`Panel` says which panel of the help an option belongs to.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from loadtest.cli.panels import Panel
from loadtest.errors import UsageError
from loadtest.workload.backoff import Backoff
from loadtest.workload.faults import Faults
from loadtest.workload.strategies import is_own, named, names
from loadtest.workload.target import ClientKind, TargetKind

DEFAULT_STRATEGY = "version"


def strategy(name: str) -> str:
    """The name of a strategy that there is. UsageError if there is none, or its code cannot be imported.

    Code of the user's own is looked for where Python looks, and in the current folder first.
    """
    if is_own(name):
        from loadtest.strategies import load

        if (here := os.getcwd()) not in sys.path:  # noqa: PTH109  # as sys.path has it
            sys.path.insert(0, here)  # the processes that this one starts get the same path
        load(name)
    return named(name).name


def _strategy(name: str) -> str:
    try:
        return strategy(name)
    except UsageError as error:
        raise typer.BadParameter(str(error)) from error


StrategyOption = Annotated[
    str,
    typer.Option(
        "--strategy",
        metavar="NAME",
        parser=_strategy,
        autocompletion=lambda: [(name, named(name).summary) for name in names()],
        help=f"How an order becomes requests: {', '.join(names())}, or MODULE:FUNCTION of your own; "
        "unconditional is the one that oversells.",
        rich_help_panel=Panel.MAIN,
    ),
]
Units = Annotated[
    int,
    typer.Option("--units", min=1, metavar="N", help="Units that each order takes.", rich_help_panel=Panel.ORDERS),
]


def _product(product_id: str) -> str:
    """DynamoDB takes keys of any text, but none that is empty."""
    if not product_id:
        raise UsageError("--product must not be empty")
    if any("\ud800" <= character <= "\udfff" for character in product_id):
        raise UsageError("--product must be text in UTF-8")
    return product_id


ProductId = Annotated[
    str,
    typer.Option(
        "--product",
        metavar="ID",
        callback=_product,
        help="Id of the product that is bought.",
        rich_help_panel=Panel.ORDERS,
    ),
]
ProductIds = Annotated[
    list[str] | None,
    typer.Option(
        "--product",
        metavar="ID",
        callback=lambda ids: [_product(each) for each in ids or ()],
        help="Write only this one: of the sample, or with an id of your own. Repeatable.",
        show_default="the six of the sample",
        rich_help_panel=Panel.MAIN,
    ),
]
Attempts = Annotated[
    int,
    typer.Option(
        "--attempts",
        min=1,
        max=1000,
        metavar="N",
        help="Attempts of an order at most; after a conflict it reads again.",
        rich_help_panel=Panel.MAIN,
    ),
]
BackoffOption = Annotated[
    Backoff,
    typer.Option(
        "--backoff",
        help="How an order waits between two attempts; also decorrelated, none.",
        rich_help_panel=Panel.FILE,
    ),
]
ConsistentReads = Annotated[
    bool,
    typer.Option(
        "--consistent-reads/--eventual-reads",
        help="Whether orders read consistently; false: eventually, for half the price.",
        rich_help_panel=Panel.FILE,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        metavar="N",
        help="Seed of everything random; the report has it.",
        show_default="a new one",
        rich_help_panel=Panel.ORDERS,
    ),
]
Processes = Annotated[
    str | None,
    typer.Option(
        "--processes",
        metavar="N|auto",
        help="Processes here that place the orders; auto is one for each core.",
        show_default="1",
        rich_help_panel=Panel.MACHINES,
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Place the orders from every worker of this Dask cluster, tls://HOST:8786; needs the extra cluster.",
        rich_help_panel=Panel.MACHINES,
    ),
]
ClusterAuthorities = Annotated[
    Path | None,
    typer.Option(
        "--cluster-ca",
        metavar="FILE",
        help="Authority to trust for tls://, a PEM file.",
        rich_help_panel=Panel.MACHINES,
    ),
]
ClusterCertificate = Annotated[
    Path | None,
    typer.Option(
        "--cluster-cert",
        metavar="FILE",
        help="Certificate of this client for tls://, a PEM file.",
        rich_help_panel=Panel.MACHINES,
    ),
]
ClusterKey = Annotated[
    Path | None,
    typer.Option("--cluster-key", metavar="FILE", help="Its key, a PEM file.", rich_help_panel=Panel.MACHINES),
]
ClusterInsecure = Annotated[
    bool,
    typer.Option(
        "--cluster-insecure",
        help="Let tcp:// lead off this machine, where whoever answers can run commands here as you.",
        rich_help_panel=Panel.MACHINES,
    ),
]
WriteUnitPrice = Annotated[
    float | None,
    typer.Option(
        "--write-unit-price",
        min=0,
        max=1_000_000,
        help="USD for a million write units.",
        show_default="on demand in the region, as last seen",
        rich_help_panel=Panel.FILE,
    ),
]
ReadUnitPrice = Annotated[
    float | None,
    typer.Option(
        "--read-unit-price",
        min=0,
        max=1_000_000,
        help="USD for a million read units.",
        show_default="on demand in the region, as last seen",
        rich_help_panel=Panel.FILE,
    ),
]
MaxSpend = Annotated[
    float | None,
    typer.Option(
        "--max-spend",
        min=0,
        max=1_000_000_000,
        metavar="USD",
        help="Stop before the orders cost more than that.",
        rich_help_panel=Panel.COST,
    ),
]

TargetOption = Annotated[
    TargetKind | None,
    typer.Option(
        "--target",
        help="Where the orders go.",
        show_default="endpoint with --endpoint-url, else embedded",
        rich_help_panel=Panel.MAIN,
    ),
]
RemoteTargetOption = Annotated[
    TargetKind | None,
    typer.Option("--target", metavar="NAME", help="Where the table is: endpoint or aws.", rich_help_panel=Panel.MAIN),
]
EndpointUrl = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="A server that speaks DynamoDB.", rich_help_panel=Panel.MAIN),
]
Region = Annotated[str | None, typer.Option("--region", metavar="NAME", help="AWS region.", rich_help_panel=Panel.MAIN)]
Profile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="AWS profile.", rich_help_panel=Panel.TARGET)
]
TableName = Annotated[
    str, typer.Option("--table", metavar="NAME", help="Name of the table.", rich_help_panel=Panel.MAIN)
]
ConnectTimeout = Annotated[
    str,
    typer.Option(
        "--connect-timeout", metavar="TIME", help="How long to wait for a connection.", rich_help_panel=Panel.CLIENT
    ),
]
ReadTimeout = Annotated[
    str,
    typer.Option(
        "--read-timeout",
        metavar="TIME",
        help="How long to wait for a whole answer; a write without one is unknown.",
        rich_help_panel=Panel.CLIENT,
    ),
]
SdkRetries = Annotated[
    int,
    typer.Option(
        "--sdk-retries",
        min=0,
        max=100,
        metavar="N",
        help="Let the SDK resend what failed, behind the tool's back, to see what that does.",
        rich_help_panel=Panel.CLIENT,
    ),
]
ClientOption = Annotated[
    ClientKind | None,
    typer.Option(
        "--client",
        help="Who sends the requests: the tool's own client, or the SDK as shipped.",
        show_default="sdk with --sdk-retries, else wire",
        rich_help_panel=Panel.CLIENT,
    ),
]


def _faults(file: str) -> Faults:
    from loadtest.cli.fault_file import read_faults

    return read_faults(Path(file))


Fault = Annotated[
    Faults | None,
    typer.Option(
        "--fault",
        metavar="FILE",
        parser=_faults,  # once, however many runs there will be
        help="Inject faults between here and the target: lost answers, errors, delays, throttling. A file of TOML; "
        "- is standard input; a stored run's are made again.",
        rich_help_panel=Panel.CLIENT,
    ),
]
AllowUntagged = Annotated[
    bool,
    typer.Option(
        "--allow-untagged-table",
        help="Write to a table on AWS that is not tagged loadtest=allowed.",
        rich_help_panel=Panel.TARGET,
    ),
]
Yes = Annotated[
    bool,
    typer.Option(
        "--yes",
        "-y",
        help="Do not ask before changing what loadtest did not make, or a table on AWS.",
        rich_help_panel=Panel.GENERAL,
    ),
]
PopulateTable = Annotated[
    bool,
    typer.Option(
        "--populate-table",
        help="First write the sample, making the table if it is missing.",
        rich_help_panel=Panel.TARGET,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say what would be done and what it would cost; write nothing.",
        rich_help_panel=Panel.COST,
    ),
]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="PATH",
        help="Write the report there, too; - is standard output, and then nothing else goes there.",
        rich_help_panel=Panel.MAIN,
    ),
]
RunsDir = Annotated[
    Path,
    typer.Option(
        "--runs-dir", metavar="DIR", help="Folder that gets a folder for each run.", rich_help_panel=Panel.OUTPUT
    ),
]
JUnit = Annotated[
    Path | None,
    typer.Option(
        "--junit",
        metavar="PATH",
        help="Write verdict and thresholds there as JUnit XML; - is standard output.",
        rich_help_panel=Panel.OUTPUT,
    ),
]
History = Annotated[
    bool,
    typer.Option(
        "--history/--no-history", help="Keep every request, 500 to 700 bytes each.", rich_help_panel=Panel.OUTPUT
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing but the verdict.", rich_help_panel=Panel.GENERAL)
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Print the figures of the tool itself too, not only those that make others unreliable.",
        rich_help_panel=Panel.GENERAL,
    ),
]
WHAT_RUNS_ARE = (
    "Runs, comparisons or folders of them, or the file that one is stored in; latest is the newest in the folder runs."
)
Runs = Annotated[list[Path], typer.Argument(metavar="RUN", help=WHAT_RUNS_ARE)]
ThresholdOption = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="LIMIT",
        help="What must hold, else exit code 5: 'p99(write.accepted) < 50ms', 'orders.failed == 0'. Repeatable.",
        rich_help_panel=Panel.MAIN,
    ),
]
