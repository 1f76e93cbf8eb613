"""The canary's counting: what is a double win, what is a chance to see one, and what a slow or lying server is not."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.dynamodb.table import Answer, Stamps
from loadtest.events import ACCEPTED, Outcome, Product, Result
from loadtest.studies.probe.findings import Finding, Shown
from loadtest.studies.probe.judgement import judge
from loadtest.studies.probe.questions import (
    ALL_OLD,
    CONDITIONAL,
    CONSISTENT_READS,
    TRANSACTION_ATOMIC,
    Question,
)
from loadtest.studies.probe.races import Races, finding, hold

REFUSED = Result(Outcome.REJECTED, "conflict")
LOST = Result(Outcome.UNKNOWN, "ReadTimeoutError", "no answer in time")
THROTTLED = Result(Outcome.THROTTLED, "ThrottlingException", "slow down")


def answer(result: Result, sent_ns: int = 0, received_ns: int = 10) -> Answer:
    return Answer(result, None, Stamps(sent_ns, received_ns, received_ns))


@pytest.mark.parametrize(
    ("answers", "rise", "counts"),
    [
        pytest.param([answer(ACCEPTED), answer(REFUSED)], 1, (1, 1, 0, 0), id="one winner"),
        pytest.param([answer(ACCEPTED), answer(ACCEPTED)], 1, (1, 1, 1, 0), id="two told so, one lost"),
        pytest.param([answer(ACCEPTED), answer(ACCEPTED)], 2, (1, 1, 1, 1), id="two winners"),
        pytest.param([answer(ACCEPTED), answer(LOST)], 2, (1, 1, 0, 1), id="a lost answer won as well"),
        pytest.param([answer(ACCEPTED), answer(LOST)], 1, (1, 1, 0, 0), id="a lost answer that may have lost"),
        pytest.param([answer(LOST), answer(REFUSED)], 1, (1, 0, 0, 0), id="the winner's answer was lost"),
        pytest.param([answer(REFUSED), answer(REFUSED)], 0, (0, 0, 0, 0), id="nobody won"),
        pytest.param([answer(ACCEPTED), answer(THROTTLED)], 1, (1, 0, 0, 0), id="the rival was throttled"),
        pytest.param([answer(ACCEPTED), answer(REFUSED, 10, 20)], 1, (1, 0, 0, 0), id="the rival came later"),
        pytest.param([answer(ACCEPTED, 10, 20), answer(REFUSED, 0, 10)], 1, (1, 0, 0, 0), id="the rival came earlier"),
    ],
)
def test_what_counts_as_what(answers: list[Answer], rise: int, counts: tuple[int, ...]) -> None:
    races = Races()
    races.add(answers, rise)
    assert (races.decided, races.contested, races.by_answers, races.by_state) == counts
    assert races.doubled == (counts[2] or counts[3])


@given(seed=st.integers(0, 2**32), lost=st.sampled_from([0.0, 0.3, 1.0]), stale=st.sampled_from([0.0, 0.5, 1.0]))
async def test_an_atomic_item_never_has_two_winners_whatever_is_lost_stale_or_late(
    seed: int, lost: float, stale: float
) -> None:
    random = Random(seed)
    versions = [1]
    late: list[int] = []

    def apply(version: int) -> Result:
        if version != versions[-1]:
            return REFUSED
        versions.append(version + 1)
        return ACCEPTED

    async def attempt(_racer: int, _race: int, version: int) -> Answer:
        if random.random() < lost:
            late.append(version)
            return answer(LOST)
        return answer(apply(version))

    async def read() -> Product | None:
        while late and random.random() < 0.5:
            apply(late.pop())
        if random.random() < 0.1:
            return None
        shown = random.choice(versions) if random.random() < stale else versions[-1]
        return Product("p", "p", 1, shown)

    assert (await hold(attempt, read, 20, 60)).doubled == 0


@pytest.mark.parametrize(("overlapped", "expected"), [(0, Shown.NOT_SHOWN), (9, Shown.NOT_SHOWN), (10, Shown.YES)])
def test_a_canary_in_which_too_few_overlapped_shows_nothing(overlapped: int, expected: Shown) -> None:
    races = Races()
    for number in range(20):
        races.add([answer(ACCEPTED), answer(REFUSED, 5 if number < overlapped else 10, 20)], 1)
    assert finding(CONDITIONAL, races).answer is expected


def test_what_a_canary_excludes_is_the_exact_bound() -> None:
    found = finding(CONDITIONAL, Races(run=30, decided=30, contested=30))
    assert found.figures["excluded_rate"] == pytest.approx(1 - 0.05 ** (1 / 30))
    assert "fewer than 9.50% of such races" in found.seen


def test_what_went_wrong_is_said_where_nobody_won() -> None:
    nobody = Races()
    nobody.add([answer(LOST), answer(LOST)], 0)
    assert "no answer in time" in finding(CONDITIONAL, nobody).seen


def given_answers(**answers: Shown) -> list[Finding]:
    questions: dict[str, Question] = {
        "conditional": CONDITIONAL,
        "transactions": TRANSACTION_ATOMIC,
        "reads": CONSISTENT_READS,
        "all_old": ALL_OLD,
    }
    figures = {"contested": 300.0, "reads": 200.0}
    return [questions[name].answered(shown, "seen", "basis", figures) for name, shown in answers.items()]


YES, NO, NOT_SHOWN = Shown.YES, Shown.NO, Shown.NOT_SHOWN


@pytest.mark.parametrize(
    ("findings", "stopped_by", "fit", "part"),
    [
        (given_answers(conditional=YES, transactions=YES, reads=YES), None, True, "300 races, no stale read in 200"),
        (given_answers(conditional=YES, transactions=NOT_SHOWN, reads=YES, all_old=NO), None, True, "fit to judge"),
        (given_answers(conditional=NO, transactions=YES, reads=YES), None, False, "UpdateItem is not atomic (basis)"),
        (given_answers(conditional=YES, transactions=NO, reads=YES), None, False, "TransactWriteItems is not atomic"),
        (given_answers(conditional=YES, transactions=YES, reads=NO), None, False, "reads are stale"),
        (given_answers(conditional=NOT_SHOWN, reads=YES), None, None, "not shown (seen)"),
        (given_answers(conditional=YES, reads=NOT_SHOWN), None, None, "not shown (seen)"),
        (given_answers(conditional=YES), "SIGINT", None, "stopped by SIGINT"),
        (given_answers(conditional=NO), "SIGINT", False, "not fit to judge"),
    ],
)
def test_the_judgement(findings: list[Finding], stopped_by: str | None, fit: bool | None, part: str) -> None:
    judged, sentence = judge(findings, stopped_by)
    assert judged is fit
    assert part in sentence
