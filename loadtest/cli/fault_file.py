"""The faults that a file describes: TOML with a [[fault]] section for each, checked key by key."""

from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from loadtest.cli.folders import LATEST, named, runs_of
from loadtest.cli.scenario import kind_of, nearest, read
from loadtest.errors import UsageError
from loadtest.workload.arrivals import parse_duration
from loadtest.workload.faults import (
    OPERATIONS,
    WRITES,
    AnyFault,
    Delay,
    Distribution,
    DropAnswer,
    Duplicate,
    Error500,
    Exponential,
    Faults,
    Fixed,
    HalfAnswer,
    Lognormal,
    Reset,
    Throttle,
    Uniform,
)

_MOST = 1e9
Check = Callable[[str, Any], Any]


def read_faults(file: Path) -> Faults:
    """The faults of a file of their own, of a scenario of `loadtest run`, or of a stored run.

    UsageError, in words, if it has none.
    """
    if file.is_dir() or file.suffix in (".json", ".jsonl") or file.name == LATEST:
        return _of_run(file)
    try:
        values = read(file)
        if "command" in values:  # a scenario: its other keys are for the command
            if not isinstance(values.get("fault"), list):
                raise UsageError("the scenario has no [[fault]] section")
            return faults(values["fault"])
        for key in values:
            if key not in ("fault", "seed"):
                raise UsageError(f"unknown key {key!r}; {nearest(key, ('fault', 'seed'))}")
        if "fault" not in values:
            raise UsageError("it has no [[fault]] section")
        seed = _seed(values["seed"]) if "seed" in values else None
        return faults(values["fault"], seed)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from error


def _of_run(path: Path) -> Faults:
    from loadtest.cli.reading import plan_of

    run, *_ = runs_of(named([path]))
    try:
        found = msgspec.convert(plan_of(run).get("target", {}).get("faults"), Faults | None)
    except (msgspec.ValidationError, AttributeError) as error:
        raise UsageError(f"{path}: its faults cannot be understood: {error}") from error
    if found is None:
        raise UsageError(f"{path}: no faults were made in that run")
    return found


def faults(sections: Any, seed: int | None = None) -> Faults:
    """The faults of the [[fault]] sections. UsageError says which section cannot be used, and why."""
    if not isinstance(sections, list) or not all(isinstance(section, dict) for section in sections):
        raise UsageError("fault must be a list of tables: write [[fault]] above each")
    if not sections:
        raise UsageError("it has no [[fault]] section")
    found = []
    for number, section in enumerate(sections, 1):
        try:
            found.append(_fault(_plainly(section)))
        except UsageError as error:
            raise UsageError(f"fault {number}: {error}") from error
    return Faults(faults=tuple(found), seed=seed)


def _plainly(section: Mapping[str, Any]) -> dict[str, Any]:
    """The section with `_` in its keys, as options in a scenario may have either."""
    written: dict[str, str] = {}
    for key in section:
        if (before := written.setdefault(key.replace("-", "_"), key)) != key:
            raise UsageError(f"{key!r} and {before!r} are the same key")
    return {name: section[key] for name, key in written.items()}


def _fault(section: dict[str, Any]) -> AnyFault:
    if "kind" not in section:
        raise UsageError(f"it does not say its kind; there are {', '.join(_MAKERS)}")
    kind = section.pop("kind")
    if not isinstance(kind, str):
        raise UsageError(f"kind must be a text, not {kind_of(kind)}")
    if kind not in _MAKERS:
        raise UsageError(f"unknown kind {kind!r}; {nearest(kind, _MAKERS)}")
    default, make = _MAKERS[kind]
    taken = _Section(section)
    common = {
        "rate": taken.take("rate", _rate, 1.0),
        "from_s": taken.take("from", _duration, 0.0),
        "to_s": taken.take("to", _duration, None),
        "operations": taken.take("operations", _operations, default),
    }
    if common["to_s"] is not None and common["to_s"] <= common["from_s"]:
        raise UsageError("to must be later than from")
    made = make(taken, common)
    taken.require_empty(kind)
    return made


