"""Throw-away certificates for the processes of one cluster: an authority whose key is nowhere on disk."""

import datetime as dt
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

_DAYS = 365  # the authority signs nothing any more, so its end protects nobody


class Pair(Struct, frozen=True):
    """A certificate and its key, in PEM."""

    certificate: str
    key: str


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
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    def named(role: str) -> x509.Name:
        attributes = {x509.NameOID.ORGANIZATION_NAME: "loadtest cluster", x509.NameOID.COMMON_NAME: role}
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes.items()])

    def text(made: x509.Certificate) -> str:
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def begun(role: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(named(role))
            .issuer_name(named("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=_DAYS))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    signing = ec.generate_private_key(ec.SECP256R1())
    authority = begun("authority", signing).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)

    def pair(role: str, *usages: x509.ObjectIdentifier) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        signed = (
            begun(role, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
            .sign(signing, hashes.SHA256())
        )
        kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return Pair(text(signed), key.private_bytes(*kind).decode())

    server, client = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
    return Certificates(
        authority=text(authority.sign(signing, hashes.SHA256())),
        scheduler=pair("scheduler", server, client),
        worker=pair("worker", server, client),
        client=pair("client", client),
    )


@contextmanager
def for_a_client(made: Certificates) -> Iterator[Files]:
    """What a client needs, as files that their owner alone can read, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="loadtest-cluster-") as folder:  # made with mode 0700
        files = Files(Path(folder, "ca.crt"), Path(folder, "client.crt"), Path(folder, "client.key"))
        _write(files.authority, made.authority)
        _write(files.certificate, made.client.certificate)
        _write(files.key, made.client.key)
        yield files


def _write(file: Path, content: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(content)
