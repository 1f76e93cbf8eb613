"""Runs as Markdown, read again by a parser that others wrote."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from loadtest.checker import Power, Status
from loadtest.checker.verdict import Violation
from loadtest.records.report import Checked, Report, ReportedVerdict
from loadtest.render.export.markdown import markdown
from tests.helpers.exported_reports import configured, report

_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def _inline(reports: list[Report]) -> list[Token]:
    return [token for token in _PARSER.parse(markdown(reports)) if token.type == "inline"]


def _texts(reports: list[Report]) -> list[str]:
    """The text of every cell, paragraph and item, as a reader sees it."""
    return ["".join(part.content for part in token.children or ()) for token in _inline(reports)]


def _of(verdict: ReportedVerdict, **more: object) -> list[str]:
    return _texts([report(verdict=verdict, **more)])


@given(st.text(st.characters(exclude_categories=["C", "Z"])) | st.text("`*_[]<>|~#&\\-a1.(!", min_size=1))
@example("| a | <b>")
@example("![x](y) &amp; **z**")
def test_any_text_is_shown_as_it_is(text: str) -> None:
    said = f"word {text}".strip()
    verdict = ReportedVerdict(Status.SAFE, said, [], [])
    assert said in [each.replace("\n", " ") for each in _of(verdict)]
    tokens = [part for token in _inline([report(verdict=verdict)]) for part in token.children or ()]
    assert {part.type for part in tokens} <= {"text", "text_special", "strong_open", "strong_close"}


def test_a_run_that_is_safe_says_what_that_is_worth() -> None:
    power = Power(99, 98, 1, 1, 0.95, contested_rounds=1, excluded_share=0.95)
    texts = _of(ReportedVerdict(Status.SAFE, "1 of 100 orders won: safe", [], [], power=power))
    assert "✅ safe" in texts
    assert "1 of 100 orders won: safe" in texts
    assert any(text.startswith("contention: 1 of 1 win was contested") and "95 %" in text for text in texts)


def test_a_violation_is_told_with_the_orders_that_show_it() -> None:
    violation = Violation("oversold", "2 units", 1, "p#4", ("a-1", "a-2", "a-3", "a-4"), 4, ())
    texts = _of(ReportedVerdict(Status.VIOLATED, "violated", [violation] * 12, []))
    assert "❌ oversold, round 1, p#4: 2 units (a-1, a-2, a-3, …)" in texts
    assert "and 2 more violations, all in the report" in texts
    assert not any(text.startswith("contention") for text in texts)


@pytest.mark.parametrize(("holds", "sign"), [(True, "✅"), (False, "❌")])
def test_thresholds_hints_and_runs_that_were_stopped(holds: bool, sign: str) -> None:
    checked = Checked("p99 < 10", holds, 1.0, "p99 is 1 ms")
    run = replace(report(thresholds=[checked], hint="use more attempts"), completed=False, stopped_by="SIGINT")
    texts = _texts([run])
    assert f"{sign} p99 is 1 ms" in texts
    assert "hint: use more attempts" in texts
    assert "stopped early: SIGINT" in texts


def test_each_run_has_a_row_under_what_tells_it_from_the_others() -> None:
    runs = [configured("version", 10), configured("conditional", 100)]
    texts = _texts(runs)
    for row in ("race version, 10 at once, embedded", "race conditional, 100 at once, embedded"):
        assert sum(text.startswith(row) for text in texts) == 2, texts
    tokens = _PARSER.parse(markdown(runs))
    assert sum(token.type == "tr_open" for token in tokens) == 3
