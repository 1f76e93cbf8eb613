import json
from pathlib import Path

import msgspec
import pytest

from loadtest.comparison import Comparison
from loadtest.report import Report

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("kind", "file"), [(Report, "report.schema.json"), (Comparison, "comparison.schema.json")])
def test_the_schema_in_the_docs_is_that_of_the_document(kind: type, file: str) -> None:
    assert json.loads((DOCS / file).read_bytes()) == json.loads(msgspec.json.encode(msgspec.json.schema(kind)))
