"""Histories as Jepsen's: operations that begin and end, in the order of time, one EDN map a line.

Sources: github.com/jepsen-io/history (what an operation is), github.com/jepsen-io/knossos (its cas-register),
github.com/edn-format/edn. `docs/exports.md` says what becomes what.
"""

import heapq
from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from loadtest.order import Event, Kind, Operation, Outcome, Restocked, RoundEnded, RoundStarted
from loadtest.render.export.sorting import Sorter

_INITIAL, _BEGAN, _ENDED = 0, 2, 3  # at one moment: what began then may have overlapped what ended then
_TYPES = {Outcome.ACCEPTED: "ok", Outcome.UNKNOWN: "info"}  # the others were surely not applied
_NIL = ("nil", "nil")
_CLOCK_ENDS = 1 << 63
_ESCAPED = str.maketrans(
    {'"': '\\"', "\\": "\\\\"} | {chr(code): f"\\u{code:04x}" for code in (*range(32), *range(127, 160))}
)


class _Register(Struct):
    """One product in one round. `quiet_ns`: what is restocked next was not on its way before."""

    key: str
    round: int
    quiet_ns: int
    ended: bool = False


class _Half(Struct):
    """The beginning or the end of an operation. `value` is that of a register of versions, and of quantities."""

    time_ns: int
    value: tuple[str, str]
    more: str = ""


class JepsenHistory:
    """A listener: call it with every event of a history, then read its `lines`.

    However long the history is, it keeps little more in memory than the writes whose answer was lost.
    """

    def __init__(self, sorter: Sorter) -> None:
        self._sorter = sorter
        self._number = 0
        self._registers: dict[str, _Register] = {}  # by product
        self._lost: dict[str, Counter[tuple[int | None, int]]] = {}  # by product: read version and units
        self._cut = self._versioned = False

    def __call__(self, event: Event) -> None:
        """Take one event. ValueError for one outside its round, or for an answer that came before its request."""
        if isinstance(event, Operation):
            self._operation(event)
        elif isinstance(event, RoundStarted):
            self._start(event)
        elif isinstance(event, Restocked):
            self._restock(event)
        elif isinstance(event, RoundEnded):
            self._end(event)

    @property
    def cut(self) -> bool:
        """Whether a round has no end: requests that were on their way then are not in the history."""
        return self._cut or not all(register.ended for register in self._registers.values())

    def lines(self) -> Iterator[str]:
        """The beginnings and ends of all operations; `:time` counts from the first."""
        processes, start_ns = _Processes(), None
        for index, (time_ns, _, number, kind, versioned, counted) in enumerate(self._sorter):
            start_ns = time_ns if start_ns is None else start_ns
            process = processes.begin(number) if kind == "invoke" else processes.end(number, known=kind != "info")
            said = versioned if self._versioned else counted
            yield f"{{:index {index}, :time {time_ns - start_ns}, :process {process}, :type :{kind}, {said}}}\n"

    def _operation(self, op: Operation) -> None:
        register = self._register(op)
        kind = _TYPES.get(op.outcome, "fail")
        order = f", :order {_text(op.order_id)}, :attempt {op.attempt}"
        said = order + _shown(op)
        if op.kind is Kind.READ:
            seen = (_or_nil(op.version), _or_nil(op.quantity)) if kind == "ok" and op.consistent else _NIL
            kind = kind if kind == "ok" else "fail"  # without an answer, but without an effect too
            self._add(register, kind, "read", _Half(op.sent_ns, _NIL, order), _Half(op.received_ns, seen, said))
            return
        if kind == "info":
            self._lost.setdefault(op.product_id, Counter())[op.read_version, op.units] += 1
        self._versioned = self._versioned or op.read_version is not None
        f, value = _write(op.read_version, op.units)
        self._add(register, kind, f, _Half(op.sent_ns, value, order), _Half(op.received_ns, value, said))

    def _start(self, event: RoundStarted) -> None:
        product, at_ns = event.product, event.started_ns
        before = self._registers.get(product.id)
        self._cut = self._cut or (before is not None and not before.ended)
        register = _Register(f"[{_text(product.id)} {event.round}]", event.round, at_ns)
        self._registers[product.id] = register
        stock = _Half(at_ns, (str(product.version), str(product.quantity)))
        self._add(register, "ok", "write", stock, stock, initial=True)
        self._carry(register, product.id, product.version)

    def _carry(self, register: _Register, product_id: str, version: int) -> None:
        """Writes whose answer was lost in an earlier round may be applied in this one."""
        lost = self._lost.get(product_id, Counter())
        for read_version, units in list(lost):
            if read_version is not None and read_version < version:
                del lost[read_version, units]  # that version is gone for good
                continue
            f, value = _write(read_version, units)
            half = _Half(register.quiet_ns, value)
            for _ in range(lost[read_version, units]):
                self._add(register, "info", f, half, half)

    def _restock(self, event: Restocked) -> None:
        register = self._register(event)
        kind = "ok" if event.outcome is Outcome.ACCEPTED else "info"
        value = ("1", str(event.units))
        self._add(register, kind, "increment", _Half(register.quiet_ns, value), _Half(event.at_ns, value))
        register.quiet_ns = event.at_ns

    def _end(self, event: RoundEnded) -> None:
        register, product = self._register(event), event.product
        register.ended = True
        read_ns = max(event.read_ns, event.ended_ns)  # 0: not said
        seen = (str(product.version), str(product.quantity)) if product else _NIL
        kind = "ok" if product else "fail"
        self._add(register, kind, "read", _Half(event.ended_ns, _NIL), _Half(read_ns, seen))

    def _register(self, event: Operation | Restocked | RoundEnded) -> _Register:
        register = self._registers.get(event.product_id)
        if register is None or register.round != event.round:
            raise ValueError(f"an event of round {event.round} and product {event.product_id!r} outside that round")
        return register

    def _add(
        self, register: _Register, kind: str, f: str, began: _Half, ended: _Half, *, initial: bool = False
    ) -> None:
        if ended.time_ns < began.time_ns:
            raise ValueError(f"it ended {began.time_ns - ended.time_ns:,} ns before it began")
        if began.time_ns < -_CLOCK_ENDS or ended.time_ns >= _CLOCK_ENDS:
            raise ValueError("its time is beyond 64 bits")
        self._number += 1
        first = _INITIAL if initial else _BEGAN
        last = _INITIAL + 1 if initial else _ENDED
        for rank, type_, half in ((first, "invoke", began), (last, kind, ended)):
            versioned, counted = (f":f :{f}, :value [{register.key} {value}]{half.more}" for value in half.value)
            self._sorter.add((half.time_ns, rank, self._number, type_, versioned, counted))


