"""Draws the rooms of the package and which imports which, as Mermaid, in docs/explanation/design.md.

An arrow that others imply is left out: what a room imports by way of another it can be seen to reach. With --check
nothing is written: the exit code is 1 if the drawing is not current.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

import grimp

PACKAGE = "loadtest"
PAGE = Path(__file__).parent.parent / "docs/explanation/design.md"
DRAWING = re.compile(r"```mermaid\n.*?```\n\n\d+ rooms, \d+ arrows\.", re.DOTALL)


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


def drawn() -> str:
    """The drawing."""
    every = arrows()
    lines = ["```mermaid", "flowchart TD"]
    lines += [f"    {origin} --> {' & '.join(sorted(aims))}" for origin, aims in sorted(direct(every).items()) if aims]
    rooms, arrow_count = set(every).union(*every.values()), sum(map(len, every.values()))
    return "\n".join([*lines, "```", "", f"{len(rooms)} rooms, {arrow_count} arrows."])


def main() -> int:
    """Write the drawing into its page, or with --check say whether it is current."""
    page = PAGE.read_text()
    current = DRAWING.sub(lambda _: drawn(), page)
    if sys.argv[1:] != ["--check"]:
        PAGE.write_text(current)
        return 0
    if page != current:
        print(f"the drawing in {PAGE.name} is not current: .venv/bin/python scripts/structure.py makes it anew")
    return int(page != current)


if __name__ == "__main__":
    sys.exit(main())
