"""Which clients the wire refuses, because it would not do what they do."""

import re
from typing import Any

import pytest
from aiobotocore.httpsession import AIOHTTPSession
from botocore import UNSIGNED
from botocore.exceptions import NoCredentialsError

from loadtest.dynamodb import wire
from tests.helpers.scripted_server import Scripted, answering
from tests.helpers.wire_clients import KEYS, a_client, found, session

URL = "http://127.0.0.1:8000"


class OtherSession(AIOHTTPSession):  # type: ignore[misc]
    """An HTTP session that may do anything."""


@pytest.mark.parametrize(
    ("config", "environment", "reason"),
    [
        ({"retries": None}, {}, "retries"),
        ({"retries": {"total_max_attempts": 2}}, {}, "retries"),
        ({"retries": {"max_attempts": 1}}, {}, "retries"),
        ({"retries": {"mode": "standard"}}, {}, "retries"),
        ({"retries": {"mode": "adaptive", "total_max_attempts": 1}}, {}, "retries"),
        ({"retries": None}, {"AWS_MAX_ATTEMPTS": "3"}, "retries"),
        ({"proxies": {"http": "http://127.0.0.1:3128"}}, {}, "proxy"),
        ({}, {"HTTP_PROXY": "http://127.0.0.1:3128"}, "proxy"),
        ({}, {"http_proxy": "http://127.0.0.1:3128", "no_proxy": "example.org"}, "proxy"),
        ({"http_session_cls": OtherSession}, {}, "HTTP session"),
        ({"signature_version": UNSIGNED}, {}, "sign"),
        ({"signature_version": "v4-query"}, {}, "unexpected request"),
    ],
    ids=lambda value: re.sub(" object at 0x[0-9a-f]+", "", str(value)),
)
async def test_a_client_that_the_wire_cannot_stand_in_for_is_refused(
    config: dict[str, Any], environment: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(wire.NotUnderstood, match=reason):
        async with a_client(URL, of=session(keys=KEYS), **config):
            pass


@pytest.mark.parametrize(
    ("config", "environment"),
    [
        ({"retries": {"max_attempts": 0}}, {}),
        ({"retries": None}, {"AWS_MAX_ATTEMPTS": "1"}),
        ({}, {"https_proxy": "http://127.0.0.1:3128"}),
        ({}, {"http_proxy": "http://127.0.0.1:3128", "no_proxy": "127.0.0.1"}),
    ],
    ids=str,
)
async def test_a_client_like_it_that_the_wire_can_stand_in_for_is_not(
    config: dict[str, Any], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with Scripted(answering) as server, a_client(server.url, **config) as client:
        assert await found(client) == "1"


async def test_a_client_without_credentials_is_refused_in_words() -> None:
    with pytest.raises((wire.NotUnderstood, NoCredentialsError)):
        async with a_client(URL, keys=None):
            pass


EVENTS = [
    "provide-client-params.dynamodb.GetItem",
    "before-parameter-build.dynamodb.GetItem",
    "before-call.dynamodb.GetItem",
    "request-created.dynamodb.GetItem",
    "choose-signer.dynamodb.GetItem",
    "before-sign.dynamodb.GetItem",
    "before-send.dynamodb.GetItem",
    "response-received.dynamodb.GetItem",
    "before-parse.dynamodb.GetItem",
    "needs-retry.dynamodb.GetItem",
    "after-call.dynamodb.GetItem",
]


@pytest.mark.parametrize("event", EVENTS)
async def test_a_handler_of_the_users_own_runs_or_the_client_is_refused(event: str) -> None:
    ran: list[str] = []

    def handler(**_: Any) -> None:
        ran.append(event)

    async with Scripted(answering) as server, a_client(server.url, prepared=False) as client:
        client.meta.events.register(event, handler)
        try:
            await client.wire.prepare()
        except wire.NotUnderstood:
            return
        ran.clear()
        await found(client)
        assert ran == [event]
