"""The addresses that a server's name leads to, in the order in which a connection tries them.

The next address has its turn after a quarter of a second, or at once if the one before refuses ("Happy Eyeballs
Version 2", RFC 8305, as in the SDK's HTTP client), so that an address that swallows everything costs no order.
"""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from aiohappyeyeballs import AddrInfoType, start_connection

_NEXT_AFTER_S = 0.25
_RESOLVED_FOR_S = 10.0  # as the SDK's HTTP client keeps what a name leads to
_AVOIDED_FOR_S = 60.0


class Addresses:
    """Where one host is. New connections begin with another address each, as far as all of them answer.

    What the name leads to is asked anew from time to time, and never on the event loop. If the resolver fails, the
    addresses that are known go on to serve.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._loop = asyncio.get_running_loop()
        self._known: list[AddrInfoType] = []
        self._turn = 0
        self._avoided_until_s: dict[AddrInfoType, float] = {}  # on the loop's clock
        self._ask_again_s = 0.0
        self._suspect = True  # whether they must be asked for before anything is tried
        self._asking: asyncio.Task[None] | None = None
        self._refusal: tuple[object, ...] = ()

    async def connected(self, without: frozenset[AddrInfoType]) -> tuple[socket.socket, AddrInfoType]:
        """A connected socket that does not block, and which address that is; `without` some of them.

        OSError if none can be reached, or if the name leads nowhere.
        """
        in_turn = [address for address in await self._in_turn() if address not in without]
        if not in_turn:
            raise OSError(f"{self._host} has no other address")
        tried: dict[socket.socket, AddrInfoType] = {}

        def begin(address: AddrInfoType) -> socket.socket:
            begun = socket.socket(address[0], address[1], address[2])
            tried[begun] = address
            return begun

        taken = await start_connection(in_turn, happy_eyeballs_delay=_NEXT_AFTER_S, interleave=0, socket_factory=begin)
        for other, address in tried.items():
            if other is taken:
                break
            self.avoid(address)
        self._avoided_until_s.pop(tried[taken], None)
        return taken, tried[taken]

    def avoid(self, address: AddrInfoType) -> None:
        """Try this one after all others for a while: it did not answer, or not in time."""
        self._avoided_until_s[address] = self._loop.time() + _AVOIDED_FOR_S

    def suspect(self) -> None:
        """None of them could be reached: the name may lead elsewhere by now."""
        self._suspect = True

    async def _in_turn(self) -> list[AddrInfoType]:
        if self._suspect or self._loop.time() > self._ask_again_s:
            if self._asking is None:
                self._asking = self._loop.create_task(self._ask())
            if self._suspect:
                await asyncio.wait([self._asking], timeout=_NEXT_AFTER_S if self._known else None)
        if not self._known:
            raise socket.gaierror(*self._refusal)
        start = self._turn % len(self._known)
        self._turn += 1
        now_s = self._loop.time()
        return sorted(
            self._known[start:] + self._known[:start],
            key=lambda address: self._avoided_until_s.get(address, 0.0) > now_s,
        )

    async def _ask(self) -> None:
        try:
            found = await self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            self._refusal = error.args
        except UnicodeError as error:  # of a name that no resolver could be asked for
            self._refusal = (socket.EAI_NONAME, str(error))
        else:
            self._known = list(_interleaved(found))
        finally:
            self._asking, self._suspect = None, False
            self._ask_again_s = self._loop.time() + _RESOLVED_FOR_S


def _interleaved(found: Sequence[AddrInfoType]) -> Iterator[AddrInfoType]:
    """Each family in its order, and the families by turns."""
    families: dict[int, dict[AddrInfoType, None]] = {}  # a set that keeps its order: a name may have an address twice
    for address in found:
        families.setdefault(address[0], {})[address] = None
    return (address for address in chain.from_iterable(zip_longest(*families.values())) if address is not None)
