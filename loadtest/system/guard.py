"""Who may ask a server of this tool: programs, of a run's own servers that run alone, and no page in a browser.

A page may let the browser send requests to any address of this machine, and read the answers of a name that its owner
leads there (DNS rebinding). Two headers that a page cannot choose give it away: Origin, which stands in every POST of
a browser, and Host, which is the name in the address. What needs no permission there (no "simple" request of CORS has
this content type or X-Amz-Target) is no request of DynamoDB's. Sources: fetch.spec.whatwg.org, "Origin header" and
"CORS protocol".
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus

from msgspec import Struct

CONTENT_TYPE = b"application/x-amz-json-1.0"
_TARGET = b"DynamoDB_20120810."
_LOOPBACK = "127.0.0.1"
_NAME = re.compile(r"[a-z0-9._-]+", re.IGNORECASE)
_HOST = re.compile(rf"(?:\[([0-9a-f:.]+)\]|({_NAME.pattern}))(?::[0-9]{{1,5}})?", re.IGNORECASE)
_HOSTS_REMEMBERED = 64
_NOBODY_ELSE = "this server serves the run that started it, nobody else"


class Refusal(Struct, frozen=True):
    """Why a request is not served. What no credentials would mend has no error code of DynamoDB's."""

    status: HTTPStatus
    code: str
    sentence: str


class Guard:
    """Tells requests that are not to be served, by their headers, whose names are in lower case.

    The server listens at this address, and may be asked for by it, by any address of this machine if it is
    unspecified, by a loopback address, and by `localhost` and these further names, whatever the port. If there is a
    `key`, who asks must have it as the access key: other users of this machine reach a loopback address as well.
    """

    def __init__(self, address: str = _LOOPBACK, names: Iterable[str] = (), key: str = "") -> None:
        self._address = ipaddress.ip_address(address)
        self._names = {"localhost", *(_plain(name) for name in names)}
        self._credential = f"Credential={key}/".encode() if key else b""
        self._may_be_called = lru_cache(_HOSTS_REMEMBERED)(self._is_meant)

    @property
    def off_loopback(self) -> bool:
        """Whether other machines reach the server."""
        return not self._address.is_loopback

    def stranger(self, headers: Mapping[bytes, bytes]) -> Refusal | None:
        """Why whoever asks is not answered; None for a program that asks this server."""
        if b"origin" in headers:
            return _forbidden("this server is for programs: it answers no page in a browser, which sends an Origin")
        if not self._may_be_called(headers.get(b"host", b"")):
            called = headers.get(b"host", b"").decode("latin-1")
            sentence = f"this server is not called {called!r}; if it should be: loadtest serve --allow-host NAME"
            return Refusal(HTTPStatus.MISDIRECTED_REQUEST, "MisdirectedRequest", sentence)
        if self._credential not in headers.get(b"authorization", b""):
            return Refusal(HTTPStatus.BAD_REQUEST, "UnrecognizedClientException", _NOBODY_ELSE)
        return None

    def refusal(self, method: bytes, headers: Mapping[bytes, bytes]) -> Refusal | None:
        """The same, or why it is no request of DynamoDB's protocol."""
        if stranger := self.stranger(headers):
            return stranger
        if (
            method != b"POST"
            or headers.get(b"content-type") != CONTENT_TYPE
            or not headers.get(b"x-amz-target", b"").startswith(_TARGET)
        ):
            needs = f"POST, content type {CONTENT_TYPE.decode()} and X-Amz-Target {_TARGET.decode()}…"
            return _forbidden(f"this server answers only requests as DynamoDB's SDKs make them: {needs}")
        return None

    def _is_meant(self, host: bytes) -> bool:
        match = _HOST.fullmatch(host.decode("latin-1"))
        if match is None:
            return False
        called = match[1] or _plain(match[2])
        try:
            address = ipaddress.ip_address(called)
        except ValueError:
            return called in self._names
        return address.is_loopback or self._address.is_unspecified or address == self._address


def is_name(text: str) -> bool:
    """Whether a host can have this name: no port, no URL."""
    return _NAME.fullmatch(text) is not None


def _forbidden(sentence: str) -> Refusal:
    return Refusal(HTTPStatus.FORBIDDEN, "Forbidden", sentence)


def _plain(name: str) -> str:
    return name.rstrip(".").lower()
