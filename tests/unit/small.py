"""Small histories of one product for the reference: what a correct server answers, and what a wrong one may."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from msgspec.structs import replace

from loadtest.order import (
    REJECTED_AFTER_RESEND,
    RESTOCK,
    Event,
    Kind,
    Operation,
    Outcome,
    Product,
    Reason,
    Restocked,
    RoundEnded,
    RoundStarted,
)
from tests.unit.builders import operation, order_ended

END = 30  # after all operations


@dataclass(frozen=True)
class Range:
    """What may be in a history."""

    kinds: tuple[str, ...] = ("read", "stale", "version", "conditional", "transaction")
    fates: tuple[str, ...] = ("answered", "answered", "answered", "lost", "resent", "blind")
    units: tuple[int, ...] = (1, 2)
    restocks: bool = True
    unread: bool = True
    most: int = 6


EVERYTHING = Range()


@dataclass
class _Intent:
    n: int
    kind: str
    fate: str
    sent: int
    received: int
    at: float  # when it takes effect, if it does
    units: int
    answer: Operation | None = None
    read_version: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def history(random: Random, range_: Range = EVERYTHING) -> list[Event]:
    """The events of a few operations on a correct server."""
    initial = Product("p#4", "Last samovar", random.randint(0, 4), random.randint(1, 3), random.choice([None, RESTOCK]))
    states = [initial]
    intents = [_intent(n, random, range_) for n in range(1, random.randint(1, range_.most) + 1)]
    moments: list[tuple[float, Any]] = [(intent.at, intent) for intent in intents]
    if range_.restocks and random.random() < 0.3:
        sure, when = random.random() < 0.7, random.randint(1, END)
        units = random.randint(1, 2)
        outcome = Outcome.ACCEPTED if sure else Outcome.UNKNOWN
        moments.append(
            (when - 0.5 if sure or random.random() < 0.5 else END * 3, Restocked(1, "p#4", units, outcome, when))
        )
    moments.append((END + 1.5, None))
    final = initial
    restocks = []
    for _, one in sorted(moments, key=lambda moment: moment[0]):
        now = states[-1]
        if one is None:
            final = now
        elif isinstance(one, Restocked):
            restocks.append(one)
            states.append(replace(now, quantity=now.quantity + one.units, version=now.version + 1, last_order=RESTOCK))
        else:
            _act(one, states, random)
    ended = RoundEnded(1, "p#4", final, END + 1, END + 2)
    if range_.unread and random.random() < 0.2:
        ended = replace(ended, product=None)
    done: list[tuple[int, list[Event]]] = [(one.at_ns, [one]) for one in restocks]
    done += [(intent.received, _events(intent)) for intent in intents]
    started = RoundStarted(1, initial, len(intents), 0)
    return [started, *(event for _, events in sorted(done, key=lambda one: one[0]) for event in events), ended]


def _intent(n: int, random: Random, range_: Range) -> _Intent:
    kind, fate = random.choice(range_.kinds), random.choice(range_.fates)
    sent = random.randint(1, END - 2)
    received = random.randint(sent, min(END - 1, sent + random.choice([1, 4, 12])))
    late = kind not in ("read", "stale") and fate in ("lost", "resent") and random.random() < 0.3
    at = random.uniform(sent, 3 * END if late else received)
    return _Intent(n, kind, fate, sent, received, at, random.choice(range_.units))


def _act(intent: _Intent, states: list[Product], random: Random) -> None:
    now = states[-1]
    shown: dict[str, Any] = _shown(random.choice(states) if intent.kind == "stale" else now)
    if intent.kind in ("read", "stale"):
        intent.extra = {"kind": Kind.READ, "consistent": intent.kind == "read", **shown}
        return
    kind = Kind.TRANSACTION if intent.kind == "transaction" else Kind.WRITE
    if intent.kind == "version":
        intent.read_version = random.choice([now.version, now.version, random.choice(states).version])
    allowed = now.version == intent.read_version if intent.read_version else now.quantity >= intent.units
    allowed = allowed and now.quantity >= intent.units and not (intent.fate != "answered" and random.random() < 0.3)
    if intent.fate == "blind" and not allowed and now.version == intent.read_version:
        intent.fate = "lost"
    told: dict[str, Any] = {"outcome": Outcome.ACCEPTED}
    if allowed:
        left = now.quantity - intent.units
        states.append(replace(now, quantity=left, version=now.version + 1, last_order=f"1-{intent.n}"))
        shown = _shown(states[-1]) if kind is Kind.WRITE else {}
    else:
        told = {"outcome": Outcome.REJECTED, "reason": Reason.CONFLICT if intent.read_version else Reason.SOLD_OUT}
    refusable = now.version != intent.read_version if intent.read_version else now.quantity < intent.units
    if intent.fate == "lost" or (intent.fate == "resent" and not allowed and not refusable):
        told, shown = {"outcome": Outcome.UNKNOWN, "reason": "ReadTimeoutError"}, {}
    elif intent.fate == "resent":
        told = {"outcome": Outcome.UNKNOWN, "reason": REJECTED_AFTER_RESEND}
        shown = _shown(states[-1]) if intent.at <= intent.received else {}
        if allowed and intent.read_version is None and states[-1].quantity >= intent.units:
            told, shown = {"outcome": Outcome.UNKNOWN, "reason": "ReadTimeoutError"}, {}
    elif intent.fate == "blind" and (allowed or intent.read_version):
        shown = {}
    if not allowed and not refusable and told["outcome"] is Outcome.REJECTED:
        told, shown = {"outcome": Outcome.FAILED, "reason": "no"}, {}
    intent.extra = {"kind": kind, "read_version": intent.read_version, **told, **shown}


def _shown(product: Product) -> dict[str, Any]:
    return {"version": product.version, "quantity": product.quantity, "last_order": product.last_order}


def _events(intent: _Intent) -> list[Event]:
    base: dict[str, Any] = {"order_id": f"1-{intent.n}", "units": intent.units}
    stamps = {"scheduled_ns": intent.sent, "sent_ns": intent.sent, "received_ns": intent.received}
    op = operation(**base, **stamps, ended_ns=intent.received, **intent.extra)
    return [op, _end_of(op)]


def _end_of(op: Operation) -> Event:
    outcome = Outcome.FAILED if op.kind is Kind.READ else op.outcome
    reason = "conflict" if outcome is Outcome.REJECTED else op.reason
    return order_ended(order_id=op.order_id, units=op.units, outcome=outcome, reason=reason)


def doctored(events: list[Event], random: Random) -> list[Event]:
    """The same with one answer or one stamp changed; whether that can be is for the reference to say."""
    ops = [n for n, event in enumerate(events) if isinstance(event, Operation)]
    if not ops or random.random() < 0.2:
        return _other_end(events, random)
    n = random.choice(ops)
    op = events[n]
    assert isinstance(op, Operation)
    names = [None, RESTOCK, *(f"1-{k}" for k in range(1, len(ops) + 1))]
    ways: list[dict[str, Any]] = [
        {"sent_ns": min(op.received_ns, max(1, op.sent_ns + random.randint(-8, 8)))},
        {"received_ns": max(op.sent_ns, min(END - 1, op.received_ns + random.randint(-8, 8)))},
    ]
    if op.version is not None and op.quantity is not None:
        ways += [
            {"version": op.version + random.choice([-1, 1])},
            {"quantity": op.quantity + random.choice([-1, 1])},
            {"last_order": random.choice(names)},
        ]
    if op.outcome is Outcome.REJECTED:
        ways.append({"outcome": Outcome.ACCEPTED, "reason": ""})
    if op.kind is not Kind.READ and op.read_version is not None:
        ways.append({"read_version": max(1, op.read_version + random.choice([-1, 1]))})
    changed = replace(op, **random.choice(ways))
    changed = replace(changed, ended_ns=changed.received_ns)
    left = [*events[:n], *events[n + 2 :]]
    at = next(
        (
            k
            for k, event in enumerate(left)
            if k and isinstance(event, Operation | Restocked | RoundEnded) and _when(event) > changed.received_ns
        ),
        len(left) - 1,
    )
    return [*left[:at], changed, _end_of(changed), *left[at:]]


def _when(event: Operation | Restocked | RoundEnded) -> int:
    if isinstance(event, Operation):
        return event.received_ns
    return event.at_ns if isinstance(event, Restocked) else event.ended_ns


def _other_end(events: list[Event], random: Random) -> list[Event]:
    end = events[-1]
    if not isinstance(end, RoundEnded) or end.product is None:
        return events
    ways: list[dict[str, Any]] = [
        {"version": end.product.version + random.choice([-1, 1])},
        {"quantity": end.product.quantity + random.choice([-1, 1])},
        {"last_order": random.choice([None, RESTOCK, "1-1", "1-2"])},
    ]
    return [*events[:-1], replace(end, product=replace(end.product, **random.choice(ways)))]
