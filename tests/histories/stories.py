"""The stories behind the stored histories, and what the checker must make of each."""

from dataclasses import dataclass

from loadtest.events import REJECTED_AFTER_RESEND, RESTOCK, Kind
from tests.histories.story import ACCEPTED, CONFLICT, FAILED, REJECTED, SOLD_OUT, UNKNOWN, Story

T, W = Kind.TRANSACTION, Kind.WRITE


@dataclass(frozen=True)
class Expected:
    """Kinds of violations, reconciled orders (accepted, rejected, unresolved), and what else is counted."""

    kinds: tuple[str, ...] = ()
    reconciled: tuple[int, int, int] = (0, 0, 0)
    phantom_rejects: int = 0
    stale_reads: int = 0


def race() -> Story:
    """Both orders have read version 1."""
    return Story().read(1, 1, 1, at=2).read(2, 1, 1, at=2)


STORIES: dict[str, tuple[Story, Expected]] = {
    # --- safe
    "safe/one-winner": (
        race().wins(1, 2, 0, rests_on=1).loses(2, (2, 0, "1-1"), rests_on=1).left(2, 0, "1-1"),
        Expected(),
    ),
    "safe/refused-without-a-word": (
        race().wins(1, 2, 0, rests_on=1).loses(2, (), rests_on=1).left(2, 0, "1-1"),
        Expected(),
    ),
    "safe/a-conflict-with-a-transaction-is-tried-again": (
        Story(2).op(1, W, REJECTED, reason=CONFLICT).wins(1, 2, 1, attempt=2).wins(2, 3, 0).left(3, 0, "1-2"),
        Expected(),
    ),
    "safe/transaction-conflict": (
        Story()
        .takes(1)
        .op(2, T, REJECTED, reason=CONFLICT)
        .ends(2, REJECTED, CONFLICT)
        .records(1, missing=(2,))
        .left(2, 0, "1-1"),
        Expected(),
    ),
    "safe/conditional-in-any-order-of-answers": (
        Story(2, orders=3)
        .wins(2, 3, 0, at=2, took=9)
        .wins(1, 2, 1, at=2, took=10)
        .loses(3, (3, 0, "1-2"), at=4, took=20)
        .left(3, 0, "1-2"),
        Expected(),
    ),
    "safe/transactions-and-their-records": (
        Story(2, orders=3)
        .takes(1)
        .takes(2)
        .op(3, T, REJECTED, reason=SOLD_OUT, shows=(3, 0, "1-2"))
        .ends(3, REJECTED, SOLD_OUT)
        .records(1, 2, missing=(3,))
        .left(3, 0, "1-2"),
        Expected(),
    ),
    "safe/lost-answer-seen-by-another": (
        Story().is_lost(1).loses(2, (2, 0, "1-1")).left(2, 0, "1-1"),
        Expected(reconciled=(1, 0, 0)),
    ),
    "safe/lost-answer-with-a-record": (
        Story()
        .is_lost(1, T)
        .op(2, T, REJECTED, reason=SOLD_OUT)
        .ends(2, REJECTED, SOLD_OUT)
        .records(1, missing=(2,))
        .left(2, 0, None),
        Expected(reconciled=(1, 0, 0)),
    ),
    "safe/lost-answer-the-only-one-that-can-have": (
        Story(name=None)
        .is_lost(1)
        .op(2, W, FAILED, reason="AccessDenied")
        .ends(2, FAILED, "AccessDenied")
        .left(2, 0, None),
        Expected(reconciled=(1, 0, 0)),
    ),
    "safe/lost-request-whose-version-another-won": (
        race().is_lost(1, rests_on=1).wins(2, 2, 0, rests_on=1).left(2, 0, "1-2"),
        Expected(reconciled=(0, 1, 0)),
    ),
    "safe/lost-request-fenced": (
        Story().is_lost(1, T).takes(2).records(2, fenced=(1,)).left(2, 0, "1-2"),
        Expected(reconciled=(0, 1, 0)),
    ),
    "safe/lost-request-waited-for": (
        Story(2).is_lost(1).wins(2, 2, 1).left(2, 1, "1-2", waited=True),
        Expected(reconciled=(0, 1, 0)),
    ),
    "safe/lost-write-applied-in-the-next-round": (
        Story(3)
        .is_lost(1)
        .wins(2, 2, 2)
        .left(2, 2, "1-2")
        .start(3, 3, orders=2)
        .wins(1, 5, 1, at=40)
        .loses(2, (5, 1, "2-1"), rests_on=4, at=40)
        .left(5, 1, "2-1"),
        Expected(reconciled=(1, 0, 0)),
    ),
    "safe/lost-write-applied-between-two-rounds": (
        Story(3)
        .is_lost(1)
        .wins(2, 2, 2)
        .left(2, 2, "1-2")
        .start(1, 3, name="1-1")
        .wins(1, 4, 0)
        .loses(2, (4, 0, "2-1"))
        .left(4, 0, "2-1"),
        Expected(reconciled=(1, 0, 0)),
    ),
    "safe/taken-as-rejected-and-applied-later-all-the-same": (
        Story(3)
        .is_lost(1)
        .wins(2, 2, 2)
        .left(2, 2, "1-2", waited=True)
        .start(3, 3, orders=1)
        .wins(1, 5, 1)
        .left(5, 1, "2-1"),
        Expected(reconciled=(1, 0, 0)),
    ),
    "safe/eventual-reads-are-stale": (
        Story(2, orders=3)
        .wins(1, 2, 1)
        .read(2, 1, 2, consistent=False)
        .read(3, 2, 1, "1-1", consistent=False)
        .wins(2, 3, 0)
        .loses(3, (3, 0, "1-2"))
        .left(3, 0, "1-2"),
        Expected(stale_reads=1),
    ),
    "safe/eventual-read-of-the-round-before": (
        Story(1, orders=1)
        .wins(1, 2, 0)
        .left(2, 0, "1-1")
        .start(1, 3)
        .read(1, 2, 0, "1-1", consistent=False)
        .ends(1, REJECTED, SOLD_OUT)
        .wins(2, 4, 0)
        .left(4, 0, "2-2"),
        Expected(stale_reads=1),
    ),
    "safe/restocked": (
        Story(1, orders=0)
        .start(1, 1, orders=0)
        .place(1)
        .wins(1, 2, 0)
        .place(2)
        .loses(2, (2, 0, "1-1"))
        .restock(2)
        .place(3)
        .wins(3, 4, 1)
        .left(4, 1, "1-3"),
        Expected(),
    ),
    "safe/many-products": (
        Story(orders=0)
        .start(1, 1, orders=0, number=1)
        .start(2, 5, orders=0, number=1, product_id="p#5")
        .place(1)
        .place(2, "p#5")
        .wins(2, 6, 1, product_id="p#5")
        .wins(1, 2, 0)
        .left(2, 0, "1-1")
        .left(6, 1, "1-2", product_id="p#5"),
        Expected(),
    ),
    "safe/names-are-not-left": (
        Story(2, name="a run before")
        .op(1, W, shows=(2, 1, "a run before"))
        .ends(1, ACCEPTED)
        .op(2, W, shows=(3, 0, "a run before"))
        .ends(2, ACCEPTED)
        .left(3, 0, "a run before"),
        Expected(),
    ),
    "safe/claims-its-own-lost-write": (
        race()
        .op(1, W, UNKNOWN, reason="ReadTimeoutError", rests_on=1)
        .read(1, 2, 0, "1-1")
        .ends(1, ACCEPTED)
        .loses(2, (2, 0, "1-1"), rests_on=1)
        .left(2, 0, "1-1"),
        Expected(),
    ),
    # --- violated
    "violated/oversold": (
        Story().wins(1, 2, 0).wins(2, 3, -1).left(3, -1, "1-2"),
        Expected(("negative_quantity",)),
    ),
    "violated/oversold-and-never-read": (
        Story().takes(1).takes(2).unread(),
        Expected(("oversold",)),
    ),
    "violated/two-winners-clean-final-state": (
        race().wins(1, 2, 0, rests_on=1, at=5).wins(2, 2, 0, rests_on=1, at=5).left(2, 0, "1-2"),
        Expected(("lost_update", "oversold", "version_miscounted")),
    ),
    "violated/two-winners-and-the-stock-fell-by-two": (
        Story(2)
        .read(1, 1, 2, at=2)
        .read(2, 1, 2, at=2)
        .wins(1, 2, 1, rests_on=1, at=5)
        .wins(2, 2, 0, rests_on=1, at=5)
        .left(3, 0, None),
        Expected(("lost_update", "version_reused")),
    ),
    "violated/lost-winner": (
        race()
        .op(1, W, shows=(2, 0, "1-1"), rests_on=1)
        .ends(1, REJECTED, CONFLICT)
        .loses(2, (2, 0, "1-1"), rests_on=1)
        .left(2, 0, "1-1"),
        Expected(("won_but_told_lost",)),
    ),
    "violated/win-that-nothing-backs": (
        race()
        .wins(1, 2, 0, rests_on=1)
        .op(2, W, REJECTED, reason=CONFLICT, shows=(2, 0, "1-1"), rests_on=1)
        .ends(2, ACCEPTED)
        .left(2, 0, "1-1"),
        Expected(("accepted_without_write",)),
    ),
    "violated/stale-consistent-read": (
        Story(2).wins(1, 2, 1).read(2, 1, 2).wins(2, 3, 0).left(3, 0, "1-2"),
        Expected(("stale_read",)),
    ),
    "violated/stale-read-after-transactions": (
        Story(2).takes(1).read(2, 1, 2).takes(2).left(3, 0, "1-2"),
        Expected(("stale_read",)),
    ),
    "violated/stale-final-read": (
        Story(2, orders=3).wins(1, 2, 1).wins(2, 3, 0).loses(3, (3, 0, "1-2")).left(2, 1, "1-1"),
        Expected(("rolled_back", "spurious_rejection")),
    ),
    "violated/version-reused": (
        Story(3, orders=3).wins(1, 2, 2).read(2, 2, 1, "1-1").ends(2, FAILED).ends(3, FAILED).left(2, 2, "1-1"),
        Expected(("version_reused",)),
    ),
    "violated/version-reused-under-another-name": (
        Story(3, orders=3)
        .wins(1, 2, 2)
        .read(2, 2, 2, "1-3")
        .ends(2, FAILED)
        .op(3, W, FAILED)
        .ends(3, FAILED)
        .left(2, 2, "1-1"),
        Expected(("lost_update",)),
    ),
    "violated/version-not-the-next": (
        race()
        .op(1, W, shows=(3, 0, "1-1"), rests_on=1)
        .ends(1, ACCEPTED)
        .loses(2, (3, 0, "1-1"), rests_on=1)
        .left(3, 0, "1-1"),
        Expected(("version_miscounted",)),
    ),
    "violated/write-out-of-real-time-order": (
        Story(2).wins(1, 3, 0, at=2).wins(2, 2, 1, at=10).left(3, 0, "1-1"),
        Expected(("write_out_of_order",)),
    ),
    "violated/lost-write-seen-before-it-was-sent": (
        Story(2).wins(1, 3, 0, at=2).is_lost(2, at=10).left(3, 0, "1-1"),
        Expected(("phantom_version",), reconciled=(0, 0, 1)),
    ),
    "violated/negative-quantity": (
        Story(1, orders=3).wins(1, 2, 0).wins(2, 3, -1).loses(3, (3, -1, "1-2")).unread(),
        Expected(("negative_quantity", "oversold")),
    ),
    "violated/quantity-handed-out-twice": (
        Story(3)
        .op(1, W, shows=(None, 2, None))
        .ends(1, ACCEPTED)
        .op(2, W, shows=(None, 2, None))
        .ends(2, ACCEPTED)
        .left(3, 1, "1-2"),
        Expected(("quantity_handed_out_twice",)),
    ),
    "violated/wrong-quantity": (
        Story(5).wins(1, 2, 3).wins(2, 3, 3).left(3, 3, "1-2"),
        Expected(("quantity_handed_out_twice", "wrong_quantity")),
    ),
    "violated/duplicate-delivery": (
        Story(3).wins(1, 2, 2).wins(2, 4, 0).left(4, 0, "1-2"),
        Expected(("stock_lost", "version_miscounted")),
    ),
    "violated/duplicate-delivery-seen": (
        Story(3).wins(1, 2, 2).read(2, 3, 1, "1-1").wins(2, 4, 0).left(4, 0, "1-2"),
        Expected(("order_applied_twice",)),
    ),
    "violated/two-attempts-both-applied": (
        Story(3).op(1, T).op(1, T, attempt=2).ends(1, ACCEPTED).takes(2).left(4, 0, "1-2"),
        Expected(("order_applied_twice",)),
    ),
    "violated/lost-attempt-applied-too": (
        Story(3)
        .op(1, W, UNKNOWN, reason="ReadTimeoutError")
        .read(2, 2, 2, "1-1")
        .wins(1, 3, 1, attempt=2)
        .wins(2, 4, 0)
        .left(4, 0, "1-2"),
        Expected(("order_applied_twice",)),
    ),
    "violated/phantom-reject-shows-its-own-name": (
        Story()
        .op(1, W, REJECTED, reason=SOLD_OUT, shows=(2, 0, "1-1"))
        .ends(1, REJECTED, SOLD_OUT)
        .loses(2, (2, 0, "1-1"))
        .left(2, 0, "1-1"),
        Expected(("phantom_reject",), phantom_rejects=1),
    ),
    "violated/phantom-reject-seen-by-another": (
        race()
        .op(1, W, REJECTED, reason=CONFLICT, rests_on=1)
        .ends(1, REJECTED, CONFLICT)
        .loses(2, (2, 0, "1-1"), rests_on=1)
        .left(2, 0, "1-1"),
        Expected(("phantom_reject",), phantom_rejects=1),
    ),
    "violated/phantom-reject-by-its-record": (
        Story()
        .op(1, T, REJECTED, reason=SOLD_OUT)
        .ends(1, REJECTED, SOLD_OUT)
        .op(2, T, REJECTED, reason=SOLD_OUT)
        .ends(2, REJECTED, SOLD_OUT)
        .records(1, missing=(2,))
        .left(2, 0, None),
        Expected(("phantom_reject",), phantom_rejects=1),
    ),
    "violated/phantom-reject-after-a-resend": (
        Story().is_lost(1, reason=REJECTED_AFTER_RESEND, shows=(2, 0, "1-1")).loses(2, (2, 0, "1-1")).left(2, 0, "1-1"),
        Expected(("phantom_reject",), reconciled=(1, 0, 0), phantom_rejects=1),
    ),
    "violated/phantom-reject-reconciled-in-the-next-round": (
        Story(2)
        .op(1, W, UNKNOWN, reason="ReadTimeoutError")
        .ends(1, REJECTED, CONFLICT)
        .wins(2, 2, 1)
        .left(2, 1, "1-2")
        .start(0, 3, orders=1, name="1-1")
        .loses(1, (3, 0, "1-1"))
        .left(3, 0, "1-1"),
        Expected(("phantom_reject",), reconciled=(1, 0, 0), phantom_rejects=1),
    ),
    "violated/told-failed-and-applied": (
        Story()
        .op(1, W, UNKNOWN, reason="ReadTimeoutError")
        .ends(1, FAILED, "gave up")
        .loses(2, (2, 0, "1-1"))
        .left(2, 0, "1-1"),
        Expected(("won_but_told_lost",), reconciled=(1, 0, 0)),
    ),
    "violated/vanished-order": (
        race().wins(1, 2, 0, rests_on=1).left(2, 0, "1-1"),
        Expected(("order_vanished",)),
    ),
    "violated/invented-order": (
        race()
        .wins(1, 2, 0, rests_on=1)
        .loses(2, (2, 0, "1-1"), rests_on=1)
        .loses(3, (2, 0, "1-1"), rests_on=1)
        .left(2, 0, "1-1"),
        Expected(("order_invented",)),
    ),
    "violated/order-changed": (
        Story(3).wins(1, 2, 1, units=2).wins(2, 3, 0).left(3, 0, "1-2"),
        Expected(("order_changed",)),
    ),
    "violated/placed-twice": (
        Story(orders=0).start(2, 1, orders=0).place(1).wins(1, 2, 1).place(1).left(2, 1, "1-1"),
        Expected(("order_placed_twice",)),
    ),
    "violated/answered-twice": (
        race()
        .wins(1, 2, 0, rests_on=1)
        .loses(2, (2, 0, "1-1"), rests_on=1)
        .ends(1, REJECTED, CONFLICT)
        .left(2, 0, "1-1"),
        Expected(("order_answered_twice",)),
    ),
    "violated/double-record": (
        Story(2).takes(1).takes(2).records(1, 2).records(2).left(3, 0, "1-2"),
        Expected(("recorded_twice",)),
    ),
    "violated/record-missing": (
        Story(2).takes(1).takes(2).records(1, missing=(2,)).left(3, 0, "1-2"),
        Expected(("record_missing",)),
    ),
    "violated/record-of-a-rejected-order": (
        Story(1)
        .takes(1)
        .op(2, T, REJECTED, reason=SOLD_OUT)
        .ends(2, REJECTED, SOLD_OUT)
        .records(1, 2)
        .left(2, 0, "1-1"),
        Expected(("oversold", "phantom_reject", "version_miscounted"), phantom_rejects=1),
    ),
    "violated/record-of-nobody": (
        Story(2, orders=1).takes(1).records(1, 7).left(3, 0, "1-7"),
        Expected(("external_write",)),
    ),
    "violated/foreign-writer": (
        Story(3).wins(1, 2, 2).read(2, 3, 1, "somebody").wins(2, 4, 0).left(4, 0, "1-2"),
        Expected(("external_write",)),
    ),
    "violated/foreign-writer-without-a-name": (
        Story(3).wins(1, 2, 2).read(2, 3, 2, "1-1").wins(2, 4, 1).left(4, 1, "1-2"),
        Expected(("external_write", "version_miscounted")),
    ),
    "violated/foreign-writer-unseen": (
        Story(3).wins(1, 2, 2).wins(2, 4, 1).left(4, 1, "1-2"),
        Expected(("version_miscounted",)),
    ),
    "violated/sold-out-with-stock-left": (
        Story(3).wins(1, 2, 2).read(2, 2, 2, "1-1").ends(2, REJECTED, SOLD_OUT).left(2, 2, "1-1"),
        Expected(("spurious_rejection",)),
    ),
    "violated/refused-though-nothing-changed": (
        Story().read(1, 1, 1).loses(1, (), rests_on=1).read(2, 1, 1).op(2, W, FAILED).ends(2, FAILED).left(1, 1),
        Expected(("spurious_rejection", "stale_read")),
    ),
    "violated/refused-by-what-met-the-condition": (
        Story()
        .read(1, 1, 1)
        .loses(1, (1, 1, RESTOCK), rests_on=1)
        .read(2, 1, 1)
        .wins(2, 2, 0, rests_on=1)
        .left(2, 0, "1-2"),
        Expected(("spurious_rejection",)),
    ),
    "violated/second-round-only": (
        race()
        .wins(1, 2, 0, rests_on=1)
        .loses(2, (2, 0, "1-1"), rests_on=1)
        .left(2, 0, "1-1")
        .start(1, 3)
        .read(1, 3, 1)
        .wins(1, 4, 0, rests_on=3)
        .wins(2, 4, 0, rests_on=3, at=30)
        .left(4, 0, "2-2"),
        Expected(("lost_update", "oversold", "version_miscounted")),
    ),
    "violated/one-of-many-products": (
        Story(orders=0)
        .start(1, 1, orders=0, number=1)
        .start(2, 5, orders=0, number=1, product_id="p#5")
        .place(1)
        .place(2, "p#5")
        .wins(2, 6, 1, product_id="p#5")
        .wins(1, 2, 0)
        .left(2, 0, "1-1")
        .left(6, 2, "1-2", product_id="p#5"),
        Expected(("oversold", "version_reused")),
    ),
    "violated/cut-but-caught": (
        race().wins(1, 2, 0, rests_on=1, at=5).wins(2, 2, 0, rests_on=1, at=5),
        Expected(("lost_update", "oversold")),
    ),
    # --- inconclusive
    "inconclusive/lost-and-nobody-knows": (
        Story(2).is_lost(1).wins(2, 2, 1).left(2, 1, "1-2"),
        Expected(reconciled=(0, 0, 1)),
    ),
    "inconclusive/one-of-two-lost-ones": (
        Story(2, name=None).is_lost(1).is_lost(2).left(2, 1, None),
        Expected(reconciled=(0, 0, 2)),
    ),
    "inconclusive/cut": (
        race().wins(1, 2, 0, rests_on=1),
        Expected(),
    ),
    "inconclusive/cut-with-a-lost-write": (
        race().is_lost(1, rests_on=1),
        Expected(reconciled=(0, 0, 1)),
    ),
    "inconclusive/unread": (
        race().wins(1, 2, 0, rests_on=1).loses(2, (2, 0, "1-1"), rests_on=1).unread(),
        Expected(),
    ),
    "inconclusive/nothing-decided": (
        race().op(1, W, FAILED).ends(1, FAILED).op(2, W, FAILED).ends(2, FAILED).left(1, 1),
        Expected(),
    ),
    "inconclusive/unknown-without-a-write": (
        race().wins(1, 2, 0, rests_on=1).ends(2, UNKNOWN, "gave up").left(2, 0, "1-1"),
        Expected(reconciled=(0, 0, 1)),
    ),
    "inconclusive/lost-restock": (
        Story(orders=0).start(1, 1, orders=0).place(1).is_lost(1).restock(1, UNKNOWN).left(1, 1),
        Expected(reconciled=(0, 0, 1)),
    ),
    "inconclusive/unread-and-applied-before-the-next-round": (
        race()
        .is_lost(1, rests_on=1)
        .loses(2, (), rests_on=5)
        .unread()
        .start(1, 3, orders=1)
        .wins(1, 4, 0)
        .left(4, 0, "2-1"),
        Expected(reconciled=(1, 0, 0)),
    ),
    # --- what single lines of the checker are for
    "safe/two-lost-restocks": (
        Story(orders=0).start(1, 1, orders=0).place(1).wins(1, 2, 0).restock(1, UNKNOWN).restock(2, UNKNOWN).left(4, 3),
        Expected(),
    ),
    "safe/a-failed-restock": (
        Story(orders=0).start(1, 1, orders=0).place(1).wins(1, 2, 0).restock(1, FAILED).left(2, 0, "1-1"),
        Expected(),
    ),
    "safe/fenced-in-the-second-product": (
        Story(orders=0)
        .start(1, 1, orders=0, number=1)
        .start(2, 5, orders=0, number=1, product_id="p#5")
        .place(1)
        .place(2, "p#5")
        .takes(1)
        .is_lost(2, T, product_id="p#5")
        .records(1, fenced=(2,))
        .left(2, 0, "1-1")
        .left(5, 2, product_id="p#5"),
        Expected(reconciled=(0, 1, 0)),
    ),
    "safe/no-record-for-long-enough": (
        Story(2).is_lost(1, T).takes(2).records(2, missing=(1,), at=5000).left(2, 1, "1-2"),
        Expected(reconciled=(0, 1, 0)),
    ),
    "inconclusive/no-record-so-far": (
        Story(2).is_lost(1, T).takes(2).records(2, missing=(1,)).left(2, 1, "1-2"),
        Expected(reconciled=(0, 0, 1)),
    ),
    "inconclusive/missing-record-of-what-leaves-none": (
        Story(2).is_lost(1).wins(2, 2, 1).records(missing=(1,), at=5000).unread(),
        Expected(reconciled=(0, 0, 1)),
    ),
    "safe/recorded-and-seen": (
        Story(1)
        .is_lost(1, T)
        .op(2, T, REJECTED, reason=SOLD_OUT, shows=(2, 0, "1-1"))
        .ends(2, REJECTED, SOLD_OUT)
        .records(1)
        .left(2, 0, "1-1"),
        Expected(reconciled=(1, 0, 0)),
    ),
    "safe/lost-one-is-told-by-its-units": (
        Story(orders=0, name=None)
        .start(9, 1, orders=0, name=None)
        .place(1, units=2)
        .place(2, units=3)
        .place(3)
        .is_lost(1, units=2)
        .is_lost(2, units=3)
        .op(3, W, shows=(3, 5, None))
        .ends(3, ACCEPTED)
        .left(3, 5, None, waited=True),
        Expected(reconciled=(1, 1, 0)),
    ),
    "violated/record-of-other-units": (
        Story(2).takes(1).takes(2).record(1).record(2, units=2).left(3, 0, "1-2"),
        Expected(("record_differs",)),
    ),
    "violated/record-of-another-product": (
        Story(2).takes(1).takes(2).record(1, product_id="p#5").record(2).left(3, 0, "1-2"),
        Expected(("record_differs",)),
    ),
    "violated/record-of-other-units-than-it-was-placed-with": (
        Story(orders=0)
        .start(9, 1, orders=0)
        .place(1)
        .place(2, units=2)
        .takes(2, units=2)
        .record(1, units=2)
        .record(2, units=2),
        Expected(("record_differs",)),
    ),
    "violated/record-of-a-rejected-order-and-its-units": (
        Story(orders=0)
        .start(9, 1, orders=0)
        .place(1)
        .place(2, units=3)
        .takes(1)
        .op(2, T, REJECTED, reason=CONFLICT, units=3)
        .ends(2, REJECTED, CONFLICT, units=3)
        .record(1)
        .record(2, units=3)
        .left(3, 5, "1-2"),
        Expected(("phantom_reject",), phantom_rejects=1),
    ),
    "violated/recorded-and-took-less": (
        Story(orders=0)
        .start(9, 1, orders=0)
        .place(1)
        .place(2, units=3)
        .takes(1)
        .is_lost(2, T, units=3)
        .record(1)
        .record(2, units=3)
        .left(3, 7, "1-2"),
        Expected(("oversold",), reconciled=(1, 0, 0)),
    ),
    "violated/won-but-told-lost-and-its-record": (
        Story(1)
        .op(1, T)
        .ends(1, REJECTED, SOLD_OUT)
        .op(2, T, REJECTED, reason=SOLD_OUT)
        .ends(2, REJECTED, SOLD_OUT)
        .record(1)
        .left(2, 0, "1-1"),
        Expected(("won_but_told_lost",)),
    ),
    "violated/answered-before-any-version-it-can-have-made": (
        Story(3).wins(2, 2, 2, at=10).takes(1, at=2).left(3, 1, "1-1"),
        Expected(("write_out_of_order",)),
    ),
    "violated/two-refused-though-nothing-changed": (
        Story()
        .read(1, 1, 1, at=2)
        .read(2, 1, 1, at=2)
        .loses(1, (), rests_on=1, at=6)
        .loses(2, (), rests_on=1, at=6)
        .left(1, 1),
        Expected(("spurious_rejection", "stale_read")),
    ),
    "violated/initial-name-is-an-order-of-the-round": (
        Story(2, 2, name="1-1").wins(1, 3, 1).wins(2, 4, 0).left(4, 0, "1-2"),
        Expected(("order_applied_twice",)),
    ),
    "violated/restock-that-was-not-ours": (
        Story(1, name=None).wins(1, 2, 0).read(2, 3, 1).wins(2, 4, 0).left(4, 0, "1-2"),
        Expected(("external_write", "oversold", "quantity_handed_out_twice", "version_miscounted")),
    ),
    "violated/answered-before-any-version-and-unnamed": (
        Story(3).wins(2, 2, 2, at=10).takes(1, at=2).left(3, 1, None),
        Expected(("write_out_of_order",)),
    ),
    "violated/wrong-quantity-between-two-looks": (
        Story(5, orders=3).takes(1).read(3, 2, 3, None).takes(2).ends(3, FAILED).left(3, 3, None),
        Expected(("wrong_quantity",)),
    ),
    "violated/both-lost-writes-of-one-order-applied": (
        Story(3)
        .op(1, W, UNKNOWN, reason="ReadTimeoutError")
        .is_lost(1, attempt=2)
        .read(2, 2, 2, "1-1")
        .read(2, 3, 1, "1-1")
        .wins(2, 4, 0)
        .left(4, 0, "1-2"),
        Expected(("order_applied_twice",), reconciled=(1, 0, 0)),
    ),
    "violated/one-version-too-many-for-what-was-lost": (
        Story(5).is_lost(1, rests_on=1).read(2, 3, 3, None).ends(2, FAILED).unread(),
        Expected(("phantom_version",), reconciled=(0, 0, 1)),
    ),
}
