"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from loadtest.dynamo.client import ClientKind
from loadtest.targets import Target, TargetKind

_TARGET = "Target"
_OUTPUT = "Output"

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
AllowUntagged = Annotated[
    bool,
    typer.Option(
        "--allow-untagged-table",
        help="Write to a table on AWS that is not tagged loadtest=allowed.",
        rich_help_panel=_TARGET,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before making or deleting a table on AWS.")]
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
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the verdict.", rich_help_panel=_OUTPUT)]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def target(
    kind: TargetKind | None,
    endpoint_url: str | None,
    region: str | None,
    profile: str | None,
    table: str,
    connect_timeout: float = 10.0,
    read_timeout: float = 30.0,
    sdk_retries: int = 0,
    client: ClientKind | None = None,
    allow_untagged_table: bool = False,
) -> Target:
    """The target that the options name. Raises UsageError if they contradict one another."""
    if kind is None:
        kind = TargetKind.ENDPOINT if endpoint_url is not None else TargetKind.EMBEDDED
    return Target(
        kind=kind,
        endpoint_url=endpoint_url,
        region=region,
        profile=profile,
        table=table,
        connect_timeout_s=connect_timeout,
        read_timeout_s=read_timeout,
        sdk_retries=sdk_retries,
        client=client or (ClientKind.SDK if sdk_retries else ClientKind.WIRE),
        allow_untagged_table=allow_untagged_table,
    )
