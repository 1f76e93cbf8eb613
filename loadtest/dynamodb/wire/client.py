"""The wire beside a client of the SDK: serves the hot operations itself and leaves what it does not understand to it.

The request's shape is learned from the SDK itself, by one dry run of its pipeline for each operation. A load
tester owns its client, so a client that the wire cannot stand in for is refused when it is made (`prepare`),
not served by the SDK in silence.
"""

import asyncio
import ssl
import time
import uuid
from binascii import crc32
from collections import Counter
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.endpoint import convert_to_response_dict
from aiobotocore.httpsession import AIOHTTPSession
from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError

from loadtest.dynamodb.errors import no_answer, stumbled
from loadtest.dynamodb.sdk_http import HTTPSession, tls_context
from loadtest.dynamodb.sdk_transport import SdkTransport
from loadtest.dynamodb.transport import Answered, NoAnswer, Request, Served
from loadtest.dynamodb.wire import codec, quick, signing
from loadtest.dynamodb.wire.codec import NotUnderstood
from loadtest.dynamodb.wire.connection import Lost, Reply, TooLarge
from loadtest.dynamodb.wire.pool import TIMED_OUT, Pool

_CREDENTIALS_FOR_S = 1.0
_SDK = {"aioboto3", "aiobotocore", "boto3", "botocore"}
_EVENTS = (
    "provide-client-params",
    "before-parameter-build",
    "before-endpoint-resolution",
    "before-call",
    "request-created",
    "choose-signer",
    "before-sign",
    "before-auth",
    "before-send",
    "response-received",
    "before-parse",
    "needs-retry",
    "after-call",
    "after-call-error",
)
_dry_run: ContextVar[list[Any] | None] = ContextVar("_dry_run", default=None)


def _foreign_handler(client: Any) -> str | None:
    """An event handler that is none of the SDK's: the SDK would call it, and the wire does not."""
    registered = client.meta.events._emitter._handlers
    for event in _EVENTS:
        for operation in codec.OPERATIONS:
            for handler in registered.prefix_search(f"{event}.dynamodb.{operation}"):
                module = getattr(handler, "__module__", None) or type(handler).__module__
                if module.partition(".")[0] not in _SDK and handler is not _stop_dry_run:
                    return f"{module}.{getattr(handler, '__qualname__', type(handler).__name__)}"
    return None


