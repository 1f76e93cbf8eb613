"""A table whose attributes are called otherwise, some by words that DynamoDB has reserved or does not take bare."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import asdict, replace

from loadtest.cli.app import app
from loadtest.dynamodb import admin
from loadtest.dynamodb.client import DynamoDBClient, connect
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.schema import TableSchema
from loadtest.targets import endpoint
from tests.helpers.sound_verdicts import is_sound_report

OTHER = TableSchema(
    key="sku", name="title", quantity="count", version="rev-no", last_order="order", last_restock="refilled at",
    made_by="maker", record_prefix="o/", record_product="for", record_units="size", fenced="no", expires_at="ttl",
)  # fmt: skip


@pytest.fixture
def place(server_urls: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Connection:
    """A table at the embedded server; the commands of the test take OTHER for its names."""
    reach = endpoint.connection
    monkeypatch.setattr(endpoint, "connection", lambda base, url: replace(reach(base, url), schema=OTHER))
    monkeypatch.chdir(tmp_path)
    return Connection(
        table=f"t-{uuid.uuid4().hex[:12]}", schema=OTHER, endpoint_url=server_urls("embedded"), anonymous=True
    ).patient()


def command(place: Connection, *arguments: str) -> int:
    where = ("--endpoint-url", place.endpoint_url or "", "--table", place.table)
    return int(app([*arguments, *where], standalone_mode=False) or 0)


def with_client(place: Connection, ask: Callable[[DynamoDBClient], Any]) -> Any:
    async def asking() -> Any:
        async with connect(place) as client:
            return await ask(client)

    return anyio.run(asking)


def items(place: Connection) -> list[dict[str, Any]]:
    return with_client(place, lambda client: client.scan(TableName=place.table))["Items"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("strategy", ["version", "conditional", "transaction", "unconditional"])
def test_every_strategy_races_there(strategy: str, place: Connection, capfd: pytest.CaptureFixture[str]) -> None:
    code = command(place, "race", "-n", "30", "--strategy", strategy, "--populate-table", "-q", "--json", "-")
    report = json.loads(capfd.readouterr().out)
    orders = report["orders"]
    assert (orders["placed"], orders["failed"], orders["unknown"]) == (30, 0, 0)
    if strategy == "unconditional":
        assert orders["accepted"] >= 1
    else:
        assert orders["accepted"] == 1
        assert is_sound_report(code, report)
    stored = items(place)
    assert {name for item in stored for name in item} <= set(asdict(OTHER).values())
    records = [item for item in stored if item["sku"]["S"].startswith("o/")]
    assert [(item["for"]["S"], item["size"]["N"]) for item in records] == [("p#4", "1")] * (strategy == "transaction")
    product = next(item for item in stored if item["sku"]["S"] == "p#4")
    assert int(product["rev-no"]["N"]) > 1
    assert product["order"]["S"]


@pytest.mark.slow
def test_a_lost_answer_is_reconciled_a_product_restocked_and_put_back_there(
    place: Connection, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = {"sku": {"S": "kettle"}, "count": {"N": "3"}, "rev-no": {"N": "7"}, "price": {"N": "12"}}
    assert command(place, "populate") == 0
    with_client(place, lambda client: client.put_item(TableName=place.table, Item=own))
    (tmp_path / "faults.toml").write_text('[[fault]]\nkind = "drop_answer"\nrate = 0.3\n')
    one = ("--product", "kettle", "--yes", "--strategy", "transaction", "-q", "--json", "-")
    code = command(place, "race", *one, "-n", "12", "--fault", "faults.toml", "--read-timeout", "300ms")
    report = json.loads(capfd.readouterr().out)
    assert is_sound_report(code, report), report["verdict"]
    load = ("--restock", "--rate", "50", "--duration", "1", "--stock", "5")
    code = command(place, "load", *one, *load)
    report = json.loads(capfd.readouterr().out)
    assert is_sound_report(code, report), report["verdict"]
    assert [item for item in items(place) if item["sku"]["S"] == "kettle"] == [own]
    assert not [item for item in items(place) if item["sku"]["S"].startswith("o/") and "for" in item]
    assert with_client(place, lambda client: admin.describe_table(client, place)).key == (("sku", "HASH", "S"),)
    assert command(place, "table", "delete", "--yes") == 0
