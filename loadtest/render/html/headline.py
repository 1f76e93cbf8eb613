"""The top of the page: the verdict, the remarks to it, and the key figures."""

from collections import Counter
from collections.abc import Mapping, Sequence

from loadtest.checker import Status
from loadtest.records.comparison import UNTESTED, Comparison
from loadtest.records.report import Report
from loadtest.records.search import Found
from loadtest.render.html.outline import Key, Note
from loadtest.render.html.words import count, dollars, number, plural

_WORST_FIRST = (Status.VIOLATED.value, Status.INCONCLUSIVE.value, UNTESTED, Status.SAFE.value)


def verdict(
    reports: Sequence[Report], comparisons: Sequence[Comparison], searches: Sequence[Found] = ()
) -> tuple[str, str]:
    """The worst status of all runs, and the sentence: the run's own, or how many runs had which status.

    Before it stands what searches found.
    """
    if len(reports) == 1 and not comparisons and not searches:
        return reports[0].verdict.status.value, reports[0].verdict.sentence
    compared = {run for comparison in comparisons for cell in comparison.cells for run in cell.runs}
    compared |= {run for search in searches for run in search.order}
    alone = [report.verdict for report in reports if report.run_id not in compared]
    statuses = Counter(UNTESTED if verdict.untested else verdict.status.value for verdict in alone)
    for comparison in comparisons:
        for cell in comparison.cells:
            statuses.update(cell.counts)
    for level in (level for search in searches for level in search.levels):
        statuses.update(level.counts)
    counts = ", ".join(f"{statuses[status]:,} {status}" for status in _WORST_FIRST if statuses[status])
    worst = next((status for status in _WORST_FIRST if statuses[status]), UNTESTED)
    worst = Status.INCONCLUSIVE if worst == UNTESTED else worst
    answers = "".join(f"{search.sentence}. " for search in searches)
    return worst, f"{answers}{plural(statuses.total(), 'run')}: {counts or 'no verdict'}"


def notes(
    reports: Mapping[str, Report], comparisons: Sequence[Comparison], searches: Sequence[Found] = ()
) -> list[Note]:
    """What puts a verdict or its figures in question, run by run, and the thresholds; the worst first."""
    notes = [note for name, report in reports.items() for note in _notes(name if len(reports) > 1 else "", report)]
    for comparison in comparisons:
        name = comparison.comparison_id
        if not comparison.completed:
            notes.append(Note("warn", "stopped early", name, "the comparison has fewer runs than it was to have"))
        notes += [Note("warn", "warning", name, warning) for warning in comparison.warnings]
    notes += [
        Note("warn", "stopped early", search.search_id, "the search has fewer runs than it takes to be sure")
        for search in searches
        if not search.completed
    ]
    held = [checked for report in reports.values() for checked in report.thresholds if checked.holds]
    if len(reports) == 1:
        notes += [Note("good", "threshold held", "", f"{each.threshold}: {each.sentence}") for each in held]
    elif held:
        notes.append(Note("good", "thresholds held", "", f"{count(len(held))}, told apart under All figures"))
    return sorted(notes, key=lambda note: ("bad", "warn", "good").index(note.level))


def _notes(name: str, report: Report) -> list[Note]:
    notes = [
        Note("bad", "threshold failed", name, f"{checked.threshold}: {checked.sentence}")
        for checked in report.thresholds
        if not checked.holds
    ]
    if report.stopped_by or not report.completed:
        notes.append(Note("warn", "stopped early, so this is a part", name, report.stopped_by or "no reason is known"))
    if report.client.cpu_s is None:
        notes.append(Note("warn", "made again from the history", name, "what the tool itself cost is not in it"))
    if report.faults is not None:
        notes.append(Note("warn", "faults injected", name, report.faults.sentence))
    if report.repaired:
        notes.append(Note("warn", "repaired", name, report.repaired))
    if report.client.stamped:
        notes.append(Note("warn", "receive times", name, report.client.stamped))
    if report.client.bound:
        notes.append(Note("warn", "the tool was the bottleneck", name, report.client.bound))
    if report.hint:
        notes.append(Note("warn", "stock was left", name, report.hint))
    notes += [Note("warn", "reason", name, reason) for reason in report.verdict.reasons]
    problems = report.orders.problems
    return notes + [Note("warn", plural(each.count, "problem"), name, each.sentence) for each in problems]


def keys(report: Report) -> list[Key]:
    """The figures of a single run."""
    return [*_orders(report), *_power(report), *_speed(report), *_price(report)]


def _orders(report: Report) -> list[Key]:
    orders = report.orders
    reasons = ", ".join(f"{reason} {count(n)}" for reason, n in orders.rejected_by_reason.items())
    keys = [
        Key("orders placed", count(orders.placed)),
        Key("accepted", count(orders.accepted)),
        Key("rejected", count(orders.rejected), reasons),
        Key("throttled", count(orders.throttled), level="warn" if orders.throttled else ""),
        Key("failed", count(orders.failed), level="bad" if orders.failed else ""),
        Key("unknown", count(orders.unknown), level="bad" if orders.unknown else ""),
    ]
    if orders.dropped or report.arrivals.kind == "open":
        note = f"of {count(report.arrivals.due)} due"
        keys.append(Key("dropped", count(orders.dropped), note, "bad" if orders.dropped else ""))
    if orders.warm_up:
        keys.append(Key("in the warm-up", count(orders.warm_up), "in none of the figures"))
    return keys


def _power(report: Report) -> list[Key]:
    shown = report.verdict.power
    if not shown.accepted or report.verdict.status is Status.VIOLATED:
        return []
    note = (
        f"double wins above {number(shown.excluded_rate)} are excluded (95 %)"
        if shown.contested
        else "none, so no double win could show"
    )
    level = "" if shown.contested else "warn"
    return [Key("contested wins", f"{count(shown.contested)} of {count(shown.accepted)}", note, level)]


def _speed(report: Report) -> list[Key]:
    keys = [Key("goodput", f"{number(report.goodput_per_s)} / s", f"accepted, over {number(report.duration_s)} s")]
    for outcome in ("accepted", "rejected"):
        if of := report.order_ms.get(outcome):
            note = f"p50 {number(of.p50)} ms"
            keys.append(Key(f"{outcome} orders, p99", f"{number(of.p99)} ms", note))
    if report.work.writes_per_accepted is not None:
        wasted = f"{count(report.work.wasted_writes)} wasted"
        keys.append(Key("writes for each accepted", number(report.work.writes_per_accepted), wasted))
    for name, worst in (("slowest order", report.work.slowest), ("most attempts", report.work.most_tried)):
        if worst is not None:
            value = f"{number(worst.response_ms)} ms" if name == "slowest order" else count(worst.attempts)
            keys.append(Key(name, value, f"{worst.order_id}, {worst.outcome}, {plural(worst.attempts, 'attempt')}"))
    return keys


def _price(report: Report) -> list[Key]:
    capacity = report.capacity
    each = f"{dollars(capacity.usd_per_1000_accepted)} for 1,000 accepted"
    reported = f"{capacity.reported:.0%} of all reported by the server"
    return [
        Key("price", dollars(capacity.usd), f"{each}; {capacity.prices}"),
        Key("write units", number(capacity.write_units), reported),
        Key("read units", number(capacity.read_units)),
    ]
