"""What a run showed of one product, from its first round to its last.

Stock is taken by orders only, and added by the tool's own writes only; nobody else writes. So the version rises by one
with each of them, and without restocking the quantity only falls. Writes whose answer was lost may or may not have been
applied; every invariant holds for both. Everything is kept as counts: a run of any length takes the same memory.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from math import inf

from msgspec.structs import replace

from loadtest.checker import doubts as doubting
from loadtest.checker.claims import Claims
from loadtest.checker.doubts import Doubt
from loadtest.checker.marks import SHOWN, Evidence, Room
from loadtest.checker.matching import Gap, Matching, Write
from loadtest.checker.outside import FOLLOWING, Outside, is_look
from loadtest.checker.own import OwnWrites, own_read
from loadtest.checker.realtime import RealTime
from loadtest.checker.refusals import Blind
from loadtest.checker.register import seen, written
from loadtest.checker.round import Round
from loadtest.checker.stock import Found
from loadtest.checker.verdict import Violation, plural
from loadtest.order import (
    RESTOCK,
    Kind,
    Operation,
    Outcome,
    Product,
    Restocked,
    RoundEnded,
    RoundStarted,
    StockSet,
    is_own,
)

_GAPS = 100_000


class Ledger:
    """One product. `lost` are an earlier run's writes: they may yet be applied."""

    def __init__(self, initial: Product, lost: Mapping[str, Doubt], room: Room) -> None:
        """`initial` is the product as it was read first."""
        self.initial = initial
        self.doubts: dict[str, Doubt] = dict(lost)
        for earlier in lost.values():
            earlier.carried = True
        self.claims = Claims(initial, room)
        self.units: set[int] = set()  # what orders take
        self.own = OwnWrites(initial)
        self.outside = Outside(initial.version, initial.id)
        self._room = room
        self._time = RealTime(initial.version, room)
        self._blind = Blind(room)
        self._newest = initial.version  # that anybody saw
        self._decided = initial.version  # up to this one it is known who made what, as far as it ever will be
        self._wrong_version = Evidence()
        self._round: Round | None = None
        if (doubt := self.doubts.get(initial.last_order or "")) is not None and not doubt.applied:
            doubt.accept(doubt.open[-1])  # between two runs

    @property
    def round(self) -> Round:
        """The one under way, or the last."""
        if self._round is None:
            raise ValueError(f"no round of product {self.initial.id!r} has begun")
        return self._round

    @property
    def stale_reads(self) -> int:
        """Reads of this round that showed an old version, as they were allowed to."""
        return self._time.stale_reads

    @property
    def lost(self) -> dict[str, Doubt]:
        """The writes that may yet be applied when the round is over."""
        return {order_id: doubt for order_id, doubt in self.doubts.items() if doubt.open}

    def begin(self, started: RoundStarted) -> None:
        """A round begins, with what the tool has just read."""
        product = started.product
        before = self._round
        if before is not None:
            self.own.imply(product, min(before.read_ns, started.started_ns), self._newest)
            self.doubts = {order_id: doubt for order_id, doubt in self.doubts.items() if doubt.is_of_use}
        self._round = Round(started, self._room, self.own.lost_after(product.version))
        self._time.begin(product.version)
        self.own.quiet_ns = started.started_ns
        self.units |= {started.units} - {0}
        self._look(own_read(started.round, product, started.started_ns, started.started_ns))

    def operation(self, op: Operation) -> None:
        """One request and its answer. ValueError for a clock that is surer than sure."""
        if op.clock_uncertainty_ns < 0:
            raise ValueError(f"a clock uncertainty of {op.clock_uncertainty_ns} ns")
        if op.clock_uncertainty_ns:
            op = _perhaps(op)
        self.units.add(op.units)
        self.round.stock.see(op)
        if op.kind is Kind.READ:
            if op.version is not None and op.outcome is Outcome.ACCEPTED:
                self._look(op)
            return
        if op.outcome in (Outcome.THROTTLED, Outcome.FAILED):
            return
        if op.outcome is Outcome.ACCEPTED:
            self._accept(op)
        elif op.outcome is Outcome.REJECTED:
            self._refuse(op)
        else:
            self._lose(op)

    def _lose(self, op: Operation) -> None:
        doubt = self.doubts.get(op.order_id)
        if doubt is None:
            self.doubts[op.order_id] = Doubt(op)
        else:
            doubt.lose(op)
        if op.version is not None:  # what refused it when it was sent again
            self.round.refusals.add(op)
            self._look(op)

    def _accept(self, op: Operation) -> None:
        """A write took its units: the version it made is its own, and so are the units it left."""
        made, again = self._claim(op)
        self.round.stock.hand_out(op)
        if made is None:
            self._time.count_unnumbered(op)
        else:
            self._place(made, op, again=again)

    def _place(self, made: int, op: Operation, *, again: bool) -> None:
        """An accepted write made this version, perhaps again."""
        versions, late = self.claims.versions, self._time.place(written(made), op)
        if late and again and op.quantity in (None, versions.left(made)):  # in the state in which it was made before
            self.outside.made_late(made, self._newest, op, versions.maker(made))
        if op.version is not None and op.last_order is not None and op.last_order != op.order_id:
            self.claims.see(made, op.last_order, op)
        if op.quantity is not None:
            self.claims.versions.count(made, op.quantity, op)

    def _claim(self, op: Operation) -> tuple[int | None, bool]:
        """Count an accepted write. Returns the version that it made, if known, and whether it was made again."""
        self.round.surely += 1
        self.round.stock.accept(op)
        rests_on = None if op.read_version is None else op.read_version + 1
        made = rests_on if op.version is None else op.version
        if made is None:
            return self.claims.claim_unnumbered(op.order_id, op), False
        if rests_on is not None and rests_on != made:
            self._wrong_version.add(op.order_id, op)
        self._newest = max(self._newest, made)
        return made, not self.claims.claim(made, op)

    def _refuse(self, op: Operation) -> None:
        """A condition refused a write."""
        self.round.refusals.add(op)
        if op.version is not None:
            self._look(op)
            return
        self._blind.add(op)
        if op.read_version is not None:
            by_ns, _ = self._time.register.made_by(op.read_version)
            if by_ns < op.sent_ns:  # it was there, so only a newer one can have refused
                self._time.register.received(seen(op.read_version + 1), op)

    def _look(self, op: Operation) -> None:
        """An answer showed a version, perhaps whose it was and what was left."""
        version = op.version or 0
        if not op.consistent and version < self.initial.version:
            self._time.stale_reads += 1  # of a product as it was before the run, perhaps one that was put anew since
            return
        self._newest = max(self._newest, version)
        if self._time.place(seen(version), op) and is_look(op):
            self.outside.looked_back(version, self._newest, op, self.claims)
        if op.last_order is not None:
            made = self.claims.see(version, op.last_order, op)
            if made is not None:
                self._time.place(written(version), made)
        if op.quantity is not None:
            self.claims.versions.count(version, op.quantity, op)

    def set_stock(self, event: StockSet) -> None:
        """The tool's own write before a round, with what it had read."""
        self._look(own_read(event.round, event.before, event.read_ns, event.sent_ns))
        op = self.own.set(event)
        if event.outcome is Outcome.ACCEPTED:
            self._own(event.before.version + 1, op)
        elif event.outcome is Outcome.REJECTED:
            self._blind.add(op)

    def restock(self, event: Restocked) -> None:
        """Units were added, or perhaps were."""
        self.round.stock.restock(event)
        op = self.own.restock(event)
        if event.outcome is not Outcome.ACCEPTED:
            return
        if event.version is None:
            self._time.count_unnumbered(op)
        else:
            self._own(event.version, op)

    def _own(self, version: int, op: Operation) -> None:
        """A write of the tool's own made this version."""
        self._newest = max(self._newest, version)
        self._place(version, op, again=not self.claims.claim(version, op))

    def end(self, event: RoundEnded) -> None:
        """The round is over; what is left of the product was read, perhaps."""
        self.round.end(event)
        if event.product is not None:
            self._look(own_read(event.round, event.product, event.ended_ns, self.round.read_ns))

    def find(self, order_id: str) -> bool:
        """A lost write of the order was applied: the order was told so. False if none can have been."""
        doubt = self.doubts.get(order_id)
        if doubt is None or not doubt.open:
            return False
        op = doubt.open.pop()
        if not doubt.open:
            del self.doubts[order_id]
        made, _ = self._claim(op)
        if made is not None:
            self._time.place(written(made), op)
        return True

    def sighted(self, doubt: Doubt, version: int) -> None:
        """The lost write of an order was seen to have made a version."""
        if doubt.unplaced or doubt.past:  # its record said that it was applied, or the count of versions
            op = (doubt.unplaced or doubt.past).pop()
            self.claims.settle(version, op)
        else:
            op = next((op for op in doubt.open if doubting.can_make(version, op)), doubt.last)
            doubt.accept(op)
            self.applied(op.units, version, op)
        if not doubting.can_make(version, op):
            self._wrong_version.add(op.order_id, op)
        by_ns, witness = self._time.register.made_by(version)
        if witness is not None and by_ns < doubt.sent_ns(op):
            self._time.contradict(op, witness)

    def recorded(self, doubt: Doubt) -> None:
        """The record of an order says that one of its lost writes was applied."""
        doubt.accept(doubt.open[0], placed=False)
        self.applied(doubt.units)

    def applied(self, units: int | None, version: int | None = None, op: Operation | None = None) -> None:
        """A write without an accepting answer turned out to have been applied, as this version if it is known."""
        if version is not None:
            units = self.claims.versions.took(version) if units is None else units
            self.claims.settle(version, op)
        self.round.take_unseen(units, version, self.units)

    def settle(self, live: int) -> None:
        """Find out about the lost writes that are left, once all else of the round is known.

        `live` orders of the product have no result: each may have had one more request in flight.
        """
        self._see_own()
        doubting.exclude(self.doubts, self.claims, self.initial.version)
        if not self.round.complete:
            return
        final = self.round.final
        last = final.version if final is not None else None
        while doubting.open_writes(self.doubts):
            applied = doubting.decide(self.doubts, self._matching(live), last, self.round.read_ns)
            for op, first, last in applied:
                if first == last:
                    self.claims.settle(first, op)
                self.round.take(op, first, last)
            if not applied:
                return  # or the versions that are known now tell the units of their neighbours

    def _see_own(self) -> None:
        """Names of the tool's own writes tell which versions they made."""
        for version, name, _ in list(self.claims.standing()):
            found = self.own.seen(version, name, names_left=self.claims.names_left)
            if found is not None:
                made, op = found
                if self.claims.made(made):
                    continue  # by another one
                if not doubting.can_make(made, op):
                    self._wrong_version.add(op.order_id, op)
                self.claims.settle(made, op)

    def _matching(self, live: int) -> Matching:
        """The versions that nobody is known to have made, and the writes that may have made them."""
        register, versions = self._time.register, self.claims.versions
        final = self.round.final
        last = final.version if final is not None else self._newest
        gaps = [
            Gap(
                version,
                register.not_before(version),
                register.made_by(version)[0],
                versions.took(version),
                name,
                own=name is not None and self.claims.names_left,
            )
            for version in islice(self.claims.gaps(self._decided, last), _GAPS)
            for name in (self.claims.own_name(version),)
        ]
        accepted, forgotten = self.claims.unplaced()
        writes = [Write(op.sent_ns, op.received_ns, None, op.units, must=True, op=op) for op in accepted]
        writes += [Write(-inf)] * min(forgotten, len(gaps))
        for doubt in self.doubts.values():
            for ops, must in ((doubt.unplaced, True), ((*doubt.open, *doubt.perhaps), False)):
                writes += [Write(doubt.sent_ns(op), inf, op.read_version, op.units, must=must, op=op) for op in ops]
        writes += self.own.writes()
        if live or not self.round.complete:
            since_ns = self.round.started_ns
            writes += [Write(since_ns)] * min(live, len(gaps))
            if self.round.placed_one_by_one:  # a restock may have been in flight
                writes.append(Write(max(since_ns, self.own.quiet_ns), own=True))
        return Matching(gaps, writes)

    def violations(self, live: int) -> Iterator[Violation]:
        """What is wrong with the stock, the versions and the refusals of the round that is over."""
        found = list(self._all(live))
        foreign, back = self.outside.foreign, self.outside.back
        yield from self.outside.drain(self.round.number)
        if not foreign:
            yield from (one for one in found if not (back and one.kind in FOLLOWING))
        self._decide(live)

    def afterwards(self) -> Iterator[Violation]:
        """What the tool's own requests after the last round showed."""
        if self._round is None:
            return
        found = [*self.claims.drain(self._round.number), *self._refused_blindly()]
        found += [self._violation(*one) for one in self._time.drain()]
        foreign, back = self.outside.foreign, self.outside.back
        yield from self.outside.drain(self._round.number)
        if not foreign:
            yield from (one for one in found if not (back and one.kind in FOLLOWING))

    def _all(self, live: int) -> Iterator[Violation]:
        self._look_for_strangers()
        found = list(self._of_writes())
        yield from found or self._of_what_nobody_claimed(live)
        round_ = self.round
        only_fell = not self.restocked and not self.stale_reads and not round_.perhaps
        yield from round_.refusals.violations(round_.number, self.initial.id, round_.final, only_fell=only_fell)
        yield from self._refused_blindly()

    def _look_for_strangers(self) -> None:
        """Names as the tool leaves them, but not those of this run."""
        for version, name, op in self.claims.standing():
            if is_own(name) and self.own.is_strange(name, complete=self.round.complete):
                self.outside.stranger(name, version, op)

    @property
    def restocked(self) -> bool:
        """Whether units were added in this round, perhaps."""
        return self.round.stock.restocked or (not self.round.complete and self.round.placed_one_by_one)

    def _decide(self, live: int) -> None:
        """What was found so far needs no looking at again, unless a lost write may have made one of the versions."""
        round_ = self.round
        if round_.final is None or live:
            return
        undecided = any(doubt.settled is None for doubt in self.doubts.values() if doubt.open or doubt.perhaps)
        gaps = list(islice(self.claims.gaps(self._decided, round_.final.version), self._room.each + 1))
        if undecided and 0 < len(gaps) <= self._room.each:
            return
        for doubt in self.doubts.values():
            if gaps and undecided and doubt.settled is None:
                doubt.miss()
            doubt.decide()
        self._decided = round_.final.version
        self.claims.decide()
        self.own.decide(round_.final.version)

    def _of_what_nobody_claimed(self, live: int) -> Iterator[Violation]:
        matching = self._matching(live)
        found = list(self._made_by_somebody(Matching([gap.of_any_units for gap in matching.gaps], matching.writes)))
        if not (self.own.anonymous or self.round.perhaps or (self.restocked and not self.round.complete)):
            found += self.claims.versions.hold_quantities(self.units, self.round.initial.version, self.round.number)
        gap = matching.uncovered() if not found else None
        if gap is not None:
            taken = plural(gap.took, "unit") if gap.took is not None and gap.took >= 0 else "another number of units"
            message = f"version {gap.version:,} took {taken}, which no write that can have made it wanted"
            found.append(self._violation("wrong_quantity", message, self._seen_by(gap)))
        yield from found

    def _of_writes(self) -> Iterator[Violation]:
        round_ = self.round
        lost = [op for _, op in doubting.open_writes(self.doubts)] + round_.perhaps
        if round_.complete or not round_.placed_one_by_one:  # of a load that was cut nobody knows what was added
            yield from self._named(round_.stock.violations(round_.final, [op.units for op in lost], round_.rest))
        else:
            yield from self._named(round_.stock.below_zero(round_.final))
        self.claims.hold_names(
            self._decided, anonymous=self.own.anonymous, plain=RESTOCK in self.own.written, complete=round_.complete
        )
        contested = self.claims.contested
        yield from self.claims.drain(round_.number)
        if not contested and not self.restocked and not round_.perhaps:
            yield from self._named(round_.stock.handed_out_twice())
        yield from self._version_counts_writes(lost)
        for kind, message, evidence in self._time.drain():
            yield self._violation(kind, message, evidence)

    def _named(self, found: Iterator[Found]) -> Iterator[Violation]:
        return (self._violation(*one) for one in found)

    def _violation(self, kind: str, message: str, evidence: Evidence, fewest: int = SHOWN) -> Violation:
        return evidence.violation(kind, message, self.round.number, self.initial.id, fewest)

    def _version_counts_writes(self, lost: list[Operation]) -> Iterator[Violation]:
        """The version rose by one for every accepted write, plus at most once for each whose answer was lost."""
        wrong, self._wrong_version = self._wrong_version, Evidence()
        if wrong.count:
            (op, *_) = wrong.operations
            message = f"a write that rested on version {op.read_version:,} made another than the next"
            yield self._violation("version_miscounted", message, wrong, 1)
        round_ = self.round
        if round_.final is not None:
            rose, surely = round_.rose, round_.surely + round_.stock.restocks
            if not surely <= rose <= surely + len(lost) + round_.stock.lost_restocks:
                message = f"the version rose by {rose:,} for {plural(surely, 'accepted write')}"
                yield self._violation("version_miscounted", message, round_.stock.accepted)

    def _made_by_somebody(self, matching: Matching) -> Iterator[Violation]:
        """Each version up to the last that was seen was made by a write, and not before that was sent."""
        final, register = self.round.final, self._time.register
        seen_ns = inf if final is not None else register.not_before(self._newest + 1)
        write = matching.unplaced((write for write in matching.writes if write.must), seen_ns)
        gap = matching.uncovered()
        if write is not None:
            message = "an accepted write was answered before any version was made that it can have made"
            evidence = Evidence(1, [write.op.order_id], [write.op]) if write.op else Evidence()
            yield self._violation("write_out_of_order", message, evidence)
        elif gap is not None:
            message = f"version {gap.version:,} was seen before any write that could have made it was sent"
            yield self._violation("version_from_nowhere", message, self._seen_by(gap))

    def _seen_by(self, gap: Gap) -> Evidence:
        """Who saw that version, or a later one, first; if the write after it is known, that may have made both."""
        _, op = self._time.register.made_by(gap.version)
        after = self.claims.versions.maker(gap.version + 1)
        orders = [one.order_id for one in (after, op) if one is not None and one.order_id]
        return Evidence(1, orders[:1], [one for one in (after, op) if one is not None][:1]) if orders else Evidence()

    def _refused_blindly(self) -> Iterator[Violation]:
        """Of refusals that show no item: some version that was there meanwhile has to refuse them."""
        if self.round.final is None:
            self._blind = Blind(self._room)
            return
        added = self.own.anonymous or self.round.stock.restocks or self.round.perhaps
        fewest = None if added else min(self.units, default=1)
        evidence = self._blind.without_cause(self._time, self.claims.versions, self.units, fewest)
        if evidence.count:
            message = f"{plural(evidence.count, 'write')} refused though every state that was there met the condition"
            yield self._violation("refused_without_cause", message, evidence, 1)


def _perhaps(op: Operation) -> Operation:
    """From the first moment at which it may have been sent to the last at which it may have been received."""
    off_ns = op.clock_uncertainty_ns
    return replace(op, sent_ns=op.sent_ns - off_ns, received_ns=op.received_ns + off_ns)
