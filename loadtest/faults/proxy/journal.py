"""Every injected fault in a file, written before the client can notice it: one JSON document a line, a header first."""

from pathlib import Path
from typing import Self

import msgspec

from loadtest.errors import LoadTestError

SCHEMA = "loadtest.faults/1"


class Header(msgspec.Struct, frozen=True, tag_field="type", tag="faults"):
    """The first line."""

    run_id: str
    seed: int
    schema: str = SCHEMA


class Injected(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="fault"):
    """A fault that met a request.

    `fault` is its place in the file, from 1, and `request` the request's number among those that this fault looks at.
    `at_ns` is on the clock of the history. `statuses` are the server's answers to what was forwarded until then, None
    for one that did not come; there are two for a duplicate. `delay_ms` is None but for a delay.
    """

    fault: int
    kind: str
    request: int
    operation: str
    product_id: str | None
    order_id: str | None
    at_ns: int
    statuses: list[int | None]
    delay_ms: float | None


class Journal:
    """Appends lines to a new file; each is with the operating system when `add` returns. LoadTestError if not."""

    def __init__(self, path: Path, header: Header) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._path = path
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise self._refused(error) from error
        self.add(header)

    def add(self, line: Header | Injected) -> None:
        """Write one line."""
        data = self._encode(line) + b"\n"
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            raise self._refused(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _refused(self, error: OSError) -> LoadTestError:
        return LoadTestError(f"cannot write {self._path}: {error.strerror}")


def read_faults(path: Path) -> tuple[Header, list[Injected]]:
    """What was injected; the half line of a proxy that was killed is left out. LoadTestError for another file."""
    decode = msgspec.json.Decoder(Header | Injected).decode
    header, injected = None, []
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if number > 1 and not line.endswith(b"\n"):
                    break
                read = decode(line)
                if isinstance(read, Injected):
                    injected.append(read)
                else:
                    header = read
    except OSError as error:
        raise LoadTestError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LoadTestError(f"{path} is no {SCHEMA}: {error}") from error
    if header is None or header.schema != SCHEMA:
        raise LoadTestError(f"{path} is no {SCHEMA}")
    return header, injected
