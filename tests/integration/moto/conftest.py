"""The two servers, and a table on both."""

from collections.abc import Callable, Iterator

import pytest

from tests.integration.moto.pair import Pair


@pytest.fixture(scope="module")
def urls(server_urls: Callable[[str], str]) -> tuple[str, str]:
    return server_urls("embedded"), server_urls("moto_server")


@pytest.fixture(scope="module")
def pair(urls: tuple[str, str]) -> Iterator[Pair]:
    pair = Pair(urls)
    yield pair
    for client in pair.clients:
        client.close()


@pytest.fixture(scope="module")
def table(pair: Pair) -> str:
    return pair.table()
