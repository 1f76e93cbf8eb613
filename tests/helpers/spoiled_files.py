"""Ways to spoil a file: its bytes, its lines, and the values in its JSON."""

import json
from random import Random
from typing import Any

EXTREMES = (
    b"null", b"true", b"0", b"-1", b"1", b"1e400", b"-0.0", b"1e308", b"0.5", b"NaN", b"Infinity",
    b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"9" * 40, b"9" * 4300, b"-" + b"9" * 5000,
    b'""', b'"\\u0000"', b'"\\ud800"', b'"\\n\\u001b[2J\\u2028"', b'"' + b"x" * 100_000 + b'"', b'"accepted"',
    b"[]", b"{}", b"[[]]", b'{"a":1}', b"[" * 200_000, b"[" * 500 + b"]" * 500, b'"\xed\xa0\x80"', b"\xff",
    '"=HYPERLINK(<b>é\N{SLIGHTLY SMILING FACE}%s{0}[/]"'.encode(),
)  # fmt: skip


def spoiled(content: bytes, random: Random) -> bytes:
    """The content after a few changes of any kind."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        content = random.choice((_bytes, _lines, _values, _values, _values))(content, random)
    return content


def _bytes(content: bytes, random: Random) -> bytes:
    place, length = random.randint(0, len(content)), random.choice((0, 1, 1, 2, 8, 100))
    other = random.choice((b"", random.randbytes(length), content[place : place + length] * 2, *EXTREMES))
    return content[:place] + other + content[place + length :]


def _lines(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(5):
        case 0:
            lines[one], lines[other] = lines[other], lines[one]
        case 1:
            lines.insert(other, lines[one])
        case 2:
            del lines[one:other]
        case 3:
            lines[one] = lines[one].rstrip(b"\n")
        case 4:
            lines[one] = b"\n"
    return b"".join(lines)


def _values(content: bytes, random: Random) -> bytes:
    """Of a JSON document, or of one line of many, one value replaced, or one field dropped, doubled or renamed."""
    lines = content.splitlines(keepends=True)
    one = random.randrange(len(lines)) if lines else 0
    for chosen in (slice(None), slice(one, one + 1)):
        try:
            document = json.loads(b"".join(lines[chosen]))
        except (ValueError, RecursionError):
            continue
        lines[chosen] = [_changed(document, random) + b"\n"]
        return b"".join(lines)
    return _bytes(content, random)


_HERE = "\N{OBJECT REPLACEMENT CHARACTER}"


def _changed(document: Any, random: Random) -> bytes:
    places = list(_places(document))
    if not places:
        return random.choice(EXTREMES)
    holder, key = random.choice(places)
    what, before = random.randrange(8), holder[key]
    if what == 0:
        del holder[key]
    elif what == 1 and isinstance(holder, dict):
        holder[random.choice(("", "coffee", "type", "schema", "__class__"))] = holder.pop(key)
    elif what == 2 and isinstance(before, int):
        holder[key] = before + random.choice((-1, 1, -before, 10**6, 2**63))
    else:
        holder[key] = _HERE
    # A value that JSON does not have is put in as text.
    return json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass").replace(
        json.dumps(_HERE, ensure_ascii=False).encode(), random.choice(EXTREMES)
    )  # fmt: skip


def _places(document: Any) -> Any:
    """Every place of a value: what holds it, and under which key."""
    if isinstance(document, dict | list):
        for key in document if isinstance(document, dict) else range(len(document)):
            yield document, key
            yield from _places(document[key])
