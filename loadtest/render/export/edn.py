"""Histories as Jepsen's: operations that begin and end, in the order of time, one EDN map a line.

Sources: github.com/jepsen-io/history (what an operation is), github.com/jepsen-io/knossos (its cas-register),
github.com/edn-format/edn. `docs/reference/exports.md` says what becomes what.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from loadtest.events import (
    Event,
    InFlight,
    Kind,
    Operation,
    Outcome,
    Product,
    Restocked,
    RoundEnded,
    RoundStarted,
    StockSet,
    is_own,
)
from loadtest.render.export.register_log import Act, RegisterLog, Span, edn_text
from loadtest.render.export.sorting import Sorter

_TYPES = {Outcome.ACCEPTED: "ok", Outcome.UNKNOWN: "info"}  # the others were surely not applied
_Acts = tuple[Act, Act]  # on the version and on the quantity


class _Product(Struct):
    """What is known of a product so far. `quiet_ns`: what the tool does next was not in flight by then."""

    keys: tuple[str, str]  # of its registers: of versions and of quantities
    round: int = 0
    open: bool = False  # whether its round goes on
    left: Product | None = None  # by the round before
    quiet_ns: int = 0
    lost: int = 0  # writes that may yet be applied, or may have been
    sets: list[StockSet] = []  # since the round before


class JepsenHistory:
    """A listener: call it with every event of a history, then read its `lines`.

    However long the history is, it keeps in memory only a few words of each product, and what is in flight.
    """

    def __init__(self, sorter: Sorter, lost: Iterable[Operation] = ()) -> None:
        """`lost` are an earlier run's writes that may yet be applied."""
        self._log = RegisterLog(sorter)
        self._products: dict[str, _Product] = {}
        self._lost = list(lost)
        self._in_flight: dict[str, tuple[_Product, _Acts, Span]] = {}  # by order, which makes one request at a time
        self._cut = self._tells_sets = False

    def __call__(self, event: Event) -> None:
        """Take one event. ValueError for one outside its round, or for an answer that came before its request."""
        if isinstance(event, Operation):
            self._operation(event)
        elif isinstance(event, RoundStarted):
            self._start(event)
        elif isinstance(event, StockSet):
            self._tells_sets = True
            self._product(event.product_id).sets.append(event)  # when the round begins, more is known of it
        elif isinstance(event, Restocked):
            self._restock(event)
        elif isinstance(event, RoundEnded):
            self._end(event)
        elif isinstance(event, InFlight):
            span = Span("info", event.sent_ns, event.sent_ns, _order(event), _order(event))
            self._in_flight[event.order_id] = self._in_round(event), _taken(event), span

    @property
    def cut(self) -> bool:
        """Whether a round has no end: requests that were in flight then may be missing in the history."""
        return self._cut or any(product.open or product.sets for product in self._products.values())

    def lines(self) -> Iterator[str]:
        """The beginnings and ends of all operations; `:time` counts from the first."""
        for product, acts, span in self._in_flight.values():  # the run was cut before their answer
            self._add(product, acts, replace(span, ended_ns=max(span.ended_ns, self._log.last_ns)))
        self._in_flight = {}
        return self._log.lines()

    def _operation(self, op: Operation) -> None:
        product, kind = self._in_round(op), _kind(op.outcome)
        if op.kind is Kind.READ:
            kind = kind if kind == "ok" else "fail"  # without an answer, but without an effect too
            acts = _seen(op.version, op.quantity) if kind == "ok" and op.consistent else _seen(None, None)
        else:
            product.lost += kind == "info"
            acts = _taken(op)
            self._in_flight.pop(op.order_id, None)
        order = _order(op)
        self._add(product, acts, Span(kind, op.sent_ns, op.received_ns, order, order + _shown(op)))

    def _start(self, event: RoundStarted) -> None:
        now, at_ns = event.product, event.started_ns
        product = self._product(now.id)
        if product.round:
            self._cut = self._cut or product.open
            for stock_set in product.sets:
                self._set(product, stock_set, _became(stock_set, now), at_ns)
            if not self._tells_sets:
                self._perhaps_set(product, now, at_ns)
            read = Span("ok", min(product.quiet_ns + 1, at_ns), at_ns)
            self._add(product, _seen(now.version, now.quantity), read)
        else:
            self._initial(product, now, at_ns)
        product.round, product.open, product.sets, product.quiet_ns = event.round, True, [], at_ns

    def _initial(self, product: _Product, now: Product, at_ns: int) -> None:
        """The first that is known of a product. Of what was sent before, only what may yet be applied counts."""
        acts = Act("write", str(now.version)), Act("write", str(now.quantity))
        self._add(product, acts, Span("ok", at_ns, at_ns, initial=True))
        for op in self._lost:
            if op.product_id == now.id and (op.read_version is None or op.read_version >= now.version):
                self._add(product, _taken(op), Span("info", at_ns, at_ns))
                product.lost += 1
        for event in product.sets:
            if event.outcome is Outcome.UNKNOWN and event.before.version >= now.version:
                self._set(product, event, "info", at_ns)

    def _set(self, product: _Product, event: StockSet, kind: str, until_ns: int) -> None:
        """The tool's own write, applied by then if it was."""
        product.lost += kind == "info"
        ended_ns = until_ns if event.outcome is Outcome.UNKNOWN else event.at_ns
        acts = _raised(event.before.version), Act("write", str(event.quantity))
        self._add(product, acts, Span(kind, event.sent_ns, ended_ns))
        product.quiet_ns = max(product.quiet_ns, event.at_ns)

    def _perhaps_set(self, product: _Product, now: Product, at_ns: int) -> None:
        """What the tool's own write before a round may have been, in a history that does not tell of it."""
        before, own = product.left, now.last_order is not None and is_own(now.last_order)
        if before is not None and now.version <= before.version:
            return  # there was none: it would have made a version
        if before is None or (product.lost and not own):
            kind, version = "info", _raised(None)  # or a lost write made that version
        else:
            kind, version = "ok", _raised(now.version - 1 if own else before.version)
        began_ns = min(product.quiet_ns + 1, at_ns)
        self._log.add(product.keys[0], version, Span(kind, began_ns, at_ns))
        self._log.add(product.keys[1], Act("write", str(now.quantity)), Span("ok", began_ns, at_ns))

    def _restock(self, event: Restocked) -> None:
        product, kind = self._in_round(event), _kind(event.outcome)
        product.lost += kind == "info"
        units, left = event.units, event.quantity
        version = _raised(None if event.version is None else event.version - 1)
        quantity = Act("increment", str(units)) if left is None else Act("cas", f"[{left - units} {left}]")
        self._add(product, (version, quantity), Span(kind, event.sent_ns or product.quiet_ns, event.at_ns))
        product.quiet_ns = event.at_ns

    def _end(self, event: RoundEnded) -> None:
        product, left = self._in_round(event), event.product
        read_ns = max(event.read_ns, event.ended_ns)  # 0: not said
        acts = _seen(left.version, left.quantity) if left else _seen(None, None)
        self._add(product, acts, Span("ok" if left else "fail", event.ended_ns, read_ns))
        product.open, product.left, product.quiet_ns = False, left, read_ns

    def _product(self, product_id: str) -> _Product:
        if product_id not in self._products:
            name = edn_text(product_id)
            self._products[product_id] = _Product((f"[{name} :version]", f"[{name} :quantity]"))
        return self._products[product_id]

    def _in_round(self, event: Operation | InFlight | Restocked | RoundEnded) -> _Product:
        product = self._products.get(event.product_id)
        if product is None or product.round != event.round:
            raise ValueError(f"an event of round {event.round} and product {event.product_id!r} outside that round")
        return product

    def _add(self, product: _Product, acts: _Acts, span: Span) -> None:
        for key, act in zip(product.keys, acts, strict=True):
            self._log.add(key, act, span)


