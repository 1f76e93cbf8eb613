"""Dask's scheduler and worker without their HTTP servers, which ask nobody who they are. Needs the extra `cluster`."""

from typing import Any

from distributed import Scheduler, Worker


class _WithoutHTTP:
    def start_http_server(self, *_arguments: Any, **_named: Any) -> None:
        """Start none: Dask starts one even if no dashboard is wanted."""


class ClosedScheduler(_WithoutHTTP, Scheduler):
    """A scheduler that listens on its own port alone."""


class ClosedWorker(_WithoutHTTP, Worker):
    """A worker that listens on its own port alone."""
