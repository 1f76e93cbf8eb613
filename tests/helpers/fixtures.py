"""Fixtures that several folders take: no AWS settings of the user's, and certificates of the tests' own."""

import os

import pytest

from tests.helpers.certificates import Authority


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
