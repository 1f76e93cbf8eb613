"""Is a small history one of a register? By trying every order: to hold exports against, not to be fast."""

from collections.abc import Iterable, Sequence
from typing import Any

import edn_format
from msgspec import Struct

Key = tuple[str, str]  # the product, and `version` or `quantity`


class Op(Struct, frozen=True):
    """An operation as the checker sees it: places in the history. `ended` is None if nobody knows whether it was."""

    f: str
    value: Any
    began: int
    ended: int | None


def parsed(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The maps of an export, read by an EDN parser."""
    return [{key.name: _plain(value) for key, value in edn_format.loads(line).items()} for line in lines]


def _plain(value: Any) -> Any:
    if isinstance(value, edn_format.Keyword):
        return value.name
    return tuple(_plain(each) for each in value) if isinstance(value, edn_format.ImmutableList) else value


def histories(ops: Sequence[dict[str, Any]]) -> dict[Key, list[Op]]:
    """Beginnings and ends paired by process, and split by key. A process does one thing at a time."""
    found: dict[Key, list[Op]] = {}
    under_way: dict[int, dict[str, Any]] = {}
    for op in ops:
        if op["type"] == "invoke":
            assert op["process"] not in under_way
            under_way[op["process"]] = op
            continue
        began = under_way[op["process"]] if op["type"] == "info" else under_way.pop(op["process"])
        assert (began["f"], began["value"][0]) == (op["f"], op["value"][0])
        if op["type"] == "fail":
            assert began["value"] == op["value"]
        else:
            key, value = op["value"]
            ended = op["index"] if op["type"] == "ok" else None
            found.setdefault(key, []).append(Op(op["f"], value, began["index"], ended))
    return found


def explained(lines: Iterable[str]) -> bool:
    """Whether every register of an export is one."""
    return all(linearizable(ops) for ops in histories(parsed(lines)).values())


def linearizable(ops: Sequence[Op]) -> bool:
    """Whether the operations fit into one order that a register could have gone through, and that real time allows."""
    tried: set[tuple[frozenset[int], int | None]] = set()
    ahead: list[tuple[frozenset[int], int | None]] = [(frozenset(range(len(ops))), None)]
    while ahead:
        left, state = place = ahead.pop()
        ends = [ended for n in left if (ended := ops[n].ended) is not None]
        if not ends:
            return True
        if place not in tried:
            tried.add(place)
            ahead += [
                (left - {n}, _after(ops[n], state)) for n in left if ops[n].began < min(ends) and _may(ops[n], state)
            ]
    return False


def _may(op: Op, state: int | None) -> bool:
    if op.f == "read":
        return op.value in (None, state)
    if op.f == "cas":
        return bool(op.value[0] == state)
    return op.f != "decrement" or (state is not None and state >= op.value)


def _after(op: Op, state: int | None) -> int | None:
    match op.f:
        case "write":
            return int(op.value)
        case "cas":
            return int(op.value[1])
        case "decrement":
            return (state or 0) - int(op.value)
        case "increment":
            return (state or 0) + int(op.value)
    return state
