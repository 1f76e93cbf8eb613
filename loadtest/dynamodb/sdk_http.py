"""How the SDK's clients speak HTTP: as aiobotocore does, but only to whom a certificate names, and not for ever.

As shipped, aiobotocore checks no host name against the certificate, behind a proxy not even the certificate, follows
redirects, and reads whatever comes for as long as it comes.
"""

# ruff: noqa: SLF001 - the SDK's session lets nobody in

import asyncio
import ssl
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from aiobotocore.utils import _RefCountedSession
from botocore.exceptions import HTTPClientError
from botocore.httpsession import create_urllib3_context, get_cert_path

from loadtest.dynamodb.limits import HEAD_BYTES, HEADERS, OversizedAnswerError, too_large, too_many_values
from loadtest.dynamodb.room import Room
from loadtest.dynamodb.sdk_answers import ParserFactory

_READ_AHEAD = 16_384  # bytes of each answer
_TOO_LARGE_HEAD = ("Got more than", "Too many headers")  # aiohttp says it in words only


class Session(AioSession):  # type: ignore[misc]  # the SDK has no types
    """The SDK's session whose clients, those that get credentials too, all speak HTTP as this module does.

    What a DynamoDB answers is read as `sdk_answers` does.
    """

    def _register_response_parser_factory(self) -> None:
        self._components.register_component("response_parser_factory", ParserFactory())

    def create_client(self, *args: Any, config: Any = None, **more: Any) -> Any:
        """As the SDK's."""
        config = AioConfig().merge(config) if config is not None else AioConfig()
        config.http_session_cls = HTTPSession
        return super().create_client(*args, config=config, **more)


class HTTPSession(AIOHTTPSession):  # type: ignore[misc]  # the SDK has no types
    """One client's connections. So much of its answers may be there at once without being whole."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.room = Room()
        self.read_timeout_s = self._timeout.sock_read

    def _create_connector(self, proxy_url: str | None) -> aiohttp.TCPConnector:
        context = tls_context(self) if self._verify else False
        return aiohttp.TCPConnector(limit=self._max_pool_connections, ssl=context, **self._connector_args)

    async def _get_session(self, proxy_url: str | None) -> "_Straight":
        if proxy_url not in self._sessions:
            session = aiohttp.ClientSession(
                connector=self._create_connector(proxy_url),
                timeout=self._timeout,
                skip_auto_headers={"CONTENT-TYPE"},
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=_READ_AHEAD,
                max_line_size=HEAD_BYTES,
                max_field_size=HEAD_BYTES,
                max_headers=HEADERS,
                response_class=self._answer,  # type: ignore[arg-type]  # aiohttp only calls it
            )
            self._sessions[proxy_url] = _Straight(await self._exit_stack.enter_async_context(session))
        return self._sessions[proxy_url]  # type: ignore[no-any-return]

    def _answer(self, *args: Any, **more: Any) -> "_Answer":
        answer = _Answer(*args, **more)
        answer.of = self
        return answer

    async def send(self, request: Any) -> Any:
        """As the SDK's. OversizedAnswerError as well."""
        try:
            return await super().send(request)
        except HTTPClientError as error:
            cause = error.kwargs.get("error")
            if isinstance(cause, OversizedAnswerError):
                raise cause from None
            raise


class MetadataSession(HTTPSession, _RefCountedSession):  # type: ignore[misc]  # the SDK has no types
    """The same for who asks a container for credentials."""


def tls_context(session: Any) -> ssl.SSLContext:
    """What an SDK's session says of TLS: which authorities are trusted, and a client certificate if there is one.

    A server's certificate must be of the host's name. Where nobody is to be asked for one, it is not looked at.
    """
    context: ssl.SSLContext = create_urllib3_context()
    if not session._verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context.check_hostname = True  # urllib3 checks it itself, so the SDK's context leaves it out
        if authorities := get_cert_path(session._verify):
            context.load_verify_locations(authorities)
    if session._cert_file:
        context.load_cert_chain(session._cert_file, session._key_file)
    return context


class _Straight:
    """aiohttp's session that goes nowhere else than where it was sent: what is signed is for one host."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **more: Any) -> aiohttp.ClientResponse:
        return await self._session.request(method, allow_redirects=False, **more)


class _Answer(aiohttp.ClientResponse):
    """An answer that must be whole within the read time-out, counted from its request, and not too large."""

    of: HTTPSession
    _until_s: float | None = None
    _goes_on: asyncio.Event

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Read the head."""
        if self.of.read_timeout_s is not None:
            self._until_s = asyncio.get_running_loop().time() + self.of.read_timeout_s
        try:
            async with asyncio.timeout_at(self._until_s):
                return await super().start(connection)
        except aiohttp.ClientResponseError as error:
            if error.message.startswith(_TOO_LARGE_HEAD):
                size = f"more than {HEADERS} headers, or {HEAD_BYTES >> 10} KiB of one"
                raise OversizedAnswerError(size=size) from None
            raise

    async def read(self) -> bytes:
        """Read the body."""
        if self._body is None:
            try:
                async with asyncio.timeout_at(self._until_s):
                    self._body = await self._bounded()
            except BaseException:
                self.close()
                raise
        return self._body

    def pause(self) -> None:
        """Read no more for now: others have their turn."""
        self._goes_on.clear()

    def resume(self) -> None:
        """Read on."""
        self._goes_on.set()

    async def _bounded(self) -> bytes:
        if size := too_large(self.content_length or 0):
            raise OversizedAnswerError(size=size)
        body, taken = bytearray(), 0
        self._goes_on = asyncio.Event()
        self.resume()
        try:
            while part := await self.content.readany():
                body += part
                if size := too_large(len(body)):
                    raise OversizedAnswerError(size=size)
                taken += len(part)
                self.of.room.take(self, len(part))
                await self._goes_on.wait()
            whole = bytes(body)
        finally:
            self.of.room.leave(self, taken)
            body.clear()  # of an error, somebody may keep what led to it
        if size := too_many_values(whole):
            raise OversizedAnswerError(size=size)
        return whole
