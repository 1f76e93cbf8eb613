"""Text that others wrote, in files and in answers, at every door out of the process."""

import csv
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import edn_format
import msgspec
import pytest

import loadtest
from loadtest.records import json_file
from loadtest.records.report import SCHEMA, Report
from loadtest.render.export.opentelemetry import metrics_data
from loadtest.render.junit import junit
from loadtest.render.terminal import print_report
from loadtest.system.foreign_text import visible
from tests.helpers import drawn_reports as pages
from tests.helpers.commands import run
from tests.helpers.html_document import Document
from tests.integration.hostile.answers import ACTIVE, Answer, a_table, answering

Answers = Callable[[str, Any], Answer]
HISTORIES = Path(__file__).parents[2] / "histories"
FORGED = "safe: forged"
ATTACKS = {
    "title of the window": "\x1b]0;owned\x07",
    "clear the screen": "\x1b[2J\x1b[H",
    "colour": "\x1b[32msafe\x1b[0m",
    "C1": "\x9b2J\x9d0;owned\x9c",
    "line break": f"\n{FORGED}\n",
    "other line breaks": f"\r\n{FORGED}\u2028{FORGED}\x85{FORGED}\x0b\x0c",
    "carriage return": f"\r{FORGED}",
    "DEL, NUL, backspace": "\x7f\x00\b\b\b\b",
    "direction": "\u202efas\u2066\u200f\u061c",
    "zero width": "\u200b\ufeff\u2060\u00ad\U000e0041",
    "not in XML": "\ufffe\uffff",
    "markup": "[bold red]x[/bold red][link=http://h.example]y[/link] <script>alert(1)</script>",
    "formula": "=cmd|' /C calc'!A0",
}
HOSTILE = "".join(ATTACKS.values())
KEPT = {"schema", "command", "started_at", "status", "kind", "hdr", "outcome", "type", "stamps", "reason"}


def hostile(value: Any) -> Any:
    """The same with every text, and every name that is no field's, behind the attacks."""
    match value:
        case str():
            return HOSTILE + value
        case list():
            return [hostile(each) for each in value]
        case dict():
            return {name: each if name in KEPT else hostile(each) for name, each in value.items()}
        case _:
            return value


