"""The panels of a command's help."""

from enum import StrEnum

from typer.core import TyperOption


class Panel(StrEnum):
    """Where an option stands in the help of every command that has it, in this order: its `rich_help_panel`.

    `MAIN` is for the dozen that most runs need, in the order in which people need them; the options of a command that
    has few say none and stand there too. What is set once for a project,
    not from run to run, belongs to `FILE`: it is no option of the command line, only a key of scenario files.
    """

    MAIN = "Main options"
    ORDERS = "Orders"
    TARGET = "Target"
    OUTPUT = "Output"
    COST = "Cost"
    CLIENT = "Client and faults"
    MACHINES = "Several processes or machines"
    GENERAL = "General"
    FILE = "Only in a scenario file"


_OF_TYPER = {"--help", "--version", "--install-completion", "--show-completion"}


def panel_of(option: TyperOption) -> Panel:
    """The option's panel."""
    if option.rich_help_panel is not None:
        return Panel(option.rich_help_panel)
    return Panel.GENERAL if _OF_TYPER & {*option.opts} else Panel.MAIN
