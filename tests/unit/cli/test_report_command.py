"""`loadtest report`: where the page goes, what is in it, and histories that other programs wrote."""

import re
import webbrowser
from pathlib import Path

import pytest
from msgspec.structs import replace

from loadtest.cli.app import app
from loadtest.compare import Repeats
from loadtest.errors import UsageError
from loadtest.records.invocation import Invocation
from loadtest.records.report import read
from tests.helpers.exported_reports import configured
from tests.helpers.html_document import Document
from tests.helpers.stored_runs import put, put_comparison

DOCS = Path(__file__).parents[3] / "docs"
TYPED = "loadtest race --threshold 'p99(order.accepted) < 5ms' --product '<b>'"


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a run and a comparison in `runs`; pages without the libraries that draw charts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("loadtest.render.html.page._libraries", lambda: "")
    put(
        tmp_path / "runs" / "a",
        replace(configured("version", 10, 1), invocation=Invocation(TYPED, {"command": "race"})),
    )
    cells = [Repeats(name, {"strategy": name}, [configured(name, 10, 2)]) for name in ("version", "conditional")]
    put_comparison(tmp_path / "runs" / "b", cells, invocation=Invocation("loadtest compare", {}))
    (tmp_path / "mine.json").write_bytes((tmp_path / "runs" / "a" / "report.json").read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("run", "page"),
    [
        ("runs/a", "runs/a/report.html"),
        ("runs/a/report.json", "runs/a/report.html"),
        ("runs/b", "runs/b/report.html"),
        ("runs/latest", "runs/b/report.html"),
        ("mine.json", "mine.html"),
    ],
)
def test_a_page_goes_beside_what_it_shows(run: str, page: str, where: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app(["report", run], standalone_mode=False) == 0
    assert capsys.readouterr().err == f"wrote {page}\n"
    assert (where / page).read_text().startswith("<!DOCTYPE html>")


def test_a_page_of_several_needs_a_name(where: Path) -> None:
    with pytest.raises(UsageError, match="give -o"):
        app(["report", "runs"], standalone_mode=False)
    assert app(["report", "runs", "-o", "all.html"], standalone_mode=False) == 0
    document = Document((where / "all.html").read_text())
    assert TYPED in document.text
    assert "loadtest compare" in document.text
    assert len(document.all("pre")) == 2


@pytest.mark.parametrize(("browser", "said"), [(True, ""), (False, "loadtest: there is no browser here; open")])
def test_a_page_is_opened_where_there_is_a_browser(
    browser: bool, said: str, where: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = []

    def open_page(url: str) -> bool:
        opened.append(url)
        return browser

    monkeypatch.setattr(webbrowser, "open", open_page)
    assert app(["report", "runs/a", "--open"], standalone_mode=False) == 0
    assert opened == [(where / "runs/a/report.html").as_uri()]
    assert capsys.readouterr().err.removeprefix("wrote runs/a/report.html\n").startswith(said)


def test_the_history_of_another_program_makes_a_page(where: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = (
        (DOCS / "reference/history.md").read_text().partition("## A history of your own")[2].partition("```console")[0]
    )
    (where / "by-hand.jsonl").write_text("".join(f"{line}\n" for line in own.splitlines() if line.startswith("{")))
    assert app(["report", "by-hand.jsonl"], standalone_mode=False) == 0
    text = Document((where / "by-hand.html").read_text()).text
    assert "1 of 2 orders won the last item; 1 was rejected: safe" in text
    assert "by hand, started 2026-11-23T12:46:30+00:00" in re.sub(r"\s+", " ", text)
    assert app(["compare", "by-hand.jsonl", "by-hand.jsonl"], standalone_mode=False) == 0
    assert app(["export", "by-hand.jsonl", "--csv", "tables"], standalone_mode=False) == 0


def test_a_report_of_another_programs_history_makes_nothing_up(where: Path) -> None:
    from loadtest.rebuild import rebuild

    own = (
        (DOCS / "reference/history.md").read_text().partition("## A history of your own")[2].partition("```console")[0]
    )
    (where / "by-hand.jsonl").write_text("".join(f"{line}\n" for line in own.splitlines() if line.startswith("{")))
    report = rebuild(where / "by-hand.jsonl")
    assert (report.config, report.environment, report.invocation, report.hint) == ({}, {}, None, None)
    assert (report.client.name, report.client.stamps) == ("unknown", "unknown")
    assert (report.orders.placed, report.orders.accepted, report.orders.rejected) == (2, 1, 1)
    assert read(where / "runs/a/report.json").invocation == Invocation(TYPED, {"command": "race"})
