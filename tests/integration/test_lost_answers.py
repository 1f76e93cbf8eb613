"""Between the tool and a server that did apply the write, the answer is lost: unknown, never rejected."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.conftest import Cli, scenario
from tests.helpers.sound_verdicts import is_sound_report


class Lossy:
    """Hands each request on to the server and loses the answers to the first `losses` writes, in one of three ways."""

    def __init__(self, port: int, how: str, losses: int) -> None:
        self._server_port = port
        self._how = how
        self.losses = losses
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._server_port)) as server:
            requests, answers = client.makefile("rb"), server.makefile("rb")
            with suppress(OSError):  # either side may leave
                while request := _message(requests):
                    server.sendall(request)
                    answer = _message(answers)
                    if b".UpdateItem" in request and b" 200 " in answer.splitlines()[0] and self._take_loss():
                        self._lose(client, answer)
                        return
                    client.sendall(answer)

    def _take_loss(self) -> bool:
        with self._lock:
            if self.lost >= self.losses:
                return False
            self.lost += 1
            return True

    def _lose(self, client: socket.socket, answer: bytes) -> None:
        if self._how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif self._how == "half":
            client.sendall(answer[: len(answer) // 2])
        elif self._how == "error":
            body = b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"lost"}'
            client.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        elif self._how == "page":  # a proxy in between has something to say
            body = b"<html>Please log in</html>"
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body)
            client.sendall(head + body)
        elif self._how == "silence":
            client.recv(1)  # until the tool gives up


def _message(stream: BinaryIO) -> bytes:
    """One HTTP message with a Content-Length; empty at the end of the stream."""
    head, length = b"", 0
    while line := stream.readline():
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line == b"\r\n":
            return head + stream.read(length)
    return b""


@pytest.fixture
def lossy(server_urls: Callable[[str], str]) -> Iterator[Callable[..., Lossy]]:
    """Puts a lossy link in front of MiniStack."""
    opened: list[Lossy] = []

    def open_link(how: str, losses: int) -> Lossy:
        opened.append(Lossy(int(server_urls("ministack").rpartition(":")[2]), how, losses))
        return opened[-1]

    yield open_link
    for link in opened:
        link.close()


@pytest.mark.parametrize("client", ["wire", "sdk"])
@pytest.mark.parametrize("how", ["close", "reset", "half", "error", "page", "silence"])
def test_the_winner_whose_answer_is_lost_is_found_out(
    how: str, client: str, lossy: Callable[..., Lossy], cli: Cli, tmp_path: Path
) -> None:
    link = lossy(how, 0)
    where = ["--endpoint-url", link.url, "--table", f"lost-{how}-{client}"]
    assert cli("populate", *where).returncode == 0
    link.losses = 1  # the sample is written, now the link gets bad
    race = scenario(tmp_path, "race")
    done = cli(*race, *where, "-n", "20", "--read-timeout", "2", "--client", client, "--json", "-")
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    orders = report["orders"]
    assert link.lost == 1
    assert (orders["accepted"], orders["unknown"], orders["rejected"]) == (0, 1, 19)
    assert report["stock"]["p#4"]["final"] == 0  # it was applied
    verdict = report["verdict"]
    assert is_sound_report(done.returncode, report)
    assert verdict["reconciled"] == {"accepted": 1, "rejected": 0, "unresolved": 0}
    assert "1 order reconciled as accepted, 0 as rejected, 0 unresolved" in done.stderr
    said = "1 of 20 orders won the last item; 19 were rejected, 1 is unknown (1 reconciled as accepted): "
    assert verdict["sentence"].startswith(said)


def test_a_winner_whom_the_sdk_made_a_loser_by_sending_again_is_a_phantom_reject(
    lossy: Callable[..., Lossy], cli: Cli
) -> None:
    link = lossy("close", 0)
    where = ["--endpoint-url", link.url, "--table", "sent-again"]
    assert cli("populate", *where).returncode == 0
    link.losses = 1  # the sample is written, now the link gets bad
    done = cli("race", *where, "-n", "20", "--sdk-retries", "3", "--json", "-")
    report = json.loads(done.stdout)
    orders, verdict = report["orders"], report["verdict"]
    assert (orders["accepted"], orders["unknown"], orders["rejected"]) == (0, 1, 19)
    assert "the SDK sent it again" in orders["problems"][0]["message"]
    assert (done.returncode, verdict["status"], verdict["phantom_rejects"]) == (1, "violated", 1)
    (violation,) = verdict["violations"]
    assert (violation["kind"], violation["orders_count"]) == ("phantom_reject", 1)
    assert "phantom rejects: 1 order won and was told otherwise" in done.stderr
