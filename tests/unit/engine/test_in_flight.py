"""Which writes are in flight: each is told of once, and none is missed, whoever asks."""

from threading import Thread

from loadtest.engine.in_flight import WritesInFlight
from loadtest.events import InFlight, Kind, Order


def write(number: int, attempt: int = 1) -> InFlight:
    return InFlight(1, f"1-{number}", "p#4", 2, Kind.WRITE, attempt, 7, 100 * number + attempt)


def send(writes: WritesInFlight, event: InFlight) -> None:
    order = Order(event.order_id, event.product_id, event.units, event.round)
    writes.sent(order, event.kind, event.attempt, event.read_version, event.sent_ns)


def test_what_was_sent_is_taken_once_and_in_order() -> None:
    writes = WritesInFlight()
    for number in (1, 2, 3):
        send(writes, write(number))
    assert writes.take() == [write(1), write(2), write(3)]
    send(writes, write(4))
    assert (writes.take(), writes.take()) == ([write(4)], [])


def test_what_was_answered_is_not_in_flight_and_the_next_attempt_is() -> None:
    writes = WritesInFlight()
    send(writes, write(1))
    send(writes, write(2))
    writes.emitted("1-1")
    assert writes.take() == [write(2)]
    writes.emitted("1-2")
    send(writes, write(2, attempt=2))
    assert writes.take() == [write(2, attempt=2)]


def test_nothing_is_missed_while_another_thread_sends() -> None:
    writes, sent = WritesInFlight(), [write(number) for number in range(30_000)]

    def send_all() -> None:
        for event in sent:
            send(writes, event)

    sender = Thread(target=send_all)
    sender.start()
    taken: list[InFlight] = []
    while sender.is_alive():
        taken += writes.take()
    taken += writes.take()
    assert sorted(taken, key=lambda event: event.sent_ns) == sent
