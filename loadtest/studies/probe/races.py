"""The canary: many short races for one item, in each of which at most one write may win."""

import time
from collections.abc import Awaitable, Callable, Sequence

import anyio
from msgspec import Struct, field

from loadtest.checker.power import excluded
from loadtest.dynamodb.table import Answer
from loadtest.events import Outcome, Product
from loadtest.records.problems import Problems
from loadtest.studies.probe.findings import Finding, Shown
from loadtest.studies.probe.questions import Question

RACERS = 4
FEWEST = 10  # races, or reads: with fewer, up to 30 % could show a fault and none be seen
PATIENCE_S = 10.0  # at most, for a server so slow that the fewest are not done within their limit
_HOPELESS = 5  # races from the start that nobody won: the others would be no different

Attempt = Callable[[int, int, int], Awaitable[Answer]]
Read = Callable[[], Awaitable[Product | None]]


class Races(Struct):
    """What the races showed.

    `decided` races had a winner. In `contested` ones of these another write was in flight at the same time as the
    winner's, so that two could have won. `doubled` are races with two winners or more: `by_answers` more than one
    write was accepted, `by_state` the item's version rose by more than one.
    """

    run: int = 0
    decided: int = 0
    contested: int = 0
    doubled: int = 0
    by_answers: int = 0
    by_state: int = 0
    problems: Problems = field(default_factory=Problems)

    def add(self, answers: Sequence[Answer], rise: int) -> None:
        """One race: the answers to its writes, and by how much the item's version rose."""
        winners = [answer for answer in answers if answer.result.outcome is Outcome.ACCEPTED]
        self.run += 1
        self.decided += bool(winners) or rise > 0
        self.contested += any(_overlap(winner, other) for winner in winners for other in answers if other is not winner)
        self.by_answers += len(winners) > 1
        self.by_state += rise > 1
        self.doubled += len(winners) > 1 or rise > 1
        for result in (answer.result for answer in answers if answer.result.message):
            self.problems.add(result.reason, result.message)

    @property
    def hopeless(self) -> bool:
        """Whether it is no use to go on."""
        return self.run >= _HOPELESS and not self.decided


def _overlap(one: Answer, other: Answer) -> bool:
    """Whether both were in flight at one moment; a write that surely was not applied is no rival."""
    if other.result.outcome in (Outcome.THROTTLED, Outcome.FAILED):
        return False
    return one.stamps.sent_ns < other.stamps.received_ns and other.stamps.sent_ns < one.stamps.received_ns


async def hold(attempt: Attempt, read: Read, most: int, within_s: float) -> Races:
    """Hold races one after the other, at most `most`, and begin none after `within_s` unless too few were contested.

    `attempt` is called with racer, number of the race and the version that must be in the item; it must raise the
    version by one. `read` is a consistent read.
    """
    races = Races()
    first = await read()
    version = first.version if first else 0
    started_s = time.monotonic()
    while races.run < most and not races.hopeless:
        if time.monotonic() > started_s + (within_s if races.contested >= FEWEST else PATIENCE_S):
            break
        answers = await _race(attempt, races.run + 1, version)
        left = await read()
        reached = max(version, left.version if left else 0)  # a stale read must not pass for a version won anew
        races.add(answers, reached - version)
        version = reached
    return races


async def _race(attempt: Attempt, number: int, version: int) -> list[Answer]:
    answers: list[Answer] = []

    async def racer(place: int) -> None:
        answers.append(await attempt(place, number, version))

    async with anyio.create_task_group() as tasks:
        for place in range(RACERS):
            tasks.start_soon(racer, place)
    return answers


def finding(question: Question, races: Races) -> Finding:
    """What the races say about atomicity: a double win is proof, its absence is not."""
    figures: dict[str, float] = {
        "races": races.run,
        "contested": races.contested,
        "doubled": races.doubled,
        "doubled_by_answers": races.by_answers,
        "doubled_by_state": races.by_state,
    }
    if races.doubled:
        seen = f"two winners: {races.by_answers:,} by the answers, {races.by_state:,} by the item's version"
        return question.answered(Shown.NO, seen, f"{races.doubled:,} of {races.decided:,} races", figures)
    if races.contested < FEWEST:
        return question.answered(Shown.NOT_SHOWN, _why_not(races), figures=figures)
    bound = excluded(races.contested)
    seen = f"at 95 % fewer than {bound:.2%} of such races, {RACERS} writes each, have two winners"
    figures["excluded_rate"] = bound
    return question.answered(Shown.YES, seen, f"0 of {races.contested:,} races", figures)


def _why_not(races: Races) -> str:
    if races.decided:
        return f"only in {races.contested:,} of {races.run:,} races two writes could have won"
    common = "".join(f" ({problem.message})" for problem in races.problems.kinds()[:1])
    return f"nobody won in {races.run:,} races{common}"
