"""What answers where a scheduler with TLS should: each in one sentence, before Dask reads a byte of it."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from loadtest.distributed import dask_cluster
from loadtest.errors import TargetError
from loadtest.workload.spec import Cluster
from tests.conftest import missing
from tests.helpers.certificates import Authority

Conversation = Callable[[socket.socket], None]


@contextmanager
def answering(conversation: Conversation) -> Iterator[str]:
    """The address of a server that has this conversation with whoever calls, once."""

    def serve() -> None:
        with suppress(OSError), listening.accept()[0] as caller:
            conversation(caller)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"tls://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(20)


def over_tls(authority: Authority, most: ssl.TLSVersion, *, known: Authority | None = None) -> Conversation:
    """Show the authority's certificate, and want one of the authority that is `known`."""

    def conversation(caller: socket.socket) -> None:
        context = authority.server_context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, most
        if known is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(known.certificate)
        with context.wrap_socket(caller, server_side=True) as stream:
            stream.recv(1)

    return conversation


def plain(caller: socket.socket) -> None:
    caller.recv(4096)
    caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")  # what is old is the point
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("plain", "it speaks without TLS"),
        ("old", "it speaks no version of TLS that is safe"),
        ("impostor", "its certificate is not to be trusted: "),
        ("refuses", "it does not take this client's certificate"),
        ("closes", "no Dask scheduler answers"),
    ],
)
async def test_what_is_wrong_with_tls_is_said(
    kind: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_spec("distributed") is None:
        missing("the package distributed (extra cluster)")
    monkeypatch.setattr(dask_cluster, "_silence", lambda _: None)  # which holds for a whole process
    (tmp_path / "other").mkdir()
    ours = Authority.founded(tmp_path, "ours")
    other = Authority.founded(tmp_path / "other", "another authority")
    conversations: dict[str, Conversation] = {
        "plain": plain,
        "old": over_tls(ours, ssl.TLSVersion.TLSv1_1),
        "impostor": over_tls(other, ssl.TLSVersion.TLSv1_3),
        "refuses": over_tls(ours, ssl.TLSVersion.TLSv1_3, known=other),
        "closes": lambda caller: None,
    }
    with answering(conversations[kind]) as address:
        wanted = Cluster(
            address=address,
            authorities=str(ours.certificate),
            certificate=str(ours.server_certificate),
            key=str(ours.server_key),
        )
        with pytest.raises(TargetError, match=f"^no Dask scheduler answers at {address}: ") as refused:
            async with dask_cluster.workers(wanted):
                pass
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
