"""A certificate authority of the tests."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Authority:
    """Where its certificate is, and those of a server that it has signed."""

    certificate: Path
    server_certificate: Path
    server_key: Path

    @classmethod
    def founded(cls, folder: Path, name: str, host: str = "localhost") -> "Authority":
        """Make the key and the certificate of the authority and of a server, as a rule one on this machine."""
        key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        own = _certificate(name, key, name, key, authority=True)
        server = _certificate(host, server_key, name, key, authority=False)
        made = cls(folder / "authority.pem", folder / "server.pem", folder / "server.key")
        made.certificate.write_bytes(own.public_bytes(serialization.Encoding.PEM))
        made.server_certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
        made.server_key.write_bytes(
            server_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made

    def server_context(self) -> ssl.SSLContext:
        """What a TLS server of the tests answers with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_certificate, self.server_key)
        return context


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    addresses = ("127.0.0.1", "::1") if subject == "localhost" else ()
    names = [x509.DNSName(subject), *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if authority:
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
