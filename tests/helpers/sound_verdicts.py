"""What a run may say of a correct server: whether writes overlap in a short race is up to the machine."""

import subprocess
from typing import Any


def is_sound(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a run ended without finding anything wrong: safe, or inconclusive as no win was contested."""
    said = done.stdout + (done.stderr or "")
    return done.returncode == 0 or (done.returncode == 4 and "no win was contested" in said)


def is_sound_report(code: int, report: dict[str, Any]) -> bool:
    """The same of its exit code and report."""
    verdict = report["verdict"]
    return (code, verdict["status"]) == ((4, "inconclusive") if verdict["untested"] else (0, "safe"))
