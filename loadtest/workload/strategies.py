"""The strategies by name: what each is for, what one attempt asks of the table, and where its code is.

Values only, which help, validation and estimates read; `loadtest.strategies.load` imports the code. A strategy that is
not registered has for its name where its code is, `module:function`.
"""

from msgspec import Struct

from loadtest.errors import UsageError, nearest


class Registered(Struct, frozen=True):
    """One strategy, as far as one knows it without running it.

    `where` is its coroutine, `module:function`; `summary` is what follows its name in a list. One attempt makes at most
    so many `reads`, `writes` and `transactions`; a transaction leaves a record of the order.
    """

    name: str
    where: str
    summary: str
    reads: int
    writes: int
    transactions: int

    @property
    def requests(self) -> tuple[int, int, int]:
        """Of one attempt: reads, writes, transactions."""
        return self.reads, self.writes, self.transactions


_registered: dict[str, Registered] = {}


def register(name: str, where: str, summary: str, *, reads: int = 0, writes: int = 0, transactions: int = 0) -> None:
    """Add a strategy, which is then known wherever one is named: in help, comparisons, validation and estimates.

    A process that places orders for this one has to register it too; `module:function` for a name needs none of that.
    UsageError for a name that is taken or cannot be one.
    """
    if name in _registered:
        raise UsageError(f"there is a strategy {name!r} already")
    if is_own(name) or "," in name:
        raise UsageError(f"a strategy cannot be called {name!r}: a colon makes it code, and a comma two")
    _registered[name] = Registered(name, where, summary, reads, writes, transactions)


def names() -> tuple[str, ...]:
    """All registered, in the order in which they are shown."""
    return tuple(_registered)


def is_own(name: str) -> bool:
    """Whether it names code of the user's own, `module:function`."""
    return ":" in name


def named(name: str) -> Registered:
    """The strategy of that name. UsageError, with the nearest, if there is none.

    Own code is taken to read once and write once in an attempt, as most does; an estimate is as good as that.
    """
    if is_own(name):
        return Registered(name, name, "code of your own", reads=1, writes=1, transactions=0)
    if name not in _registered:
        raise UsageError(f"there is no strategy {name!r}; {nearest(name, _registered)}")
    return _registered[name]


_HERE = "loadtest.strategies"
register("version", f"{_HERE}.version:version", "reads, and writes if the version is still that", reads=1, writes=1)
register("conditional", f"{_HERE}.conditional:conditional", "writes if enough is left", writes=1)
register("transaction", f"{_HERE}.transaction:transaction", "the same, with a record of the order", transactions=1)
register("unconditional", f"{_HERE}.unconditional:unconditional", "reads and writes: it oversells", reads=1, writes=1)
