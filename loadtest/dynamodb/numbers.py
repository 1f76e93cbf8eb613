"""Numbers as DynamoDB has them, before anything is made of their text.

An exponent of seven digits is a few bytes on the wire and minutes of arithmetic that no signal ends. Source: "Number"
in "Supported data types and naming rules" of the developer guide.
"""

import re
from decimal import Decimal

LARGEST = (1 << 62) - 1  # the difference of two is a number of 64 bits, as events and reports have them
_NUMBER = re.compile(r"[+-]?(?P<whole>[0-9]{0,200})(?:\.(?P<fraction>[0-9]{0,200}))?(?:[Ee][+-]?[0-9]{1,3})?")
_DIGITS = 38
_LEAST, _MOST = -130, 125  # powers of ten
_FEW = 18  # digits, of which any number is small enough


def number(text: str) -> Decimal:
    """The value of an N attribute. ValueError, in words that follow "which is", for what is none.

    ASCII digits with or without a sign, a fraction and an exponent; 38 of them may count, and the magnitude is from
    1E-130 to 9.99…E+125.
    """
    found = _NUMBER.fullmatch(text)
    if found is None or not (digits := found["whole"] + (found["fraction"] or "")):
        raise ValueError("no number")
    value = Decimal(text)
    if len(digits.strip("0")) > _DIGITS or (value and not _LEAST <= value.adjusted() <= _MOST):
        raise ValueError("no number that DynamoDB has")
    return value


def whole(text: str) -> int:
    """The value of an N attribute that counts. ValueError, alike, if it is no whole number or beyond `LARGEST`.

    A server may write 1 as 1.0 or 1E+0.
    """
    if len(text) <= _FEW and text.isascii() and text.isdecimal():  # nearly all
        return int(text)
    value = number(text)
    if value != value.to_integral_value():
        raise ValueError("no whole number")
    if not -LARGEST <= value <= LARGEST:
        raise ValueError(f"beyond what can be counted, {LARGEST:,}")
    return int(value)
