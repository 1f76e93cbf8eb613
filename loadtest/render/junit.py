"""Reports as JUnit XML, for the test pages of CI servers.

A run is a test suite: one test for its verdict, one for each threshold. A violated run and a crossed threshold are
failures; a run that was inconclusive, or not completed, is an error. Suites and tests keep their names from run to run,
so that a CI server can follow each; which run it was stands in the properties.

The XML is valid against Jenkins' schema (junit-10.xsd), Surefire's and the stricter one of Ant's JUnit task.
"""

import re
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from loadtest.checker import Status
from loadtest.records.report import Report
from loadtest.render import power
from loadtest.system.foreign_text import visible

_EVIDENCE_SHOWN = 50


def junit(reports: Report | Sequence[Report], names: Sequence[str] | None = None, *, gate: bool = True) -> bytes:
    """The XML document: a `testsuites` with one suite for each report, in their order.

    Suites are called by `names`, without them by command and strategy; suites of one name are numbered. The verdict of
    a run that only put nothing to the test is an error for a `gate`, and skipped where runs are only compared.
    """
    every = [reports] if isinstance(reports, Report) else reports
    if names is None:
        names = [f"{report.command} {report.config.get('strategy', 'run')}" for report in every]
    seen: Counter[str] = Counter()
    root = ET.Element("testsuites")
    for index, (name, report) in enumerate(zip(names, every, strict=True)):
        seen[name] += 1
        numbered = f"{name} {seen[name]}" if names.count(name) > 1 else name
        root.append(_suite(report, index, numbered, gate=gate))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(report: Report, index: int, name: str, *, gate: bool) -> ET.Element:
    class_name = "loadtest." + re.sub(r"[^\w-]+", "_", name)
    tests = [_verdict(report, class_name, gate=gate)]
    for checked in report.thresholds:
        test = _test(checked.threshold, class_name, 0.0)
        if not checked.holds:
            _mark(test, "failure", "threshold crossed", checked.sentence)
        tests.append(test)
    suite = ET.Element(
        "testsuite",
        {
            "name": _clean(name),
            "id": str(index),
            "package": "loadtest",
            "timestamp": _clean(report.started_at.partition("+")[0]),
            "hostname": "localhost",  # the schema wants one, and a report has none
            "tests": str(len(tests)),
            "failures": str(sum(test.find("failure") is not None for test in tests)),
            "errors": str(sum(test.find("error") is not None for test in tests)),
            "skipped": str(sum(test.find("skipped") is not None for test in tests)),
            "time": f"{report.duration_s:.6f}",
        },
    )
    properties = ET.SubElement(suite, "properties")
    for key, value in _properties(report).items():
        ET.SubElement(properties, "property", name=_clean(key), value=_clean(value))
    suite.extend(tests)
    worth = power.shown(report.verdict)
    lines = [report.verdict.sentence, *(checked.sentence for checked in report.thresholds)]
    if worth is not None:
        lines.append(f"contention: {worth}")
    ET.SubElement(suite, "system-out").text = _lines(lines)
    ET.SubElement(suite, "system-err")
    return suite


def _verdict(report: Report, class_name: str, *, gate: bool) -> ET.Element:
    """The exit code's order: what was violated comes first, then what was not completed."""
    test, verdict = _test("verdict", class_name, report.duration_s), report.verdict
    if verdict.status is Status.VIOLATED:
        _mark(test, "failure", "violated", verdict.sentence, _evidence(report))
    elif not report.completed:
        message = f"stopped early ({report.stopped_by}): {verdict.sentence}"
        _mark(test, "error", "not completed", message, verdict.reasons)
    elif verdict.untested and not gate:
        ET.SubElement(test, "skipped", message=_clean(verdict.sentence))
    elif verdict.status is Status.INCONCLUSIVE:
        _mark(test, "error", "inconclusive", verdict.sentence, verdict.reasons)
    return test


def _evidence(report: Report) -> list[str]:
    violations = report.verdict.violations
    lines = []
    for violation in violations[:_EVIDENCE_SHOWN]:
        orders = ", ".join(violation.orders) + (", …" if violation.orders_count > len(violation.orders) else "")
        where = f"{violation.kind}, round {violation.round}, {violation.product_id}"
        lines.append(f"{where}: {violation.message}{f' ({orders})' if orders else ''}")
    if (more := len(violations) - _EVIDENCE_SHOWN) > 0:
        lines.append(f"and {more:,} more, all in the report")
    return [*lines, *report.verdict.reasons]


def _properties(report: Report) -> dict[str, str]:
    """The run's id and time, its target, its power, and all settings that are no tables."""
    settings = {key: value for key, value in report.config.items() if isinstance(value, str | int | float)}
    run = {"run_id": report.run_id, "started_at": report.started_at, "command": report.command}
    target = {"target": report.environment.get("target", "")}
    shown = report.verdict.power
    counts = {"contested": shown.contested, "excluded_rate": shown.excluded_rate, "overlapped": shown.overlapping}
    worth = counts if shown.accepted else {}
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in {**settings, **target, **worth, **run}.items()
    }


def _test(name: str, class_name: str, time_s: float) -> ET.Element:
    return ET.Element("testcase", name=_clean(name), classname=_clean(class_name), time=f"{time_s:.6f}")


def _mark(test: ET.Element, tag: str, kind: str, message: str, lines: Sequence[str] = ()) -> None:
    mark = ET.SubElement(test, tag, type=kind, message=_clean(message))
    mark.text = _lines(lines or [message])


def _clean(text: str) -> str:
    r"""XML 1.0 has no place for control characters, not even escaped: they are written as `\x1b`."""
    return visible(text)


def _lines(texts: Sequence[str]) -> str:
    return "\n".join(map(_clean, texts))
