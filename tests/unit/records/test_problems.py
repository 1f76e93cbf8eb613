"""Which messages are one kind of problem, and how many kinds there can be."""

import pytest

from loadtest.records.problems import Problem, Problems


def counted(*problems: tuple[str, str]) -> list[Problem]:
    found = Problems()
    for reason, message in problems:
        found.add(reason, message)
    return found.kinds()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "Checksum crc32 failed, expected checksum 12345 did not match calculated checksum 683011312.",
            "Checksum crc32 failed, expected checksum 99 did not match calculated checksum 3059076726.",
        ),
        (
            "request 6f9619ff-8b86-d011-b42d-00cf4fc964ff was lost",
            "request 0e02b2c3-11aa-4dd2-9f00-1a2b3c4d5e6f was lost",
        ),
        ("Too many; RequestId: 2ASD8K1LQ", "Too many; RequestId: 9KDA11PQX"),
        ("cannot reach ('10.0.0.1', 51234)", "cannot reach ('10.0.0.27', 8000)"),
        ("Signature expired: 20261130T071000Z is now earlier", "Signature expired: 20261130T071002Z is now earlier"),
        ("product 'p#4' is not in the table", "product 'p#5' is not in the table"),
    ],
)
def test_messages_that_differ_in_numbers_or_ids_are_one_kind_with_the_first_whole(first: str, second: str) -> None:
    (problem,) = counted(("Coffee", first), ("Coffee", second), ("Coffee", first))
    assert problem == Problem(3, "Coffee", first, varied=True)
    assert problem.sentence.startswith(first)
    assert problem.sentence != first


def test_the_same_message_is_one_kind_and_said_as_it_is() -> None:
    (problem,) = counted(*[("Coffee", "no coffee in 5 minutes")] * 7)
    assert problem == Problem(7, "Coffee", "no coffee in 5 minutes", varied=False)
    assert problem.sentence == "no coffee in 5 minutes"


def test_other_words_or_another_reason_are_another_kind_and_the_commonest_comes_first() -> None:
    problems = [
        ("A", "no milk in 1 s"),
        ("A", "no tea in 1 s"),
        ("B", "no tea in 1 s"),
        ("B", "no tea in 2 s"),
        ("C", ""),
    ]
    assert [(each.count, each.reason, each.message) for each in counted(*problems)] == [
        (2, "B", "no tea in 1 s"),
        (1, "A", "no milk in 1 s"),
        (1, "A", "no tea in 1 s"),
        (1, "C", "C"),
    ]


def word(number: int) -> str:
    """A word without a digit for each number."""
    return "".join(chr(97 + int(digit)) for digit in str(number))


def test_a_server_that_words_everything_anew_makes_no_more_than_eleven_kinds_of_a_reason() -> None:
    kinds = counted(*(("A", f"no {word(number)}") for number in range(1000)))
    assert len(kinds) == 11
    assert (kinds[0].count, kinds[0].varied) == (990, True)


def test_a_server_with_a_code_of_its_own_for_everything_makes_no_more_than_fifty_one_kinds() -> None:
    kinds = counted(*((f"Code{number}", f"Code{number}: {word(number)}") for number in range(1000)))
    assert len(kinds) == 51
    assert sum(kind.count for kind in kinds) == 1000


def test_a_long_message_without_blanks_is_read_in_no_time() -> None:
    (problem,) = counted(("A", "x" * 1_000_000))  # a pattern that begins anew at each letter would take hours
    assert problem.count == 1
