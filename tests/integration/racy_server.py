"""A server whose check and write are two steps, and which notes whom it said to have won."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port, wait_until_listening

# moto's server as it comes, with threads; each answer to an UpdateItem is noted by the order that asked.
RACY = """
import io, json, sys
sys.setswitchinterval(1e-6)
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

application = DomainDispatcherApplication(create_backend_app)
log = open(sys.argv[2], "a", buffering=1)

def noted(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    order = {}
    if target.endswith(".UpdateItem"):
        order = json.loads(body).get("ExpressionAttributeValues", {}).get(":order", {})
    def started(status, headers, *rest):
        if order:
            log.write(json.dumps([order["S"], status[:3]]) + chr(10))
        return start_response(status, headers, *rest)
    return application(environ, started)

run_simple("127.0.0.1", int(sys.argv[1]), noted, threaded=True)
"""


class Racy:
    """The server and what it says it answered."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self._log = url, log

    def winners(self, run: str) -> dict[int, set[str]]:
        """By round, the orders of a run whose write it accepted."""
        found: defaultdict[int, set[str]] = defaultdict(set)
        for line in self._log.read_text().splitlines():
            order_id, status = json.loads(line)
            if status == "200" and order_id.startswith(run):
                found[int(order_id.split("-")[-2])].add(order_id)
        return found


@pytest.fixture
def racy(tmp_path: Path) -> Iterator[Racy]:
    port, log = free_port(), tmp_path / "answers.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", RACY, str(port), str(log)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_listening(process, port)
        yield Racy(f"http://127.0.0.1:{port}", log)
    finally:
        process.kill()
        process.wait(20)
