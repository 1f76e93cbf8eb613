"""A cluster of one machine, to try things out with."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from loadtest.errors import LoadTestError
from loadtest.extras import require

_HOST = "127.0.0.1"
_SETTINGS = {
    # Nobody may place a lost worker's orders again, and whoever is silent is lost.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.worker-ttl": "5s",
    # What Dask does on the side, many times a second, comes between an order and its instant.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.worker.profile.enabled": False,
}


@contextmanager
def cluster(workers: int, port: int) -> Iterator[str]:
    """Scheduler and workers as long as the block lasts; yields the scheduler's address.

    Raises UsageError without the extra, LoadTestError if the port is not free.
    """
    require("cluster local", "cluster")
    dask: Any = import_module("distributed")
    config: Any = import_module("dask.config")
    _require_free(port)
    with (
        config.set(_SETTINGS),
        dask.LocalCluster(
            host=_HOST,
            scheduler_port=port,
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            scheduler_kwargs={"dashboard": False, "dashboard_address": f"{_HOST}:0"},  # Dask's own port may be taken
            silence_logs=logging.ERROR,
        ) as made,
    ):
        yield str(made.scheduler_address)


def _require_free(port: int) -> None:
    try:
        with socket.create_server((_HOST, port)):
            pass
    except OSError as error:
        raise LoadTestError(
            f"cannot listen on {_HOST}:{port}: {os.strerror(error.errno or 0)}; give another --port"
        ) from error
