"""Whatever is wrong: one line on standard error that says what to do, the right exit code, no traceback."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.conftest import Cli, free_port
from tests.helpers.one_line import assert_one_line
from tests.helpers.sound_verdicts import is_sound


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (
            ["race", "--strategy", "hope"],
            ["'--strategy': there is no strategy 'hope'; there are version", "loadtest race --help"],
        ),
        (["race", "-n", "many"], ["--number-of-requests", "valid integer"]),
        (["race", "-n", "0"], ["--number-of-requests", "greater than or equal to 1"]),
        (["race", "-n", "-5"], ["--number-of-requests"]),
        (["race", "--stock", "-1"], ["--stock"]),
        (["race", "--units", "0"], ["--units"]),
        (["race", "--rounds", "0"], ["--rounds"]),
        (["race", "--attempts", "0"], ["--attempts"]),
        (["race", "--concurrency", "0"], ["--concurrency"]),
        (["race", "--product", ""], ["--product"]),
        (["load", "--product", "\udcff"], ["--product", "UTF-8"]),
        (["race", "--round", "3"], ["race has no --round; did you mean --rounds?", "loadtest race --help"]),
        (["rase"], ["No such command 'rase'", "race"]),
        (["race", "--target", "endpoint"], ["--endpoint-url"]),
        (["race", "--target", "embedded", "--endpoint-url", "http://127.0.0.1:8000"], ["--endpoint-url"]),
        (["race", "--endpoint-url", "127.0.0.1:8000"], ["http://127.0.0.1:8000"]),
        (["race", "--endpoint-url", "http://127.0.0.1:notaport"], ["no URL like"]),
        (["race", "--endpoint-url", "http://me:secret@127.0.0.1:8000"], ["user name or password"]),
        (["race", "--target", "aws"], ["--region"]),
        (["race", "--target", "aws", "--region", "eu-west-1", "--profile", "nobody"], ["nobody", "--profile"]),
        (["race", "--runs-dir", "/proc/runs"], ["/proc/runs", "--runs-dir"]),
        (["race", "--json", "nowhere/report.json"], ["nowhere"]),
        (["race", "--json", "/"], ["it is a folder"]),
        (["race", "--json", "-", "--junit", "-"], ["--json -", "--junit -"]),
        (["populate"], ["--endpoint-url", "--target aws"]),
        (["table", "describe"], ["--endpoint-url", "--target aws"]),
        (["serve", "--port", "0"], ["--port"]),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], parts: list[str], cli: Cli) -> None:
    assert_one_line(cli(*arguments), 2, *parts)


def test_a_secret_in_the_endpoint_url_is_not_repeated(cli: Cli) -> None:
    assert "hunter2" not in cli("race", "--endpoint-url", "http://me:hunter2@127.0.0.1:8000").stderr


@pytest.mark.parametrize(
    "arguments", [["race"], ["race", "--populate-table"], ["populate"], ["table", "describe"], ["table", "create"]]
)
def test_an_endpoint_that_is_down(arguments: list[str], cli: Cli, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert_one_line(cli(*arguments, "--endpoint-url", url), 3, f"no answer at {url}", "is it running")
    assert list(tmp_path.glob("runs/*")) == []


def test_a_port_that_is_taken(cli: Cli, server_urls: Callable[[str], str]) -> None:
    port = server_urls("embedded").rpartition(":")[2]
    assert_one_line(cli("serve", "--port", port), 3, f"127.0.0.1:{port}", "--port")


def test_no_credentials(cli: Cli) -> None:
    assert_one_line(cli("race", "--target", "aws", "--region", "eu-west-1"), 3, "no AWS credentials", "--profile")


def test_wrong_credentials(cli: Cli, strict_moto: str) -> None:
    done = cli("race", "--endpoint-url", strict_moto, AWS_ACCESS_KEY_ID="nobody", AWS_SECRET_ACCESS_KEY="hunter2")
    assert_one_line(done, 3, "check the credentials")
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("server", ["embedded", "dynalite", "dynamodb_local"])
def test_a_missing_table_and_a_missing_product_name_the_command_that_makes_them(
    server: str, cli: Cli, server_urls: Callable[[str], str]
) -> None:
    where = ["--endpoint-url", server_urls(server), "--table", f"t-{uuid.uuid4().hex}"]
    command = f"loadtest populate {' '.join(where)}"
    assert_one_line(cli("race", *where), 3, "there is no table", command)
    assert_one_line(cli("table", "describe", *where), 3, "there is no table", command)
    assert_one_line(cli("table", "delete", *where), 3, "there is no table")
    assert cli(*command.split()[1:]).returncode == 0
    assert_one_line(
        cli("race", *where, "--product", "p#99"), 3, "'p#99'", f"populate --product 'p#99' {' '.join(where)}"
    )
    assert cli("populate", "--product", "p#99", "--product", "p#0", "--quantity", "7", *where).returncode == 0
    assert cli("race", *where, "-n", "5", "--product", "p#99").returncode in (0, 4)  # 4: no win was contested
    assert_one_line(cli("table", "create", *where), 3, "exists already")
    assert is_sound(cli("race", *where, "-n", "5"))
    assert cli("table", "delete", *where).returncode == 0
    assert_one_line(cli("race", *where), 3, "there is no table")


@pytest.fixture(params=["embedded", "dynamodb_local"])
def database(request: pytest.FixtureRequest, server_urls: Callable[[str], str]) -> tuple[Any, str]:
    url = server_urls(request.param)
    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="loadtest",
        aws_secret_access_key="loadtest",
    )
    return client, url


@pytest.mark.parametrize(
    "key", [[("id", "HASH", "N")], [("sku", "HASH", "S")], [("id", "HASH", "S"), ("shop", "RANGE", "S")]]
)
def test_a_table_with_another_key(key: list[tuple[str, str, str]], database: tuple[Any, str], cli: Cli) -> None:
    client, url = database
    name = f"t-{uuid.uuid4().hex}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": attribute, "KeyType": role} for attribute, role, _ in key],
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": type_} for attribute, _, type_ in key],
    )
    for command in ("race", "populate"):
        assert_one_line(cli(command, "--endpoint-url", url, "--table", name), 3, "has the key", key[0][0], "--table")


@pytest.mark.parametrize(
    ("attributes", "part"),
    [
        ({"quantity": {"N": "1"}}, "no number `version`"),
        ({"version": {"N": "1"}}, "no number `quantity`"),
        ({"quantity": {"S": "one"}, "version": {"N": "1"}}, "no number `quantity`"),
        ({"quantity": {"N": "1.5"}, "version": {"N": "1"}}, "no whole number"),
    ],
)
def test_a_product_that_is_none(attributes: dict[str, Any], part: str, database: tuple[Any, str], cli: Cli) -> None:
    client, url = database
    where = ["--endpoint-url", url, "--table", f"t-{uuid.uuid4().hex}"]
    assert cli("populate", *where).returncode == 0
    client.put_item(TableName=where[3], Item={"id": {"S": "p#4"}, **attributes})
    assert_one_line(cli("race", *where), 3, part, "'p#4'", "loadtest populate")


def test_debug_shows_the_traceback_above_the_line(cli: Cli) -> None:
    done = cli("race", "--debug", "--endpoint-url", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 3
    assert done.stderr.startswith("Traceback")
    assert done.stderr.splitlines()[-1].startswith("loadtest: no answer")
