"""What a scenario file or a stored run does not decide alone: somebody else may have written it."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from typer.core import TyperCommand

from loadtest.cli.consent import ask
from loadtest.cli.invoked import scenario
from loadtest.cli.machines import require_usable
from loadtest.dynamodb.endpoint import on_this_machine
from loadtest.errors import UsageError
from loadtest.workload.strategies import is_own
from loadtest.workload.target import TargetKind

_CLUSTER = ("cluster", "cluster-ca", "cluster-cert", "cluster-key")


def require_agreement(command: TyperCommand, arguments: Sequence[str], given: AbstractSet[str], source: str) -> None:
    """Ask before a command whose arguments stand in `source` puts at risk whoever runs it.

    The parameters in `given` were typed, so nobody need be asked about them. Raises as `ask` does, and UsageError for
    what is refused in any case.
    """
    wanted = scenario(command, arguments)
    typed = {name.replace("_", "-") for name in given}
    by_file = {key: value for key, value in wanted.items() if key not in typed}
    if "cluster" in by_file:
        try:
            require_usable(by_file["cluster"], insecure="cluster-insecure" in typed)
        except UsageError as error:
            raise UsageError(f"{source}: {error}") from error
    if risks := list(_risks(wanted, by_file)):
        instead = f"type {' and '.join(f'--{key}' for keys, _ in risks for key in keys)} after {source}"
        if any(parameter.name == "yes" for parameter in command.params):
            instead += ", or --yes"
        question = f"{source} wants to {', and to '.join(what for _, what in risks)}. Go on"
        ask(question, yes="yes" in typed, otherwise=instead)


def _risks(wanted: Mapping[str, Any], by_file: Mapping[str, Any]) -> Iterator[tuple[list[str], str]]:
    """The file's own keys that somebody has to agree to, and what they do, in words that follow "wants to"."""
    dry, url = wanted.get("dry-run") is True, wanted.get("endpoint-url")
    elsewhere = url is not None and not on_this_machine(url)
    if "cluster" in wanted and not dry and (keys := [key for key in _CLUSTER if key in by_file]):
        yield keys, f"connect to the cluster {wanted['cluster']!r}, which can then run commands here as you"
    if "endpoint-url" in by_file and elsewhere:
        yield ["endpoint-url"], f"send requests to {url!r}, signed with your AWS credentials if you have any"
    untagged = by_file.get("allow-untagged-table") is True and not dry
    if untagged and (elsewhere or wanted.get("target") == TargetKind.AWS):
        yield ["allow-untagged-table"], f"write to table {wanted.get('table', 'products')!r} even if it is not tagged"
    if own := [name.strip() for name in by_file.get("strategy", "").split(",") if is_own(name)]:
        yield ["strategy"], f"run the Python code {' and '.join(map(repr, own))} as you"
    collector = by_file.get("otlp", "env")
    if collector != "env" and not on_this_machine(collector):
        yield ["otlp"], f"send metrics to {collector!r}, with the headers that your variables OTEL_… hold"
