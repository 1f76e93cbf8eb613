"""Requests that no SDK sends, but a program might, get what moto_server gives; `hostile` has those of a page."""

import gzip
from typing import Any

import pytest

from tests.integration.moto.pair import ITEM, Pair, post

READ = '{"TableName": "T", "Key": {"id": {"S": "a"}}}'
WRITE = '{"TableName": "T", "Item": {"id": {"S": "a"}, %s}}'
UNUSUAL_BODIES: dict[str, list[str]] = {
    "Nonsense": ["{}"],
    "": ["{}"],
    "GetItem": ["", '{"TableName"', "[]", "null", READ[:-1] + ', "Bogus": 1, "ConsistentRead": "yes"}',
                READ.replace('"S"', '"X"')],
    "PutItem": [WRITE % f'"s": {value}' for value in (
        '{"S": "&Action=ListTables"}',  # moto takes it for the operation
        '{"S": "a&b"}', '{"S": "1"}, "s": {"S": "2"}', '{"N": "1", "S": "2"}', '{"N": 12345678901234567890123}',
        '{"N": 12}', '{"NS": [1, 2]}',
        '{"N": NaN}', '{"S": "\\ud800"}', '{"BOOL": "true"}', '{"NULL": null}', "null", '"text"', '{"B": "abc"}',
        '{"B": "Y%W=I="}', '{"SS": "abc"}', '{"L": {"S": "a"}}', '{"M": []}')],
    "TransactWriteItems": [f'{{"TransactItems": [{{"Get": {READ}}}]}}', '{"TransactItems": {}}'],
}  # fmt: skip
UNUSUAL_HEADS: list[dict[str, Any]] = [
    {"User_Agent": "sdk region/eu-west-3"},
    {"Host": "localhost:1"},
    {"region": "nowhere-1"},
    {"x_moto_account_id": "111111111111"},
    {"key": "AKIAIOSFODNN7EXAMPLE"},
    {"x-moto_account-id": "111111111111"},
    {"path": "/other"},
    {"path": "/?a=b"},
    {"path": "/?Action=DescribeLimits"},
]
UNUSUAL: list[tuple[str, str, dict[str, Any]]] = [
    (operation, body, {}) for operation, bodies in UNUSUAL_BODIES.items() for body in bodies
]
UNUSUAL += [("GetItem", READ, how) for how in UNUSUAL_HEADS]


@pytest.mark.parametrize("number", range(len(UNUSUAL)))
def test_an_unusual_request_gets_what_moto_server_gives(
    number: int, pair: Pair, table: str, urls: tuple[str, str]
) -> None:
    operation, body, how = UNUSUAL[number]
    pair.call("put_item", TableName=table, Item=ITEM)
    for sent, text, options in ((operation, body, how), ("GetItem", READ, {})):
        data = text.replace('"T"', f'"{table}"').encode()
        fast, moto = (post(url, sent, data, **options) for url in urls)
        assert fast == moto


def test_a_packed_body_is_unpacked(pair: Pair, table: str, urls: tuple[str, str]) -> None:
    pair.call("put_item", TableName=table, Item=ITEM)
    data = READ.replace('"T"', f'"{table}"').encode()
    assert post(urls[0], "GetItem", gzip.compress(data), Content_Encoding="gzip") == post(urls[1], "GetItem", data)
