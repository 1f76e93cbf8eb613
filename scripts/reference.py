"""Writes what is generated in docs/reference/: the JSON Schemas, and the end of the pages on formats and commands.

A page is written by hand down to the line that says where its generated part begins. With --check nothing is written:
what is not current is named, and the exit code is 1. A field is described by the comment `#:` that stands behind it, or
above it, in the code.
"""

import ast
import dataclasses
import inspect
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from enum import Enum
from functools import cache
from itertools import chain
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, TypeGuard, Union, get_args, get_origin, get_type_hints

import msgspec
import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from loadtest.cli.app import app
from loadtest.cli.panels import Panel, panel_of
from loadtest.compare import METRICS
from loadtest.events import Event, Operation
from loadtest.records.comparison import Comparison
from loadtest.records.history import Header
from loadtest.records.report import Report
from loadtest.records.search import Found
from loadtest.studies.probe.findings import Probe
from loadtest.workload.faults import Faults
from loadtest.workload.spec import Load, Race

FOLDER = Path(__file__).parent.parent / "docs/reference"
MARK = "<!-- From here on written by scripts/reference.py -->\n"
_SCHEMAS: dict[str, Any] = {
    "report": Report,
    "comparison": Comparison,
    "search": Found,
    "history": Header | Event,
    "probe": Probe,
}
_ELSEWHERE: dict[type, str] = {Operation: "history.md#operation", Faults: "scenario.md#faults"}
_WORDS = {int: "integer", float: "number", str: "text", bool: "true or false", NoneType: "null", Any: "anything"}
_COLUMNS = 100  # of the help


def main() -> int:
    """Write all, or with --check name what is not current."""
    os.environ["COLUMNS"] = str(_COLUMNS)
    stale = [path for path, text in _files() if not path.exists() or path.read_text() != text]
    if sys.argv[1:] == ["--check"]:
        for path in stale:
            print(f"{path.name} in docs/reference is not current: .venv/bin/python scripts/reference.py writes it")
        return 1 if stale else 0
    for path, text in _files():
        path.write_text(text)
    return 0


def _files() -> Iterator[tuple[Path, str]]:
    for name, kind in _SCHEMAS.items():
        yield FOLDER / f"{name}.schema.json", _schema(kind)
    pages: dict[str, Callable[[], Iterator[str]]] = {
        "command-line": _commands,
        "scenario": _keys,
        "report": lambda: _structs(Report, Race, Load, elsewhere=_ELSEWHERE),
        "history": lambda: _structs(Header, *get_args(Event), defaults=True),
        "comparison": lambda: chain(_structs(Comparison), _metrics()),
        "search": lambda: _structs(Found),
        "probe": lambda: _structs(Probe),
    }
    for name, lines in pages.items():
        path = FOLDER / f"{name}.md"
        by_hand = path.read_text().partition(MARK)[0]
        yield path, by_hand + MARK + "\n".join(["", *lines()]).rstrip() + "\n"


def _schema(kind: Any) -> str:
    """The JSON Schema, with what the code says of each field."""
    schema = msgspec.json.schema(kind)
    types = {each.__name__: each for each in _reached(get_args(kind) or (kind,))}
    for name, definition in schema["$defs"].items():
        if "description" in definition:  # Python 3.13 and later leave the indentation out
            definition["description"] = inspect.cleandoc(definition["description"])
        for field, text in _texts(types[name]).items() if name in types else ():
            definition["properties"][field]["description"] = text
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def _structs(*roots: type, elsewhere: dict[type, str] | None = None, defaults: bool = False) -> Iterator[str]:
    """A section for each type, but for those that have one elsewhere: what it is, and its fields."""
    others = elsewhere or {}
    for kind in _reached(roots, {*others}):
        yield from (f"## {_name(kind)}", "", inspect.cleandoc(kind.__doc__ or ""), "")
        if rows := [*_rows(kind, others, defaults)]:
            yield from ("| field | type | meaning |", "|---|---|---|", *rows, "")


def _rows(kind: type, elsewhere: dict[type, str], defaults: bool) -> Iterator[str]:
    texts = _texts(kind)
    for name, annotation, default in _fields(kind):
        text = texts.get(name, "")
        if defaults and default is not inspect.Parameter.empty:
            text += f"{'; ' if text else ''}if left out: `{msgspec.json.encode(default).decode()}`"
        yield f"| `{name}` | {_words(annotation, elsewhere)} | {text} |"


def _fields(kind: type) -> Iterator[tuple[str, Any, Any]]:
    """Name in JSON, type, and default if it has one."""
    none = inspect.Parameter.empty
    if _is_struct(kind):
        for field in msgspec.structs.fields(kind):
            made = field.default_factory
            default = field.default if made is msgspec.NODEFAULT else made()
            yield field.encode_name, field.type, none if default is msgspec.NODEFAULT else default
    elif dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        for each in dataclasses.fields(kind):
            yield each.name, hints[each.name], none if each.default is dataclasses.MISSING else each.default


