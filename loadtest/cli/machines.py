"""The options that say from how many processes and machines orders are placed."""

import os
import re
from pathlib import Path

from loadtest.dynamodb.endpoint import on_this_machine
from loadtest.errors import UsageError
from loadtest.system.extras import require
from loadtest.workload.spec import Cluster, Spread

_MOST = 256
_SHOWN = 40  # characters of what was given
_LAST_PORT = 65_535
_TLS = "tls://"
_ADDRESS = re.compile(r"(?:tcp|tls)://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([1-9][0-9]{0,4})")
_NUMBER = re.compile(r"[1-9][0-9]{0,2}")


def spread(
    processes: str | None,
    address: str | None,
    authorities: Path | None,
    certificate: Path | None,
    key: Path | None,
    *,
    insecure: bool = False,
) -> Spread:
    """What the options say. Raises UsageError if they contradict one another."""
    files = {"--cluster-ca": authorities, "--cluster-cert": certificate, "--cluster-key": key}
    if address is None:
        if given := [name for name, file in files.items() if file is not None]:
            raise UsageError(f"{given[0]} goes with --cluster")
        if insecure:
            raise UsageError("--cluster-insecure goes with --cluster")
        return Spread(processes=_number(processes))
    if processes is not None:
        raise UsageError("--processes does not go with --cluster, whose workers are one process each")
    require_usable(address, insecure=insecure)
    if address.startswith(_TLS):
        if lacking := [name for name, file in files.items() if file is None]:
            raise UsageError(f"{_TLS} needs {' and '.join(lacking)}")
        if insecure:
            raise UsageError("--cluster-insecure goes with tcp://")
    elif given := [name for name, file in files.items() if file is not None]:
        raise UsageError(f"{given[0]} goes with {_TLS}")
    require("--cluster", "cluster")
    return Spread(
        cluster=Cluster(
            address=address,
            authorities=_readable("--cluster-ca", authorities),
            certificate=_readable("--cluster-cert", certificate),
            key=_readable("--cluster-key", key),
        )
    )


def require_usable(address: str, *, insecure: bool) -> None:
    """UsageError for what is no address, or one elsewhere where nobody has to prove who they are, unless wanted."""
    found = _ADDRESS.fullmatch(address)
    if found is None or int(found[1]) > _LAST_PORT:
        raise UsageError(f"--cluster {address!r} is no address like tls://scheduler:8786 or tcp://127.0.0.1:8786")
    if not (insecure or address.startswith(_TLS) or on_this_machine(address)):
        raise UsageError(
            f"--cluster {address!r} leads off this machine without TLS: whoever answers there, or sits between, can "
            "run commands here as you, and on the workers. Use tls://, or add --cluster-insecure to the command line "
            "if nobody else is on that network"
        )


def _number(processes: str | None) -> int:
    if processes is None:
        return 1
    if processes == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not _NUMBER.fullmatch(processes) or int(processes) > _MOST:
        raise UsageError(f"--processes {processes[:_SHOWN]!r} is neither auto nor a number from 1 to {_MOST}")
    return int(processes)


def _readable(option: str, file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        with file.open("rb"):
            return str(file)
    except OSError as error:
        raise UsageError(f"{option}: cannot read {file}: {error.strerror}") from error
