"""Numbers of servers that cost minutes, or are none: a line, and no order that goes on with them."""

import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Start
from tests.helpers.commands import run
from tests.integration.hostile.answers import Answer, a_table, answering

ITEM = {"id": {"S": "p#4"}, "quantity": {"N": "1"}, "version": {"N": "1"}, "made_by": {"S": "loadtest"}}
HOSTILE = ["1E+9999999", "1E-9999999", "9" * 100_000, "1E+125", "٣", " 5 ", "NaN"]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:16])
def test_before_a_run(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with answering(a_table({**ITEM, "version": {"N": text}}, (200, {}))) as url:
        code, out, err = run("race", "-n", "2", "--endpoint-url", url)
    assert (code, out) == (3, "")
    assert "product 'p#4' has version " in err
    assert len(err) < 500


@pytest.mark.parametrize("client", ["wire", "sdk"])
@pytest.mark.parametrize("text", ["1E+9999999", "1E+125"])
def test_in_the_answers_of_a_run(tmp_path: Path, client: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = {**ITEM, "quantity": {"N": text}, "version": {"N": text}}
    refused = {"__type": "x#ConditionalCheckFailedException", "message": "no", "Item": hostile}
    left = {"Attributes": hostile, "ConsumedCapacity": {"CapacityUnits": 1e99}}
    turns = iter(range(10**6))

    def answer(operation: str, asked: Any) -> Answer:
        if operation == "UpdateItem":
            return (400, refused) if next(turns) % 2 else (200, left)
        return a_table(ITEM, (200, {}))(operation, asked)

    with answering(answer) as url:
        code, _, err = run("race", "-n", "8", "--client", client, "--endpoint-url", url)
    assert code in {1, 3, 4}
    assert "internal error" not in err


@pytest.mark.slow
def test_a_second_signal_ends_what_waits_for_a_server(start: Start) -> None:
    """The product is somebody's and is to be put back, but the server does not answer any more."""
    asked, silent, released = threading.Event(), threading.Event(), threading.Event()
    theirs = {**ITEM, "made_by": {"S": "somebody"}}

    def answer(operation: str, parameters: Any) -> Answer:
        if operation == "UpdateItem":
            asked.set()
        if silent.is_set():
            released.wait(60)
        return a_table(theirs, (200, {"Attributes": ITEM}))(operation, parameters)

    with answering(answer) as url:
        process = start("load", "--rate", "20", "--duration", "60s", "--yes", "--endpoint-url", url)
        try:
            assert asked.wait(60)
            silent.set()
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1.5)
            process.send_signal(signal.SIGINT)
            process.wait(10)
        finally:
            released.set()
    assert process.returncode == 130