def _reached(roots: Iterable[type], without: Collection[type] = ()) -> list[type]:
    """These types and all that their fields have, each once, in the order in which a reader meets them."""
    found: dict[type, None] = {}
    for root in roots:
        waiting = [root]
        while waiting:
            kind = waiting.pop(0)
            if kind in found or kind in without:
                continue
            found[kind] = None
            for _, annotation, _ in _fields(kind):
                waiting += _structs_in(annotation)
    return [*found]


def _structs_in(annotation: Any) -> Iterator[type]:
    """The types with fields that an annotation names."""
    if isinstance(annotation, type) and (_is_struct(annotation) or dataclasses.is_dataclass(annotation)):
        yield annotation
    for each in get_args(annotation):
        yield from _structs_in(each)


def _words(annotation: Any, elsewhere: dict[type, str]) -> str:
    """A type in words, a link where it has a section."""
    arguments, origin = get_args(annotation), get_origin(annotation)
    if annotation in _WORDS:
        return _WORDS[annotation]
    if origin is Literal:
        return _either(f"`{each}`" for each in arguments)
    if origin in (Union, UnionType):
        return _either(_words(each, elsewhere) for each in arguments)
    if origin is not None:
        return f"{'object' if origin is dict else 'list'} of {_words(arguments[origin is dict], elsewhere)}"
    if issubclass(annotation, Enum):
        return _either(f"`{each.value}`" for each in annotation)
    name = _name(annotation)
    return f"[{name}]({elsewhere.get(annotation) or f'#{name.lower()}'})"


def _either(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _name(kind: type) -> str:
    """What it is called on the page: an event as in its `type`."""
    return str(kind.__struct_config__.tag or kind.__name__) if _is_struct(kind) else kind.__name__


def _texts(kind: type) -> dict[str, str]:
    """What the code says of each field, by its name in JSON; a class has what it inherits."""
    names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)} if _is_struct(kind) else {}
    texts: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        module = sys.modules[each.__module__]
        if each.__module__.startswith("loadtest"):
            texts |= _comments(module).get(each.__name__, {})
    return {names.get(name, name): text for name, text in texts.items()}


def _is_struct(kind: type) -> TypeGuard[type[msgspec.Struct]]:
    return issubclass(kind, msgspec.Struct)


@cache
def _comments(module: ModuleType) -> dict[str, dict[str, str]]:
    """By class and field, the comments `#:` behind the field, or in the lines above it."""
    source = inspect.getsource(module)
    lines = source.splitlines()
    found: dict[str, dict[str, str]] = {}
    for node in (each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.ClassDef)):
        for each in node.body:
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                first = each.lineno - 1
                while lines[first - 1].lstrip().startswith("#:"):
                    first -= 1
                parts = [line.partition("#:")[2].strip() for line in lines[first : each.end_lineno]]
                if text := " ".join(part for part in parts if part):
                    found.setdefault(node.name, {})[each.target.id] = text
    return found


def _metrics() -> Iterator[str]:
    """The metrics of a cell by name."""
    yield from ("## Metrics", "", "| name | what | unit | tested |", "|---|---|---|---|")
    for name, metric in METRICS.items():
        tested = "yes" if metric.tested else ""
        yield f"| `{name}` | {metric.title} | {metric.unit} | {tested} |"


def _commands() -> Iterator[str]:
    """The help of every command, as it is printed."""
    for path, command in _every(_root(), ("loadtest",)):
        context = typer.Context(command, info_name=" ".join(path), **command.context_settings)
        yield from (f"## {' '.join(path)}", "", "```", context.get_help().rstrip(), "```", "")


def _keys() -> Iterator[str]:
    """The keys that are no options of the command line, with the commands that have them."""
    keys: dict[str, tuple[TyperOption, list[str]]] = {}
    for path, command in _every(_root(), ()):
        for option in command.params:
            if isinstance(option, TyperOption) and panel_of(option) is Panel.FILE:
                keys.setdefault(option.opts[0].removeprefix("--"), (option, []))[1].append(" ".join(path))
    yield from ("| key | default | meaning | of |", "|---|---|---|---|")
    for key, (option, commands) in keys.items():
        yield f"| `{key}` | {_default(option)} | {option.help} | {', '.join(commands)} |"


def _default(option: TyperOption) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    default = option.default.value if isinstance(option.default, Enum) else option.default
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _root() -> TyperGroup:
    root = typer.main.get_command(app)
    if not isinstance(root, TyperGroup):
        raise TypeError("the app has no commands")
    return root


def _every(group: TyperGroup, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], TyperCommand | TyperGroup]]:
    """A group, its commands and those of its groups, as its help lists them."""
    yield path, group
    for name, each in group.commands.items():
        if isinstance(each, TyperGroup):
            yield from _every(each, (*path, name))
        elif isinstance(each, TyperCommand):
            yield (*path, name), each


if __name__ == "__main__":
    sys.exit(main())
