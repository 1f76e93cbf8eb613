"""What a scenario file may overwrite: its author is not always the one who runs it."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from loadtest.errors import UsageError

# How each output of the tool begins, by the option that writes it.
_BEGINS: dict[str, tuple[bytes, ...]] = {
    "json": (b'{\n  "schema": "loadtest.', b'[\n  {\n    "when": ', b"[]\n"),
    "junit": (b"<?xml version='1.0' encoding='utf-8'?>\n<testsuites",),
    "output": (b'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Sec',),
    "hlog": (b"#[Logged with loadtest",),
    "prometheus": (b"# HELP loadtest_",),
    "markdown": (b"| run | verdict |",),
    "edn": (b"{:index 0, :time 0, ",),
}


def spare_others(values: Mapping[str, Any], typed: Collection[str]) -> None:
    """UsageError if the scenario would overwrite a file that is there and is none of the tool's own.

    What was `typed` as well replaces what the file says, and may overwrite anything.
    """
    for key, value in values.items():
        begins = _BEGINS.get(key, ())
        if not begins or key in typed or not isinstance(value, str):
            continue
        path = Path(value)
        start = _start(path, max(map(len, begins))) if path.is_file() else b""
        if start and not start.startswith(begins):
            others = f"{key} = {value!r} would overwrite a file that loadtest did not write"
            raise UsageError(f"{others}; give --{key} on the command line")


def _start(path: Path, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(length)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
