"""Options that several commands share, as classes: a command takes one as a parameter, a user sees its fields."""

import inspect
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadtest.cli import options
from loadtest.cli.panels import Panel
from loadtest.cli.streams import STDOUT
from loadtest.errors import UsageError
from loadtest.workload.backoff import Backoff
from loadtest.workload.pricing import Prices, prices_in
from loadtest.workload.target import ClientKind, Target, TargetKind

if TYPE_CHECKING:
    from loadtest.measure.thresholds import Threshold
    from loadtest.workload.spec import Spread

_PRODUCT = "p#4"
_SHORTEST_TIMEOUT_S = 0.001


def grouped(command: Callable[..., int]) -> Callable[..., int]:
    """The command with every parameter that is a dataclass spread into its fields, for typer to read.

    Its parameters are keyword-only, so that they can stand in the order in which its help shows them. Typer knows no
    dataclasses. Cyclopts does, and reads TOML too, but hints, consent, `rerun` and the panels of the help ask typer's
    parser what was typed and what a file says, and would all have to be written anew to save this function.
    """
    parameters = []
    groups: dict[str, Any] = {}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if not is_dataclass(parameter.annotation):
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        group: Any = parameter.annotation
        groups[parameter.name] = group
        annotations = inspect.get_annotations(group, eval_str=True)
        parameters += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=annotations[field.name],
            )
            for field in fields(group)
        ]

    @wraps(command)
    def spread(**given: Any) -> int:
        made = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        return command(**given, **made)

    del spread.__wrapped__
    spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    spread.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return spread


@dataclass(frozen=True, slots=True)
class Orders:
    """How orders are run."""

    units: options.Units = 1
    attempts: options.Attempts = 1
    backoff: options.BackoffOption = Backoff.FULL_JITTER
    consistent_reads: options.ConsistentReads = True
    seed: options.Seed = None
    processes: options.Processes = None
    cluster: options.ClusterOption = None
    cluster_ca: options.ClusterAuthorities = None
    cluster_cert: options.ClusterCertificate = None
    cluster_key: options.ClusterKey = None
    cluster_insecure: options.ClusterInsecure = False

    def spread(self) -> "Spread":
        """Where the orders are placed. Raises UsageError if the options contradict one another."""
        from loadtest.cli.machines import spread

        return spread(
            self.processes,
            self.cluster,
            self.cluster_ca,
            self.cluster_cert,
            self.cluster_key,
            insecure=self.cluster_insecure,
        )

    def chosen_seed(self) -> int:
        """The seed given, or a new one."""
        return secrets.randbits(32) if self.seed is None else self.seed


