"""What attributes are called is decided in one place, and expressions are written with its fields."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import asdict

from loadtest.dynamodb import schema
from loadtest.dynamodb.schema import TableSchema
from tests.conftest import ROOT

NAMES = TableSchema()
ASKING = (
    "dynamodb",
    "engine",
    "faults",
    "strategies",
    "studies/probe",
    "targets",
)  # who makes requests and reads items
ALSO_WORDS = {"version", "name", "units"}  # of a strategy, of anything, of an order
BARE = re.compile(rf"(?<![#:\w])({'|'.join(asdict(NAMES).values())})(?!\w)")
AN_EXPRESSION = re.compile(r"\bSET |\w+_exists\(|begins_with\(|[=<>] ?:\w")


def strings(path: Path) -> Iterator[str]:
    """The string literals of a module, but for what only documents."""
    tree = ast.parse(path.read_text())
    documenting = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documenting:
            yield node.value


def test_no_other_module_says_what_an_attribute_is_called() -> None:
    modules = [path for room in ASKING for path in (ROOT / "loadtest" / room).rglob("*.py")]
    named, expressions = set(asdict(NAMES).values()) - ALSO_WORDS, 0
    for path in modules:
        if path == Path(schema.__file__):
            continue
        for text in strings(path):
            assert text not in named, f"{path} names {text!r}"
            if AN_EXPRESSION.search(text):
                expressions += 1
                assert not BARE.search(text), f"{path} names an attribute in {text!r}"
    assert expressions > 20


@pytest.mark.parametrize(
    ("names", "expression", "request_"),
    [
        (TableSchema(), "attribute_not_exists(#key) OR #made_by = :x",
         {"ConditionExpression": "attribute_not_exists(id) OR made_by = :x"}),
        (TableSchema(), "#name = :name", {"ConditionExpression": "#name = :name",
                                          "ExpressionAttributeNames": {"#name": "name"}}),
        (TableSchema(quantity="count", version="rev-no"), "#quantity = :a AND #version = :b AND #last_order = :c",
         {"ConditionExpression": "#quantity = :a AND #version = :b AND last_order = :c",
          "ExpressionAttributeNames": {"#quantity": "count", "#version": "rev-no"}}),
    ],
)  # fmt: skip
def test_an_expression_has_the_tables_names(names: TableSchema, expression: str, request_: dict[str, object]) -> None:
    assert names.expressions(ConditionExpression=expression) == request_


def test_a_field_that_a_schema_does_not_have_is_an_error() -> None:
    with pytest.raises(AttributeError, match="price"):
        NAMES.expressions(ConditionExpression="#price > :limit")
