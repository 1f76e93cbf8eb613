import subprocess
import sys

import pytest

LOWERED = """
import resource, sys
from loadtest.system.file_limits import connections_that_fit
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(connections_that_fit(wanted), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "expected"),
    [
        pytest.param(200, 400, 100, (100, 200, 400), id="fits as it is"),
        pytest.param(200, 400, 136, (136, 200, 400), id="just fits as it is"),
        pytest.param(200, 400, 137, (137, 201, 400), id="the soft limit is raised by one"),
        pytest.param(200, 400, 336, (336, 400, 400), id="the soft limit is raised to the hard one"),
        pytest.param(200, 400, 337, (336, 400, 400), id="one too many for the hard limit"),
        pytest.param(200, 400, 1_000_000, (336, 400, 400), id="far too many for the hard limit"),
        pytest.param(40, 60, 100, (1, 60, 60), id="at least one is tried"),
    ],
)
def test_no_more_connections_than_open_files_allow(
    soft: int, hard: int, wanted: int, expected: tuple[int, int, int]
) -> None:
    command = [sys.executable, "-c", LOWERED, str(soft), str(hard), str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert tuple(map(int, done.stdout.split())) == expected
