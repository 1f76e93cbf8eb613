"""Moto's whole application for DynamoDB, called as moto_server's WSGI server would call it. Not safe under threads."""

import io
import sys
import traceback
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.exceptions import InternalServerError
from werkzeug.wrappers import Response

from loadtest.targets.servers.moto_fast import Reply, Request

_OF_CORS = "access-control-"


class Application:
    """Answers requests, and holds the tables between them."""

    def __init__(self) -> None:
        self._application = create_backend_app("dynamodb")

    def reply(self, request: Request) -> Reply:
        """What moto answers. An exception in moto becomes status 500, as in moto_server, and goes to stderr."""
        try:
            return _reply(Response.from_app(self._application, environ(request)))
        except Exception:  # noqa: BLE001 - one request must not end the server, whatever it meets in moto
            return failed()


def failed() -> Reply:
    """The answer to a request that an exception in moto ended, which goes to stderr."""
    traceback.print_exc()
    return _reply(InternalServerError().get_response())


def environ(request: Request) -> dict[str, Any]:
    """The request as moto_server's WSGI server would pass it on."""
    url = urlsplit(request.url.decode("latin-1"))
    raw = request.url.decode("latin-1")
    environ: dict[str, Any] = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),
        "QUERY_STRING": url.query,
        "REQUEST_URI": raw,
        "RAW_URI": raw,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    for name, value in request.headers:
        if b"_" not in name:
            key = name.decode("latin-1").upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            text = value.decode("latin-1").strip()
            environ[key] = f"{environ[key]},{text}" if key in environ else text
    environ["CONTENT_LENGTH"] = str(len(request.body))
    return environ


def _reply(response: Any) -> Reply:
    """The answer, without the leave that moto gives to every page to read it."""
    body: bytes = response.get_data()
    if response.content_length is None:
        response.content_length = len(body)
    headers = [(name, value) for name, value in response.headers if not name.lower().startswith(_OF_CORS)]
    return Reply(response.status_code, headers, body)
