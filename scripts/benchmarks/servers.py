"""The servers that the measurements run against, and how a process's CPU time is read."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MINIMAL = ["-m", "loadtest.targets.servers.minimal"]
EMBEDDED = ["-m", "loadtest.targets.servers.moto_host"]
GRANIAN = ["-m", "benchmarks.granian_server"]
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=loadtest/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00"
)


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_shop(*arguments: str) -> Iterator[str]:
    """The URL of a shop server (see shop_server.py), for as long as the block runs."""
    with running(["-m", "benchmarks.shop_server"], arguments=arguments) as (url, _):
        yield url


@contextmanager
def running(command: list[str], cpu: int | None = None, arguments: tuple[str, ...] = ()) -> Iterator[tuple[str, int]]:
    """A server's URL and process id, for as long as the block runs; `cpu` is the only one it may use."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, *command, str(port), *arguments],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=None if cpu is None else lambda: os.sched_setaffinity(0, {cpu}),
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def call(url: str, operation: str, request: dict[str, Any]) -> Any:
    """One DynamoDB request, without an SDK."""
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "Authorization": AUTHORIZATION,
    }
    asked = urllib.request.Request(url, json.dumps(request).encode(), headers)
    with urllib.request.urlopen(asked) as response:  # nosec B310 # http of this machine
        return json.load(response)


def with_product(url: str) -> None:
    """A table with a product of which there is a thousand million."""
    call(url, "CreateTable", {
        "TableName": "products",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    })  # fmt: skip
    item = {"id": {"S": "p#4"}, "name": {"S": "Samovar"}, "quantity": {"N": "1000000000"}, "version": {"N": "1"}}
    call(url, "PutItem", {"TableName": "products", "Item": item})


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and all it started."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [int(c) for t in Path(f"/proc/{pid}/task").glob("*/children") for c in t.read_text().split()]
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(map(cpu_s, children))
