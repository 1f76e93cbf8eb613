"""Reports in Prometheus' text format 0.0.4, for the node exporter's textfile collector or a Pushgateway.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterator, Sequence

from loadtest.records.report import Latency, Report
from loadtest.render.export.metrics import METRICS, Kind, Labels, Numbers, Times, seconds
from loadtest.render.export.runs import settings, started
from loadtest.system.foreign_text import visible

_SUFFIXES = {"s": "_seconds", "{order}/s": "_per_second", "{operation}/s": "_per_second", "1": "_ratio"}
_TYPES = {Kind.COUNTER: "counter", Kind.GAUGE: "gauge", Kind.TIMES: "summary"}


def prometheus(reports: Sequence[Report]) -> str:
    """Each metric once, with the samples of all runs, labelled with `settings`; empty without reports.

    Of runs with equal settings only the newest is in it (`newest`): a sample may be there only once.
    """
    runs = newest(reports)
    return "".join(line for metric in METRICS for line in _family(metric, runs))


def newest(reports: Sequence[Report]) -> list[Report]:
    """Of runs with equal settings the one that started last, in the order of the first of each."""
    kept: dict[tuple[tuple[str, str], ...], Report] = {}
    for report in reports:
        key = tuple(settings(report).items())
        if key not in kept or started(report) >= started(kept[key]):
            kept[key] = report
    return list(kept.values())


def _family(metric: Numbers | Times, reports: Sequence[Report]) -> Iterator[str]:
    counter = "_total" if metric.kind is Kind.COUNTER else ""
    name = f"loadtest_{metric.name}{_SUFFIXES.get(metric.unit, '')}{counter}"
    lines = [
        line
        for report in reports
        for labels, value in metric.samples(report)
        if value is not None
        for line in _lines(name, settings(report) | labels, value)
    ]
    if lines:
        yield f"# HELP {name} {metric.help}\n"
        yield f"# TYPE {name} {_TYPES[metric.kind]}\n"
        yield from lines


def _lines(name: str, labels: Labels, value: float | Latency) -> Iterator[str]:
    if not isinstance(value, Latency):
        yield _sample(name, labels, value)
        return
    quantiles = {"0": value.min, "0.5": value.p50, "0.9": value.p90, "0.99": value.p99, "0.999": value.p999}
    for quantile, ms in (quantiles | {"1": value.max}).items():
        yield _sample(name, labels | {"quantile": quantile}, seconds(ms))
    yield _sample(f"{name}_sum", labels, seconds(value.mean * value.count))
    yield _sample(f"{name}_count", labels, value.count)


def _sample(name: str, labels: Labels, value: float) -> str:
    written = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{written}}} {value + 0!r}\n"  # + 0: a bool is written as 0 or 1


def _escaped(text: str) -> str:
    return visible(text).replace("\\", "\\\\").replace('"', '\\"')
