"""The embedded server and moto_server side by side: the same calls, and what came of them."""

import http.client
import json
import socket
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=00ff"
)
COMPARED_HEADERS = ("content-type", "x-amzn-errortype", "status")
KEYS = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST"}  # fmt: skip
A = {"id": {"S": "a"}}
ITEM: dict[str, Any] = {
    **A,
    "n": {"N": "10"},
    "s": {"S": "text"},
    "ss": {"SS": ["x", "y"]},
    "ns": {"NS": ["1", "2.50"]},
    "b": {"B": b"\x00\xff"},
    "bs": {"BS": [b"a", b"\xff"]},
    "m": {"M": {"k": {"S": "v"}, "deep": {"M": {"n": {"N": "1"}, "b": {"B": b"\x01"}}}}},
    "l": {"L": [{"S": "e"}, {"N": "2"}, {"BS": [b"c"]}, {"NULL": True}]},
    "t": {"BOOL": True},
    "z": {"NULL": True},
}
FAILS = {"ConditionExpression": "n > :most", "ExpressionAttributeValues": {":most": {"N": "99"}}}
ALL_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def outcome(client: Any, operation: str, parameters: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and parsed body. The SDK has compared the body with its checksum."""
    try:
        answer = getattr(client, operation)(**parameters)
    except ClientError as error:
        answer = dict(error.response)
    metadata = answer.pop("ResponseMetadata")
    headers = metadata["HTTPHeaders"]
    assert metadata["HTTPStatusCode"] == 500 or {"x-amzn-requestid", "x-amz-crc32"} <= headers.keys()
    return metadata["HTTPStatusCode"], {name: headers.get(name, "") for name in COMPARED_HEADERS}, in_order(answer)


def in_order(answer: Any) -> Any:
    """Sets sorted: on their way through a projection moto makes them Python's, whose order changes with the process."""
    if isinstance(answer, list):
        return [in_order(element) for element in answer]
    if not isinstance(answer, dict):
        return answer
    return {
        name: sorted(value) if name in ("SS", "NS", "BS") and isinstance(value, list) else in_order(value)
        for name, value in answer.items()
    }


class Pair:
    """Two clients, of the embedded server and of moto_server. Every call goes to both and must end alike."""

    def __init__(self, urls: tuple[str, str], region: str = "us-east-1") -> None:
        once = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        keys = {"aws_access_key_id": "loadtest", "aws_secret_access_key": "loadtest"}
        self.clients = [
            boto3.client("dynamodb", endpoint_url=url, region_name=region, config=once, **keys) for url in urls
        ]

    def call(self, operation: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
        """The status and answer that both gave."""
        fast, moto = (outcome(client, operation, parameters) for client in self.clients)
        assert fast == moto
        return fast[0], fast[2]

    def table(self, **schema: Any) -> str:
        name = f"t-{uuid.uuid4().hex[:12]}"
        for client in self.clients:
            client.create_table(**{"TableName": name, **KEYS, **schema})
        return name


def post(url: str, operation: str, body: bytes, method: str = "POST", path: str = "/", **headers: str | None) -> Any:
    """Status, headers and body of one HTTP request; a header that is None is left out."""
    scope = {"key": headers.pop("key", "test"), "region": headers.pop("region", "us-east-1")}
    given = {
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": AUTHORIZATION.format(**scope),
        **{name if "-" in name else name.replace("_", "-"): value for name, value in headers.items()},
    }
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request(method, path, body, {name: value for name, value in given.items() if value is not None})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    kept = {name: answer.headers.get(name) for name in COMPARED_HEADERS}
    try:
        return answer.status, kept, json.loads(content)
    except ValueError:
        return answer.status, kept, content


def request(operation: str, body: dict[str, Any], *lines: str, version: str = "1.1") -> bytes:
    data = json.dumps(body).encode()
    head = [f"POST / HTTP/{version}", "Host: localhost", f"X-Amz-Target: DynamoDB_20120810.{operation}",
            "Content-Type: application/x-amz-json-1.0", f"Content-Length: {len(data)}",
            f"Authorization: {AUTHORIZATION.format(key='test', region='us-east-1')}", *lines]  # fmt: skip
    return "\r\n".join([*head, "", ""]).encode() + data


def answers(connection: socket.socket) -> Iterator[tuple[int, Any]]:
    """Status and document of one answer after the other, until the server closes the connection."""
    with connection.makefile("rb") as stream:
        while line := stream.readline():
            headers = http.client.parse_headers(stream)
            data = stream.read(int(headers["Content-Length"] or 0))
            yield int(line.split()[1]), json.loads(data) if data else None
