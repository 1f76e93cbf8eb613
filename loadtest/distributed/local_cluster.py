"""A cluster of one machine, to try things out with."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from ssl import TLSVersion
from typing import Any

from loadtest.distributed.certificates import Certificates, Files, for_a_client, issue
from loadtest.errors import LoadTestError
from loadtest.system.extras import require

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
def cluster(workers: int, port: int) -> Iterator[tuple[str, Files]]:
    """Scheduler and workers as long as the block lasts; yields the scheduler's address and the files for its clients.

    Only who has those files gets in. Raises UsageError without the extra, LoadTestError if the port is not free.
    """
    require("cluster local", "cluster")
    dask: Any = import_module("distributed")
    config: Any = import_module("dask.config")
    from loadtest.distributed.dask_closed import ClosedScheduler, ClosedWorker

    _require_free(port)
    made = issue()
    common = {"host": _HOST, "protocol": "tls://", "security": _security(dask, made)}
    scheduler = {"cls": ClosedScheduler, "options": {**common, "port": port, "dashboard": False}}
    with config.set(_SETTINGS), for_a_client(made) as files:
        options = {
            **common,
            "nthreads": 1,
            "memory_limit": 0,  # a worker of Dask's near its limit would pause, and ours on it too
            "local_directory": str(files.key.parent),  # Dask's own folder for it may be another user's
            "silence_logs": logging.ERROR,
            "worker_class": ClosedWorker,
        }
        nannies = {number: {"cls": dask.Nanny, "options": options} for number in range(workers)}
        with dask.SpecCluster(
            scheduler=scheduler, workers=nannies, security=common["security"], silence_logs=logging.ERROR
        ) as started:
            yield str(started.scheduler_address), files


def _security(dask: Any, made: Certificates) -> Any:
    return dask.Security(
        require_encryption=True,
        tls_min_version=TLSVersion.TLSv1_3,
        tls_ca_file=made.authority,
        tls_scheduler_cert=made.scheduler.certificate,
        tls_scheduler_key=made.scheduler.key,
        tls_worker_cert=made.worker.certificate,
        tls_worker_key=made.worker.key,
        tls_client_cert=made.client.certificate,  # with which Dask's own object for a cluster calls the scheduler
        tls_client_key=made.client.key,
    )


def _require_free(port: int) -> None:
    try:
        with socket.create_server((_HOST, port)):
            pass
    except OSError as error:
        raise LoadTestError(
            f"cannot listen on {_HOST}:{port}: {os.strerror(error.errno or 0)}; give another --port"
        ) from error
