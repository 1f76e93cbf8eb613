import pytest

from loadtest.events import Event, Outcome, RoundEnded
from tests.helpers.shop_events import Fate, Shop, judge, one_round
from tests.unit.checker.doctored_rounds import ODD_ONE_LEFT, PLENTY, RACE, change, end_with, told


def rounds_with_winners(*winners: int) -> list[Event]:
    shop = Shop(winners[0])
    for stock in winners:
        shop.refill(stock)
        shop.round("conditional", (1, 1, 1))
    return shop.events


def with_one_unknown(strategy: str = "version", fate: Fate = Fate.ANSWER_LOST) -> list[Event]:
    shop = Shop()
    fates = iter([fate])
    shop.round(strategy, (1, 1, 1), decide=lambda: next(fates, Fate.ANSWERED))
    return shop.events


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        pytest.param(RACE, "1 of 3 orders won the last item; 2 were rejected: safe", id="stock 1"),
        pytest.param(
            one_round(stock=1, units=(1, 1)), "1 of 2 orders won the last item; 1 was rejected: safe", id="one loser"
        ),
        pytest.param(one_round(units=(1,)), "1 of 1 order won the last item; 0 were rejected: safe", id="no loser"),
        pytest.param(
            one_round("conditional", units=(1,) * 2000),
            "1 of 2,000 orders won the last item; 1,999 were rejected: safe",
            id="thousands",
        ),
        pytest.param(PLENTY, "1 of 3 orders won from a stock of 5; 2 were rejected: safe", id="stock 5"),
        pytest.param(
            ODD_ONE_LEFT, "2 of 3 orders won 2 units each from a stock of 5; 1 was rejected: safe", id="units"
        ),
        pytest.param(
            rounds_with_winners(1, 1, 1),
            "in each of 3 rounds 1 of 3 orders won the last item; in all 6 were rejected: safe",
            id="many rounds",
        ),
        pytest.param(
            rounds_with_winners(2, 1, 2),
            "3 rounds of 3 orders: 1 winner in 1, 2 winners in 2; in all 4 were rejected: safe",
            id="rounds that differ",
        ),
        pytest.param(
            with_one_unknown(),
            "1 of 3 orders won the last item; 2 were rejected, 1 is unknown (1 reconciled as accepted): safe",
            id="unknown and reconciled",
        ),
        pytest.param(
            with_one_unknown("conditional", Fate.REQUEST_LOST),
            "1 of 3 orders won the last item; 1 was rejected, 1 is unknown: inconclusive "
            "(1 order of round 1 may or may not have been applied)",
            id="unknown",
        ),
        pytest.param(
            [*with_one_unknown("conditional", Fate.REQUEST_LOST)[:-1], RoundEnded(1, "p#4", None, 99)],
            "1 of 3 orders won the last item; 1 was rejected, 1 is unknown: inconclusive "
            "(the stock after round 1 could not be read, and 1 more reason)",
            id="two reasons",
        ),
        pytest.param(
            change(told(Outcome.REJECTED), outcome=Outcome.THROTTLED)(
                change(told(Outcome.REJECTED), outcome=Outcome.FAILED)(RACE)
            ),
            "1 of 3 orders won the last item; 0 were rejected, 1 was throttled, 1 failed: safe",
            id="throttled and failed",
        ),
        pytest.param(
            end_with(quantity=1)(RACE),
            "1 of 3 orders won the last item; 2 were rejected: violated "
            "(1 unit was accepted, but the stock fell by 0, and 1 more violation)",
            id="violated",
        ),
        pytest.param(
            end_with(quantity=-1)(RACE),
            "1 of 3 orders won the last item; 2 were rejected: violated "
            "(the stock fell by 2, but only 1 unit was accepted, and 2 more violations)",
            id="violated twice",
        ),
    ],
)
def test_the_verdict_is_said_in_one_sentence(events: list[Event], sentence: str) -> None:
    assert judge(events).sentence == sentence
