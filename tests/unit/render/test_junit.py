import re
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.checker import Power, Status, Violation
from loadtest.records.report import Checked, Report
from loadtest.render.junit import junit
from tests.helpers.threshold_reports import OVERSOLD, a_report, verdict

HOLDS = Checked("orders.unknown == 0", holds=True, value=0.0, sentence="orders.unknown == 0: holds, 0")
CROSSED = Checked("orders.failed == 0", holds=False, value=7.0, sentence="orders.failed == 0: crossed, 7 is 7 over")

# What Jenkins' junit-10.xsd, Surefire's schema and Ant's JUnit.xsd all allow: attributes, and children in order.
ALLOWED: dict[str, tuple[set[str], str]] = {
    "testsuites": (set(), "(testsuite )*"),
    "testsuite": (
        {"name", "id", "package", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"},
        "properties (testcase )*system-out system-err ",
    ),
    "properties": (set(), "(property )*"),
    "property": ({"name", "value"}, ""),
    "testcase": ({"name", "classname", "time"}, "(failure |error |skipped )?"),
    "failure": ({"message", "type"}, ""),
    "error": ({"message", "type"}, ""),
    "skipped": ({"message"}, ""),
    "system-out": (set(), ""),
    "system-err": (set(), ""),
}


def assert_valid(element: ET.Element) -> None:
    attributes, children = ALLOWED[element.tag]
    assert set(element.attrib) == attributes
    assert re.fullmatch(children, "".join(f"{child.tag} " for child in element))
    for child in element:
        assert_valid(child)


def parsed(*reports: Report, **options: Any) -> list[ET.Element]:
    """The suites, after a look at what every document must keep to."""
    root = ET.fromstring(junit(reports, **options))
    assert_valid(root)
    for suite in root:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
        assert datetime.fromisoformat(suite.attrib["timestamp"])
        assert float(suite.attrib["time"]) == sum(float(test.attrib["time"]) for test in suite.iter("testcase"))
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
        assert int(suite.attrib["errors"]) == len(suite.findall("testcase/error"))
    return list(root)


def properties(suite: ET.Element) -> dict[str, str]:
    return {each.attrib["name"]: each.attrib["value"] for each in suite.iter("property")}


def test_a_safe_run_is_a_suite_that_passes() -> None:
    (suite,) = parsed(a_report(thresholds=[HOLDS]))
    assert suite.attrib["name"] == "race version"
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("2", "0", "0")
    names = [(test.attrib["classname"], test.attrib["name"]) for test in suite.iter("testcase")]
    assert names == [("loadtest.race_version", "verdict"), ("loadtest.race_version", "orders.unknown == 0")]
    assert suite.attrib["time"] == "0.250000"
    said = suite.findtext("system-out")
    assert said == f"{a_report().verdict.sentence}\n{HOLDS.sentence}"


def test_the_properties_tell_which_run_it_was() -> None:
    (suite,) = parsed(a_report())
    assert properties(suite) == {
        "run_id": "2026-11-23T07-42-16Z-b12dc47938",
        "started_at": "2026-11-23T07:42:16+00:00",
        "command": "race",
        "strategy": "version",
        "concurrency": "50",
        "number_of_requests": "100",
        "gate": "true",
        "target": "embedded",
    }


def test_a_suite_says_what_its_verdict_is_worth() -> None:
    found = Power(100, 99, accepted=1, contested=1, excluded_rate=0.95)
    (suite,) = parsed(a_report(verdict=replace(verdict(Status.SAFE), power=found)))
    assert {"contested": "1", "excluded_rate": "0.95", "overlapped": "99"}.items() <= properties(suite).items()
    assert str(suite.findtext("system-out")).splitlines()[-1].startswith("contention: 1 of 1 win was contested")


@pytest.mark.parametrize(("gate", "tag"), [(True, "error"), (False, "skipped")])
def test_only_a_gate_fails_for_a_run_that_put_nothing_to_the_test(gate: bool, tag: str) -> None:
    nothing = replace(verdict(Status.INCONCLUSIVE, reasons=["no win was contested"]), untested=True)
    (suite,) = parsed(a_report(verdict=nothing), gate=gate)
    (mark,) = [*suite.findall("testcase/error"), *suite.findall("testcase/skipped")]
    assert (mark.tag, mark.attrib["message"]) == (tag, nothing.sentence)
    assert (suite.attrib["errors"], suite.attrib["skipped"]) == ("1", "0") if gate else ("0", "1")


def test_one_report_need_not_be_a_list() -> None:
    assert junit(a_report()) == junit([a_report()])


def test_a_violated_run_is_a_failure_with_its_evidence() -> None:
    many = Violation("lost_update", "100 orders won from version 1", 2, "p#4", ("a", "b"), 100)
    (suite,) = parsed(a_report(verdict=verdict(Status.VIOLATED, [OVERSOLD, many], ["a reason"]), completed=False))
    (failure,) = suite.findall("testcase/failure")
    assert failure.attrib["type"] == "violated"
    assert failure.attrib["message"] == "1 of 100 orders won the last item: violated"
    assert failure.text == (
        "oversold, round 1, p#4: 2 units were accepted, but the stock fell by 1 (o-1, o-2)\n"
        "lost_update, round 2, p#4: 100 orders won from version 1 (a, b, …)\n"
        "a reason"
    )


def test_the_evidence_is_cut() -> None:
    (suite,) = parsed(a_report(verdict=verdict(Status.VIOLATED, [OVERSOLD] * 1200)))
    lines = str(suite.findtext("testcase/failure")).splitlines()
    assert len(lines) == 51
    assert lines[-1] == "and 1,150 more, all in the report"


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"verdict": verdict(Status.INCONCLUSIVE, reasons=["no order was decided"])}, "inconclusive", "no order was"),
        ({"completed": False, "stopped_by": "SIGINT"}, "not completed", "stopped early (SIGINT): 1 of 100"),
        (
            {"completed": False, "stopped_by": "x", "verdict": verdict(Status.INCONCLUSIVE, reasons=["a reason"])},
            "not completed",
            "a reason",
        ),
    ],
)
def test_a_run_that_shows_nothing_is_an_error(changes: dict[str, Any], kind: str, text: str) -> None:
    (suite,) = parsed(a_report(**changes))
    (error,) = suite.findall("testcase/error")
    assert error.attrib["type"] == kind
    assert text in str(error.text)
    assert suite.findall("testcase/failure") == []


