"""Draws the rooms of the package and which imports which, as Mermaid: python scripts/structure.py.

An arrow that others imply is left out: what a room imports by way of another it can be seen to reach.
"""

from collections import defaultdict
from itertools import count

import grimp

PACKAGE = "loadtest"


def room(module: str) -> str | None:
    """The folder or file under the package that a module stands in; None for the package's own two files."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__main__" else None


def arrows() -> dict[str, set[str]]:
    """The rooms that each room imports."""
    graph = grimp.build_graph(PACKAGE)
    found: dict[str, set[str]] = defaultdict(set)
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            origin, aim = room(importer), room(imported)
            if origin is not None and aim is not None and origin != aim:
                found[origin].add(aim)
    return found


def reached(arrows: dict[str, set[str]], start: str) -> set[str]:
    """The rooms that lie behind one, itself not among them: there are no circles."""
    behind = set(arrows.get(start, ()))
    return behind.union(*(reached(arrows, each) for each in behind))


def direct(arrows: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows without those that others imply."""
    return {
        origin: {aim for aim in aims if not any(aim in reached(arrows, other) for other in aims)}
        for origin, aims in arrows.items()
    }


def levels(arrows: dict[str, set[str]]) -> list[set[str]]:
    """The rooms by the length of the longest way to the bottom, the highest first."""
    left = set(arrows).union(*arrows.values())
    found: list[set[str]] = []
    for _ in count():
        if not left:
            return found[::-1]
        lowest = {each for each in left if not arrows.get(each, set()) & left}
        found.append(lowest)
        left -= lowest
    raise AssertionError


def drawn() -> str:
    """The drawing."""
    every = arrows()
    lines = ["```mermaid", "flowchart TD"]
    lines += [
        f"    {' ~~~ '.join(sorted(level))}" if len(level) > 1 else f"    {min(level)}" for level in levels(every)
    ]
    lines += [f"    {origin} --> {' & '.join(sorted(aims))}" for origin, aims in sorted(direct(every).items()) if aims]
    return "\n".join([*lines, "```"])


if __name__ == "__main__":
    print(drawn())
    total = arrows()
    rooms = set(total).union(*total.values())
    print(f"\n{len(rooms)} rooms, {sum(map(len, total.values()))} arrows.")
