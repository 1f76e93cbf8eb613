"""Workers on a Dask cluster: one on each of Dask's own.

A worker of ours is an actor: it stays where it was made, and Dask never makes it a second time. What it does, it does
because it was told to by a call that only this process makes.
"""

import logging
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module, metadata
from ssl import SSLCertVerificationError, SSLContext, SSLError
from typing import Any
from urllib.parse import urlsplit

import anyio

import loadtest
from loadtest.distributed.transport import LostError, Transport
from loadtest.errors import LoadTestError, TargetError
from loadtest.system.extras import DISTRIBUTION, require
from loadtest.system.foreign_text import clean
from loadtest.workload.spec import Cluster

_CONNECT_S = 10.0
_LOGGERS = ("distributed", "tornado", "asyncio")
_REASONS = {  # parts of what OpenSSL calls them
    "WRONG_VERSION": "it speaks without TLS",
    "UNSUPPORTED_PROTOCOL": "it speaks no version of TLS that is safe",
    "PROTOCOL_VERSION": "it speaks no version of TLS that is safe",
    "CERTIFICATE": "it does not take this client's certificate",
    "UNKNOWN_CA": "it does not take this client's certificate",
}
_ANSWER_S = 15.0  # of all of Dask's workers to the first question, and until one of ours stands on each


@asynccontextmanager
async def workers(cluster: Cluster) -> AsyncIterator[list[Transport]]:
    """A worker on each of Dask's. UsageError without the extra, TargetError if there is no such cluster."""
    require("--cluster", "cluster")
    dask: Any = import_module("distributed")
    _silence(dask)
    client = await _connected(dask, cluster)
    try:
        names = await _names(client, cluster)
        yield [await _worker(client, name, address) for name, address in sorted(names.items())]
    finally:
        await _close(client)


def _silence(dask: Any) -> None:
    """What goes wrong is said in one sentence, by us: its own loggers write to the terminal besides."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _LOGGERS]
    for name in {*_LOGGERS, *names}:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
    # Its own package matters to us; whether other packages there are as they are here is not ours to say.
    warnings.filterwarnings("ignore", category=dask.versions.VersionMismatchWarning)


async def _connected(dask: Any, cluster: Cluster) -> Any:
    try:
        security = _security(dask, cluster)
        context = None if security is None else security.get_connection_args("client")["ssl_context"]
    except (OSError, ValueError) as error:  # of the files for TLS
        raise TargetError(f"the cluster at {cluster.address} cannot be asked: {_one_line(error)}") from error
    client = None
    try:
        await _require_speaking(cluster, context)
        # An actor finds its client as the default one.
        client = dask.Client(cluster.address, asynchronous=True, security=security, timeout=_CONNECT_S)
        with anyio.fail_after(_CONNECT_S + 1):  # whoever takes the connection and says nothing has no limit there
            await client
    except BaseException as error:
        if client is not None:
            await _close(client)
        if not isinstance(error, Exception):
            raise
        # What is no scheduler may answer anything, and Dask reads it all the same.
        raise TargetError(f"no Dask scheduler answers at {cluster.address}: {_why(error, context)}") from error
    return client


async def _require_speaking(cluster: Cluster, context: SSLContext | None) -> None:
    """Dask goes on trying where nobody listens, or TLS fails; what is raised here says at once what is wrong."""
    place = urlsplit(cluster.address)
    with anyio.fail_after(_CONNECT_S):
        where = place.hostname or "", place.port or 0
        stream = await (anyio.connect_tcp(*where, ssl_context=context) if context else anyio.connect_tcp(*where))
        try:
            await stream.receive()  # a scheduler speaks first, and TLS 1.3 refuses a certificate only now
        finally:
            await anyio.aclose_forcefully(stream)


def _why(error: Exception, context: SSLContext | None) -> str:
    tls = error if isinstance(error, SSLError) else error.__cause__
    if isinstance(tls, SSLCertVerificationError):
        return f"its certificate is not to be trusted: {tls.verify_message}"
    if isinstance(tls, SSLError):
        known = next((words for reason, words in _REASONS.items() if reason in (tls.reason or "")), None)
        return known or f"TLS failed: {_one_line(tls)}"
    if not isinstance(error, OSError | anyio.EndOfStream | anyio.BrokenResourceError):
        return f"what answers is something else ({_one_line(error)})"
    silent = isinstance(error, TimeoutError) and not str(error)
    why = f"nothing was heard for {_CONNECT_S:g} s" if silent else _one_line(error)
    return why if context is not None else f"{why}; the address of one that wants TLS begins with tls://"


async def _close(client: Any) -> None:
    with anyio.move_on_after(_CONNECT_S, shield=True):
        await client.close()


def _one_line(error: BaseException) -> str:
    """What it says, and the first cause that says more."""
    words = clean(" ".join(str(error).split())) or type(error).__name__
    cause = error.__cause__
    return f"{words} ({_one_line(cause)})" if cause is not None and str(cause) not in words else words


async def _names(client: Any, cluster: Cluster) -> dict[str, str]:
    """The workers' addresses by name. TargetError if there are none, or one is silent or of another version."""
    found = (await client.scheduler.identity(n_workers=-1))["workers"]
    if not found:
        raise TargetError(f"the cluster at {cluster.address} has no worker")
    names = {f"worker {worker['name']}": address for address, worker in found.items()}

    async def ask(address: str) -> None:
        with anyio.move_on_after(_ANSWER_S):
            asked = {"workers": [address], "on_error": "return"}
            versions.update(await client.run(metadata.version, DISTRIBUTION, **asked))

    versions: dict[str, Any] = {}
    async with anyio.create_task_group() as tasks:
        for address in found:
            tasks.start_soon(ask, address)
    _require_this_version(versions, names)
    return names


def _require_this_version(versions: Mapping[str, Any], names: Mapping[str, str]) -> None:
    for name, address in names.items():
        if address not in versions:
            raise TargetError(f"{name} gave no answer for {_ANSWER_S:g} s")
        version = versions[address]
        if isinstance(version, metadata.PackageNotFoundError):
            raise TargetError(f"{name} has no loadtest; here is {loadtest.__version__}, and both must be the same")
        if isinstance(version, BaseException):
            raise TargetError(f"{name} cannot be asked: {_one_line(version)}")
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


async def _worker(client: Any, name: str, address: str) -> "_Worker":
    from loadtest.distributed.worker import Worker

    try:
        with anyio.fail_after(_ANSWER_S):
            actor = await client.submit(Worker, actor=True, workers=[address], allow_other_workers=False, pure=False)
    except TimeoutError as error:
        raise TargetError(f"{name} did not begin within {_ANSWER_S:g} s: it is gone, or works for others") from error
    except Exception as error:
        raise TargetError(f"{name} cannot begin: {type(error).__name__}: {_one_line(error)}") from error
    return _Worker(name, actor)


class _Worker:
    """The worker on one of Dask's."""

    def __init__(self, name: str, actor: Any) -> None:
        self.name = name
        self._actor = actor

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """See `Transport`."""
        try:
            return await getattr(self._actor, method)(*arguments, **named)
        except LoadTestError:
            raise
        except (OSError, RuntimeError) as error:
            raise LostError(f"is gone: {_one_line(error)}") from error

    def end(self) -> None:
        """See `Transport`. A worker elsewhere cannot be ended from here; it stops when nobody asks for it."""
