"""Shards on the workers of a Dask cluster, one each.

A shard is an actor: it stays where it was made, and Dask never makes it a second time. What it does, it does because it
was told to by a call that only this process makes.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module, metadata
from typing import Any

import loadtest
from loadtest.errors import LoadTestError, TargetError, UsageError
from loadtest.plan import Cluster
from loadtest.scale.remote import LostError, Remote

_CONNECT_S = 15


@asynccontextmanager
async def workers(cluster: Cluster) -> AsyncIterator[list[Remote]]:
    """A shard on each worker. UsageError without the extra, TargetError if there is no such cluster."""
    try:
        dask: Any = import_module("distributed")
    except ImportError as error:
        raise UsageError("--cluster needs the package distributed: pip install 'loadtest[cluster]'") from error
    # An actor finds its client as the default one.
    client = dask.Client(cluster.address, asynchronous=True, security=_security(dask, cluster), timeout=_CONNECT_S)
    try:
        try:
            await client
        except (OSError, TimeoutError, ValueError) as error:
            raise TargetError(f"no Dask scheduler answers at {cluster.address}: {error}") from error
        names = await _names(client, cluster)
        yield [await _shard(client, name, address) for name, address in sorted(names.items())]
    finally:
        await client.close()


async def _names(client: Any, cluster: Cluster) -> dict[str, str]:
    """The workers' addresses by name. TargetError if there are none, or one of another version."""
    found = (await client.scheduler.identity(n_workers=-1))["workers"]
    if not found:
        raise TargetError(f"the cluster at {cluster.address} has no worker")
    names = {f"worker {worker['name']}": address for address, worker in found.items()}
    _require_this_version(await client.run(metadata.version, "loadtest", on_error="return"), names)
    return names


def _require_this_version(versions: Mapping[str, Any], names: Mapping[str, str]) -> None:
    for name, address in names.items():
        version = versions.get(address)
        if isinstance(version, metadata.PackageNotFoundError):
            raise TargetError(f"{name} has no loadtest; here is {loadtest.__version__}, and both must be the same")
        if version != loadtest.__version__:
            raise TargetError(f"{name} has loadtest {version}, here is {loadtest.__version__}: both must be the same")


def _security(dask: Any, cluster: Cluster) -> Any:
    if not cluster.address.startswith("tls://"):
        return None
    return dask.Security(
        tls_ca_file=cluster.authorities,
        tls_client_cert=cluster.certificate,
        tls_client_key=cluster.key,
        require_encryption=True,
    )


async def _shard(client: Any, name: str, address: str) -> "_Worker":
    from loadtest.scale.shard import Shard

    try:
        actor = await client.submit(Shard, actor=True, workers=[address], allow_other_workers=False, pure=False)
    except Exception as error:
        raise TargetError(f"{name} cannot begin: {type(error).__name__}: {error}") from error
    return _Worker(name, actor)


class _Worker:
    """The shard of one worker."""

    def __init__(self, name: str, actor: Any) -> None:
        self.name = name
        self._actor = actor

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """See `Remote`."""
        try:
            return await getattr(self._actor, method)(*arguments, **named)
        except LoadTestError:
            raise
        except (OSError, RuntimeError) as error:
            raise LostError(f"is gone: {error}") from error

    def end(self) -> None:
        """See `Remote`. A worker elsewhere cannot be ended from here; it stops when nobody asks for it."""
