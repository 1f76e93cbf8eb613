"""Writes the stored histories of this folder: `python -m tests.histories.make`.

Each is a short story of one or more orders, told in `stories.py`, and a file whose path says what the
checker must make of it: `safe/NAME.jsonl`, `inconclusive/NAME.jsonl`, `violated/NAME.jsonl`. What kinds of violations,
what is reconciled and what else is counted stands there as well. `verdicts.txt` has each verdict in words, with the
operations that show a violation. The files are what the tests read; they change only if somebody runs this, reads
what changed, and commits it.
"""

from pathlib import Path

import msgspec

from loadtest.checker import Checker
from loadtest.records.history import SCHEMA, Header, read_history
from tests.histories.stories import STORIES
from tests.histories.story import Story
from tests.histories.words import in_words

HERE = Path(__file__).parent
VERDICTS = HERE / "verdicts.txt"


def write(folder: Path, stories: dict[str, Story]) -> None:
    """One file for each, and no others."""
    encoder = msgspec.json.Encoder()
    for old in folder.glob("*/*.jsonl"):
        old.unlink()
    for name, story in stories.items():
        path = folder / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        lines = [Header(SCHEMA, path.stem, 0, 0), *story.events]
        path.write_bytes(b"".join(encoder.encode(line) + b"\n" for line in lines))


def judge_all() -> str:
    """What the checker says of each file."""
    said = []
    for name in STORIES:
        checker = Checker()
        for event in read_history(HERE / f"{name}.jsonl"):
            checker(event)
        said.append(in_words(name, checker.verdict()))
    return "\n\n".join(said) + "\n"


if __name__ == "__main__":
    write(HERE, {name: story for name, (story, _) in STORIES.items()})
    VERDICTS.write_text(judge_all())
