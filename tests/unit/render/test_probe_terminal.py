import pytest
from msgspec.structs import replace

from loadtest.render.probe import print_probe
from loadtest.studies.probe.findings import SCHEMA, Probe, Shown
from loadtest.studies.probe.questions import CONDITIONAL, TOKEN
from tests.unit.render.printed_reports import Terminal

PROBE = Probe(
    schema=SCHEMA,
    started_at="2026-11-23T10:00:00+00:00",
    completed=True,
    stopped_by=None,
    fit=True,
    sentence="fit to judge",
    findings=[
        CONDITIONAL.answered(Shown.YES, "as seen", "0 of 300 races"),
        TOKEN.answered(Shown.NOT_SHOWN, "nothing [to] see"),
    ],
    requests={"GetItem": 1200},
    left_behind=[],
    duration_s=6.2,
    environment={},
)


def printed(probe: Probe, capsys: pytest.CaptureFixture[str], *, quiet: bool = False) -> str:
    print_probe(probe, to_stdout=True, quiet=quiet)
    return capsys.readouterr().out


def test_each_finding_has_its_answer_its_basis_and_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    output = printed(PROBE, capsys)
    for part in ("yes (0 of 300 races)", "as seen", CONDITIONAL.yes, "not shown", "nothing [to] see", "1,200 GetItem"):
        assert part in output
    assert output.splitlines()[-1] == "fit to judge"
    assert "deleted" not in output


def test_quiet_prints_the_sentence_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(PROBE, capsys, quiet=True) == "fit to judge\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_what_was_left_behind_is_always_said(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    output = printed(replace(PROBE, left_behind=["probe#1", "probe#2"]), capsys, quiet=quiet)
    assert "2 items could not be deleted (probe#1, probe#2)" in output
    one = printed(replace(PROBE, left_behind=[f"probe#{n}" for n in range(5)]), capsys, quiet=quiet)
    assert "5 items could not be deleted (probe#0, probe#1, probe#2, …)" in one


@pytest.mark.parametrize(("columns", "rows"), [(80, False), (129, False), (130, True)])
def test_in_a_narrow_window_each_question_is_a_paragraph(
    columns: int, rows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Terminal()
    monkeypatch.setattr("sys.stdout", file)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    print_probe(PROBE, to_stdout=True, quiet=False)
    paragraph = f"{CONDITIONAL.name}: yes (0 of 300 races)\n  seen: as seen\n  for a verdict: {CONDITIONAL.yes}\n"
    assert (paragraph in file.getvalue()) == (not rows)
    assert file.getvalue().startswith("question ") == rows