@dataclass(frozen=True, slots=True)
class Contention:
    """What the orders of a load want."""

    products: Annotated[
        int,
        typer.Option(
            min=1,
            max=100_000,
            metavar="N",
            help="Products that are ordered; 1 is --product.",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = 1
    skew: Annotated[
        float,
        typer.Option(
            min=0,
            max=20,
            metavar="S",
            help="How hot the hottest is: Zipf's exponent over the products, 0 wants all alike.",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = 0.0
    product: options.ProductId = _PRODUCT
    stock: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Quantity of each product, set before the run.",
            show_default="1,000,000; in a race 1",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None
    restock: Annotated[
        bool,
        typer.Option(
            "--restock/--no-restock",
            help="Fill a product up to --stock again when less than half is left.",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = False

    def __post_init__(self) -> None:
        if self.products > 1 and self.product != _PRODUCT:
            raise UsageError("--product goes with one product; several are made for the run: load#1, load#2 and so on")
        if self.skew and self.products == 1:
            raise UsageError("--skew needs several --products")


@dataclass(frozen=True, slots=True)
class Pricing:
    """What capacity units cost."""

    write_unit_price: options.WriteUnitPrice = None
    read_unit_price: options.ReadUnitPrice = None

    def prices(self, region: str | None = None) -> Prices:
        """The prices given, or else the usual ones of the region; whoever gives one is told no date."""
        usual = prices_in(region)
        if self.write_unit_price is None and self.read_unit_price is None:
            return usual
        write = usual.write_usd_per_million if self.write_unit_price is None else self.write_unit_price
        read = usual.read_usd_per_million if self.read_unit_price is None else self.read_unit_price
        return Prices(read, write, "as given")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the table is."""

    endpoint_url: options.EndpointUrl = None
    region: options.Region = None
    profile: options.Profile = None
    table: options.TableName = "products"

    def at(self, kind: TargetKind | None, *, allow_untagged_table: bool = False) -> Target:
        """The target, for what is done around a run. Raises UsageError if the options contradict one another."""
        return Target(
            kind=_kind(kind, self.endpoint_url),
            endpoint_url=self.endpoint_url,
            region=self.region,
            profile=self.profile,
            table=self.table,
            allow_untagged_table=allow_untagged_table,
        )


@dataclass(frozen=True, slots=True)
class RunTarget:
    """Where the orders of a run go, and how."""

    target: options.TargetOption = None
    endpoint_url: options.EndpointUrl = None
    region: options.Region = None
    table: options.TableName = "products"
    populate_table: options.PopulateTable = False
    profile: options.Profile = None
    connect_timeout: options.ConnectTimeout = "10s"
    read_timeout: options.ReadTimeout = "30s"
    sdk_retries: options.SdkRetries = 0
    client: options.ClientOption = None
    fault: options.Fault = None
    allow_untagged_table: options.AllowUntagged = False
    yes: options.Yes = False

    def chosen(self) -> Target:
        """The target that the options name. Raises UsageError if they contradict one another."""
        return Target(
            kind=_kind(self.target, self.endpoint_url),
            endpoint_url=self.endpoint_url,
            region=self.region,
            profile=self.profile,
            table=self.table,
            connect_timeout_s=_timeout_s("--connect-timeout", self.connect_timeout),
            read_timeout_s=_timeout_s("--read-timeout", self.read_timeout),
            sdk_retries=self.sdk_retries,
            client=self.client or (ClientKind.SDK if self.sdk_retries else ClientKind.WIRE),
            allow_untagged_table=self.allow_untagged_table,
        )

    @property
    def priced_region(self) -> str | None:
        """The region whose prices count: on AWS the one of the run."""
        if self.target is not TargetKind.AWS:
            return None
        from loadtest.dynamodb.region import region_of

        return self.region or region_of(self.profile)


@dataclass(frozen=True, slots=True)
class Output:
    """What becomes of the results."""

    threshold: options.ThresholdOption = None
    json: options.Json = None
    junit: options.JUnit = None
    runs_dir: options.RunsDir = Path("runs")
    history: options.History = True
    quiet: options.Quiet = False
    verbose: options.Verbose = False
    dry_run: options.DryRun = False

    def thresholds(self) -> list["Threshold"]:
        """The thresholds, parsed. Raises UsageError for one that is none, or a file that cannot be written."""
        from loadtest.measure.thresholds import parse

        for path in (self.json, self.junit):
            if path is not None and str(path) != STDOUT:
                require_writable(path)
        if str(self.json) == str(self.junit) == STDOUT:
            raise UsageError("--json - and --junit - cannot both go to standard output")
        return [parse(text) for text in self.threshold or ()]

    @property
    def document_to_stdout(self) -> bool:
        """Whether nothing else may go there."""
        return STDOUT in (str(self.json), str(self.junit))


def _kind(kind: TargetKind | None, endpoint_url: str | None) -> TargetKind:
    if kind is not None:
        return kind
    return TargetKind.ENDPOINT if endpoint_url is not None else TargetKind.EMBEDDED


def seconds(option: str, text: str) -> float:
    """The seconds of a duration that an option gives. Raises UsageError if it is none."""
    from loadtest.workload.arrivals import parse_duration

    try:
        return parse_duration(text)
    except UsageError as error:
        raise UsageError(f"{option} {error}") from error


def _timeout_s(option: str, text: str) -> float:
    if (timeout_s := seconds(option, text)) < _SHORTEST_TIMEOUT_S:
        raise UsageError(f"{option} must be at least 1ms")
    return timeout_s


def require_writable(path: Path) -> None:
    """UsageError for a place where no file can be written."""
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder")
    if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise UsageError(f"cannot write {path}: the folder {path.parent} is missing or not writable")
