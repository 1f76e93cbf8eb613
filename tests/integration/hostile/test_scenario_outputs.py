"""A scenario, or a report that is run again, from somebody who wants a file of the reader's to be gone."""

from pathlib import Path

import pytest

from tests.helpers.commands import run

OPTIONS = {
    "race": ("json", "junit"),
    "load": ("json", "junit"),
    "probe": ("json",),
    "runs": ("json",),
    "report": ("output",),
    "export": ("hlog", "prometheus", "markdown", "edn"),
}


@pytest.mark.parametrize(("command", "option"), [(one, option) for one, each in OPTIONS.items() for option in each])
def test_no_file_of_others_is_overwritten(tmp_path: Path, command: str, option: str) -> None:
    theirs, scenario = tmp_path / "theirs", tmp_path / "scenario.toml"
    theirs.write_text("alias loadtest=…\n")
    runs = "runs = ['nowhere']\n" if command in ("report", "export") else ""
    scenario.write_text(f"command = '{command}'\n{runs}{option} = '{theirs}'\n")
    code, out, err = run("run", str(scenario))
    assert (code, out) == (2, "")
    assert f"would overwrite a file that loadtest did not write; give --{option} on the command line" in err
    assert theirs.read_text() == "alias loadtest=…\n"


def test_its_own_are_and_so_is_what_the_command_line_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("race.toml").write_text("""command = "race"
number-of-requests = 3
json = "a.json"
junit = "a.xml"
""")
    for _ in range(2):
        code, _, err = run("run", "race.toml", "--quiet")
        assert code in {0, 4}, err
    Path("a.json").write_text("theirs")
    code, _, err = run("run", "race.toml", "--quiet", "--json", "a.json")
    assert code in {0, 4}, err
    assert Path("a.json").read_text().startswith("{")
