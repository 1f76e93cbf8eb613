"""The SDK's session: with what the user's variables and AWS files say, or nothing of it for a server of our own."""

# ruff: noqa: SLF001 - the region is known to the SDK's inner session

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aioboto3
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.exceptions import BotoCoreError, ProfileNotFound

from loadtest.dynamodb.endpoint import DEFAULT_REGION, Connection
from loadtest.dynamodb.errors import CredentialsError
from loadtest.dynamodb.sdk_http import Session
from loadtest.errors import TargetError, UsageError
from loadtest.system.foreign_text import clean

_SECRET = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"}
_FILES = {"AWS_CONFIG_FILE": "config_file", "AWS_SHARED_CREDENTIALS_FILE": "credentials_file"}


def begin(connection: Connection) -> aioboto3.Session:
    """A session with its region. Raises UsageError if it has none, the SDK's errors, and ValueError."""
    keys = made_up(connection) if connection.anonymous else {}
    if connection.isolated:
        session = aioboto3.Session(botocore_session=Session(_untouched()), **keys)
    else:
        session = aioboto3.Session(botocore_session=Session(), profile_name=connection.profile, **keys)
    # The SDK for Python does not read AWS_REGION, and others do.
    named = connection.region or (None if connection.isolated else os.environ.get("AWS_REGION")) or session.region_name
    region = named or (DEFAULT_REGION if connection.endpoint_url else None)
    if region is None:
        raise UsageError("no AWS region: give --region, or set AWS_REGION or a region in the profile")
    session._session.set_config_variable("region", region)  # also for who is asked for credentials
    return session


def _untouched() -> dict[str, tuple[object, ...]]:
    """The SDK's settings as they are where nobody has set any: from no variable, and from no file."""
    return {
        name: (None, None, os.devnull if name in _FILES.values() else default, convert)
        for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }


def made_up(connection: Connection) -> dict[str, str]:
    """Credentials for a server that takes any."""
    return {"aws_access_key_id": connection.access_key, "aws_secret_access_key": "loadtest"}


def authorities(connection: Connection, session: aioboto3.Session) -> str | bool | None:
    """Whom to trust, as the SDK's `verify`. TargetError if a variable or the profile names a file that is not there."""
    if connection.endpoint_url and connection.endpoint_url.lower().startswith("http:"):
        return False  # nobody is asked for a certificate, so no file need be there
    if connection.authorities:
        return connection.authorities
    chosen = {
        "AWS_CA_BUNDLE": os.environ.get("AWS_CA_BUNDLE"),
        "ca_bundle in the AWS config file": session._session.get_config_variable("ca_bundle"),
        "REQUESTS_CA_BUNDLE": os.environ.get("REQUESTS_CA_BUNDLE"),
    }
    for name, path in chosen.items():
        if path:
            if not Path(path).exists():
                raise TargetError(f"{name} names {path}, which is not there")
            return str(path)
    return None


@contextmanager
def understood(connection: Connection) -> Iterator[None]:
    """Turn whatever the SDK raises for the user's settings into a UsageError or a TargetError that names them."""
    try:
        yield
    except CredentialsError as error:
        raise TargetError(str(error)) from error
    except ProfileNotFound as error:
        raise _no_such_profile(error, connection) from error
    except (BotoCoreError, ValueError, OSError) as error:
        sentence = clean(" ".join(str(error).split()))
        raise TargetError(f"cannot make a client {connection.where}: {sentence}{named(error)}") from error


def _no_such_profile(error: ProfileNotFound, connection: Connection) -> UsageError | TargetError:
    profile = error.kwargs["profile"]
    missing = unreadable()
    if connection.profile is not None:
        remedy = "give --profile with one of the profiles in the AWS config file"
        return UsageError(f"there is no AWS profile {profile!r}: {remedy}{missing}")
    return TargetError(f"there is no AWS profile {profile!r}{named(profile)}: name another, or unset it{missing}")


def named(error: object) -> str:
    """The variables that an error is about, as ` (A, B)`: those whose value it quotes. Empty if there are none."""
    text = str(error)
    names = set()
    for name, value in os.environ.items():
        telling = len(value) > 1 and value.lower() not in ("true", "false")
        about = name.startswith("AWS_") and name not in _SECRET and telling
        if about and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text):
            names.add(name)
    return f" ({', '.join(sorted(names))})" if names else ""


def unreadable() -> str:
    """The AWS files that variables name and that cannot be read, for the end of a sentence."""
    paths = {name: os.environ[name] for name in _FILES if os.environ.get(name)}
    return "".join(
        f"; {name} names {path}, which cannot be read"
        for name, path in paths.items()
        if not os.access(Path(path).expanduser(), os.R_OK)
    )
