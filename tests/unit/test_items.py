from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.dynamo.items import number, to_item, to_product
from loadtest.order import Product

whole = st.integers(-(10**37), 10**37)


@given(st.builds(Product, id=st.text(), name=st.text(), quantity=whole, version=whole))
def test_a_product_survives_the_way_to_an_item_and_back(product: Product) -> None:
    assert to_product(to_item(product), product.id) == product


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
        ("99999999999999999999999999999999999999.0", 99999999999999999999999999999999999999),
    ],
)
@pytest.mark.parametrize("attribute", ["quantity", "version"])
def test_a_whole_number_may_be_written_in_any_way(attribute: str, text: str, value: int) -> None:
    item = {"quantity": number(3), "version": number(3), attribute: {"N": text}}
    assert getattr(to_product(item, "p#4"), attribute) == value


@pytest.mark.parametrize("text", ["1.5", "1E-1", "x", "", "NaN", "sNaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("attribute", ["quantity", "version"])
def test_what_is_no_whole_number_is_refused_in_words(attribute: str, text: str) -> None:
    item = {"quantity": number(3), "version": number(3), attribute: {"N": text}}
    with pytest.raises(ValueError, match=f"product 'p#4' has {attribute} {text}, which is no whole number"):
        to_product(item, "p#4")


@pytest.mark.parametrize("attribute", ["quantity", "version"])
@pytest.mark.parametrize("other", [{}, {"S": "3"}, {"NULL": True}])
def test_a_missing_number_is_named(attribute: str, other: dict[str, Any]) -> None:
    item = {"quantity": number(3), "version": number(3), attribute: other}
    with pytest.raises(ValueError, match=f"product 'p#4' has no number `{attribute}`"):
        to_product(item, "p#4")


def test_the_part_of_an_item_that_an_answer_shows_is_a_product_without_a_name() -> None:
    assert to_product({"quantity": number(0), "version": number(2)}, "p#4") == Product("p#4", "", 0, 2)
