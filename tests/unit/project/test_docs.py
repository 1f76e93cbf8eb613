"""The docs lead where they say, and what is generated in them is what the code says."""

import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from loadtest.checker.results import OF_ORDERS
from tests.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("infra/**/*.md")])
CODE = [
    path
    for folder in ("loadtest", "scripts", "tests", "infra", ".ci")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file() and path.suffix in {"", ".py", ".sh", ".tf", ".toml", ".yaml"}
]
LINK = re.compile(r"\[(?:[^][]|\[[^]]*\])*\]\(([^()\s]+)\)")
PATH = re.compile(r"(?<![\w./-])docs/[\w./-]*\w")  # not that of an address


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@functools.cache
def anchors(page: Path) -> set[str]:
    """What can stand behind # in a link, as GitHub makes it of the page's headings."""
    made: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        made.append(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return {*made}


def broken(page: Path) -> Iterator[str]:
    """The links within the project that lead nowhere."""
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        there = (page.parent / name).resolve() if name else page
        if not there.exists() or (anchor and (there.suffix != ".md" or anchor not in anchors(there))):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [*broken(page)] == []


def test_every_page_that_code_names_is_there() -> None:
    named = {(path.relative_to(ROOT), name) for path in CODE for name in PATH.findall(path.read_text(errors="replace"))}
    assert len(named) > 10
    assert [f"{path}: {name}" for path, name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs/README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(index.read_text())}
    assert [str(page.relative_to(ROOT)) for page in ROOT.glob("docs/*/*.md") if page not in listed] == []


@pytest.mark.parametrize("script", ["reference.py", "structure.py"])
def test_what_is_generated_is_current(script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), "--check"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_lines_in_the_docs_are_of_the_schema() -> None:
    folder = ROOT / "docs/reference"
    validator = jsonschema.Draft202012Validator(json.loads((folder / "history.schema.json").read_bytes()))
    lines = [line for line in (folder / "history.md").read_text().splitlines() if line.startswith('{"type"')]
    for line in lines:
        validator.validate(json.loads(line))
    assert len(lines) > 10
    assert not validator.is_valid({"type": "coffee"})


def test_every_kind_of_violation_is_explained() -> None:
    stored = re.findall(r"^  ([a-z_]+), round ", (ROOT / "tests/histories/verdicts.txt").read_text(), re.MULTILINE)
    page = (ROOT / "docs/reference/violations.md").read_text()
    assert len(set(stored)) > 15
    assert [kind for kind in sorted({*stored, *OF_ORDERS}) if f"`{kind}`" not in page] == []
