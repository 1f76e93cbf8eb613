"""DynamoDB's condition and update expressions, as far as this tool writes them.

Conditions: comparisons, `attribute_exists`, `attribute_not_exists`, `NOT`, `AND`, `OR` and parentheses. Updates: `SET`
of attributes to a value, an attribute, `if_not_exists`, or the sum or difference of two of these; `REMOVE`.
Anything else is a ValueError: a test's server must not guess.
"""

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

Value = dict[str, Any]
Item = dict[str, Value]
Condition = Callable[[Item, Item], bool]  # of an item and the request's values
Update = Callable[[Item, Item], Item]  # the item that it makes of them
_Operand = Callable[[Item, Item], Value | None]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>+\-(),]|:\w+|\w+)")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@lru_cache
def condition(text: str) -> Condition:
    """What decides whether an item meets the condition; an item that is not there is an empty one."""
    parser = _Parser(text)
    found = parser.either()
    parser.end()
    return found


@lru_cache
def update(text: str) -> Update:
    """What makes the new item; each part is computed from the item as it was."""
    parser = _Parser(text)
    sets: list[tuple[str, _Operand]] = []
    removed: list[str] = []
    while parser.token:
        section = parser.take().upper()
        while True:
            name = parser.take()
            if section == "SET":
                parser.expect("=")
                sets.append((name, parser.sum()))
            elif section == "REMOVE":
                removed.append(name)
            else:
                raise ValueError(f"an update section {section}")
            if not parser.skip(","):
                break

    def apply(item: Item, values: Item) -> Item:
        made = {name: operand(item, values) for name, operand in sets}
        whole = {**item, **{name: value for name, value in made.items() if value is not None}}
        return {name: value for name, value in whole.items() if name not in removed}

    return apply


@lru_cache
def names(text: str) -> tuple[str, ...]:
    """The attributes that an update sets."""
    return tuple(re.findall(r"(\w+) = ", text))


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._at = 0
        if "".join(self._tokens) != "".join(text.split()):
            raise ValueError(f"an expression with something else in it: {text}")

    @property
    def token(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self) -> str:
        token = self.token
        self._at += 1
        return token

    def skip(self, word: str) -> bool:
        if self.token.upper() != word:
            return False
        self._at += 1
        return True

    def expect(self, word: str) -> None:
        if not self.skip(word):
            raise ValueError(f"{word} expected where {self.token!r} stands")

    def end(self) -> None:
        if self.token:
            raise ValueError(f"{self.token!r} after the end of an expression")

    def either(self) -> Condition:
        left = self._both()
        while self.skip("OR"):
            left = _or(left, self._both())
        return left

    def _both(self) -> Condition:
        left = self._one()
        while self.skip("AND"):
            left = _and(left, self._one())
        return left

    def _one(self) -> Condition:
        if self.skip("NOT"):
            inner = self._one()
            return lambda item, values: not inner(item, values)
        if self.skip("("):
            inner = self.either()
            self.expect(")")
            return inner
        if self.token in ("attribute_exists", "attribute_not_exists"):
            wanted = self.take() == "attribute_exists"
            self.expect("(")
            name = self.take()
            self.expect(")")
            return lambda item, values: (name in item) is wanted
        left, sign, right = self._operand(), self.take(), self._operand()
        return _comparison(left, _COMPARISONS[sign], right)

    def sum(self) -> _Operand:
        left = self._operand()
        for sign, factor in (("+", 1), ("-", -1)):
            if self.skip(sign):
                return _sum(left, self._operand(), factor)
        return left

    def _operand(self) -> _Operand:
        word = self.take()
        if word.startswith(":"):
            return lambda item, values: values[word]
        if word != "if_not_exists":
            return lambda item, values: item.get(word)
        self.expect("(")
        name = self.take()
        self.expect(",")
        other = self.sum()
        self.expect(")")
        return lambda item, values: item.get(name) or other(item, values)


def _or(left: Condition, right: Condition) -> Condition:
    return lambda item, values: left(item, values) or right(item, values)


def _and(left: Condition, right: Condition) -> Condition:
    return lambda item, values: left(item, values) and right(item, values)


def _comparison(left: _Operand, compare: Callable[[Any, Any], bool], right: _Operand) -> Condition:
    def holds(item: Item, values: Item) -> bool:
        a, b = left(item, values), right(item, values)
        if a is None or b is None or a.keys() != b.keys():
            return compare is operator.ne
        return compare(_plain(a), _plain(b))

    return holds


def _sum(left: _Operand, right: _Operand, factor: int) -> _Operand:
    def value(item: Item, values: Item) -> Value:
        a, b = left(item, values), right(item, values)
        if a is None or b is None:
            raise ValueError("an operand that is not in the item")
        return {"N": str(int(a["N"]) + factor * int(b["N"]))}

    return value


def _plain(value: Value) -> Any:
    ((kind, inner),) = value.items()
    return int(inner) if kind == "N" else inner
