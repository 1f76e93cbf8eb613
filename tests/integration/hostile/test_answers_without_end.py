"""Answers that never end: refused in time and within a stated amount of memory, as a value of the run."""

import asyncio
import json
import re
import time
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ReadTimeoutError

from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import is_lost, translate
from loadtest.dynamodb.limits import OversizedAnswerError
from loadtest.events import Outcome
from loadtest.workload.target import ClientKind
from tests.helpers.commands import run
from tests.helpers.scripted_server import Scripted, in_a_thread
from tests.helpers.wire_clients import connected, write
from tests.integration.hostile.server import CHUNK, COSTLY, FOLLOWED, TOO_LARGE, TOO_SLOW, instead, item_of, saying

MOST_MIB = 64
CLIENTS = list(ClientKind)


def place(url: str, client: ClientKind, timeout_s: float = 3) -> Connection:
    return Connection(
        table="t",
        endpoint_url=url,
        region="eu-west-1",
        anonymous=True,
        client=client,
        read_timeout_s=timeout_s,
        pool=50,
    )


class Memory:
    """How much more memory than at the start this process had at most."""

    _status, _reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def __init__(self) -> None:
        if not self._reset.exists():
            pytest.skip("only Linux tells")
        self._reset.write_text("5")
        self._before = self._read("VmRSS")

    def _read(self, which: str) -> int:
        found = re.search(rf"{which}:\s+(\d+) kB", self._status.read_text())
        assert found
        return int(found[1])

    @property
    def peak_mib(self) -> float:
        return (self._read("VmHWM") - self._before) / 1024


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("attack", TOO_LARGE)
async def test_what_is_too_large_is_given_up(attack: str, client: ClientKind) -> None:
    with in_a_thread(Scripted(TOO_LARGE[attack])) as server:
        async with connected(place(server.url, client)) as opened:
            memory = Memory()
            with pytest.raises(BotoCoreError) as raised:
                await write(opened)
            assert memory.peak_mib < MOST_MIB
    assert translate(raised.value, writes=True, sdk_retries=0).outcome is Outcome.UNKNOWN
    closed = (attack, client) == ("a trailer without end", ClientKind.SDK)  # is what it then may have noticed first
    if attack != "continue without end" and not closed:  # of which the SDK reads what comes until the time-out
        assert isinstance(raised.value, OversizedAnswerError)
        assert not is_lost(raised.value)


def test_a_run_goes_on_when_its_writes_have_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    endless = {"UpdateItem": FOLLOWED + b"Transfer-Encoding: chunked\r\n\r\n"}
    with in_a_thread(Scripted(instead(endless, CHUNK))) as server:
        code, _out, err = run("race", "-n", "3", "--quiet", "--json", "report.json", "--endpoint-url", server.url)
    report = json.loads(Path("report.json").read_text())
    assert (code, err) == (4, "")
    assert "OversizedAnswerError: an answer of more than 4 MiB" in json.dumps(report)


@pytest.mark.parametrize("command", ["race -n 3", "table describe"])
def test_a_command_whose_set_up_has_no_end_ends_in_a_line(command: str) -> None:
    endless = {"DescribeTable": FOLLOWED + b"Transfer-Encoding: chunked\r\n\r\n"}
    with in_a_thread(Scripted(instead(endless, CHUNK))) as server:
        code, out, err = run(*command.split(), "--endpoint-url", server.url)
    said = f"the server at {server.url} answers as no DynamoDB does: an answer of more than 4 MiB"
    assert (code, out, err) == (3, "", f"loadtest: {said}\n")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("body", COSTLY)
async def test_what_is_not_too_large_takes_little_memory(body: str, client: ClientKind) -> None:
    with in_a_thread(Scripted(saying(COSTLY[body]))) as server:
        async with connected(place(server.url, client)) as opened:
            memory = Memory()
            assert (await opened.get_item(TableName="t", Key={"id": {"S": "1"}}))["Item"]
            assert memory.peak_mib < MOST_MIB


@pytest.mark.parametrize("client", CLIENTS)
async def test_many_at_once_take_little_memory(client: ClientKind) -> None:
    async def read(opened: DynamoDBClient) -> int:
        return len((await opened.get_item(TableName="t", Key={"id": {"S": "1"}}))["Item"]["a"]["S"])

    with in_a_thread(Scripted(saying(item_of({"S": "7" * 3_000_000})))) as server:
        async with connected(place(server.url, client, 20)) as opened:
            memory = Memory()
            assert await asyncio.gather(*(read(opened) for _ in range(30))) == [3_000_000] * 30
            assert memory.peak_mib < MOST_MIB


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("attack", TOO_SLOW)
async def test_the_read_time_out_is_for_the_whole_answer(attack: str, client: ClientKind) -> None:
    async with Scripted(TOO_SLOW[attack]) as server, connected(place(server.url, client, 0.5)) as opened:
        begun_s = time.monotonic()
        with pytest.raises(ReadTimeoutError):
            await write(opened)
        assert 0.5 <= time.monotonic() - begun_s < 5