def _kind(outcome: Outcome) -> str:
    return _TYPES.get(outcome, "fail")


def _became(event: StockSet, now: Product) -> str:
    """How the tool's own write ended, by what it said and by the product that was read after it."""
    if event.outcome is not Outcome.UNKNOWN or now.version != event.before.version + 1 or now.last_order is None:
        return _kind(event.outcome)
    return "ok" if now.last_order == event.name else "fail"  # its version is made, so it may not be any more


def _taken(op: Operation | InFlight) -> _Acts:
    """What a write of an order does: it makes the next version and takes its units."""
    before = op.read_version
    if before is None and isinstance(op, Operation) and op.version is not None and op.outcome is Outcome.ACCEPTED:
        before = op.version - 1
    return _raised(before), Act("decrement", str(op.units))


def _raised(before: int | None) -> Act:
    """One more version, from the one that it rests on, if that is known."""
    return Act("increment", "1") if before is None else Act("cas", f"[{before} {before + 1}]")


def _seen(version: int | None, quantity: int | None) -> _Acts:
    return Act("read", seen=_or_nil(version)), Act("read", seen=_or_nil(quantity))


def _order(op: Operation | InFlight) -> str:
    return f", :order {edn_text(op.order_id)}, :attempt {op.attempt}"


def _shown(op: Operation) -> str:
    """What else the answer says."""
    said = "" if op.consistent else ", :consistent false"
    for name, value in ((":version", op.version), (":quantity", op.quantity)):
        said += "" if value is None else f", {name} {value}"
    if not op.reason:
        return said
    return f"{said}, :error {edn_text(op.reason)}" + (f", :message {edn_text(op.message)}" if op.message else "")


def _or_nil(value: int | None) -> str:
    return "nil" if value is None else str(value)
