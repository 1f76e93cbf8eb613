"""What became of the lost writes of one product: found out when a round is over, from all that is known by then."""

from itertools import islice
from math import inf

from loadtest.checker.ledger import Ledger
from loadtest.checker.matching import Gap, Matching, Write
from loadtest.checker.unresolved import can_make, decide, exclude, open_writes

_GAPS = 100_000


def reconcile(ledger: Ledger, live: int) -> None:
    """Find out about the lost writes that are left, once all else of the round is known.

    `live` orders of the product have no result: each may have had one more request in flight.
    """
    _see_own(ledger)
    exclude(ledger.unresolved, ledger.history, ledger.initial.version)
    if not ledger.round.complete:
        return
    final = ledger.round.final
    last = final.version if final is not None else None
    while open_writes(ledger.unresolved):
        applied = decide(ledger.unresolved, candidates(ledger, live), last, ledger.round.read_ns)
        for op, first, latest in applied:
            if first == latest:
                ledger.history.attribute(first, op)
            ledger.round.take(op, first, latest)
        if not applied:
            return  # or the versions that are known now tell the units of their neighbours


def _see_own(ledger: Ledger) -> None:
    """Names of the tool's own writes tell which versions they made."""
    for version, name, _ in list(ledger.history.standing()):
        attributed = ledger.own.seen(version, name, names_left=ledger.history.names_left)
        if attributed is not None:
            own_version, op = attributed
            if ledger.history.made(own_version):
                continue  # by another one
            if not can_make(own_version, op):
                ledger.wrong_version.add(op.order_id, op)
            ledger.history.attribute(own_version, op)


def candidates(ledger: Ledger, live: int) -> Matching:
    """The versions that nobody is known to have made, and the writes that may have made them."""
    register, versions = ledger.time.register, ledger.history.versions
    final = ledger.round.final
    last = final.version if final is not None else ledger.newest
    gaps = [
        Gap(
            version,
            register.not_before(version),
            register.made_by(version)[0],
            versions.took(version),
            name,
            own=name is not None and ledger.history.names_left,
        )
        for version in islice(ledger.history.gaps(ledger.decided, last), _GAPS)
        for name in (ledger.history.own_name(version),)
    ]
    accepted, forgotten = ledger.history.unplaced()
    writes = [Write(op.sent_ns, op.received_ns, None, op.units, must=True, op=op) for op in accepted]
    writes += [Write(-inf)] * min(forgotten, len(gaps))
    for lost in ledger.unresolved.values():
        for ops, must in ((lost.unplaced, True), ((*lost.open, *lost.perhaps), False)):
            writes += [Write(lost.sent_ns(op), inf, op.read_version, op.units, must=must, op=op) for op in ops]
    writes += ledger.own.writes()
    if live or not ledger.round.complete:
        since_ns = ledger.round.started_ns
        writes += [Write(since_ns)] * min(live, len(gaps))
        if ledger.round.placed_one_by_one:  # a restock may have been in flight
            writes.append(Write(max(since_ns, ledger.own.quiet_ns), own=True))
    return Matching(gaps, writes)
