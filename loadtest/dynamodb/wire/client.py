"""The client mixin: serves the hot operations by the wire and leaves everything else to the SDK, counted.

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
from botocore.exceptions import (
    ChecksumError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from msgspec import Struct

from loadtest.dynamodb.client import STAMPS
from loadtest.dynamodb.limits import OversizedAnswerError
from loadtest.dynamodb.sdk_http import HTTPSession, tls_context
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


class Served(Struct):
    """Who served a client's calls: by operation for the wire, by operation and reason for the SDK."""

    wire: Counter[str]
    sdk: Counter[str]


def install(session: Any) -> None:
    """Make every DynamoDB client of this aioboto3 session serve its hot operations by the wire."""

    def add(base_classes: list[type], **_: Any) -> None:
        base_classes.insert(0, WireMixin)

    session._session.register("creating-client-class.dynamodb", add)


def served(client: Any) -> Served | None:
    """What the wire of a client has done so far; None for a client without."""
    state = getattr(client, "_wire_state", None)
    return state.served if state is not None else None


def opened(client: Any) -> int | None:
    """How many connections the wire of a client has opened so far; None for a client without."""
    state = getattr(client, "_wire_state", None)
    return sum(pool.opened for pool in state.pools.values()) if state is not None else None


def stamped_by_reader(client: Any) -> int:
    """How many answers have the time at which they were read, not the kernel's; 0 for a client without a wire."""
    state = getattr(client, "_wire_state", None)
    return sum(pool.stamped_by_reader for pool in state.pools.values()) if state is not None else 0


async def prepare(client: Any) -> None:
    """Learn every operation's request now. Raises NotUnderstood if this client's ways are not all known.

    Other event handlers, a proxy, another HTTP session or the SDK's own retries would change what is sent.
    """
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
        await client._template(operation, params, await client._credentials())


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


async def fill(client: Any, count: int) -> None:
    """Open up to `count` connections before the clock starts, if the server keeps connections open."""
    for pool in client._wire_state.pools.values():
        await pool.fill(count)


class _State:
    """What one client's wire has learned and counted."""

    def __init__(self) -> None:
        self.served = Served(Counter(), Counter())
        self.signer = signing.Signer()
        self.templates: dict[tuple[str, bool], signing.Template] = {}
        self.pools: dict[tuple[str, int], Pool] = {}
        self.learning = asyncio.Lock()
        self.credentials: Any = None
        self.credentials_until = 0.0


