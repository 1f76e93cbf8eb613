"""Which writes are in flight, so that a history that is cut can tell of those that have no answer in it."""

from operator import attrgetter

from loadtest.events import InFlight, Kind, Order


class WritesInFlight:
    """Writes that were sent and whose Operation has not been emitted, each until it was taken once.

    An order makes one request at a time, so that its id tells which write it is.
    """

    def __init__(self) -> None:
        self._writes: dict[str, tuple[Order, Kind, int, int | None, int]] = {}

    def sent(self, order: Order, kind: Kind, attempt: int, read_version: int | None, sent_ns: int) -> None:
        """A write is about to be sent."""
        self._writes[order.order_id] = order, kind, attempt, read_version, sent_ns

    def emitted(self, order_id: str) -> None:
        """Its Operation has been emitted."""
        self._writes.pop(order_id, None)

    def take(self) -> list[InFlight]:
        """Those that were not taken before, in the order in which they were sent.

        Another thread may call it while no Operation is emitted.
        """
        taken: list[InFlight] = []
        while True:
            try:
                _, (order, kind, attempt, read_version, sent_ns) = self._writes.popitem()
            except KeyError:
                break  # also if the last was answered at this moment
            taken.append(
                InFlight(
                    order.round, order.order_id, order.product_id, order.units, kind, attempt, read_version, sent_ns
                )
            )
        taken.sort(key=attrgetter("sent_ns"))
        return taken
