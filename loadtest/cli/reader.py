"""Standard output, for whoever reads a document from it."""

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
        with open(sys.stdout.fileno(), "wb", closefd=False) as file:
            yield file
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise LoadTestError(f"cannot write to standard output: {error.strerror}") from error
