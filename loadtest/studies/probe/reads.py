"""Reads one at a time: does a consistent read show the last write, and how fast can an answer be?"""

import time
from statistics import median

from loadtest.checker.power import excluded
from loadtest.dynamodb.items import number
from loadtest.dynamodb.table import Answer
from loadtest.events import Outcome, Reason
from loadtest.studies.probe.findings import Finding, Shown
from loadtest.studies.probe.questions import CONSISTENT_READS, LATENCY
from loadtest.studies.probe.races import FEWEST, PATIENCE_S
from loadtest.studies.probe.subject import EXISTS, Subject, version_in

WRITES = 200
WRITES_WITHIN_S = 1.5
TIMED = 55  # the first ones are a warm-up
_WARM_UP = 5
TIMED_WITHIN_S = 1.0
_SET = "SET #version = :version"


async def consistent(subject: Subject) -> Finding:
    """Write, and read at once what was written over another client's connection, again and again."""
    product_id = await subject.product()
    started_s = time.monotonic()
    reads = stale = 0
    problem = ""
    writer = subject.one
    async with subject.table(1) as (reader, _):
        for version in range(2, WRITES + 2):
            written = await writer.update(product_id, _SET, {":version": number(version)}, EXISTS, Reason.CONFLICT)
            if written.result.outcome is Outcome.ACCEPTED:
                read = await reader.read(product_id)
                shown = version_in(read)
                reads += shown is not None
                stale += shown is not None and shown < version
                problem = problem or read.result.message
            problem = problem or written.result.message
            if time.monotonic() > started_s + (WRITES_WITHIN_S if reads >= FEWEST else PATIENCE_S):
                break
    figures: dict[str, float] = {"reads": reads, "stale": stale}
    if stale:
        seen = "read over another connection: an older version than the write that had ended before"
        return CONSISTENT_READS.answered(Shown.NO, seen, f"{stale:,} of {reads:,} stale", figures)
    if reads < FEWEST:
        said = f" ({problem})" if problem else ""
        seen = f"only {reads} of {WRITES} writes could be read{said}"
        return CONSISTENT_READS.answered(Shown.NOT_SHOWN, seen, figures=figures)
    bound = excluded(reads)
    seen = f"read over another connection; at 95 % fewer than {bound:.2%} are stale"
    return CONSISTENT_READS.answered(Shown.YES, seen, f"0 of {reads:,} stale", figures)


async def latency_floor(subject: Subject) -> Finding:
    """GetItem and UpdateItem, one at a time and with nothing else going on."""
    product_id = await subject.product()
    figures: dict[str, float] = {}
    seen = []

    async def read() -> Answer:
        return await subject.one.read(product_id)

    async def write() -> Answer:
        return await subject.one.update(product_id, _SET, {":version": number(1)}, EXISTS, Reason.CONFLICT)

    for name, ask in (("GetItem", read), ("UpdateItem", write)):
        deadline = time.monotonic() + TIMED_WITHIN_S
        taken_ms = []
        for number_ in range(TIMED):
            answer = await ask()
            if answer.result.outcome is not Outcome.ACCEPTED:
                return LATENCY.answered(Shown.NOT_SHOWN, f"{name}: {answer.result.message}")
            if number_ >= _WARM_UP:
                taken_ms.append((answer.stamps.received_ns - answer.stamps.sent_ns) / 1e6)
            if time.monotonic() > deadline and taken_ms:
                break
        figures |= {f"{name}_min_ms": min(taken_ms), f"{name}_p50_ms": median(taken_ms)}
        seen.append(f"{name} {min(taken_ms):.2f} ms (p50 {median(taken_ms):.2f})")
    return LATENCY.answered(Shown.YES, "at least " + ", ".join(seen), figures=figures)
