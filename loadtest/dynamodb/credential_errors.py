"""What it means that credentials cannot be had: one sentence for each way, and the command that helps.

The SDK's exceptions say what broke; the profile's settings say where the credentials come from, and so what to do,
also for an exception that is in no table.
"""

# ruff: noqa: SLF001 - the profile is known to the SDK's inner session

import os
from collections.abc import Callable, Mapping
from typing import Any

import aioboto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    PartialCredentialsError,
    RefreshWithMFAUnsupportedError,
    SSOError,
    TokenRetrievalError,
    UnknownCredentialError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

from loadtest.dynamodb.sdk_session import named, unreadable
from loadtest.system.foreign_text import clean

_LONGEST = 300  # characters of what a helper says
_WHERE_MISSING = "set them in the environment, or give --profile"
_KNOWN = {  # settings of a profile that say where its credentials come from, to this SDK
    "aws_access_key_id",
    "credential_process",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
}


class MfaAskedError(Exception):
    """A role wants a code that somebody would have to type."""


class _Profile:
    """The settings of the profile that is used, and of those that it takes its credentials from."""

    def __init__(self, session: aioboto3.Session) -> None:
        self.name: str = session._session.get_config_variable("profile") or "default"
        self.given = "profile" in session._session.instance_variables()
        profiles: Mapping[str, Any] = session._session.full_config.get("profiles", {})
        self.settings: dict[str, Mapping[str, Any]] = {}
        name = self.name
        while name in profiles and name not in self.settings:
            self.settings[name] = profiles[name]
            name = str(profiles[name].get("source_profile", ""))

    def having(self, *keys: str) -> str | None:
        """The first in the chain that has one of these settings."""
        return next((name for name, of in self.settings.items() if any(key in of for key in keys)), None)

    @property
    def credentials(self) -> str:
        """What is wanted, in words."""
        return f"the credentials of profile {self.name!r}" if self.given or self.settings else "the AWS credentials"

    def export(self) -> str:
        """How to hand over credentials that another program can get."""
        then = " and leave out --profile" if self.given else ""
        return f'eval "$(aws configure export-credentials --profile {self.name} --format env)"{then}'


def explain(error: Exception, session: aioboto3.Session) -> str:
    """The sentence for whatever was raised when credentials were looked for, or renewed."""
    try:
        profile = _Profile(session)
    except BotoCoreError as unreadable:  # a file that cannot be parsed, or a profile that is not there
        return f"{_line(unreadable)}{named(unreadable)}"
    for kinds, sentence in _SENTENCES:
        if isinstance(error, kinds) and (said := sentence(error, profile)):
            return said
    return f"{profile.credentials} cannot be had: {_typed(error)}{named(error)}"


def none_found(session: aioboto3.Session) -> str:
    """The sentence for a chain of providers that all had nothing."""
    profile = _Profile(session)
    settings = profile.settings.get(profile.name, {})
    if "login_session" in settings:
        knows = f"profile {profile.name!r} uses `aws login`, which this SDK does not know"
        return f"{knows}; get credentials with: {profile.export()}"
    unused = sorted(key for key in settings if not key.startswith(("region", "output", "cli_")))
    if settings and unused and not _KNOWN & settings.keys():
        return (
            f"profile {profile.name!r} has no credentials that this SDK knows ({', '.join(unused)}); if the AWS CLI "
            f"knows them: {profile.export()}"
        )
    missing = unreadable()
    if profile.given or "AWS_PROFILE" in os.environ:
        return f"no AWS credentials in profile {profile.name!r}: {_WHERE_MISSING} of another profile{missing}"
    return f"no AWS credentials: {_WHERE_MISSING}{missing}"


def _mfa(_: Any, profile: _Profile) -> str:
    name = profile.having("mfa_serial") or profile.name
    return f"profile {name!r} asks for an MFA code, which loadtest does not; get credentials with: {profile.export()}"


