"""What every test of the wire stands on: no AWS settings of the user's, and certificates of its own."""

import asyncio
import os
from collections.abc import Callable

import pytest
import uvloop
from hypothesis import settings

from tests.wire.certificates import Authority

settings.register_profile("wire", deadline=None)  # a slow machine is no failure
settings.load_profile("wire")


_ON_BOTH_LOOPS = {
    "test_connection.py",
    "test_connection_lost.py",
    "test_pool.py",
    "test_client.py",
    "test_addresses.py",
}


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The command line runs on uvloop; somebody's own program need not."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"uvloop": uvloop.new_event_loop}
    return {**loops, "asyncio": asyncio.new_event_loop} if item.path.name in _ON_BOTH_LOOPS else loops


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority, and a server's certificate of 127.0.0.1, ::1 and localhost by it."""
    return Authority.founded(tmp_path_factory.mktemp("authority"), "The tests' authority")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another authority with a server on this machine."""
    return Authority.founded(tmp_path_factory.mktemp("stranger"), "Somebody else's authority")


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that has signed the certificate of a server elsewhere."""
    return Authority.founded(tmp_path_factory.mktemp("elsewhere"), "An authority", host="dynamodb.example.org")
