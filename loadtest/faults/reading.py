"""The faults that a file describes: TOML with a [[fault]] section for each.

What a fault may say is decided by the types of `loadtest.workload.faults`, which msgspec checks. Here the keys of a
section become their fields, and what msgspec says of a field becomes a line about that key.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec.structs import fields

from loadtest.errors import UsageError, nearest
from loadtest.system.toml_file import kind_of
from loadtest.workload.arrivals import parse_duration
from loadtest.workload.faults import OPERATIONS, AnyFault, Delay, Distribution, Faults, Fixed

_SECONDS = {key: f"{key}_s" for key in ("from", "to", "time", "least", "most", "mean", "median", "p99")}
_KEYS = {field: key for key, field in _SECONDS.items()}
_KINDS = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyFault)}
_DISTRIBUTIONS = {str(shape.__struct_config__.tag): shape for shape in get_args(Distribution)}
_FIELDS_OF_TIME = {field.name for shape in _DISTRIBUTIONS.values() for field in fields(shape)}
_CHOICES = {
    field.name: get_args(field.type)
    for kind in _KINDS.values()
    for field in fields(kind)
    if get_origin(field.type) is Literal
} | {"kind": _KINDS, "distribution": _DISTRIBUTIONS, "operations": OPERATIONS}
_MOST_SEED = 2**64 - 1  # msgspec bounds whole numbers by 63 bits
_TYPES = {"str": "a text", "float": "a number", "array": "a list"}
_BOUNDS = {">=": "at least", "<=": "at most", ">": "above"}
_PLACE = re.compile(r" - at `\$\.(?P<path>.+)`$")
_WRONG_TYPE = re.compile(r"Expected `(?P<type>\w+)`, got")
_WRONG_SIZE = re.compile(r"Expected `float` (?P<bound>\S+) (?P<limit>\S+)$")
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`$")


def faults_in(values: Mapping[str, Any]) -> Faults:
    """The faults of a whole file: of faults only, or a scenario with [[fault]] sections. UsageError if it has none."""
    if "command" in values:  # a scenario: its other keys are for the command
        if not isinstance(values.get("fault"), list):
            raise UsageError("the scenario has no [[fault]] section")
        return faults(values["fault"])
    for key in values:
        if key not in ("fault", "seed"):
            raise UsageError(f"unknown key {key!r}; {nearest(key, ('fault', 'seed'))}")
    if "fault" not in values:
        raise UsageError("it has no [[fault]] section")
    return faults(values["fault"], _seed(values["seed"]) if "seed" in values else None)


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
    if unknown := next((key for key in section if key in _KEYS), None):
        raise _unknown(unknown, section)
    values = {
        _SECONDS.get(key, key): _seconds(key, value) if key in _SECONDS else value for key, value in section.items()
    }
    if isinstance(values.get("operations"), str):
        values["operations"] = [values["operations"]]
    if section.get("kind") == "delay":
        of_time = {field: values.pop(field) for field in _FIELDS_OF_TIME if field in values}
        values["time"] = {"distribution": values.pop("distribution", "fixed"), **of_time}
    if "write_units" in values:
        values.setdefault("burst", values["write_units"])
    try:
        fault: AnyFault = msgspec.convert(values, AnyFault)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), section) from error
    return fault


def _seconds(key: str, value: Any) -> float:
    """Seconds of a text like 20ms, or of a number of them."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{key} must be a text like '20ms', not {kind_of(value)}")
    try:
        return parse_duration(value if isinstance(value, str) else f"{value:.9g}")
    except OverflowError as error:  # an integer of hundreds of digits
        raise UsageError(f"{key} is too large a number") from error
    except UsageError as error:
        raise UsageError(f"{key}: {error}") from error


def _refusal(said: str, section: Mapping[str, Any]) -> UsageError:
    """What msgspec said of a section's fields, about its keys and in TOML's words."""
    place = _PLACE.search(said)
    field, _, item = (place["path"].rpartition(".")[2] if place else "").partition("[")
    said = said[: place.start()] if place else said
    if missing := _MISSING.match(said):
        if missing["field"] == "kind":
            return UsageError(f"it does not say its kind; there are {', '.join(_KINDS)}")
        return UsageError(f"it needs {_KEYS.get(missing['field'], missing['field'])}")
    if said.startswith("Object contains unknown field"):
        return _unknown(next(key for key in section if key not in _known(section)), section)
    key = _KEYS.get(field, field)
    value = section.get(key)
    if item and isinstance(value, list):
        return UsageError(_of_value(said, key, value[int(item[:-1])], f"each of {key}"))
    return UsageError(_of_value(said, key, value, key))


def _of_value(said: str, key: str, value: Any, subject: str) -> str:
    if wrong := _WRONG_TYPE.match(said):
        return f"{subject} must be {_TYPES[wrong['type']]}, not {kind_of(value)}"
    if wrong := _WRONG_SIZE.match(said):
        return f"{key} must be {_BOUNDS[wrong['bound']]} {float(wrong['limit']):,.12g}, not {value:g}"
    if said.startswith("Invalid"):
        return f"{key}: {value!r} is unknown; {nearest(str(value), _CHOICES[key])}"
    if said.startswith("Expected `array` of length"):
        return f"{key} must not be empty"
    return f"{key} is too large a number" if said == "Number out of range" else said  # by a __post_init__


def _unknown(key: str, section: Mapping[str, Any]) -> UsageError:
    return UsageError(f"unknown key {key!r} for {section.get('kind')}; {nearest(key, _known(section))}")


def _known(section: Mapping[str, Any]) -> list[str]:
    """The keys that this kind of fault has, in a file's words."""
    kind: Any = _KINDS.get(str(section.get("kind")), Delay)
    names = [field.name for field in fields(kind)]
    if kind is Delay:
        shape = _DISTRIBUTIONS.get(str(section.get("distribution")), Fixed)
        names[names.index("time") : names.index("time") + 1] = ["distribution", *(one.name for one in fields(shape))]
    return ["kind", *(_KEYS.get(name, name) for name in names)]


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_SEED:
        raise UsageError(f"seed must be a whole number from 0 to {_MOST_SEED:,}")
    return value
