"""A module of this package in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import IO


def begin(
    module: str,
    *arguments: str,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """`python -m MODULE …`, with the packages that are used here, whatever lies in the working directory.

    Its standard input is a pipe that closes when this process ends, even by SIGKILL: then it has to end too. It gets no
    Ctrl-C, which is for this process. Of the files open here it gets those in `pass_fds`, under the same numbers.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        pass_fds=pass_fds,
    )
