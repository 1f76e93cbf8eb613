from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.dynamodb.items import item_bytes, number, to_item, to_product
from loadtest.dynamodb.numbers import LARGEST
from loadtest.dynamodb.schema import TableSchema
from loadtest.events import Product

whole = st.integers(-LARGEST, LARGEST)

NAMES = TableSchema()


@given(st.builds(Product, id=st.text(), name=st.text(), quantity=whole, version=whole))
def test_a_product_survives_the_way_to_an_item_and_back(product: Product) -> None:
    assert to_product(to_item(product, NAMES), product.id, NAMES) == product


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("0", 0),
        ("-0", 0),
        ("1.0", 1),
        ("1E+1", 10),
        ("1e1", 10),
        ("10E-1", 1),
        ("1.50E+1", 15),
        ("-0.5E+1", -5),
        ("+5", 5),
        (".7E+1", 7),
        ("007", 7),
        ("4611686018427387903.0", LARGEST),
    ],
)
@pytest.mark.parametrize("attribute", ["quantity", "version"])
def test_a_whole_number_may_be_written_in_any_way(attribute: str, text: str, value: int) -> None:
    item = {"quantity": number(3), "version": number(3), attribute: {"N": text}}
    assert getattr(to_product(item, "p#4", NAMES), attribute) == value


@pytest.mark.parametrize("text", ["1.5", "1E-1", "1E-130", "4611686018427387903.5"])
@pytest.mark.parametrize("attribute", ["quantity", "version"])
def test_what_is_no_whole_number_is_refused_in_words(attribute: str, text: str) -> None:
    item = {"quantity": number(3), "version": number(3), attribute: {"N": text}}
    with pytest.raises(ValueError, match=f"product 'p#4' has {attribute} {text}, which is no whole number"):
        to_product(item, "p#4", NAMES)


@pytest.mark.parametrize("attribute", ["quantity", "version"])
@pytest.mark.parametrize("other", [{}, {"S": "3"}, {"NULL": True}])
def test_a_missing_number_is_named(attribute: str, other: dict[str, Any]) -> None:
    item = {"quantity": number(3), "version": number(3), attribute: other}
    with pytest.raises(ValueError, match=f"product 'p#4' has no number `{attribute}`"):
        to_product(item, "p#4", NAMES)


def test_the_part_of_an_item_that_an_answer_shows_is_a_product_without_a_name() -> None:
    assert to_product({"quantity": number(0), "version": number(2)}, "p#4", NAMES) == Product("p#4", "", 0, 2)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        # A name of one byte, and the value by the rules of the guide: text in UTF-8, a number by two digits a byte and
        # one more, 3 bytes and one for each element around lists and maps.
        ({"S": ""}, 1),
        ({"S": "Last samovar"}, 1 + 12),
        ({"S": "Самовар"}, 1 + 14),
        ({"N": "7"}, 1 + 2),
        ({"N": "42"}, 1 + 2),
        ({"N": "123"}, 1 + 3),
        ({"N": "1000000"}, 1 + 2),  # zeros at the end take nothing
        ({"N": "0.0012"}, 1 + 2),  # nor at the start
        ({"N": "1.5"}, 1 + 2),
        ({"N": "1.5E+20"}, 1 + 2),
        ({"N": "0"}, 1 + 1),
        ({"N": "9" * 38}, 1 + 20),
        ({"B": b"12345"}, 1 + 5),
        ({"BOOL": True}, 1 + 1),
        ({"NULL": True}, 1 + 1),
        ({"L": []}, 1 + 3),
        ({"M": {}}, 1 + 3),
        ({"L": [{"S": "abc"}, {"N": "12"}]}, 1 + 3 + (1 + 3) + (1 + 2)),
        ({"M": {"key": {"S": "abc"}}}, 1 + 3 + (1 + 3 + 3)),
        ({"M": {"k": {"L": [{"BOOL": False}]}}}, 1 + 3 + (1 + 1 + 3 + (1 + 1))),
        ({"SS": ["ab", "c"]}, 1 + 3),
        ({"NS": ["1", "234"]}, 1 + 2 + 3),
        ({"BS": [b"ab", b"c"]}, 1 + 3),
    ],
)
def test_the_size_that_an_attribute_is_charged_by(value: dict[str, Any], size: int) -> None:
    assert item_bytes({"a": value}) == size


def test_the_size_of_an_item_is_that_of_all_its_attributes() -> None:
    product = to_item(Product("p#4", "Last samovar", 1, 12), NAMES)
    assert item_bytes(product) == (2 + 3) + (4 + 12) + (8 + 2) + (7 + 2) + (7 + 8)
    assert item_bytes({}) == 0
