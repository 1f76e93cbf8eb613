"""Requests to a server of the tool, by programs and by pages."""

import http.client
import json
from collections.abc import Mapping

from tests.integration.moto.pair import AUTHORIZATION

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
