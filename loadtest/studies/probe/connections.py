"""The server's clock, and what it does with connections."""

import time
from datetime import UTC
from email.utils import parsedate_to_datetime

import anyio

from loadtest.events import Outcome
from loadtest.records.problems import Problems
from loadtest.studies.probe.findings import Finding, Shown
from loadtest.studies.probe.questions import CLOCK, KEEP_ALIVE, burst
from loadtest.studies.probe.subject import Subject

BURSTS = (200, 1000)
BURST_WITHIN_S = 3.0
KEEP_ALIVE_READS = 21
_TICK_S = 1.0  # the resolution of a Date header
CLOCK_FOR_S = 1.1
_CLOCK_EVERY_S = 0.05
CLOCK_READS = int(CLOCK_FOR_S / _CLOCK_EVERY_S)


async def clock(subject: Subject) -> Finding:
    """The `Date` header against this machine's clock, for a little more than a second.

    A header says in which second it was written. Between sending and receiving, that bounds the offset to a second and
    the time it took; the headers on both sides of a second's end bound it more tightly.
    """
    product_id = await subject.product()
    bounds = []
    deadline = time.monotonic() + CLOCK_FOR_S
    while time.monotonic() < deadline:
        sent_s = time.time()
        date = (await subject.headers(product_id)).get("date", "")
        bounds += _offset(date, sent_s, time.time())
        await anyio.sleep(_CLOCK_EVERY_S)
    if not bounds:
        return CLOCK.answered(Shown.NOT_SHOWN, "no Date header in the answers")
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    if low > high:  # a server that writes its Date less often than each second, or a clock that was set meanwhile
        low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    offset, uncertainty = (low + high) / 2, (high - low) / 2
    seen = f"off by {offset:+.2f} s, give or take {uncertainty:.2f} s"
    agrees = low <= _TICK_S and high >= -_TICK_S
    return CLOCK.decided(agrees, seen, figures={"offset_s": offset, "uncertainty_s": uncertainty})


def _offset(date: str, sent_s: float, received_s: float) -> list[tuple[float, float]]:
    """The lowest and the highest offset of the server's clock that this header allows; nothing if it is none."""
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return []
    second = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    return [(second - received_s, second + _TICK_S - sent_s)]


async def keep_alive(subject: Subject) -> Finding:
    """Several reads, one after the other, through a client with room for one connection."""
    product_id = await subject.product()
    async with subject.table(1) as (table, transport):
        answers = [await table.read(product_id) for _ in range(KEEP_ALIVE_READS)]
        connections = transport.opened
    if connections is None:
        return KEEP_ALIVE.answered(Shown.NOT_SHOWN, "only the wire counts connections (--client wire)")
    if any(answer.product is None for answer in answers):
        return KEEP_ALIVE.answered(Shown.NOT_SHOWN, f"not all reads were answered: {answers[-1].result.message}")
    seen = f"{KEEP_ALIVE_READS} requests took {connections} connection{'' if connections == 1 else 's'}"
    return KEEP_ALIVE.decided(
        connections == 1, seen, figures={"requests": KEEP_ALIVE_READS, "connections": connections}
    )


async def at_once(subject: Subject, connections: int) -> Finding:
    """So many connections opened at the same moment, with one read on each."""
    product_id = await subject.product()
    served_s: list[float] = []
    problems = Problems()
    async with subject.table(connections) as (table, _):
        started_s = time.monotonic()

        async def one() -> None:
            answer = await table.read(product_id)
            if answer.result.outcome is Outcome.ACCEPTED:
                served_s.append(time.monotonic() - started_s)
            else:
                problems.add(answer.result.reason, answer.result.message)

        with anyio.move_on_after(BURST_WITHIN_S):
            async with anyio.create_task_group() as tasks:
                for _ in range(connections):
                    tasks.start_soon(one)
    served, all_served = len(served_s), len(served_s) == connections
    seen = f"all served in {served_s[-1]:.2f} s" if all_served else f"{served:,} served in {BURST_WITHIN_S:g} s"
    seen += "".join(f"; {problem.count:,} × {problem.sentence}" for problem in problems.kinds()[:1])
    figures = {"connections": connections, "served": served, "within_s": served_s[-1] if served_s else 0.0}
    return burst(connections).decided(all_served, seen, "" if all_served else f"{served:,} served", figures)
