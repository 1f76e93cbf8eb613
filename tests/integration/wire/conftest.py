"""What every test of the wire stands on: no AWS settings of the user's, certificates of its own, event loops."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from tests.helpers.fixtures import authority, elsewhere, no_settings_of_the_user, stranger

__all__ = ["authority", "elsewhere", "no_settings_of_the_user", "stranger"]
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
