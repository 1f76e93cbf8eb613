"""What holds the orders of a round until all have come as far: the race condition on purpose."""

import anyio


class Gate:
    """Opens when every order has arrived at it or has ended before; stays open.

    If it is `held` it is then only `full`, until somebody opens it.
    """

    def __init__(self, orders: int, *, held: bool = False) -> None:
        self._awaited = orders
        self._held = held
        self._open = anyio.Event()

    @property
    def full(self) -> bool:
        """Whether nobody is waited for any more."""
        return self._awaited <= 0

    def open(self) -> None:
        """Let everybody through."""
        self._open.set()

    async def arrive(self) -> None:
        """Wait for all others."""
        self.leave()
        await self._open.wait()

    def leave(self) -> None:
        """One order fewer to wait for."""
        self._awaited -= 1
        if self.full and not self._held:
            self.open()
