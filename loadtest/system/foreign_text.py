"""Text that others wrote, made fit to be shown: answers of servers, files of colleagues, names in a scenario.

A terminal obeys control characters, a page turns text around at others, and a line break forges a line of the tool's
own. Whatever leads out of the process, to a terminal, a page, a table or a metric, passes its text through here.
"""

import re

# Letters by their class, though no font draws them.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_NOT_ASCII = re.compile("[^ -~]")


def clean(text: object, limit: int = 200) -> str:
    r"""One line in which every character is seen, of at most `limit` characters and an ellipsis.

    What is not seen, or moves what is (controls, line breaks, marks of direction, zero width, half a surrogate pair),
    stands as Python writes it: `\x1b`, `\n`, `\u202e`.
    """
    whole = str(text)
    shown = visible(whole[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[:limit]}…"


def visible(text: str, keep: str = "") -> str:
    """The same of any length; the characters in `keep` stay as they are."""
    if text.isprintable() and _BLANK.isdisjoint(text):
        return text
    return "".join(each if each in keep or _is_seen(each) else _in_python(each) for each in text)


def escaped(text: str, keep: str = "") -> str:
    r"""The same with `\u202e` for what is not seen, in units of UTF-16: JSON and EDN read back what it was."""
    return _NOT_ASCII.sub(lambda found: found[0] if found[0] in keep or _is_seen(found[0]) else _units(found[0]), text)


def _units(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))


def _is_seen(character: str) -> bool:
    return character.isprintable() and character not in _BLANK


def _in_python(character: str) -> str:
    return repr(character)[1:-1] if not character.isprintable() else f"\\u{ord(character):04x}"
