"""Network namespaces on a bridge: machines with addresses of their own, for whoever may make them."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

_BRIDGE, _NETWORK = "loadtest0", "10.213.77"


@dataclass(frozen=True)
class Machine:
    """An address, and what a command begins with that runs there."""

    address: str
    command: tuple[str, ...] = ()


@contextmanager
def machines(count: int) -> Iterator[tuple[Machine, list[Machine]]]:
    """This machine as the others see it, and so many others; addresses of loopback where namespaces cannot be made."""
    with ExitStack() as made:
        try:
            _run(made, "link", "add", _BRIDGE, "type", "bridge")
        except (OSError, subprocess.CalledProcessError):
            yield Machine("127.0.0.1"), [Machine(f"127.0.0.{n}") for n in range(2, count + 2)]
            return
        _ip("address", "add", f"{_NETWORK}.1/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        yield Machine(f"{_NETWORK}.1"), [_machine(made, n) for n in range(2, count + 2)]


def _machine(made: ExitStack, n: int) -> Machine:
    name, here, address = f"{_BRIDGE}-{n}", f"loadtest{n}", f"{_NETWORK}.{n}"
    _run(made, "netns", "add", name)
    _ip("link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("link", "set", here, "master", _BRIDGE, "up")
    for command in (("address", "add", f"{address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
        _ip("-n", name, *command)
    _ip("-n", name, "link", "set", "lo", "up")
    return Machine(address, ("ip", "netns", "exec", name))


def _run(made: ExitStack, kind: str, _: str, name: str, *rest: str) -> None:
    """Add something that is deleted again."""
    _ip(kind, "add", name, *rest)
    made.callback(subprocess.run, ["ip", kind, "delete", name], check=False)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, stderr=subprocess.DEVNULL)  # nosec B607