def assert_harmless(text: str, *, arrived: bool = True) -> None:
    for line in text.split("\n"):
        assert visible(line) == line
        assert not line.lstrip().startswith(FORGED)
    assert not arrived or r"\x1b" in text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run whose report and history have the attacks wherever a file can have a text."""
    made = hostile(msgspec.to_builtins(pages.violated()))
    made["stock"] = {HOSTILE: next(iter(made["stock"].values()))}
    made["config"] |= {"product": HOSTILE, "strategy": HOSTILE, HOSTILE: HOSTILE, "units": 1}
    made |= {"stopped_by": HOSTILE, "hint": HOSTILE, "completed": False}
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(made))
    lines = (HISTORIES / "violated" / "duplicate-delivery-seen.jsonl").read_bytes().splitlines()
    events = (hostile(msgspec.json.decode(line)) for line in lines)
    (tmp_path / "history.jsonl").write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    return tmp_path


def test_page(folder: Path) -> None:
    code, out, err = run("report", str(folder), "-o", str(folder / "page.html"))
    assert (code, out) == (0, ""), err
    page = (folder / "page.html").read_text()
    assert_harmless(page)
    assert len(Document(page).scripts) == 3


@pytest.mark.slow
def test_pictures(folder: Path) -> None:
    assert run("report", str(folder), "--svg", str(folder / "svg"))[0] == 0
    drawn = sorted((folder / "svg").iterdir())
    assert drawn
    for picture in drawn:
        assert_harmless(picture.read_text(), arrived=False)
        ET.parse(picture)


def test_history_that_is_judged(folder: Path) -> None:
    code, out, err = run("check", str(folder))
    assert (code, err) == (1, "")
    assert_harmless(out)


@pytest.mark.parametrize("option", ["--markdown", "--prometheus", "--hlog", "--edn"])
def test_exports(folder: Path, option: str) -> None:
    code, out, err = run("export", str(folder), option, "-")
    assert (code, err) == (0, "")
    assert_harmless(out, arrived=option not in ("--hlog", "--edn"))
    if option == "--edn":
        first = edn_format.loads(next(line for line in out.splitlines() if ":order" in line))
        order = str(first[edn_format.Keyword("order")])
        assert order.encode("utf-16", "surrogatepass").decode("utf-16").startswith(HOSTILE)


def test_spreadsheets(folder: Path) -> None:
    code, _, err = run("export", str(folder), "--csv", str(folder))
    assert code == 0, err
    for name in ("runs", "per_second", "latency"):
        with (folder / f"{name}.csv").open(newline="") as file:
            text = file.read()
            assert_harmless(text.replace("\r\n", "\n"), arrived=name != "per_second")
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        cells = [cell for row in rows for cell in row if cell.strip()[:1] in tuple("=+-@")]
        assert all(re.fullmatch(r"-?[0-9.e-]+", cell) for cell in cells)


def test_metrics_and_tests(folder: Path) -> None:
    report = json_file.read(folder / "report.json", Report, SCHEMA)
    (resource,) = metrics_data([report]).resource_metrics
    sent = [str(value) for value in resource.resource.attributes.values()]
    for metric in resource.scope_metrics[0].metrics:
        sent += [str(value) for point in metric.data.data_points for value in (point.attributes or {}).values()]
    assert_harmless("\n".join(sent))
    xml = junit(report).decode()
    ET.fromstring(xml)
    assert_harmless(xml)


def test_terminal(folder: Path) -> None:
    out = io.StringIO()
    report = json_file.read(folder / "report.json", Report, SCHEMA)
    with redirect_stdout(out):
        print_report(report, folder, to_stdout=True, quiet=False, verbose=True)
    assert_harmless(out.getvalue())


@pytest.mark.parametrize(
    "text",
    [
        'command = "check"\nruns = ["{}"]',
        'command = "{}"',
        'command = "race"\n"{}" = 1',
        'command = "race"\nproduct = "{}"\nendpoint-url = "http://127.0.0.1:9"',
        'command = "race"\nstrategy = "{}"',
        'command = "race"\nregion = "{}"\ntarget = "aws"',
        'command = "load"\nassert = ["{}"]',
        'command = "load"\nrate = "{}"',
        'command = "race"\n[[fault]]\nkind = "{}"',
        '"{}',
    ],
)
def test_scenario(tmp_path: Path, text: str) -> None:
    escaped = "".join(f"\\U{ord(each):08x}" for each in HOSTILE if each != "\0")
    (tmp_path / "hostile.toml").write_text(text.format(escaped))
    code, out, err = run("run", str(tmp_path / "hostile.toml"))
    assert (code in {2, 3}, out) == (True, "")
    assert_harmless(err, arrived=False)
    assert len(err.splitlines()) == 1


ITEM = {"id": {"S": "p#4"}, "quantity": {"N": "1"}, "version": {"N": "1"}, "made_by": {"S": "loadtest"}}
HOSTILE_KEY = {
    "KeySchema": [{"AttributeName": HOSTILE, "KeyType": HOSTILE}],
    "AttributeDefinitions": [{"AttributeName": HOSTILE, "AttributeType": HOSTILE}],
}
REFUSED = (400, {"__type": f"x#{HOSTILE}", "message": HOSTILE})


def described(**table: Any) -> Answers:
    return lambda *_: (200, {"Table": {**ACTIVE, **table}})


@pytest.mark.parametrize(
    ("arguments", "answers"),
    [
        ("race", lambda *_: REFUSED),
        ("race", a_table({**ITEM, "quantity": {"N": HOSTILE}}, REFUSED)),
        ("race", a_table(ITEM, REFUSED)),
        ("race", a_table({**ITEM, "made_by": {"S": HOSTILE}, HOSTILE: {"S": HOSTILE}}, REFUSED)),
        ("table describe", lambda *_: (400, {"__type": HOSTILE})),
        ("table describe", described(TableStatus=HOSTILE)),
        ("table describe", described(**HOSTILE_KEY)),
    ],
    ids=["refusal", "number", "write", "foreign product", "type", "status", "key"],
)
def test_server(tmp_path: Path, arguments: str, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    more = ["-n", "2", "--yes"] if arguments == "race" else []
    with answering(answers) as url:
        code, out, err = run(*arguments.split(), *more, "--endpoint-url", url)
    assert "internal error" not in err
    assert code in {3, 4}
    assert_harmless(out + err)


def test_only_one_module_makes_text_for_the_terminal() -> None:
    package = Path(loadtest.__file__).parent
    for path in package.rglob("*.py"):
        if path.name != "console.py":
            assert not re.search(r"(?<![.\w])(Text(\.\w+)?|Console)\(", path.read_text()), path
