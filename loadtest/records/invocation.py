"""What a run was asked for: its command line."""

from typing import Any

from msgspec import Struct


class Invocation(Struct, frozen=True):
    """The command line of a run, as typed and as a scenario file.

    Both have `***` for user names and passwords in URLs. The scenario has the `command` and the options that were
    given, by their long names, also where `loadtest run` took them from a file.
    """

    typed: str  #: the command line, quoted so that a shell takes it again; `***` for user names and passwords in URLs
    scenario: dict[str, Any]  #: the same as a scenario file would say it, with the seed that was drawn
