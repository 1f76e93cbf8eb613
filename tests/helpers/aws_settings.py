"""A user's AWS settings of a test's own, and servers that stand in for AWS."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEYS = "aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = hunter2\n"
SSO = "sso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n"
SSO_SESSION = "[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.example/start\n"
ROLE = "role_arn = arn:aws:iam::123456789012:role/r\n"

DENIED = (
    403,
    "text/xml",
    b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not for you</Message></Error>"
    b"</ErrorResponse>",
)
NO_ROLE = 403, "application/json", b'{"__type": "ForbiddenException", "message": "No access"}'
LOGGED_OUT = 401, "application/json", b'{"__type": "UnauthorizedException", "message": "Session token not found"}'
GARBAGE = 200, "text/plain", b"<html>"

Answer = tuple[int, str, bytes]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """A server that gives every request this answer, by its URL."""
    status, kind, body = answer

    class Handler(http.server.BaseHTTPRequestHandler):
        """One request."""

        def do_GET(self) -> None:
            """Answer it."""
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if b"__type" in body:
                self.send_header("x-amzn-ErrorType", body.split(b'"')[3].decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the base class wants it so

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def helper(folder: Path, body: str) -> str:
    """A credential process that runs these lines of shell."""
    path = folder / "helper.sh"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return f"credential_process = {path}\n"
