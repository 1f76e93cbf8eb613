"""Standard output, for whoever reads a document from it."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from loadtest.errors import LoadTestError


@contextmanager
def to_reader() -> Iterator[IO[bytes]]:
    """Standard output, until its reader has seen enough. Raises LoadTestError if it cannot be written to.

    Buffered also where PYTHONUNBUFFERED is set: Python's own `sys.stdout.buffer` then writes a part and says nothing.
    """
    try:
        standard = sys.stdout.buffer
        file = io.BufferedWriter(standard) if isinstance(standard, io.RawIOBase) else standard
        yield file
        file.flush()
        if isinstance(file, io.BufferedWriter) and file is not standard:
            file.detach()  # or it would close standard output
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise LoadTestError(f"cannot write to standard output: {error.strerror}") from error
