"""Requests to a server of the tool, by programs and by pages."""

import http.client
import json
from collections.abc import Mapping
from pathlib import Path

from tests.moto.pair import AUTHORIZATION

Answered = tuple[int, Mapping[str, str], bytes]
SIGNED = {
    "Authorization": AUTHORIZATION.format(key="loadtest", region="us-east-1"),
    "Content-Type": "application/x-amz-json-1.0",
}


def ask(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answered:
    """Status, headers in lower case and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, dict(headers))
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


def operation(port: int, name: str, request: object, **headers: str) -> Answered:
    """The same of a program's request."""
    target = {"X-Amz-Target": f"DynamoDB_20120810.{name}"}
    return ask(port, "POST", "/", {**SIGNED, **target, **headers}, json.dumps(request).encode())


def port_of(pid: int) -> int | None:
    """The port at which a process listens, as the kernel tells; None until it does."""
    inodes = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir()}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            return int(fields[1].partition(":")[2], 16)
    return None
