"""The one way of every event: who hears of it, in which order, and what a refusal does."""

from loadtest.engine.stream import EventStream
from loadtest.errors import LoadTestError
from loadtest.events import Event, OwnRequest, Repaired
from tests.helpers.shop_events import operation, order_ended


def test_all_hear_of_every_event_in_their_order() -> None:
    heard: list[tuple[str, Event]] = []
    stream = EventStream(
        [lambda event: heard.append(("first", event)), lambda event: heard.append(("second", event))], _never
    )
    events: list[Event] = [operation(), order_ended()]
    for event in events:
        stream(event)
    assert heard == [(name, event) for event in events for name in ("first", "second")]


def test_a_refusal_ends_the_run_and_is_heard_by_nobody_after_it() -> None:
    before: list[Event] = []
    after: list[Event] = []
    errors: list[LoadTestError] = []
    full = LoadTestError("the disk is full")

    def refuse(_event: Event) -> None:
        raise full

    stream = EventStream([before.append, refuse, after.append], errors.append)
    stream(operation())
    stream(order_ended())
    assert (len(before), after, errors) == (2, [], [full, full])


def test_a_repair_belongs_to_the_round_that_goes_on() -> None:
    heard: list[Event] = []
    stream = EventStream([heard.append], _never)
    stream.repaired(OwnRequest.TABLE)
    stream(operation(round=7))
    stream.repaired(OwnRequest.READ)
    repairs = [event for event in heard if isinstance(event, Repaired)]
    assert [(event.round, event.request) for event in repairs] == [(1, OwnRequest.TABLE), (7, OwnRequest.READ)]


def _never(error: LoadTestError) -> None:
    raise AssertionError(error)