def _refused(error: Any, profile: _Profile) -> str:
    code, message = error.response["Error"].get("Code", ""), _line(error.response["Error"].get("Message", ""))
    said = f"{error.operation_name} was refused: {code}: {message}".rstrip(": ")
    if error.operation_name == "GetRoleCredentials":
        return f"{said}; may who is logged in to {profile.having(*_SSO)!r} use its sso_account_id and sso_role_name?"
    if (arn := _role(profile)) is not None:
        return f"the role {arn} cannot be assumed: {said}; look at its trust policy and at the credentials for it"
    return f"{profile.credentials} cannot be had: {said}"


def _role(profile: _Profile) -> str | None:
    name = profile.having("role_arn")
    return str(profile.settings[name]["role_arn"]) if name else os.environ.get("AWS_ROLE_ARN")


def _unreachable(error: Any, profile: _Profile) -> str:
    return f"{profile.credentials} cannot be had: {_line(error)}{named(error)}; check the network"


_SSO = ("sso_session", "sso_start_url")


def _sso(_: Any, profile: _Profile) -> str:
    name = profile.having(*_SSO)
    if name is None:
        return ""
    return f"the SSO session of profile {name!r} is missing or has expired: aws sso login --profile {name}"


def _process(error: Any, profile: _Profile) -> str:
    name = profile.having("credential_process")
    if name is None:
        return ""
    if isinstance(error, CredentialRetrievalError):
        why = _line(error.kwargs["error_msg"]) or "it failed, and said nothing"
    elif isinstance(error, TimeoutError):
        why = "it gave none in time"
    elif isinstance(error, OSError):
        why = f"{error.strerror}: {error.filename}"
    elif isinstance(error, RuntimeError):
        why = "they have expired already"
    else:
        why = f"its output is not as it should be ({_typed(error)})"
    return (
        f"credential_process of profile {name!r} gives no credentials: {why}; get new ones for it, and try it with: "
        f"aws sts get-caller-identity --profile {name}"
    )


def _file(error: Any, profile: _Profile) -> str:
    """A file that a variable or the profile names."""
    path = str(error.filename)
    variables = [name for name, value in os.environ.items() if name.startswith("AWS_") and value == path]
    settings = [
        f"{key} of profile {name!r}"
        for name, of in profile.settings.items()
        for key, value in of.items()
        if value == path and key != "credential_process"
    ]
    for what in variables + settings:
        return f"{what} names {path}, which cannot be read: {error.strerror}"
    return ""


def _expired(error: Any, profile: _Profile) -> str:
    if "expired" not in str(error):
        return ""
    if "AWS_CREDENTIAL_EXPIRATION" in os.environ and not profile.given:
        return "the credentials in the environment have expired (AWS_CREDENTIAL_EXPIRATION): get new credentials"
    return f"{profile.credentials} were renewed and have expired already: get new credentials"


def _late(_: Any, profile: _Profile) -> str:
    return f"{profile.credentials} did not come in time; check the network"


def _settings(error: Any, _: _Profile) -> str:
    return f"the AWS settings are wrong: {_line(error)}{named(error)}"


_SENTENCES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any, _Profile], str]], ...] = (
    ((MfaAskedError, RefreshWithMFAUnsupportedError), _mfa),
    (ClientError, _refused),
    ((HTTPClientError, NoConnectionError), _unreachable),
    ((SSOError, TokenRetrievalError), _sso),
    ((InvalidConfigError, InfiniteLoopConfigError, PartialCredentialsError, UnknownCredentialError), _settings),
    (OSError, _file),
    (Exception, _process),
    (TimeoutError, _late),
    (RuntimeError, _expired),
    (Exception, _sso),
)


def _typed(error: Exception) -> str:
    if isinstance(error, BotoCoreError):
        return _line(error)
    return f"{type(error).__name__}: {_line(error)}".rstrip(": ")


def _line(error: object) -> str:
    """What it says, on one line that is not too long."""
    return clean(" ".join(str(error).split()), _LONGEST)
