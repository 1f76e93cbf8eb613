"""Safe rounds, and ways to doctor one of their events."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from loadtest.events import Event, Kind, Operation, OrderEnded, Outcome, RoundEnded
from tests.helpers.shop_events import Shop, in_turn, one_round

Doctor = Callable[[list[Event]], list[Event]]
Chosen = Callable[[Any], bool]


def won(event: Event) -> bool:
    return isinstance(event, Operation) and event.kind is not Kind.READ and event.outcome is Outcome.ACCEPTED


def refused(event: Event) -> bool:
    return isinstance(event, Operation) and event.outcome is Outcome.REJECTED


def told(outcome: Outcome) -> Chosen:
    return lambda event: isinstance(event, OrderEnded) and event.outcome is outcome


def at(events: list[Event], chosen: Chosen, which: int) -> int:
    return [n for n, event in enumerate(events) if chosen(event)][which]


def change(chosen: Chosen, which: int = 0, **changes: Any) -> Doctor:
    def doctor(events: list[Event]) -> list[Event]:
        n = at(events, chosen, which)
        return [*events[:n], replace(events[n], **changes), *events[n + 1 :]]

    return doctor


def drop(chosen: Chosen) -> Doctor:
    def doctor(events: list[Event]) -> list[Event]:
        n = at(events, chosen, 0)
        return [*events[:n], *events[n + 1 :]]

    return doctor


def repeat(chosen: Chosen, **changes: Any) -> Doctor:
    def doctor(events: list[Event]) -> list[Event]:
        n = at(events, chosen, 0)
        return [*events[: n + 1], replace(events[n], **changes), *events[n + 1 :]]

    return doctor


def end_with(*, quantity: int = 0, version: int = 0) -> Doctor:
    """The final read shows that much more."""

    def doctor(events: list[Event]) -> list[Event]:
        last = events[-1]
        assert isinstance(last, RoundEnded)
        assert last.product is not None
        final = replace(last.product, quantity=last.product.quantity + quantity, version=last.product.version + version)
        return [*events[:-1], replace(last, product=final)]

    return doctor


def shop_in_turn(strategy: str, stock: int, units: tuple[int, ...]) -> list[Event]:
    shop = Shop(stock)
    shop.round(strategy, units, schedule=in_turn)
    return shop.events


RACE = one_round("version")  # 1-1 wins from version 1; 1-2 and 1-3 are refused
PLENTY = one_round("version", stock=5)  # the same with four units left
TWO_VERSIONS = shop_in_turn("version", 2, (1, 1))  # 1-1 wins from version 1, 1-2 from version 2
TWO_WRITES = one_round("conditional", stock=2)  # 1-1 and 1-2 win, 1-3 is sold out
ODD_ONE_LEFT = one_round("conditional", stock=5, units=(2, 2, 2))  # the same, and one unit is left
TWO_TRANSACTIONS = one_round("transaction", stock=2)  # the same without versions in the answers
