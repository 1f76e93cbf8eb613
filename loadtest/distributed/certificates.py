"""Throw-away certificates for the processes of one cluster: an authority whose key is nowhere on disk."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from loadtest.system.certificates import Authority, Pair, write_private


class Certificates(Struct, frozen=True):
    """The authority's certificate and those of the three roles, in PEM."""

    authority: str
    scheduler: Pair
    worker: Pair
    client: Pair


class Files(Struct, frozen=True):
    """Where a client finds what it needs: the options of `--cluster-ca`, `--cluster-cert` and `--cluster-key`."""

    authority: Path
    certificate: Path
    key: Path


def issue() -> Certificates:
    """Make them. The client's cannot pose as a scheduler or worker, whom everybody calls; those call each other."""
    authority = Authority("loadtest cluster")
    return Certificates(
        authority=authority.certificate,
        scheduler=authority.sign("scheduler", server=True, client=True),
        worker=authority.sign("worker", server=True, client=True),
        client=authority.sign("client", server=False, client=True),
    )


@contextmanager
def for_a_client(made: Certificates) -> Iterator[Files]:
    """What a client needs, as files that their owner alone can read, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="loadtest-cluster-") as folder:  # made with mode 0700
        files = Files(Path(folder, "ca.crt"), Path(folder, "client.crt"), Path(folder, "client.key"))
        write_private(files.authority, made.authority)
        write_private(files.certificate, made.client.certificate)
        write_private(files.key, made.client.key)
        yield files
