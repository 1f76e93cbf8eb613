"""What the scheduler of a cluster loads: only a worker's certificate makes a worker.

`dask scheduler … --preload loadtest.distributed.dask_roles`. Dask asks of a certificate only that its authority is
known. So a process with the client's would register, and fail each run as soon as the scheduler calls it.
"""

from time import time
from typing import Any

_WORKER = "worker"  # the common name that infra/fleet/certificates gives


async def dask_setup(scheduler: Any) -> None:
    """Refuse others when they register; Dask calls this before the scheduler listens."""
    register = scheduler.handlers["register-worker"]

    async def checked(comm: Any, **asked: Any) -> None:
        role = common_name(comm.extra_info.get("peercert") or {})
        if role == _WORKER:
            await register(comm, **asked)
            return
        message = f"a worker's certificate has the common name {_WORKER!r}, this one has {role!r}"
        await comm.write({"status": "error", "message": message, "time": time()}, serializers=["msgpack"])

    scheduler.handlers["register-worker"] = checked


def common_name(certificate: dict[str, Any]) -> str | None:
    """The common name in what `SSLSocket.getpeercert` returns; None if there is none, or several."""
    names = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
    return names[0] if len(names) == 1 else None
