"""A TLS server that looks at who asks as AWS does, and hands on to another server what it lets through.

Source of the rules and the messages: "Troubleshoot Signature Version 4 signing", AWS IAM User Guide; "Error handling
with DynamoDB", Amazon DynamoDB Developer Guide.
"""

import http.client
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from msgspec import Struct

FORMAT = "%Y%m%dT%H%M%SZ"
LATE_S = 300
_MUST_BE_SIGNED = {"host", "x-amz-date", "x-amz-target"}
_INVALID = "InvalidSignatureException"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
Refusal = tuple[str, str]


class Rules(Struct):
    """Who may ask, once `lets_pass` more requests have been let through unseen."""

    keys: ReadOnlyCredentials
    clock_ahead_s: float = 0.0
    expired: frozenset[str] = frozenset()
    lets_pass: int = 0


class Strict(ThreadingHTTPServer):
    """Listens on 127.0.0.1. Counts what it let through and what it refused, by operation and by code."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, behind: str, tls: ssl.SSLContext, rules: Rules) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.behind = urlsplit(behind)
        self.rules = rules
        self.passed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.url = f"https://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may leave as it likes, also in the middle of a handshake."""

    def judged(self, headers: dict[str, str], body: bytes) -> Refusal | None:
        """Why a request is refused; None lets it through."""
        if self._lets_pass():
            return None
        rules = self.rules
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        if scheme != "AWS4-HMAC-SHA256":
            return "MissingAuthenticationTokenException", "Missing Authentication Token"
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        token = headers.get("x-amz-security-token")
        access_key = parts["Credential"].split("/")[0]
        if access_key != rules.keys.access_key or token != rules.keys.token:
            return "UnrecognizedClientException", "The security token included in the request is invalid."
        if token in rules.expired:
            return "ExpiredTokenException", "The security token included in the request is expired"
        return self._judged_signature(headers, parts, body)

    def _judged_signature(self, headers: dict[str, str], parts: dict[str, str], body: bytes) -> Refusal | None:
        now, date = datetime.fromtimestamp(time.time() + self.rules.clock_ahead_s, UTC), headers["x-amz-date"]
        off_s = (now - datetime.strptime(date, FORMAT).replace(tzinfo=UTC)).total_seconds()
        if abs(off_s) > LATE_S:
            return _INVALID, f"Signature expired: {date} is now earlier than {now:{FORMAT}} (- 5 min.)"
        _, day, region, service, end = parts["Credential"].split("/")
        signed = parts["SignedHeaders"].split(";")
        to_sign = {name for name in headers if name.startswith("x-amz-")} | _MUST_BE_SIGNED
        if to_sign - set(signed) or (day, service, end) != (date[:8], "dynamodb", "aws4_request"):
            return "IncompleteSignatureException", "Credential or SignedHeaders are not what they must be."
        return None if parts["Signature"] == self._signature(headers, signed, region, body) else (_INVALID, _MISMATCH)

    def _lets_pass(self) -> bool:
        with self.lock:
            self.rules.lets_pass -= 1
            return self.rules.lets_pass >= 0

    def _signature(self, headers: dict[str, str], signed: list[str], region: str, body: bytes) -> str:
        signer = SigV4Auth(self.rules.keys, "dynamodb", region)
        given = {name: headers.get(name, "") for name in signed}
        request = AWSRequest("POST", f"https://{headers['host']}/", headers=given, data=body)
        request.context["timestamp"] = headers["x-amz-date"]
        signature: str = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        return signature


class _Handler(BaseHTTPRequestHandler):
    server: Strict
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    _forward: http.client.HTTPConnection | None = None

    def do_POST(self) -> None:
        """Judge, and answer or hand on."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        refusal = self.server.judged(headers, body)
        with self.server.lock:
            if refusal is None:
                self.server.passed[operation] += 1
            else:
                self.server.refused[refusal[0]] += 1
        if refusal is None:
            self._answer(*self._from_behind(headers, body))
        else:
            code, message = refusal
            document = {"__type": f"com.amazon.coral.service#{code}", "message": message}
            self._answer(400, json.dumps(document).encode())

    def _from_behind(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if self._forward is None:
            self._forward = http.client.HTTPConnection(self.server.behind.hostname or "", self.server.behind.port)
        self._forward.request("POST", "/", body, headers)
        response = self._forward.getresponse()
        return response.status, response.read()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("x-amz-crc32", str(crc32(body)))
        self.send_header("x-amzn-RequestId", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def finish(self) -> None:
        """Leave the server behind, too."""
        if self._forward is not None:
            self._forward.close()
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def strict_server(behind: str, tls: ssl.SSLContext, rules: Rules) -> Iterator[Strict]:
    """The server, serving."""
    server = Strict(behind, tls, rules)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