def test_a_crossed_threshold_is_a_failure_of_its_own() -> None:
    (suite,) = parsed(a_report(thresholds=[HOLDS, CROSSED]))
    (crossed,) = (test for test in suite.iter("testcase") if len(test))
    assert crossed.attrib["name"] == "orders.failed == 0"
    assert crossed[0].tag == "failure"
    assert crossed[0].attrib == {"type": "threshold crossed", "message": CROSSED.sentence}


def test_suites_have_names_of_their_own() -> None:
    suites = parsed(a_report(), a_report(command="load"), a_report(config={}), a_report())
    assert [suite.attrib["name"] for suite in suites] == [
        "race version 1",
        "load version",
        "race run",
        "race version 2",
    ]
    assert [suite.attrib["id"] for suite in suites] == ["0", "1", "2", "3"]
    named = parsed(a_report(), a_report(), names=["at 10", "shop.py:buy <&>"])
    assert [suite.attrib["name"] for suite in named] == ["at 10", "shop.py:buy <&>"]
    assert named[1][1].attrib["classname"] == "loadtest.shop_py_buy_"


def test_no_report_is_no_suite() -> None:
    assert parsed() == []


def test_characters_that_xml_has_no_place_for_are_written_out() -> None:
    strange = "a\x00b\x1b[31m\ud800\ufffe <&>\"' é ☃ \U0001f600\n"
    (suite,) = parsed(a_report(completed=False, stopped_by=strange, config={"strategy": strange}))
    shown = "a\\x00b\\x1b[31m\\ud800\\ufffe <&>\"' é ☃ \U0001f600\\n"
    assert properties(suite)["strategy"] == shown
    assert str(suite.findtext("testcase/error")).startswith(f"stopped early ({shown})")


@given(st.text(st.characters()), st.text(st.characters(categories=["Cc", "Cs", "Zs"])))
def test_any_text_makes_a_document(one: str, other: str) -> None:
    crossed = Checked(one, holds=False, value=None, sentence=other)
    (suite,) = parsed(a_report(thresholds=[crossed], stopped_by=other, completed=False), names=[one])
    assert suite.attrib["failures"] == "1"
