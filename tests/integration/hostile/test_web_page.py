"""A page in a browser of this machine: it gets nothing from a server of the tool, and changes nothing there."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from loadtest.faults.proxy import BEGIN
from loadtest.system.guard import Guard
from tests.conftest import Cli, clean_environment, free_port, wait_until_listening
from tests.integration.hostile.requests import SIGNED, ask, operation
from tests.integration.hostile.servers import KEY, fault_proxy
from tests.integration.moto.pair import ITEM

PAGE = {"Origin": "http://shop.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
REBOUND = {"Host": "shop.example:8000", "Sec-Fetch-Site": "same-origin"}  # its owner leads the name to 127.0.0.1

# What a page can have its browser send: method, path, headers. Of the first group a browser asks nobody's leave.
SENT: dict[str, tuple[str, str, Mapping[str, str]]] = {
    "a form": ("POST", "/", {**PAGE, "Content-Type": "application/x-www-form-urlencoded"}),
    "text": ("POST", "/", {**PAGE, "Content-Type": "text/plain"}),
    "an operation in the path": ("POST", "/?Action=DeleteTable", {**PAGE, "Content-Type": "text/plain"}),
    "no origin shown": ("POST", "/", {"Content-Type": "text/plain"}),
    "an opaque origin": ("POST", "/", {**SIGNED, **PAGE, "Origin": "null"}),
    "a picture": ("GET", "/?Action=DeleteTable&TableName=T", {"Sec-Fetch-Mode": "no-cors"}),
    "moto's reset": ("POST", "/moto-api/reset", {**PAGE, "Content-Type": "text/plain"}),
    "moto's dashboard": ("GET", "/moto-api/data.json", {}),
    "a question for leave": ("OPTIONS", "/", {**PAGE, "Access-Control-Request-Method": "POST",
                                              "Access-Control-Request-Headers": "x-amz-target,content-type"}),
    "with leave": ("POST", "/", {**SIGNED, **PAGE}),
    "a local page": ("POST", "/", {**SIGNED, "Origin": "http://localhost:3000"}),
    "another content type": ("POST", "/", {**SIGNED, "Content-Type": "application/json"}),
    "another name": ("POST", "/", {**SIGNED, **REBOUND}),
    "another name and a question": ("GET", "/moto-api/", REBOUND),
    "a name that looks like ours": ("POST", "/", {**SIGNED, "Host": "localhost.shop.example"}),
    "a web socket": ("GET", "/", {"Origin": "http://shop.example", "Connection": "Upgrade", "Upgrade": "websocket",
                                  "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}),
}  # fmt: skip
# Whatever these headers say, the request deletes, and as a form it does so again.
TARGET = {"X-Amz-Target": "DynamoDB_20120810.DeleteTable"}
DELETE = b'{"TableName": "T", "x": "&Action=DeleteTable&TableName=T&Version=2012-08-10"}'


@pytest.fixture(scope="module")
def port(server_urls: Callable[[str], str]) -> int:
    """Of an embedded server with a table and an item in it."""
    port = urlsplit(server_urls("embedded")).port
    assert port is not None
    keys = [{"AttributeName": "id", "KeyType": "HASH"}], [{"AttributeName": "id", "AttributeType": "S"}]
    table = {"TableName": "T", "KeySchema": keys[0], "AttributeDefinitions": keys[1], "BillingMode": "PAY_PER_REQUEST"}
    assert operation(port, "CreateTable", table)[0] == 200
    assert operation(port, "PutItem", {"TableName": "T", "Item": {"id": ITEM["id"]}})[0] == 200
    return port


@pytest.mark.parametrize("name", SENT)
def test_a_page_gets_nothing_and_changes_nothing(name: str, port: int) -> None:
    method, path, headers = SENT[name]
    status, given, body = ask(port, method, path, {**TARGET, **headers}, DELETE)
    code = {403: "Forbidden", 421: "MisdirectedRequest"}[status]
    assert json.loads(body)["__type"] == code
    assert "this server" in json.loads(body)["message"]
    assert not [header for header in given if header.startswith("access-control-")]
    assert "T" in json.loads(operation(port, "ListTables", {})[2])["TableNames"]


@pytest.mark.parametrize("what", ["GetItem", "DescribeTable", "Nonsense"])
def test_no_page_may_read_what_a_program_gets(what: str, port: int) -> None:
    status, given, _ = operation(port, what, {"TableName": "T", "Key": {"id": ITEM["id"]}})
    assert status == (500 if what == "Nonsense" else 200)
    assert not [header for header in given if header.startswith("access-control-")]


def test_no_page_gets_through_the_fault_proxy_even_with_its_key(tmp_path: Path) -> None:
    key = {**SIGNED, "Authorization": SIGNED["Authorization"].replace("loadtest", KEY)}
    proxy = fault_proxy(tmp_path)
    try:
        anyio.run(proxy.ready)
        for status, path, headers in ((403, "/", PAGE), (403, BEGIN, PAGE), (421, "/", REBOUND), (421, BEGIN, REBOUND),
                                      (400, "/", {})):  # fmt: skip
            assert ask(proxy.port, "POST", path, {**key, **TARGET, **headers}, DELETE)[0] == status, path
        with_another = ask(proxy.port, "POST", "/", {**SIGNED, **TARGET}, DELETE)
        assert b"serves the run that started it, nobody else" in with_another[2]
    finally:
        proxy.stop()


Serve = Callable[..., int]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts `loadtest serve` with further options, and returns its port."""
    started = []

    def run(*options: str) -> int:
        port = free_port()
        command = [sys.executable, "-m", "loadtest", "serve", "--port", str(port), *options]
        with (tmp_path / "said").open("wb") as said:
            started.append(subprocess.Popen(command, env=clean_environment(), stdin=subprocess.DEVNULL, stderr=said))
        wait_until_listening(started[-1], port)
        return port

    yield run
    for process in started:
        process.kill()
        process.wait()


