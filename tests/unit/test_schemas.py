import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from loadtest.events import Event
from loadtest.records.comparison import Comparison
from loadtest.records.history import Header
from loadtest.records.report import Report
from loadtest.records.search import Found
from loadtest.studies.probe.document import Probe

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        (Report, "report.schema.json"),
        (Comparison, "comparison.schema.json"),
        (Found, "search.schema.json"),
        (Header | Event, "history.schema.json"),
        (Probe, "probe.schema.json"),
    ],
)
def test_the_schema_in_the_docs_is_that_of_the_document(kind: Any, file: str) -> None:
    assert json.loads((DOCS / file).read_bytes()) == json.loads(msgspec.json.encode(msgspec.json.schema(kind)))


def test_the_lines_in_the_docs_are_of_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(json.loads((DOCS / "history.schema.json").read_bytes()))
    lines = [line for line in (DOCS / "report.md").read_text().splitlines() if line.startswith('{"type"')]
    for line in lines:
        validator.validate(json.loads(line))
    assert len(lines) > 10
    assert not validator.is_valid({"type": "coffee"})