class Wire:
    """Serves by connections of its own what an open client of the SDK, made by `connect`, would serve; a Transport."""

    def __init__(self, client: Any) -> None:
        self.served = Served(Counter(), Counter())
        self.pools: dict[tuple[str, int], Pool] = {}
        self._client = client
        self._sdk = SdkTransport(client)
        self._signer = signing.Signer()
        self._templates: dict[tuple[str, bool], signing.Template] = {}
        self._learning = asyncio.Lock()
        self._frozen: Any = None  # credentials
        self._frozen_until_s = 0.0
        client.meta.events.register_first("before-send.dynamodb", _stop_dry_run)

    @property
    def opened(self) -> int:
        """How many connections were opened so far."""
        return sum(pool.opened for pool in self.pools.values())

    @property
    def stamped_by_reader(self) -> int:
        """How many answers have the time at which they were read, not the kernel's."""
        return sum(pool.stamped_by_reader for pool in self.pools.values())

    async def prepare(self) -> None:
        """Learn every operation's request now. Raises NotUnderstood if this client's ways are not all known.

        Other event handlers, a proxy, another HTTP session or the SDK's own retries would change what is sent.
        """
        client = self._client
        session = client._endpoint.http_session
        if type(session) not in (AIOHTTPSession, HTTPSession):
            raise NotUnderstood("its HTTP session is of another kind")
        if session._proxy_config.proxy_url_for(client.meta.endpoint_url):
            url = urlsplit(client.meta.endpoint_url)
            raise NotUnderstood(
                f"its endpoint is reached through the proxy that {url.scheme.upper()}_PROXY names "
                f"(if it need not be: NO_PROXY={url.hostname})"
            )
        retries = client.meta.config.retries
        if retries.get("total_max_attempts") != 1 or retries.get("mode") == "adaptive":
            raise NotUnderstood("the SDK's own retries are on")
        if client._request_signer._credentials is None or client.meta.config.signature_version is UNSIGNED:
            raise NotUnderstood("it has nothing to sign with")
        if foreign := _foreign_handler(client):
            raise NotUnderstood(f"it has an event handler of its own, {foreign}")
        for operation, params in codec.EXAMPLES.items():
            await self.template(operation, params, await self.credentials())

    def close(self) -> None:
        """Close every connection."""
        for pool in self.pools.values():
            pool.close()

    async def fill(self, count: int) -> None:
        """Open up to `count` connections before the clock starts, if the server keeps connections open."""
        for pool in self.pools.values():
            await pool.fill(count)

    async def __call__(self, operation: str, request: Request) -> Answered | NoAnswer:
        """Send one request of the wire's operations."""
        if operation == "TransactWriteItems" and "ClientRequestToken" not in request:
            request = {**request, "ClientRequestToken": str(uuid.uuid4())}
        try:
            body = quick.encode(operation, request) or codec.encode(operation, request)
        except NotUnderstood as reason:
            self.served.sdk[f"{operation}: {reason}"] += 1
            return await self._sdk(operation, request)
        sent_ns = 0
        try:
            template, data = await self._signed(operation, request, body)
            self.served.wire[operation] += 1
            reply = await _carried(self.pools[template.host, template.port], data, template.url)
            if isinstance(reply, NoAnswer):
                return reply
            sent_ns = reply.sent_ns
            parsed = _parsed(operation, reply) or await self._parsed_by_sdk(operation, reply, template.url)
        except BotoCoreError as error:
            return no_answer(error, sent_ns)
        except Exception as error:  # noqa: BLE001 - the SDK trips over an answer that no DynamoDB gives
            return stumbled(error, sent_ns)
        return Answered(parsed, reply.sent_ns, reply.received_ns)

    async def forward(self, operation: str, body: bytes) -> Reply:
        """Carry a ready-made body of one of the wire's operations, signed as all the client's requests are.

        Raises OSError, TimeoutError and Lost as `Pool` does, and the SDK's exceptions if there is nothing to sign with.
        """
        template, request = await self._signed(operation, codec.EXAMPLES[operation], body)
        self.served.wire[operation] += 1
        return await self.pools[template.host, template.port].request(request)

    async def _signed(self, operation: str, params: Mapping[str, Any], body: bytes) -> tuple[signing.Template, bytes]:
        """The whole request, and the template that it was made of."""
        credentials = self._frozen
        if time.monotonic() >= self._frozen_until_s:
            credentials = await self.credentials()
        template = self._templates.get((operation, not credentials.token))
        if template is None:
            template = await self.template(operation, params, credentials)
        return template, self._signer.head(template, credentials, body) + body

    async def credentials(self) -> Any:
        """The credentials of now: they may be renewed at any time, and asking on every call costs."""
        self._frozen = await self._client._request_signer._credentials.get_frozen_credentials()
        self._frozen_until_s = time.monotonic() + _CREDENTIALS_FOR_S
        return self._frozen

    async def template(self, operation: str, params: Mapping[str, Any], credentials: Any) -> signing.Template:
        """Run the SDK's pipeline once without sending, and keep what it would have sent."""
        key = operation, not credentials.token
        async with self._learning:
            if key not in self._templates:
                caught: list[Any] = []
                token = _dry_run.set(caught)
                try:
                    await self._client._make_api_call(operation, dict(params))
                finally:
                    _dry_run.reset(token)
                template = signing.learn(caught[0])
                if (template.host, template.port) not in self.pools:
                    self.pools[template.host, template.port] = self._pool(template)
                self._templates[key] = template
            return self._templates[key]

    def _pool(self, template: signing.Template) -> Pool:
        session = self._client._endpoint.http_session
        config = self._client.meta.config
        return Pool(
            template.host,
            template.port,
            tls_context(session) if template.tls else None,
            limit=config.max_pool_connections,
            connect_timeout_s=config.connect_timeout,
            read_timeout_s=config.read_timeout,
        )

    async def _parsed_by_sdk(self, operation: str, reply: Reply, url: str) -> dict[str, Any]:
        model = self._client._service_model.operation_model(operation)
        endpoint = self._client._endpoint
        response = AioAWSResponse(url, reply.status, reply.headers, _Body(reply.body))
        await response.content
        answer = await convert_to_response_dict(response, model)
        protocol = self._client._service_model.resolved_protocol
        parser = endpoint._response_parser_factory.create_parser(protocol)
        parsed: dict[str, Any] = await parser.parse(answer, model.output_shape)
        if reply.status >= 300:
            await endpoint._add_modeled_error_fields(answer, parsed, model, parser)
        parsed["ResponseMetadata"]["RetryAttempts"] = 0
        return parsed


