"""What a run was asked for: its command line."""

from typing import Any

from msgspec import Struct


class Invocation(Struct, frozen=True):
    """The command line of a run.

    `typed` is what was typed, quoted so that a shell takes it again. `scenario` is the same as a scenario file would
    say it: the `command` and the options that were given, by their long names, also where `loadtest run` took them from
    a file; `seed` is the one that was drawn if none was given. Names and passwords in URLs are `***` in both.
    """

    typed: str
    scenario: dict[str, Any]
