"""What must hold of one product when a round is over."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from math import inf

from loadtest.checker.bitsets import SHOWN, Evidence
from loadtest.checker.blame import OF_SUMS, UNTOLD
from loadtest.checker.ledger import Ledger
from loadtest.checker.matching import Gap, Matching
from loadtest.checker.outside import FOLLOWING
from loadtest.checker.reconcile import candidates
from loadtest.checker.refusals import Blind
from loadtest.checker.stock import Finding
from loadtest.checker.unresolved import open_writes
from loadtest.checker.verdict import Violation, plural
from loadtest.events import RESTOCK, Operation, is_own


class Invariants:
    """Of a product whose round is over, and whose `live` orders have no result: of each one more request may be out."""

    def __init__(self, ledger: Ledger, live: int) -> None:
        """ValueError if none has begun."""
        self._ledger, self._live = ledger, live
        self._history, self._own, self._outside = ledger.history, ledger.own, ledger.outside
        self._round = ledger.round

    def violations(self) -> Iterator[Violation]:
        """What is wrong with the stock, the versions and the refusals of the round that is over."""
        violations = list(self._all())
        yield from self._first_of_all(violations)
        self._decide()

    def afterwards(self) -> Iterator[Violation]:
        """What the tool's own requests after the last round showed."""
        violations = [*self._history.drain(self._round.number), *self._refused_blindly()]
        violations += [self._violation(*finding) for finding in self._ledger.time.drain()]
        yield from self._first_of_all(violations)

    def _first_of_all(self, violations: Iterable[Violation]) -> Iterator[Violation]:
        """What makes all else questionable comes first, and in place of what follows from it."""
        foreign, back = self._outside.foreign, self._outside.back
        yield from self._outside.drain(self._round.number)
        if not foreign:
            yield from (violation for violation in violations if not (back and violation.kind in FOLLOWING))

    def _all(self) -> Iterator[Violation]:
        self._look_for_strangers()
        violations = list(self._of_writes())
        yield from violations or self._of_unknown_makers()
        round_ = self._round
        only_fell = not (self._restocked or round_.eventual or round_.perhaps)
        yield from round_.refusals.violations(round_.number, self._ledger.initial.id, round_.final, only_fell=only_fell)
        yield from self._refused_blindly()

    def _look_for_strangers(self) -> None:
        """Names as the tool leaves them, but not those of this run; and more versions than were written."""
        for version, name, op in self._history.standing():
            if is_own(name) and self._own.is_strange(name, complete=self._round.complete):
                self._outside.stranger(name, version, op)
        round_ = self._round
        if round_.final is not None:
            lost = len(open_writes(self._ledger.unresolved)) + len(round_.perhaps) + round_.stock.lost_restocks
            extra, (unseen, forgotten) = round_.rose - round_.surely - round_.stock.restocks, self._history.unplaced()
            if extra > 0 or len(unseen) + forgotten >= -extra:  # of others it is known which versions they made
                self._outside.made_by_nobody(min(0, extra) or max(0, extra - lost))

    @property
    def _restocked(self) -> bool:
        """Whether units were added in this round, perhaps."""
        round_ = self._round
        return round_.stock.restocked or (not round_.complete and round_.placed_one_by_one)

    def _decide(self) -> None:
        """What was found so far needs no looking at again, unless a lost write may have made one of the versions."""
        round_ = self._round
        if round_.final is None or self._live:
            return
        undecided = any(
            writes.outcome is None for writes in self._ledger.unresolved.values() if writes.open or writes.perhaps
        )
        room = self._ledger.room.each
        gaps = list(islice(self._history.gaps(self._ledger.decided, round_.final.version), room + 1))
        if undecided and 0 < len(gaps) <= room:
            return
        for writes in self._ledger.unresolved.values():
            if gaps and undecided and writes.outcome is None:
                writes.miss()
            writes.decide()
        self._ledger.decided = round_.final.version
        self._history.decide()
        self._own.decide(round_.final.version)

    def _of_unknown_makers(self) -> Iterator[Violation]:
        matching = candidates(self._ledger, self._live)
        of_any_units = Matching([gap.of_any_units for gap in matching.gaps], matching.writes)
        violations = list(self._made_by_somebody(of_any_units))
        round_ = self._round
        if not (self._own.anonymous or round_.perhaps or (self._restocked and not round_.complete)):
            first, number = round_.initial.version, round_.number
            violations += self._history.versions.hold_quantities(
                self._ledger.units, first, number, restocked=self._restocked
            )
        gap = matching.uncovered() if not violations else None
        if gap is not None:
            taken = plural(gap.took, "unit") if gap.took is not None and gap.took >= 0 else "another number of units"
            message = f"version {gap.version:,} took {taken}, which no write that can have made it wanted"
            violations.append(self._violation("wrong_quantity", message, self._seen_by(gap)))
        yield from violations

    def _of_writes(self) -> Iterator[Violation]:
        round_ = self._round
        lost = [op for _, op in open_writes(self._ledger.unresolved)] + round_.perhaps
        if round_.complete or not round_.placed_one_by_one:  # of a load that was cut nobody knows what was added
            findings = round_.stock.violations(round_.final, [op.units for op in lost], round_.rest)
            yield from map(self._with_culprits, self._named(findings))
        else:
            yield from self._named(round_.stock.below_zero(round_.final))
        self._history.hold_names(
            self._ledger.decided,
            anonymous=self._own.anonymous,
            plain=RESTOCK in self._own.written,
            complete=round_.complete,
        )
        contested = self._history.contested
        yield from self._history.drain(round_.number)
        if not contested and not self._restocked and not round_.perhaps:
            yield from self._named(round_.stock.handed_out_twice())
        yield from self._version_counts_writes(lost)
        for kind, message, evidence in self._ledger.time.drain():
            yield self._violation(kind, message, evidence)

    def _named(self, findings: Iterator[Finding]) -> Iterator[Violation]:
        return (self._violation(*finding) for finding in findings)

    def _violation(self, kind: str, message: str, evidence: Evidence, fewest: int = SHOWN) -> Violation:
        return evidence.violation(kind, message, self._round.number, self._ledger.initial.id, fewest)

    def _version_counts_writes(self, lost: list[Operation]) -> Iterator[Violation]:
        """The version rose by one for every accepted write, plus at most once for each whose answer was lost."""
        wrong, self._ledger.wrong_version = self._ledger.wrong_version, Evidence()
        if wrong.count:
            (op, *_) = wrong.operations
            message = f"a write that rested on version {op.read_version:,} made another than the next"
            yield self._violation("version_miscounted", message, wrong, 1)
        round_ = self._round
        if round_.final is not None:
            rose, surely = round_.rose, round_.surely + round_.stock.restocks
            if not surely <= rose <= surely + len(lost) + round_.stock.lost_restocks:
                message = f"the version rose by {rose:,} for {plural(surely, 'accepted write')}"
                if rose > surely:
                    message += ", or somebody else wrote the product"
                yield self._with_culprits(self._violation("version_miscounted", message, round_.stock.accepted))

    def _with_culprits(self, violation: Violation) -> Violation:
        """The same, those first whose writes can be the cause; if the history does not tell whose, it says so."""
        if violation.kind not in OF_SUMS:
            return violation
        culprits = list(self._culprits())
        if not culprits:
            return replace(violation, message=violation.message + UNTOLD) if violation.orders_count > 1 else violation
        operations, orders = [*culprits, *violation.operations], [op.order_id for op in culprits]
        return replace(
            violation,
            orders=tuple(dict.fromkeys([*orders, *violation.orders]))[:SHOWN],
            orders_count=max(violation.orders_count, len({*orders, *violation.orders})),
            operations=tuple(op for n, op in enumerate(operations) if op not in operations[:n])[:SHOWN],
        )

    def _culprits(self) -> Iterator[Operation]:
        """Writes after a version that nobody made; or, if there is none, writes that nobody saw the version of."""
        round_, versions = self._round, self._history.versions
        last = round_.final.version if round_.final is not None else self._ledger.newest
        gaps = list(islice(self._history.gaps(round_.initial.version, last), SHOWN))
        unseen, forgotten = self._history.unplaced()
        if unseen or forgotten:
            yield from () if gaps or forgotten else unseen[:SHOWN]
            return
        for version in gaps:
            maker = versions.maker(version + 1)
            if maker is not None and not is_own(maker.order_id):
                yield maker

    def _made_by_somebody(self, matching: Matching) -> Iterator[Violation]:
        """Each version up to the last that was seen was made by a write, and not before that was sent."""
        final, register = self._round.final, self._ledger.time.register
        seen_ns = inf if final is not None else register.not_before(self._ledger.newest + 1)
        write = matching.unplaced((write for write in matching.writes if write.must), seen_ns)
        gap = matching.uncovered()
        if write is not None:
            message = "an accepted write was answered before any version was made that it can have made"
            evidence = Evidence(1, [write.op.order_id], [write.op]) if write.op else Evidence()
            yield self._violation("write_out_of_order", message, evidence)
        elif gap is not None:
            message = (
                f"version {gap.version:,} was seen before any write that could have made it was sent, "
                "or somebody else wrote the product"
            )
            yield self._violation("phantom_version", message, self._seen_by(gap))

    def _seen_by(self, gap: Gap) -> Evidence:
        """Who saw that version, or a later one, first; if the write after it is known, that may have made both."""
        _, op = self._ledger.time.register.made_by(gap.version)
        after = self._history.versions.maker(gap.version + 1)
        witnesses = [witness for witness in (after, op) if witness is not None and witness.order_id]
        orders = [witness.order_id for witness in witnesses if not is_own(witness.order_id)]
        return Evidence(1, orders[:1], witnesses[:1]) if witnesses else Evidence()

    def _refused_blindly(self) -> Iterator[Violation]:
        """Of refusals that show no item: some version that was there meanwhile has to refuse them."""
        if self._round.final is None:
            self._ledger.blind = Blind(self._ledger.room)
            return
        ledger, uncertain = self._ledger, bool(self._own.anonymous or self._round.perhaps)  # which of own writes were
        fewest = None if uncertain or self._round.stock.restocks else min(ledger.units, default=1)
        most = inf if uncertain else max(ledger.units, default=1)
        evidence = ledger.blind.spurious(ledger.time, self._history.versions, most, fewest)
        if evidence.count:
            message = f"{plural(evidence.count, 'write')} refused though every state that was there met the condition"
            yield self._violation("spurious_rejection", message, evidence, 1)
