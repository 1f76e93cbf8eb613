"""A module of this package in a process of its own."""

import os
import subprocess
import sys
from typing import IO


def begin(
    module: str, *arguments: str, stdout: int | IO[bytes], stderr: int | IO[bytes] = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """`python -m MODULE …`, with the packages that are used here, whatever lies in the working directory.

    Its standard input is a pipe that closes when this process ends, even by SIGKILL: then it has to end too. It gets no
    Ctrl-C, which is for this process.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )
