"""What an authority signs: who can pose as what, and where."""

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from loadtest.distributed.certificates import for_a_client, issue
from loadtest.system.certificates import Authority

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def usages(certificate: str) -> set[x509.ObjectIdentifier]:
    read = x509.load_pem_x509_certificate(certificate.encode())
    return set(read.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


@pytest.mark.parametrize(("server", "client"), [(True, False), (False, True), (True, True)])
def test_a_certificate_is_signed_for_what_it_may_pose_as(server: bool, client: bool) -> None:
    authority = Authority("a shop")
    pair = authority.sign("role", server=server, client=client, addresses=["127.0.0.1"])
    trusted = x509.load_pem_x509_certificate(authority.certificate.encode())
    read = x509.load_pem_x509_certificate(pair.certificate.encode())
    read.verify_directly_issued_by(trusted)
    assert usages(pair.certificate) == {*[SERVER] * server, *[CLIENT] * client}
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert trusted.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_client_of_a_cluster_cannot_pose_as_a_server_and_its_key_is_its_owners_alone() -> None:
    made = issue()
    assert usages(made.client.certificate) == {CLIENT}
    assert usages(made.scheduler.certificate) == usages(made.worker.certificate) == {SERVER, CLIENT}
    with for_a_client(made) as files:
        assert files.key.read_text() == made.client.key
        assert files.key.stat().st_mode & 0o777 == 0o600
        folder = files.key.parent
    assert not folder.exists()
