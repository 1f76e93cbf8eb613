"""The faults of `--fault FILE`: of a file of faults, of a scenario, or of a stored run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import msgspec

from loadtest.cli.folders import LATEST, named, runs_of
from loadtest.cli.reading import plan_of
from loadtest.errors import UsageError
from loadtest.faults.reading import faults_in
from loadtest.system.toml_file import read
from loadtest.workload.faults import Faults

_SCENARIO: ContextVar[tuple[Path, Faults] | None] = ContextVar("the scenario that is run, and its faults", default=None)


@contextmanager
def of_scenario(file: Path, values: Mapping[str, Any]) -> Iterator[None]:
    """Within the block, `read_faults` of this file gives the faults of these `values` and does not read it again.

    What is read may have changed by then, or be a pipe. UsageError if one of the faults cannot be used.
    """
    token = _SCENARIO.set((file, _found(file, values)))
    try:
        yield
    finally:
        _SCENARIO.reset(token)


def read_faults(file: Path) -> Faults:
    """The faults of a file of their own, of a scenario of `loadtest run`, or of a stored run.

    UsageError, in words, if it has none.
    """
    known = _SCENARIO.get()
    if known is not None and known[0] == file:
        return known[1]
    if file.is_dir() or file.suffix in (".json", ".jsonl") or file.name == LATEST:
        return _of_run(file)
    return _found(file)


def _found(file: Path, values: Mapping[str, Any] | None = None) -> Faults:
    try:
        return faults_in(read(file) if values is None else values)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from error


def _of_run(path: Path) -> Faults:
    run, *_ = runs_of(named([path]))
    try:
        found = msgspec.convert(plan_of(run).get("faults"), Faults | None)
    except (msgspec.ValidationError, AttributeError) as error:
        raise UsageError(f"{path}: its faults cannot be understood: {error}") from error
    if found is None:
        raise UsageError(f"{path}: no faults were made in that run")
    return found
