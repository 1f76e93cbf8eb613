"""Did it hold? Reads a run's events as they come, follows each product over the whole run, and judges once a round.

Pure: no I/O, no clock. `ledger.py` takes the events of a product, `reconcile.py` finds out about its lost writes,
`invariants.py` has what must hold; `results.py` follows the orders. docs/explanation/the-checker.md has the model.
"""

from loadtest.checker.check import Checker
from loadtest.checker.unresolved import UnresolvedWrites
from loadtest.checker.verdict import Power, Reconciled, Status, Verdict, Violation

__all__ = ["Checker", "Power", "Reconciled", "Status", "UnresolvedWrites", "Verdict", "Violation"]
