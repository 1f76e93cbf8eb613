"""The servers that the tool starts, alone."""

from pathlib import Path

import msgspec

from loadtest.dynamodb.endpoint import Connection
from loadtest.faults.proxy import Briefing
from loadtest.system.server_process import ChildServer

KEY = "the-runs-own-key"


def minimal_server(_folder: Path) -> ChildServer:
    return ChildServer("the minimal server", "loadtest.targets.servers.minimal")


def fault_proxy(folder: Path) -> ChildServer:
    server = Connection(table="t", endpoint_url="http://127.0.0.1:1", region="us-east-1", anonymous=True)
    briefing = Briefing(
        run_id="r", key=KEY, seed=1, faults=(), server=server, connections=1, journal=str(folder / "journal")
    )
    return ChildServer("the proxy", "loadtest.faults.proxy", briefing=msgspec.json.encode(briefing) + b"\n")


def port_of(pid: int) -> int | None:
    """The port at which a process listens, as the kernel tells; None until it does."""
    inodes = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir()}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            return int(fields[1].partition(":")[2], 16)
    return None
