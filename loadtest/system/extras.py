"""The extras of the package: what only some commands need.

`report` draws pages and pictures, `compare` has the statistics, `cluster` places orders from Dask's workers, `otel`
sends metrics to a collector.
"""

import sys
from importlib.util import find_spec

from loadtest.errors import UsageError

DISTRIBUTION = "dynamodb-loadtest"  # its name on the package index, where `loadtest` is another project
MODULES = {
    "cluster": ("distributed",),
    "compare": ("numpy", "scipy"),
    "otel": ("opentelemetry.exporter.otlp.proto.http.metric_exporter", "opentelemetry.sdk"),
    "report": ("altair", "vl_convert"),
}


class MissingExtraError(UsageError):
    """What was asked for needs an extra that is not installed; the message says how to install it for this Python."""

    def __init__(self, what: str, extra: str) -> None:
        self.extra = extra
        super().__init__(
            f"{what} needs the extra {extra!r}, which is not installed: "
            f"{sys.executable} -m pip install '{DISTRIBUTION}[{extra}]'"
        )


def require(what: str, extra: str) -> None:
    """Raise MissingExtraError if a module of the extra, which `what` needs, is not there."""
    if not all(map(_is_there, MODULES[extra])):
        raise MissingExtraError(what, extra)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package that it is in
        return False
