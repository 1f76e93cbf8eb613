"""How long `loadtest check` takes for a long history, and how much memory. Prints a line of JSON.

`python -m benchmarks.checking OPERATIONS`: orders for eight products, 64 under way at any moment, by three strategies,
on a correct server; one answer in a thousand is lost.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from msgspec.structs import replace

from loadtest.events import (
    Event,
    Kind,
    Operation,
    OrderEnded,
    OrderPlaced,
    Outcome,
    Product,
    RoundEnded,
    RoundStarted,
)
from loadtest.records.history import HistoryWriter

_PRODUCTS = 8
_UNDER_WAY = 64
_STEP_NS = 20_000


class _Shop:
    def __init__(self, operations: int) -> None:
        self.random = Random(0)
        self.left = operations
        self.placed = self.now_ns = 0
        self.products = [Product(f"load#{n}", f"load#{n}", 10**9, 1, "restock") for n in range(_PRODUCTS)]

    def events(self) -> Iterator[Event]:
        for product in self.products:
            yield RoundStarted(1, product, 0, 0, 60)
        under_way = [self._order() for _ in range(_UNDER_WAY)]
        while under_way:
            n = self.random.randrange(len(under_way))
            self.now_ns += _STEP_NS
            event = next(under_way[n], None)
            if event is not None:
                yield event
            elif self.left > 0:
                under_way[n] = self._order()
            else:
                del under_way[n]
        for product in self.products:
            yield RoundEnded(1, product.id, product, self.now_ns + 1, self.now_ns + 3 * 10**9)

    def _order(self) -> Iterator[Any]:
        self.placed += 1
        number = self.placed
        at = number % _PRODUCTS
        order = {"round": 1, "order_id": f"0a1b2c3d4e-1-{number}", "product_id": f"load#{at}", "units": 1}
        yield OrderPlaced(**order, scheduled_ns=self.now_ns, started_ns=self.now_ns)
        started_ns, told = self.now_ns, Outcome.REJECTED
        for attempt in range(1, 9):
            rests_on = None
            if at % 3 == 0:
                sent_ns = self.now_ns
                seen = self.products[at]
                yield self._operation(order, Kind.READ, attempt, Outcome.ACCEPTED, seen, None, sent_ns)
                rests_on = seen.version
            kind = Kind.TRANSACTION if at % 3 == 1 else Kind.WRITE
            sent_ns, old = self.now_ns, self.products[at]
            if rests_on not in (None, old.version):
                yield self._operation(order, kind, attempt, Outcome.REJECTED, old, rests_on, sent_ns)
                continue
            left = {"version": old.version + 1, "quantity": old.quantity - 1}
            new = self.products[at] = replace(old, **left, last_order=order["order_id"])
            told = Outcome.UNKNOWN if self.random.random() < 0.001 else Outcome.ACCEPTED
            shown = None if told is Outcome.UNKNOWN or kind is Kind.TRANSACTION else new
            yield self._operation(order, kind, attempt, told, shown, rests_on, sent_ns)
            break
        reason = "conflict" if told is Outcome.REJECTED else ""
        stamps = {"attempts": attempt, "scheduled_ns": started_ns, "ended_ns": self.now_ns}
        yield OrderEnded(**order, outcome=told, reason=reason, message="", **stamps)

    def _operation(
        self,
        order: Any,
        kind: Kind,
        attempt: int,
        told: Outcome,
        seen: Product | None,
        rests_on: int | None,
        sent_ns: int,
    ) -> Operation:
        self.left -= 1
        return Operation(
            **order, kind=kind, attempt=attempt, outcome=told, message="", read_version=rests_on,
            reason="conflict" if told is Outcome.REJECTED else "",
            version=seen.version if seen else None, quantity=seen.quantity if seen else None, capacity=None,
            scheduled_ns=sent_ns, sent_ns=sent_ns, received_ns=self.now_ns, ended_ns=self.now_ns,
            last_order=seen.last_order if seen else None,
        )  # fmt: skip


def main() -> None:
    operations = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        with HistoryWriter(path, "benchmark") as write:
            for event in _Shop(operations).events():
                write(event)
        size = path.stat().st_size
        began = time.perf_counter()
        check = subprocess.Popen(
            [sys.executable, "-m", "loadtest", "check", str(path)], stdout=subprocess.PIPE, text=True
        )
        output = check.stdout.read() if check.stdout else ""
        _, status, usage = os.wait4(check.pid, 0)
        took_s = time.perf_counter() - began
    figures = {"operations": operations, "bytes": size, "seconds": took_s, "cpu_s": usage.ru_utime + usage.ru_stime}
    figures |= {"peak_bytes": usage.ru_maxrss * 1024, "code": os.waitstatus_to_exitcode(status)}
    sys.stderr.write(output)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