class WireMixin:
    """Comes before the SDK's client class; see the module."""

    _wire_state: _State

    async def __aenter__(self) -> Any:
        client = await super().__aenter__()  # type: ignore[misc]
        self._wire_state = _State()
        self.meta.events.register_first("before-send.dynamodb", _stop_dry_run)  # type: ignore[attr-defined]
        return client

    async def __aexit__(self, *error: object) -> Any:
        for pool in self._wire_state.pools.values():
            pool.close()
        return await super().__aexit__(*error)  # type: ignore[misc]

    async def _make_api_call(self, operation: str, params: dict[str, Any]) -> Any:
        if operation in codec.OPERATIONS and _dry_run.get() is None:
            response = await self.answer(operation, params)
            if response["ResponseMetadata"]["HTTPStatusCode"] < 300:
                return response
            code = response.get("Error", {}).get("Code")
            raise self.exceptions.from_code(code)(response, operation)  # type: ignore[attr-defined]
        if _dry_run.get() is None:
            self._wire_state.served.sdk[f"{operation}: not an operation of the wire"] += 1
        return await super()._make_api_call(operation, params)  # type: ignore[misc]

    async def answer(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One of the wire's operations, with what the SDK would raise as a ClientError as a value.

        Raises the SDK's other exceptions. A race is mostly refusals, and raising each costs a tenth of the call.
        """
        state = self._wire_state
        if operation == "TransactWriteItems" and "ClientRequestToken" not in params:
            params = {**params, "ClientRequestToken": str(uuid.uuid4())}
        try:
            body = quick.encode(operation, params) or codec.encode(operation, params)
        except NotUnderstood as reason:
            state.served.sdk[f"{operation}: {reason}"] += 1
            try:
                answered: dict[str, Any] = await super()._make_api_call(operation, params)  # type: ignore[misc]
            except ClientError as error:
                return dict(error.response)
            return answered
        template, request = await self._signed(operation, params, body)
        state.served.wire[operation] += 1
        reply = await _carried(state.pools[template.host, template.port], request, template.url)
        parsed = _parsed(operation, reply)
        if parsed is None:
            parsed = await self._parsed_by_sdk(operation, reply, template.url)
        parsed["ResponseMetadata"][STAMPS] = (reply.sent_ns, reply.received_ns)
        return parsed

    async def forward(self, operation: str, body: bytes) -> Reply:
        """Carry a ready-made body of one of the wire's operations, signed as all the client's requests are.

        Raises OSError, TimeoutError and Lost as `Pool` does, and the SDK's exceptions if there is nothing to sign with.
        """
        template, request = await self._signed(operation, codec.EXAMPLES[operation], body)
        self._wire_state.served.wire[operation] += 1
        return await self._wire_state.pools[template.host, template.port].request(request)

    async def _signed(self, operation: str, params: Mapping[str, Any], body: bytes) -> tuple[signing.Template, bytes]:
        """The whole request, and the template that it was made of."""
        state = self._wire_state
        credentials = state.credentials
        if time.monotonic() >= state.credentials_until:
            credentials = await self._credentials()
        template = state.templates.get((operation, not credentials.token))
        if template is None:
            template = await self._template(operation, params, credentials)
        return template, state.signer.head(template, credentials, body) + body

    async def _credentials(self) -> Any:
        """The credentials of now: they may be renewed at any time, and asking on every call costs."""
        state = self._wire_state
        state.credentials = await self._request_signer._credentials.get_frozen_credentials()  # type: ignore[attr-defined]
        state.credentials_until = time.monotonic() + _CREDENTIALS_FOR_S
        return state.credentials

    async def _template(self, operation: str, params: Mapping[str, Any], credentials: Any) -> signing.Template:
        """Run the SDK's pipeline once without sending, and keep what it would have sent."""
        state = self._wire_state
        key = operation, not credentials.token
        async with state.learning:
            if key not in state.templates:
                caught: list[Any] = []
                token = _dry_run.set(caught)
                try:
                    await super()._make_api_call(operation, dict(params))  # type: ignore[misc]
                finally:
                    _dry_run.reset(token)
                template = signing.learn(caught[0])
                if (template.host, template.port) not in state.pools:
                    state.pools[template.host, template.port] = self._pool(template)
                state.templates[key] = template
            return state.templates[key]

    def _pool(self, template: signing.Template) -> Pool:
        session = self._endpoint.http_session  # type: ignore[attr-defined]
        config = self.meta.config  # type: ignore[attr-defined]
        return Pool(
            template.host,
            template.port,
            tls_context(session) if template.tls else None,
            limit=config.max_pool_connections,
            connect_timeout_s=config.connect_timeout,
            read_timeout_s=config.read_timeout,
        )

    async def _parsed_by_sdk(self, operation: str, reply: Reply, url: str) -> dict[str, Any]:
        model = self._service_model.operation_model(operation)  # type: ignore[attr-defined]
        endpoint = self._endpoint  # type: ignore[attr-defined]
        response = AioAWSResponse(url, reply.status, reply.headers, _Body(reply.body))
        await response.content
        answer = await convert_to_response_dict(response, model)
        protocol = self._service_model.resolved_protocol  # type: ignore[attr-defined]
        parser = endpoint._response_parser_factory.create_parser(protocol)
        parsed: dict[str, Any] = await parser.parse(answer, model.output_shape)
        if reply.status >= 300:
            await endpoint._add_modeled_error_fields(answer, parsed, model, parser)
        parsed["ResponseMetadata"]["RetryAttempts"] = 0
        return parsed


async def _carried(pool: Pool, request: bytes, url: str) -> Reply:
    """The answer to a request. The SDK's exceptions otherwise, with `sent_ns` 0 if nothing was written."""
    error: Any
    try:
        reply = await pool.request(request)
    except Lost as lost:
        if isinstance(lost, TooLarge):
            error = OversizedAnswerError(size=str(lost))
        elif str(lost) == TIMED_OUT:
            error = ReadTimeoutError(endpoint_url=url, error=lost)
        elif lost.sent_ns:
            error = ConnectionClosedError(endpoint_url=url, error=lost)
        else:
            error = EndpointConnectionError(endpoint_url=url, error=lost)
        error.sent_ns = lost.sent_ns
        raise error from lost
    except TimeoutError as late:
        error = ConnectTimeoutError(endpoint_url=url, error=late)
    except ssl.SSLError as refused:
        error = SSLError(endpoint_url=url, error=refused)
    except OSError as refused:
        error = EndpointConnectionError(endpoint_url=url, error=refused)
    else:
        expected = reply.headers.get("x-amz-crc32")
        if expected is None or expected == str(crc32(reply.body)):
            return reply
        shown, actual = repr(expected[:20]), crc32(reply.body)  # a server may send anything as its own
        error = ChecksumError(checksum_type="crc32", expected_checksum=shown, actual_checksum=actual)
        error.sent_ns = reply.sent_ns
        raise error
    error.sent_ns = 0
    raise error


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
