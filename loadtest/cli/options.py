"""Options that several commands share, one by one; `loadtest.cli.groups` has them in groups."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from loadtest.backoff import Backoff
from loadtest.cost import READ_USD_PER_MILLION, WRITE_USD_PER_MILLION
from loadtest.dynamo.client import ClientKind
from loadtest.errors import UsageError
from loadtest.faults import Faults
from loadtest.targets import TargetKind

_TARGET = "Target"
_OUTPUT = "Output"
_COST = "Cost"
_MACHINES = "Machines"


class StrategyName(StrEnum):
    """The strategies by name."""

    VERSION = "version"
    CONDITIONAL = "conditional"
    TRANSACTION = "transaction"
    UNCONDITIONAL = "unconditional"


StrategyOption = Annotated[
    StrategyName,
    typer.Option("--strategy", help="How an order becomes requests; unconditional is the one that oversells."),
]
Units = Annotated[int, typer.Option("--units", min=1, help="Units that each order takes.")]


def _product(product_id: str) -> str:
    """DynamoDB takes keys of any text, but none that is empty."""
    if not product_id:
        raise UsageError("--product must not be empty")
    if any("\ud800" <= character <= "\udfff" for character in product_id):
        raise UsageError("--product must be text in UTF-8")
    return product_id


ProductId = Annotated[str, typer.Option("--product", callback=_product, help="Id of the product that is bought.")]
ProductIds = Annotated[
    list[str] | None,
    typer.Option(
        "--product",
        metavar="ID",
        callback=lambda ids: [_product(each) for each in ids or ()],
        help="Write only this one: of the sample, or with an id of your own. Repeatable.",
        show_default="the six of the sample",
    ),
]
Attempts = Annotated[
    int,
    typer.Option("--attempts", min=1, max=1000, help="Attempts of an order at most; after a conflict it reads again."),
]
BackoffOption = Annotated[Backoff, typer.Option("--backoff", help="How long an order waits between two attempts.")]
ConsistentReads = Annotated[
    bool,
    typer.Option(
        "--consistent-reads/--eventual-reads",
        help="Read consistently, or, for half the price, perhaps an old version: stale reads are counted.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="Seed of everything random; the report has it.", show_default="a new one"),
]
Processes = Annotated[
    str | None,
    typer.Option(
        "--processes",
        metavar="N|auto",
        help="Processes here that place the orders; auto is one for each core.",
        show_default="1",
        rich_help_panel=_MACHINES,
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Place the orders from every worker of this Dask cluster, tls://HOST:8786; needs the extra cluster.",
        rich_help_panel=_MACHINES,
    ),
]
ClusterAuthorities = Annotated[
    Path | None,
    typer.Option(
        "--cluster-ca", metavar="FILE", help="Authority to trust for tls://, a PEM file.", rich_help_panel=_MACHINES
    ),
]
ClusterCertificate = Annotated[
    Path | None,
    typer.Option(
        "--cluster-cert",
        metavar="FILE",
        help="Certificate of this client for tls://, a PEM file.",
        rich_help_panel=_MACHINES,
    ),
]
ClusterKey = Annotated[
    Path | None, typer.Option("--cluster-key", metavar="FILE", help="Its key, a PEM file.", rich_help_panel=_MACHINES)
]
WriteUnitPrice = Annotated[
    float | None,
    typer.Option(
        "--write-unit-price",
        min=0,
        max=1_000_000,
        metavar="USD",
        help="Price of a million write units.",
        show_default=f"{WRITE_USD_PER_MILLION}, on demand in us-east-1",
        rich_help_panel=_COST,
    ),
]
ReadUnitPrice = Annotated[
    float | None,
    typer.Option(
        "--read-unit-price",
        min=0,
        max=1_000_000,
        metavar="USD",
        help="Price of a million read units.",
        show_default=f"{READ_USD_PER_MILLION}, on demand in us-east-1",
        rich_help_panel=_COST,
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
        rich_help_panel=_COST,
    ),
]

TargetOption = Annotated[
    TargetKind | None,
    typer.Option(
        "--target",
        help="Where the orders go. Without it: the embedded server, or the endpoint if --endpoint-url is given.",
        rich_help_panel=_TARGET,
    ),
]
RemoteTargetOption = Annotated[
    TargetKind | None,
    typer.Option("--target", help="Where the table is: endpoint or aws.", rich_help_panel=_TARGET),
]
EndpointUrl = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="A server that speaks DynamoDB.", rich_help_panel=_TARGET),
]
Region = Annotated[str | None, typer.Option("--region", help="AWS region.", rich_help_panel=_TARGET)]
Profile = Annotated[str | None, typer.Option("--profile", help="AWS profile.", rich_help_panel=_TARGET)]
TableName = Annotated[str, typer.Option("--table", help="Name of the table.", rich_help_panel=_TARGET)]
ConnectTimeout = Annotated[
    float,
    typer.Option("--connect-timeout", min=0.001, help="Seconds to wait for a connection.", rich_help_panel=_TARGET),
]
ReadTimeout = Annotated[
    float,
    typer.Option(
        "--read-timeout",
        min=0.001,
        help="Seconds to wait for an answer; a write without one is unknown, not rejected.",
        rich_help_panel=_TARGET,
    ),
]
SdkRetries = Annotated[
    int,
    typer.Option(
        "--sdk-retries",
        min=0,
        max=100,
        help="Let the SDK resend what failed, behind the tool's back, to see what that does.",
        rich_help_panel=_TARGET,
    ),
]
ClientOption = Annotated[
    ClientKind | None,
    typer.Option(
        "--client",
        help="Who sends the requests: the wire, or the SDK as shipped. Without it: the wire, or the SDK with "
        "--sdk-retries.",
        rich_help_panel=_TARGET,
    ),
]


def _faults(file: str) -> Faults:
    from loadtest.cli.faults import read_faults

    return read_faults(Path(file))


Fault = Annotated[
    Faults | None,
    typer.Option(
        "--fault",
        metavar="FILE",
        parser=_faults,  # once, however many runs there will be
        help="Make a bad day on the way to the target: lost answers, errors, delays, throttling. A file of TOML; "
        "- is standard input; a stored run's are made again.",
        rich_help_panel=_TARGET,
    ),
]
AllowUntagged = Annotated[
    bool,
    typer.Option(
        "--allow-untagged-table",
        help="Write to a table on AWS that is not tagged loadtest=allowed.",
        rich_help_panel=_TARGET,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before making or deleting a table on AWS.")]
PopulateTable = Annotated[
    bool,
    typer.Option(
        "--populate-table",
        help="First write the sample, making the table if it is missing.",
        rich_help_panel=_TARGET,
    ),
]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="PATH",
        help="Write the report there, too; - is standard output, and then nothing else goes there.",
        rich_help_panel=_OUTPUT,
    ),
]
RunsDir = Annotated[
    Path, typer.Option("--runs-dir", help="Folder that gets a folder for each run.", rich_help_panel=_OUTPUT)
]
JUnit = Annotated[
    Path | None,
    typer.Option(
        "--junit", metavar="PATH", help="Write verdict and thresholds there as JUnit XML.", rich_help_panel=_OUTPUT
    ),
]
History = Annotated[
    bool,
    typer.Option("--history/--no-history", help="Keep every request, 500 to 700 bytes each.", rich_help_panel=_OUTPUT),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the verdict.", rich_help_panel=_OUTPUT)]
WHAT_RUNS_ARE = (
    "Runs, comparisons or folders of them, or the file that one is stored in; latest is the newest in the folder runs."
)
Runs = Annotated[list[Path], typer.Argument(metavar="RUN", help=WHAT_RUNS_ARE)]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
ThresholdOption = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="TEXT",
        help="What must hold, else exit code 5: 'p99(write.accepted) < 50ms', 'orders.failed == 0'. Repeatable.",
        rich_help_panel=_OUTPUT,
    ),
]