class _Section:
    """The keys of one fault that nobody has taken yet."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)
        self._known: list[str] = ["kind"]

    def take(self, key: str, check: Check, *default: Any) -> Any:
        """The checked value of a key; without a default it has to be there."""
        self._known.append(key)
        if key in self._values:
            return check(key, self._values.pop(key))
        if not default:
            raise UsageError(f"it needs {key}")
        return default[0]

    def require_empty(self, kind: str) -> None:
        """UsageError for a key that this kind of fault does not have."""
        for key in self._values:
            raise UsageError(f"unknown key {key!r} for {kind}; {nearest(key, self._known)}")


def _reset(section: _Section, common: dict[str, Any]) -> AnyFault:
    return Reset(**common, when=section.take("when", _one_of("before", "after"), "after"))


def _duplicate(section: _Section, common: dict[str, Any]) -> AnyFault:
    return Duplicate(**common, answer=section.take("answer", _one_of("first", "second"), "second"))


def _throttle(section: _Section, common: dict[str, Any]) -> AnyFault:
    if "GetItem" in common["operations"]:
        raise UsageError("operations of a throttle are writes: it counts write units, and GetItem takes none")
    units = section.take("write_units", _units, 1000.0)
    return Throttle(**common, write_units=units, burst=section.take("burst", _units, units))


def _delay(section: _Section, common: dict[str, Any]) -> AnyFault:
    where = section.take("where", _one_of("request", "answer"), "answer")
    name = section.take("distribution", _one_of(*_DISTRIBUTIONS), "fixed")
    return Delay(**common, where=where, time=_DISTRIBUTIONS[name](section))


def _fixed(section: _Section) -> Distribution:
    return Fixed(section.take("time", _duration))


def _uniform(section: _Section) -> Distribution:
    least_s, most_s = section.take("least", _duration), section.take("most", _duration)
    if most_s < least_s:
        raise UsageError("most must not be shorter than least")
    return Uniform(least_s, most_s)


def _exponential(section: _Section) -> Distribution:
    return Exponential(section.take("mean", _duration))


def _lognormal(section: _Section) -> Distribution:
    median_s, p99_s = section.take("median", _duration), section.take("p99", _duration)
    if not 0 < median_s <= p99_s:
        raise UsageError("median must be longer than 0, and p99 not shorter than it")
    return Lognormal(median_s, p99_s)


def _plain(kind: type[DropAnswer | Error500 | HalfAnswer]) -> Callable[[_Section, dict[str, Any]], AnyFault]:
    return lambda _section, common: kind(**common)


_DISTRIBUTIONS = {"fixed": _fixed, "uniform": _uniform, "exponential": _exponential, "lognormal": _lognormal}
_MAKERS: dict[str, tuple[tuple[str, ...], Callable[[_Section, dict[str, Any]], AnyFault]]] = {
    "drop_answer": (WRITES, _plain(DropAnswer)),
    "error_500": (WRITES, _plain(Error500)),
    "reset": (WRITES, _reset),
    "delay": (OPERATIONS, _delay),
    "throttle": (WRITES, _throttle),
    "duplicate": (WRITES, _duplicate),
    "half_answer": (WRITES, _plain(HalfAnswer)),
}


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise UsageError("seed must be a whole number from 0 to 18,446,744,073,709,551,615")
    return value


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{key} must be a number, not {kind_of(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise UsageError(f"{key} must be a number that is finite and not huge")
    return number


def _rate(key: str, value: Any) -> float:
    number = _number(key, value)
    if not 0 <= number <= 1:
        raise UsageError(f"{key} must be from 0 to 1, not {number:g}")
    return number


def _units(key: str, value: Any) -> float:
    number = _number(key, value)
    if not 0 < number <= _MOST:
        raise UsageError(f"{key} must be above 0 and at most {_MOST:,.0f}, not {number:g}")
    return number


def _text(key: str, value: Any, example: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{key} must be a text like {example!r}, not {kind_of(value)}")
    return value


def _duration(key: str, value: Any) -> float:
    """Seconds of a text like 20ms, or of a number of them."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = f"{_number(key, value):.9g}" if number else _text(key, value, "20ms")
    try:
        return parse_duration(text)
    except UsageError as error:
        raise UsageError(f"{key}: {error}") from error


def _one_of(*names: str) -> Check:
    def check(key: str, value: Any) -> str:
        if _text(key, value, names[0]) not in names:
            raise UsageError(f"{key} must be one of {', '.join(names)}, not {value!r}")
        return str(value)

    return check


def _operations(key: str, value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names:
        raise UsageError(f"{key} must be a list of operations, not {kind_of(value) if value != [] else 'an empty one'}")
    for name in names:
        if not isinstance(name, str):
            raise UsageError(f"{key} must be a list of texts, not of {kind_of(name)}")
        if name not in OPERATIONS:
            raise UsageError(f"unknown operation {name!r}; {nearest(name, OPERATIONS)}")
    return tuple(dict.fromkeys(names))
