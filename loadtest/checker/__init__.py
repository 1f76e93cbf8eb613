"""Did it hold? Reads a run's events as they come and judges each round when it has ended.

Pure: no I/O, no clock. The laws are in `loadtest.checker.laws`, the words in `loadtest.checker.verdict`.
"""

from loadtest.checker.check import Checker
from loadtest.checker.doubts import Doubt
from loadtest.checker.verdict import Power, Settled, Status, Verdict, Violation

__all__ = ["Checker", "Doubt", "Power", "Settled", "Status", "Verdict", "Violation"]
