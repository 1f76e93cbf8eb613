"""What a user sees of an error."""

import subprocess


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("loadtest: ")
    for part in parts:
        assert part in line