class _Processes:
    """Gives each operation an idle process: 0, 1, 2 …; one that does not know how its own ended is gone for good."""

    def __init__(self) -> None:
        self._next = 0
        self._idle: list[int] = []
        self._busy: dict[int, int] = {}

    def begin(self, number: int) -> int:
        """The process that operation `number` is made by."""
        if self._idle:
            process = heapq.heappop(self._idle)
        else:
            process, self._next = self._next, self._next + 1
        self._busy[number] = process
        return process

    def end(self, number: int, *, known: bool) -> int:
        """The same process; `known` is whether it knows the outcome."""
        process = self._busy.pop(number)
        if known:
            heapq.heappush(self._idle, process)
        return process


def _write(read_version: int | None, units: int) -> tuple[str, tuple[str, str]]:
    if read_version is None:
        return "decrement", (str(units), str(units))
    swap = f"[{read_version} {read_version + 1}]"
    return "cas", (swap, swap)


def _shown(op: Operation) -> str:
    """What else the answer says."""
    said = "" if op.consistent else ", :consistent false"
    for name, value in ((":version", op.version), (":quantity", op.quantity)):
        said += "" if value is None else f", {name} {value}"
    if not op.reason:
        return said
    return f"{said}, :error {_text(op.reason)}" + (f", :message {_text(op.message)}" if op.message else "")


def _or_nil(value: int | None) -> str:
    return "nil" if value is None else str(value)


def _text(text: str) -> str:
    return f'"{text.translate(_ESCAPED)}"'
