"""Signature version 4 for requests that differ only in body and time, with the day's key kept.

Source: "Create a signed AWS API request", AWS Identity and Access Management User Guide.
"""

import hashlib
import hmac
import itertools
import time
import uuid
from typing import Any, Protocol
from urllib.parse import urlsplit

from botocore.auth import _host_from_url
from msgspec import Struct

from loadtest.dynamodb.wire.codec import NotUnderstood

# What changes within a day is filled in once a second; what changes with every request (%%) at the end.
_VARIABLE = {
    "x-amz-date": "%(date)s",
    "authorization": "%(authorization)s, Signature=%%(signature)s",
    "x-amz-security-token": "%(token)s",
    "content-length": "%%(length)d",
    "amz-sdk-invocation-id": "%%(invocation)s",
    "amz-sdk-request": "attempt=1",
}
_CONSTANT = {"x-amz-target", "content-type", "user-agent", "host", "accept-encoding"}


class Credentials(Protocol):
    """The SDK's frozen credentials."""

    access_key: str
    secret_key: str
    token: str | None


class Template(Struct, frozen=True):
    """One operation's request as the SDK would send it, with places for what changes."""

    url: str
    host: str
    port: int
    tls: bool
    region: str
    service: str
    head: str
    canonical: str
    signed_headers: str


def learn(request: Any) -> Template:
    """The template of a prepared request of the SDK. Raises NotUnderstood for anything not known here."""
    url = urlsplit(request.url)
    if url.path not in ("", "/"):
        raise NotUnderstood("its endpoint's URL has a path")
    if request.method != "POST" or url.query or url.hostname is None:
        raise NotUnderstood(f"unexpected request {request.method} {request.url}")
    headers = {"Host": _host_from_url(request.url)}
    headers |= {name: _text(value) for name, value in request.headers.items() if name.lower() != "host"}
    headers.setdefault("Content-Length", "")
    headers["Accept-Encoding"] = "identity"
    lower = {name.lower(): value for name, value in headers.items()}
    if unknown := sorted(lower.keys() - _VARIABLE.keys() - _CONSTANT):
        raise NotUnderstood(f"unknown header {unknown[0]}")
    scheme, _, fields = lower.get("authorization", "").partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        raise NotUnderstood("not signed with signature version 4")
    parts = dict(field.strip().split("=", 1) for field in fields.split(","))
    _key, _day, region, service, _end = parts["Credential"].rsplit("/", 4)
    signed = parts["SignedHeaders"].split(";")
    signable = {"x-amz-date", "x-amz-security-token", *_CONSTANT} & lower.keys()
    if not {"host", "x-amz-date"} <= set(signed) <= signable:
        raise NotUnderstood(f"unexpected signed headers {parts['SignedHeaders']}")
    lines = "".join(f"{name}:{_VARIABLE.get(name) or _escaped(' '.join(lower[name].split()))}\n" for name in signed)
    head = "".join(
        f"{name}: {_VARIABLE.get(name.lower()) or _escaped(_escaped(value))}\r\n" for name, value in headers.items()
    )
    return Template(
        url=request.url,
        host=url.hostname,
        port=url.port or (443 if url.scheme == "https" else 80),
        tls=url.scheme == "https",
        region=region,
        service=service,
        head=f"POST / HTTP/1.1\r\n{head}\r\n",
        canonical=f"POST\n/\n\n{lines}\n{parts['SignedHeaders']}\n",
        signed_headers=parts["SignedHeaders"],
    )


class Signer:
    """Fills in templates. Keeps the key of the day, and of the second all that does not depend on the body."""

    def __init__(self, now: Any = time.time) -> None:
        self._now = now
        self._second = -1
        self._stamp = ""
        self._key_for: tuple[Credentials, str, str, str] | None = None
        self._key = b""
        self._scope = ""
        self._filled: dict[str, tuple[Any, str]] = {}
        self._invocation = str(uuid.uuid4())[:-12]
        self._invocations = itertools.count()

    def head(self, template: Template, credentials: Credentials, body: bytes) -> bytes:
        """The request up to its body, signed for this moment."""
        second = int(self._now())
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            self._filled.clear()
        key_for = (credentials, self._stamp[:8], template.region, template.service)
        if key_for != self._key_for:
            self._derive_key(*key_for)
            self._key_for = key_for
            self._filled.clear()
        filled = self._filled.get(template.head)
        if filled is None:
            filled = self._filled[template.head] = self._fill(template, credentials)
        canonical, head = filled[0].copy(), filled[1]
        canonical.update(hashlib.sha256(body).hexdigest().encode())
        to_sign = f"AWS4-HMAC-SHA256\n{self._stamp}\n{self._scope}\n{canonical.hexdigest()}"
        signature = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        invocation = f"{self._invocation}{next(self._invocations):012x}"
        return (head % {"length": len(body), "signature": signature, "invocation": invocation}).encode("latin-1")

    def _fill(self, template: Template, credentials: Credentials) -> tuple[Any, str]:
        """The hash of the canonical request up to the body's own, and the head with the places left for later."""
        values = {
            "date": self._stamp,
            "token": _escaped(credentials.token or ""),
            "authorization": _escaped(
                f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{self._scope}, "
                f"SignedHeaders={template.signed_headers}"
            ),
        }
        canonical = template.canonical % {**values, "token": credentials.token}
        return hashlib.sha256(canonical.encode()), template.head % values

    def _derive_key(self, credentials: Credentials, day: str, region: str, service: str) -> None:
        key = f"AWS4{credentials.secret_key}".encode()
        for part in (day, region, service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._key = key
        self._scope = f"{day}/{region}/{service}/aws4_request"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
