"""The user's credentials: found when a client is made, renewed while it works.

All ways in which that can fail end here, as a CredentialsError of one sentence.
"""

# ruff: noqa: SLF001 - the SDK lets nobody in where credentials fail

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from subprocess import DEVNULL
from typing import Any, NoReturn

import aioboto3
import anyio
from botocore.credentials import (
    AssumeRoleProvider,
    ContainerProvider,
    InstanceMetadataProvider,
    ProcessProvider,
    RefreshableCredentials,
)
from botocore.utils import get_environ_proxies

from loadtest.dynamodb import sdk_session
from loadtest.dynamodb.credential_errors import MfaAskedError, explain, none_found
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import CredentialsError
from loadtest.dynamodb.sdk_http import MetadataSession

WITHIN_S = 60.0  # a helper may wait for somebody at a browser
_AGAIN_AFTER_S = 1.0
_END_S = 1.0

# The SDK logs a failure with its traceback; the error says what matters of it.
for _name in ("aiobotocore", "botocore"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


async def provide(session: aioboto3.Session, connection: Connection) -> None:
    """Find the session's credentials now, so that a login that is missing shows before anything else.

    If they cannot be renewed later, what needs them raises CredentialsError, and so does this if there are none.
    """
    async with _explained(session):
        resolver = session._session.get_component("credential_provider")
        if connection.placeholders:
            resolver.remove("iam-role")  # this machine's own is for AWS, and nobody chose it for another server
        _adapt(resolver)
        found = await session.get_credentials()
        if found is None:
            if not connection.placeholders:
                raise CredentialsError(sentence=none_found(session))
            session._session.set_credentials(*sdk_session.made_up(connection).values())
            return
        if isinstance(found, RefreshableCredentials):
            _guard(found, session)
        await found.get_frozen_credentials()


def _adapt(resolver: Any) -> None:
    """No provider asks for a code, which each client would want anew; no process outlives who waits for it.

    Who asks this machine for them looks at the name in a certificate, too.
    """
    for provider in resolver.providers:
        if isinstance(provider, ProcessProvider):
            provider._popen = _Process.begin
        elif isinstance(provider, AssumeRoleProvider):
            provider._prompter = _refuse
            _adapt_source_profiles(provider._profile_provider_builder)
        elif isinstance(provider, ContainerProvider):
            provider._fetcher._session = MetadataSession(timeout=provider._fetcher.TIMEOUT_SECONDS)
        elif isinstance(provider, InstanceMetadataProvider):
            fetcher = provider._role_fetcher
            proxies = get_environ_proxies(fetcher._base_url)
            fetcher._session = MetadataSession(timeout=fetcher._timeout, proxies=proxies)


def _adapt_source_profiles(builder: Any) -> None:
    create = builder._create_process_provider

    def adapted(profile_name: str) -> Any:
        provider = create(profile_name)
        provider._popen = _Process.begin
        return provider

    builder._create_process_provider = adapted


def _refuse(prompt: str) -> NoReturn:
    raise MfaAskedError(prompt)


class _Process:
    """A credential process, ended when nobody waits for it any more."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def begin(cls, *command: str, **pipes: Any) -> "_Process":
        """Start it; where nobody could answer what it asks, it finds nothing to read."""
        stdin = None if sys.stdin is not None and sys.stdin.isatty() else DEVNULL
        return cls(await asyncio.create_subprocess_exec(*command, stdin=stdin, **pipes))

    @property
    def returncode(self) -> int | None:
        """As the SDK asks for it."""
        return self._process.returncode

    async def communicate(self) -> tuple[bytes, bytes]:
        """Its output, when it has ended."""
        try:
            return await self._process.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                self._process.kill()
            with anyio.move_on_after(_END_S, shield=True):
                await self._process.wait()
            raise


def _guard(found: Any, session: aioboto3.Session) -> None:
    """Explain what goes wrong when they are renewed, and renew them no more often than once in a moment.

    All who need them wait for their turn in this method of the SDK. Where a helper fails, or gives what soon expires,
    it would be started for each of them, one after another.
    """
    renew: Callable[..., Awaitable[None]] = found._protected_refresh
    until_s, failed = 0.0, ""

    async def guarded(is_mandatory: bool) -> None:
        nonlocal until_s, failed
        if time.monotonic() >= until_s:
            failed = await _failure(renew(is_mandatory=is_mandatory), session)
            until_s = time.monotonic() + _AGAIN_AFTER_S
        if failed:
            raise CredentialsError(sentence=failed)

    found._protected_refresh = guarded


async def _failure(renewal: Awaitable[None], session: aioboto3.Session) -> str:
    """What went wrong, in words; empty if nothing did."""
    try:
        async with _explained(session):
            await renewal
    except CredentialsError as error:
        return str(error)
    return ""


@asynccontextmanager
async def _explained(session: aioboto3.Session) -> AsyncIterator[None]:
    """Whatever the block raises, or that it takes too long, as a CredentialsError."""
    try:
        async with asyncio.timeout(WITHIN_S):
            yield
    except CredentialsError:
        raise
    except Exception as error:
        raise CredentialsError(sentence=explain(error, session)) from error
