"""Through the command line and TLS, against a server that checks every signature as AWS does."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from botocore.credentials import ReadOnlyCredentials

from tests.conftest import Cli
from tests.helpers.certificates import Authority
from tests.helpers.sound_verdicts import is_sound_report
from tests.helpers.strict_server import Rules, Strict, strict_server

ACCESS_KEY, SECRET = "ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQ" * 8 + "=="
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
BEFORE_THE_RUNS_OWN_CLIENT = 2  # requests: describe the table, read the product

clients = pytest.mark.parametrize("client", ["wire", "sdk"])


def rules(**more: Any) -> Rules:
    return Rules(ReadOnlyCredentials(ACCESS_KEY, SECRET, TOKEN), **more)


@pytest.fixture(scope="module")
def server(server_urls: Callable[[str], str], authority: Authority) -> Iterator[Strict]:
    with strict_server(server_urls("embedded"), authority.server_context(), rules()) as strict:
        yield strict


@pytest.fixture
def run(cli: Cli, server: Strict, authority: Authority) -> Iterator[Cli]:
    """The command line of a user with temporary credentials, to whom the server is trustworthy."""
    server.rules = rules()
    server.passed.clear()
    server.refused.clear()
    trusting = {**ENVIRONMENT, "AWS_CA_BUNDLE": str(authority.certificate)}

    def started(*arguments: str, **environment: str) -> Any:
        where = ["--endpoint-url", server.url, "--table", "strict"]
        return cli(*arguments, *where, **{**trusting, **environment})

    yield started
    server.rules = rules()


@pytest.fixture(scope="module")
def populated() -> dict[str, bool]:
    """Whether the table is there."""
    return {}


@pytest.fixture
def race(run: Cli, populated: dict[str, bool]) -> Cli:
    """A race on the table, which is made when it is first needed."""
    if not populated:
        made = run("populate")
        assert made.returncode == 0, made.stderr
        populated["yes"] = True
    return partial(run, "race", "-n", "20")


@clients
@pytest.mark.parametrize("strategy", ["version", "conditional", "transaction"])
def test_a_whole_race_is_signed_as_it_must_be(client: str, strategy: str, race: Cli, server: Strict) -> None:
    done = race("--client", client, "--strategy", strategy, "--json", "-")
    report = json.loads(done.stdout)
    assert is_sound_report(done.returncode, report), done.stderr
    assert (report["orders"]["accepted"], report["orders"]["rejected"]) == (1, 19)
    assert report["client"]["fallbacks"] == {}
    assert sum(report["client"]["served"][client].values()) >= 20
    assert sum(server.passed.values()) >= 20
    assert not server.refused


REFUSALS: dict[str, tuple[dict[str, str], dict[str, Any], str, str]] = {
    "a wrong secret": (
        {"AWS_SECRET_ACCESS_KEY": "wrong"},
        {},
        "InvalidSignatureException",
        "check the secret key and this machine's clock",
    ),
    "an unknown access key": (
        {"AWS_ACCESS_KEY_ID": "ASIAUNKNOWN"},
        {},
        "UnrecognizedClientException",
        "check the credentials",
    ),
    "a forgotten token": ({"AWS_SESSION_TOKEN": ""}, {}, "UnrecognizedClientException", "check the credentials"),
    "a clock that is slow": (
        {},
        {"clock_ahead_s": 600},
        "InvalidSignatureException: Signature expired",
        "check the secret key and this machine's clock",
    ),
    "a clock that is fast": (
        {},
        {"clock_ahead_s": -600},
        "InvalidSignatureException: Signature expired",
        "check the secret key and this machine's clock",
    ),
    "an expired token": ({}, {"expired": frozenset({TOKEN})}, "ExpiredTokenException", "get new credentials"),
}


def one_line(done: Any) -> str:
    """What a command that failed has to say, which is one line."""
    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return str(line)


@pytest.mark.parametrize("why", ["a wrong secret", "a forgotten token", "a clock that is fast", "an expired token"])
def test_a_refusal_ends_the_run_with_one_line_that_says_what_to_check(why: str, race: Cli, server: Strict) -> None:
    environment, changed, code, advice = REFUSALS[why]
    server.rules = rules(**changed)
    line = one_line(race(**environment))
    assert code in line
    assert advice in line
    assert server.refused.total() == 1
    assert not server.passed


@pytest.mark.parametrize(
    ("why", "client"),
    [
        ("a wrong secret", "wire"),
        ("an unknown access key", "wire"),
        ("a clock that is slow", "wire"),
        ("an expired token", "wire"),
        ("an expired token", "sdk"),
    ],
)
def test_a_refusal_of_the_runs_own_client_does_so_too(why: str, client: str, race: Cli, server: Strict) -> None:
    environment, changed, code, advice = REFUSALS[why]
    server.rules = rules(**changed, lets_pass=BEFORE_THE_RUNS_OWN_CLIENT)
    line = one_line(race("--client", client, **environment))
    assert code in line
    assert advice in line
    assert server.refused.total() == 1


@clients
def test_a_token_that_expires_in_a_run_is_told_with_the_orders_that_failed(
    client: str, race: Cli, server: Strict
) -> None:
    server.rules = rules(expired=frozenset({TOKEN}), lets_pass=BEFORE_THE_RUNS_OWN_CLIENT + 12)
    done = race("--client", client, "--json", "-")
    assert done.returncode == 3, done.stderr
    report = json.loads(done.stdout)
    assert report["orders"]["accepted"] == 0
    assert any("ExpiredTokenException" in problem["message"] for problem in report["orders"]["problems"])


@clients
def test_a_server_whose_certificate_is_not_trusted_gets_no_request(
    client: str, race: Cli, server: Strict, stranger: Authority
) -> None:
    server.passed.clear()
    line = one_line(race("--client", client, AWS_CA_BUNDLE=str(stranger.certificate)))
    assert "certificate" in line
    assert not server.passed
    assert not server.refused
