"""Throw-away certificates: an authority whose key is nowhere on disk, and what it signs."""

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_DAYS = 365  # the authority signs nothing any more, so its end protects nobody


class Pair(Struct, frozen=True):
    """A certificate and its key, in PEM."""

    certificate: str
    key: str


class Authority:
    """Signs certificates for as long as it is held."""

    def __init__(self, organization: str) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        self._organization = organization
        self._key = ec.generate_private_key(ec.SECP256R1())
        of_authority = x509.BasicConstraints(ca=True, path_length=0)
        begun = self._begun("authority", self._key).add_extension(of_authority, critical=True)
        self.certificate = _text(begun.sign(self._key, hashes.SHA256()))
        """In PEM, for whoever is to trust what it signs."""

    def sign(self, role: str, *, server: bool, client: bool, addresses: Sequence[str] = ()) -> Pair:
        """A certificate that can pose as a server, as a client or as both, and as a server at these IP addresses."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID

        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH] * server + [ExtendedKeyUsageOID.CLIENT_AUTH] * client
        by_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        begun = (
            self._begun(role, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(by_authority, critical=False)
        )
        if addresses:
            names = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
            begun = begun.add_extension(x509.SubjectAlternativeName(names), critical=False)
        kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return Pair(_text(begun.sign(self._key, hashes.SHA256())), key.private_bytes(*kind).decode())

    def _begun(self, role: str, key: "ec.EllipticCurvePrivateKey") -> "x509.CertificateBuilder":
        from cryptography import x509

        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(self._named(role))
            .issuer_name(self._named("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=_DAYS))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    def _named(self, role: str) -> "x509.Name":
        from cryptography import x509

        attributes = {x509.NameOID.ORGANIZATION_NAME: self._organization, x509.NameOID.COMMON_NAME: role}
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes.items()])


def write_private(file: Path, content: str) -> None:
    """A new file that its owner alone can read."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(content)


def _text(made: "x509.Certificate") -> str:
    from cryptography.hazmat.primitives import serialization

    return made.public_bytes(serialization.Encoding.PEM).decode()