_TEXTS = {  # by the SDK's names for it, and in its words: what one client reports can be compared with the other's
    "ConnectionClosedError": 'Connection was closed before we received a valid response from endpoint URL: "{url}".',
    "ConnectTimeoutError": 'Connect timeout on endpoint URL: "{url}"',
    "EndpointConnectionError": 'Could not connect to the endpoint URL: "{url}"',
    "OversizedAnswerError": "an answer of {cause}",
    "ReadTimeoutError": 'Read timeout on endpoint URL: "{url}"',
    "SSLError": "SSL validation failed for {url} {cause}",
}


async def _carried(pool: Pool, request: bytes, url: str) -> Reply | NoAnswer:
    """The answer to a request."""
    try:
        reply = await pool.request(request)
    except (Lost, OSError) as error:
        reason, sent_ns = _reason(error), error.sent_ns if isinstance(error, Lost) else 0
        return NoAnswer(reason, _TEXTS[reason].format(url=url, cause=error), sent_ns != 0, sent_ns, error)
    expected = reply.headers.get("x-amz-crc32")
    if expected is None or expected == str(crc32(reply.body)):
        return reply
    shown, actual = repr(expected[:20]), crc32(reply.body)  # a server may send anything as its own
    text = f"Checksum crc32 failed, expected checksum {shown} did not match calculated checksum {actual}."
    return NoAnswer("ChecksumError", text, sent_ns=reply.sent_ns)


def _reason(error: Lost | OSError) -> str:
    if isinstance(error, Lost):
        if isinstance(error, TooLarge):
            return "OversizedAnswerError"
        if str(error) == TIMED_OUT:
            return "ReadTimeoutError"
        return "ConnectionClosedError" if error.sent_ns else "EndpointConnectionError"
    if isinstance(error, TimeoutError):
        return "ConnectTimeoutError"
    return "SSLError" if isinstance(error, ssl.SSLError) else "EndpointConnectionError"


def _parsed(operation: str, reply: Reply) -> dict[str, Any] | None:
    """The lean reading of an answer; None if it is not exactly understood."""
    try:
        body = reply.body
        if reply.status < 300:
            parsed = codec.decode(operation, body)
        else:
            parsed = quick.decode_refusal(body) or codec.decode_refusal(body)
    except (NotUnderstood, RecursionError):
        return None
    metadata: dict[str, Any] = {}
    if request_id := reply.headers.get("x-amzn-requestid"):
        metadata["RequestId"] = request_id
    metadata |= {"HTTPStatusCode": reply.status, "HTTPHeaders": reply.headers, "RetryAttempts": 0}
    parsed["ResponseMetadata"] = metadata
    return parsed


async def _stop_dry_run(request: Any, **_: Any) -> AioAWSResponse | None:
    caught = _dry_run.get()
    if caught is None:
        return None
    caught.append(request)
    return AioAWSResponse(request.url, 200, {}, _Body(b"{}"))


class _Body:
    """What the SDK's parser reads an answer from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self) -> bytes:
        return self._data
