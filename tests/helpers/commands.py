"""The command line in this process, and the rule that every reader of files keeps."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from loadtest.cli import main

VERDICTS = {0, 1, 4}


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `loadtest …`."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code: object = None
    with patch.object(sys, "argv", ["loadtest", *arguments]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as left:
            code = left.code
    assert isinstance(code, int)
    return code, _written(out), _written(err)


def _written(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def obeys(*arguments: str) -> int:
    """Run it: whatever the file, there is a result, or one printable line that says why not. Returns the exit code."""
    code, out, err = run(*arguments)
    assert "internal error" not in err
    assert "Traceback" not in out + err
    if code in VERDICTS:
        return code
    assert (code in {2, 3}, out) == (True, "")
    (line,) = err.splitlines()
    assert line.startswith("loadtest: ")
    assert line.isprintable()
    assert len(line) < 1_000
    return code