def test_a_server_for_others_says_so_and_answers_to_the_names_that_it_was_given(serve: Serve, tmp_path: Path) -> None:
    port = serve("--host", "0.0.0.0", "--allow-host", "dynamodb")
    for host in ("dynamodb:8000", "DYNAMODB", "localhost", "192.0.2.7:8000", "[2001:db8::1]:8000"):
        assert operation(port, "ListTables", {}, Host=host)[0] == 200, host
    status, _, body = operation(port, "ListTables", {}, Host="shop.example")
    assert (status, b"'shop.example'" in body, b"--allow-host" in body) == (421, True, True)
    first, second = (tmp_path / "said").read_text().splitlines()
    assert first.endswith(f"http://0.0.0.0:{port}; Ctrl-C ends it")
    assert second.startswith("warning: whoever reaches that address may read, change and delete")


def test_what_is_no_name_of_a_host_is_refused(cli: Cli) -> None:
    done = cli("serve", "--allow-host", "dynamodb", "--allow-host", "http://dynamodb:8000")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--allow-host 'http://dynamodb:8000' is no name of a host" in done.stderr


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("LocalHost.:1", True),
        ("db.test", True),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("[2001:db8::1]", False),
        ("test", False),
        ("localhost.test", False),
        ("db.test.evil", False),
        ("evil@localhost", False),
        ("localhost:8000:1", False),
        ("[localhost]", False),
        ("::1", False),
        ("localhost, evil", False),
        ("\xb9localhost", False),
        ("", False),
    ],
)
def test_the_names_of_a_server(host: str, served: bool) -> None:
    guard = Guard("192.0.2.7", ["DB.test."])
    assert (guard.stranger({b"host": host.encode("latin-1")}) is None) is served
    assert guard.stranger({}) is not None
    assert guard.off_loopback
    assert not Guard().off_loopback
