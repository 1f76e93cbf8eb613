import json

import pytest

from loadtest.system.foreign_text import clean, escaped, visible

SHOWN = {
    "p#4, 30 €, naïve, 漢字, ❤️": "p#4, 30 €, naïve, 漢字, ❤️",
    "\x1b[31mred\x07": r"\x1b[31mred\x07",
    "\x9b2J\x7f\x00": r"\x9b2J\x7f\x00",
    "safe\r\nsafe\u2028\x85": r"safe\r\nsafe\u2028\x85",
    "\u202eevil\u2066\u200f": r"\u202eevil\u2066\u200f",
    "a\u200bb\ufeff\u3164\u2060": r"a\u200bb\ufeff\u3164\u2060",
    "\ud800 \U000e0041": r"\ud800 \U000e0041",
    "\\x1b": "\\x1b",
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.items(), ids=map(ascii, SHOWN))
def test_every_character_is_seen(text: str, shown: str) -> None:
    assert clean(text) == visible(text) == shown
    assert shown.isprintable()
    shown.encode()


def test_length_is_bounded_before_and_after_escaping() -> None:
    assert clean("x" * 200) == "x" * 200
    assert clean("x" * 10**7) == "x" * 200 + "…"
    assert clean("\x1b" * 10**7, 40) == r"\x1b" * 10 + "…"


def test_anything_has_a_text() -> None:
    assert clean(ValueError("a\nb")) == r"a\nb"
    assert clean({"N": None}) == "{'N': None}"


def test_line_breaks_may_be_kept() -> None:
    assert visible("a\nb\tc\x1b", keep="\n\t") == "a\nb\tc\\x1b"


@pytest.mark.parametrize("text", SHOWN, ids=map(ascii, SHOWN))
def test_json_is_read_back_as_it_was(text: str) -> None:
    encoded = escaped(json.dumps(text, ensure_ascii=False))
    assert encoded.isprintable()
    assert json.loads(encoded) == text
