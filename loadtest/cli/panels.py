"""The panels of a command's help."""

from enum import StrEnum


class Panel(StrEnum):
    """Where an option stands in the help of every command that has it, in this order.

    `MAIN` is for the dozen that most runs need, in the order in which people need them. What is set once for a project,
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


def panel_of(option: object) -> Panel:
    """The option's panel; those that typer adds, such as --help, are general ones."""
    return Panel(getattr(option, "rich_help_panel", None) or Panel.GENERAL)
