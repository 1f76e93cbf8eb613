"""Parameters and answers generated from the SDK's own model of DynamoDB."""

import io
from collections import OrderedDict
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any

import botocore.session
from hypothesis import strategies as st

OPERATIONS = ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
OF_OLD = frozenset(  # members that expressions have replaced, and one for tables that loadtest does not make
    {"AttributesToGet", "AttributeUpdates", "ConditionalOperator", "Expected", "ReturnItemCollectionMetrics"}
)
MODEL = botocore.session.get_session().get_service_model("dynamodb")
Params = dict[str, Any]

texts = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ["id", "p#4", "größe ☃", '"\\/\x00\u2028', "🫖"]
)
names = texts
blobs = st.binary(max_size=6) | st.binary(max_size=6).map(bytearray) | texts


def attribute_values(binary: st.SearchStrategy[Any] = blobs) -> st.SearchStrategy[dict[str, Any]]:
    """An attribute value of any type, maps and lists nested; `binary` is what stands for bytes."""
    leaves = st.one_of(
        st.fixed_dictionaries({"S": texts}),
        st.fixed_dictionaries({"N": st.integers().map(str) | st.decimals(allow_nan=False).map(str)}),
        st.fixed_dictionaries({"B": binary}),
        st.fixed_dictionaries({"BOOL": st.booleans()}),
        st.fixed_dictionaries({"NULL": st.booleans()}),
        st.fixed_dictionaries({"SS": st.lists(texts, max_size=3)}),
        st.fixed_dictionaries({"NS": st.lists(st.integers().map(str), max_size=3)}),
        st.fixed_dictionaries({"BS": st.lists(binary, max_size=3)}),
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.fixed_dictionaries({"M": st.dictionaries(names, inner, max_size=3)})
            | st.fixed_dictionaries({"L": st.lists(inner, max_size=3)})
        ),
        max_leaves=6,
    )


class Shapes:
    """Values of the model's shapes. `strange` members are the names left out of structures."""

    def __init__(
        self, binary: st.SearchStrategy[Any], doubles: st.SearchStrategy[Any], strange: frozenset[str]
    ) -> None:
        self._attributes = attribute_values(binary)
        self._doubles = doubles
        self._strange = strange

    def of(self, shape: Any) -> st.SearchStrategy[Any]:
        """Any value of the shape."""
        made: st.SearchStrategy[Any] = getattr(self, f"_{shape.type_name}")(shape)
        return made

    def _string(self, shape: Any) -> st.SearchStrategy[str]:
        if shape.enum:
            return st.sampled_from(shape.enum) | texts
        if shape.name == "TableArn":
            return st.sampled_from(["t", "products", "t-1.x_Y"])
        return texts.filter(bool) if shape.metadata.get("min") else texts

    def _boolean(self, _shape: Any) -> st.SearchStrategy[bool]:
        return st.booleans()

    def _double(self, _shape: Any) -> st.SearchStrategy[Any]:
        return self._doubles

    def _list(self, shape: Any) -> st.SearchStrategy[list[Any]]:
        return st.lists(self.of(shape.member), min_size=shape.metadata.get("min", 0), max_size=3)

    def _map(self, shape: Any) -> st.SearchStrategy[dict[str, Any]]:
        return st.dictionaries(names, self.of(shape.value), max_size=3)

    def _structure(self, shape: Any) -> st.SearchStrategy[dict[str, Any]]:
        if shape.name == "AttributeValue":
            return self._attributes
        members = {name: self.of(member) for name, member in shape.members.items() if name not in self._strange}
        if shape.name == "TransactWriteItem":
            return st.one_of(*(st.fixed_dictionaries({name: value}) for name, value in members.items()))
        required = {name: members.pop(name) for name in shape.required_members}
        return st.fixed_dictionaries(required, optional=members)


@cache
def requests(operation: str, *, old: bool = False) -> st.SearchStrategy[Params]:
    """Parameters that the SDK takes: with all the members that the wire knows, or with old ones too."""
    shape = MODEL.operation_model(operation).input_shape
    made = Shapes(blobs, st.nothing(), frozenset() if old else OF_OLD).of(shape)
    return made.map(lambda params: {"ClientRequestToken": "t", **params}) if "Transact" in operation else made


class Name(StrEnum):
    """Text that is a little more than text."""

    ID = "id"


class Text(str):
    """Text of a class of its own."""

    __slots__ = ()


JUNK: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: 0,
    lambda: 1.5,
    lambda: True,
    lambda: "text",
    lambda: "",
    lambda: "\ud800",
    lambda: b"bytes",
    lambda: memoryview(b"bytes"),
    lambda: io.BytesIO(b"bytes"),
    lambda: Decimal(1),
    lambda: Name.ID,
    lambda: Text("text"),
    list,
    tuple,
    lambda: ({"S": "a"},),
    lambda: ["text"],
    lambda: [None],
    dict,
    lambda: {"S": "a"},
    lambda: {"S": 1},
    lambda: {"S": "a", "N": "1"},
    lambda: {"X": "a"},
    lambda: {"a": {"B": "\ud800"}},
    lambda: {"\ud800": {"S": "a"}},
    lambda: {1: {"S": "a"}},
    lambda: OrderedDict(S="a"),
    lambda: "arn:aws:dynamodb:eu-central-1:123456789012:table/t",
    object,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to all that is in a value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield from places(held, (*path, key))


def changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], None]) -> Any:
    """A copy in which the container of what is at the path has been changed."""
    if isinstance(value, dict):
        copy: Any = dict(value)
    elif isinstance(value, list):
        copy = list(value)
    else:
        return value
    if len(path) == 1:
        change(copy)
    elif path:
        copy[path[0]] = changed(copy[path[0]], path[1:], change)
    return copy


@st.composite
def spoiled(draw: st.DrawFn, operation: str) -> Params:
    """Parameters with something odd in one place: replaced, left out or added."""
    params = draw(requests(operation, old=draw(st.booleans())))
    path = draw(st.sampled_from([path for path in places(params) if path]))
    junk = draw(st.sampled_from(JUNK))()
    key = path[-1]

    def replace(container: Any) -> None:
        container[key] = junk

    def leave_out(container: Any) -> None:
        del container[key]

    def add(container: Any) -> None:
        if isinstance(container, dict):
            container[draw(st.sampled_from(["Unknown", "S", "B", "", 1]))] = junk
        else:
            container.append(junk)

    spoilt: Params = changed(params, path, draw(st.sampled_from([replace, leave_out, add])))
    return spoilt
