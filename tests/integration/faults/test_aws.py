"""In front of a server that verifies signatures over TLS: the proxy signs again, and the guard rails stay."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.credentials import ReadOnlyCredentials

from loadtest.dynamodb.endpoint import Connection
from loadtest.errors import TargetError
from loadtest.faults.proxy import proxied
from loadtest.workload.faults import DropAnswer, Faults
from tests.conftest import Cli
from tests.helpers.certificates import Authority
from tests.helpers.strict_server import Refusal, Rules, Strict, strict_server

KEYS = ReadOnlyCredentials("AKIDEXAMPLE", "hunter2-hunter2", "a-session-token")
ORDERS = 20


@pytest.fixture
def strict(
    server_urls: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Strict, set[str], dict[str, str]]]:
    """A server that lets nobody else in, the hosts that it is asked for, and the environment of its user."""
    authority = Authority.founded(tmp_path_factory.mktemp("authority"), "The tests' authority")
    hosts: set[str] = set()
    judged = Strict.judged

    def noted(server: Strict, headers: dict[str, str], body: bytes) -> Refusal | None:
        hosts.add(headers["host"])
        return judged(server, headers, body)

    monkeypatch.setattr(Strict, "judged", noted)
    with strict_server(server_urls("embedded"), authority.server_context(), Rules(KEYS)) as server:
        environment = {
            "AWS_ACCESS_KEY_ID": KEYS.access_key,
            "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
            "AWS_SESSION_TOKEN": KEYS.token,
            "AWS_ENDPOINT_URL_DYNAMODB": server.url,
            "AWS_CA_BUNDLE": str(authority.certificate),
        }
        yield server, hosts, environment


@pytest.mark.parametrize("client", ["wire", pytest.param("sdk", marks=pytest.mark.slow)])
def test_the_proxy_signs_for_the_server(client: str, strict: Any, cli: Cli, tmp_path: Path) -> None:
    server, hosts, environment = strict
    (tmp_path / "day.toml").write_text("[[fault]]\nkind = 'drop_answer'\nrate = 0.3\n")
    where = ["--target", "aws", "--region", "eu-central-1", "--table", f"t-{uuid.uuid4().hex}"]
    plan = ["-n", str(ORDERS), "--client", client, "--fault", "day.toml", "--json", "-", "--seed", "3"]
    done = cli("race", "--populate-table", "--yes", *where, *plan, **environment)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert server.refused == {}
    assert hosts == {server.url.removeprefix("https://")}
    assert server.passed["UpdateItem"] >= ORDERS
    assert report["environment"]["endpoint_url"] == server.url
    assert report["orders"]["unknown"] == report["faults"]["injected"]["drop_answer"] > 0
    assert report["orders"]["failed"] == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"report.json", "history.jsonl", "faults.jsonl", "proxy.log"} <= {path.name for path in files}
    everything = done.stdout + done.stderr + "".join(path.read_text() for path in files)
    assert not any(secret in everything for secret in (KEYS.access_key, KEYS.secret_key, KEYS.token))


def test_a_proxy_on_this_machine_does_not_open_tables_elsewhere(strict: Any, cli: Cli, tmp_path: Path) -> None:
    server, _, environment = strict
    (tmp_path / "day.toml").write_text("[[fault]]\nkind = 'drop_answer'\n")
    name = f"t-{uuid.uuid4().hex}"
    client = boto3.client(
        "dynamodb",
        endpoint_url=server.url,
        region_name="eu-central-1",
        verify=environment["AWS_CA_BUNDLE"],
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret_key,
        aws_session_token=KEYS.token,
    )
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    where = ["--target", "aws", "--region", "eu-central-1", "--table", name]
    done = cli("race", *where, "--fault", "day.toml", **environment)
    assert done.returncode == 3
    assert "does not carry the tag loadtest=allowed, so it is left alone" in done.stderr
    assert server.passed["UpdateItem"] == 0
    assert client.scan(TableName=name)["Count"] == 0
    client.close()


async def test_a_proxy_that_cannot_reach_the_server_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    connection = Connection(table="t", endpoint_url="https://db.test", anonymous=True)
    faults = Faults(faults=(DropAnswer(),))
    with pytest.raises(
        TargetError, match=r"the fault proxy ended at once .*: its endpoint is reached through the proxy"
    ):
        async with proxied(connection, faults, 1, region="x", run_id="r", folder=tmp_path):
            pass
