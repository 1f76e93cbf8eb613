from decimal import Decimal

import pytest

from loadtest.dynamodb.numbers import LARGEST, number, whole
from loadtest.workload.arrivals import parse_number

NO_NUMBERS = ["", "x", "-", ".", "E5", "1E", "1E+9999999", "1E1000", "1_000", " 5", "5 ", "５", "٣", "²", "0x10", "NaN",
              "sNaN", "Infinity", "-inf", "1,5", "5\n", "1" * 5_000, "0." + "0" * 5_000 + "1"]  # fmt: skip
TOO_MUCH = ["1E+126", "-1E126", "1E-131", "1" * 39, "1." + "1" * 38, "1E+999"]


@pytest.mark.parametrize("text", NO_NUMBERS, ids=lambda text: ascii(text)[:20])
def test_what_is_no_number_is_not_converted(text: str) -> None:
    for read in (number, whole):
        with pytest.raises(ValueError, match=r"^no number$"):
            read(text)


@pytest.mark.parametrize("text", TOO_MUCH)
def test_numbers_end_where_those_of_dynamodb_do(text: str) -> None:
    with pytest.raises(ValueError, match=r"^no number that DynamoDB has$"):
        number(text)


@pytest.mark.parametrize("text", ["9.9999999999999999999999999999999999999E+125", "-1E-130", "1" * 38, "0E-130", "0"])
def test_dynamodbs_own_are_numbers(text: str) -> None:
    assert number(text) == Decimal(text)


@pytest.mark.parametrize("text", [str(LARGEST + 1), str(-LARGEST - 1), "1E+100", "1" * 38, "4611686018427387904.0"])
def test_what_events_have_no_room_for_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^beyond what can be counted"):
        whole(text)


@pytest.mark.parametrize("text", ["١", "１", "1٫5", "x", ""])
def test_an_option_is_in_ascii(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|convert"):
        parse_number(text)
