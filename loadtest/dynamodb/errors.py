"""What the SDK's errors mean: one table for the operations of a run, one for everything around it.

Whether a write may have been applied decides between `failed` and `unknown`: only what surely never reached
the table, or what the table surely refused, is `failed`. A code that is in no table keeps its code and message.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from socket import gaierror
from typing import Any

from aiohttp import ClientConnectorError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
)

from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.limits import OversizedAnswerError
from loadtest.dynamodb.sdk_answers import NotUnderstoodError
from loadtest.dynamodb.transport import NoAnswer
from loadtest.errors import TargetError
from loadtest.events import REJECTED_AFTER_RESEND, Outcome, Reason, Result
from loadtest.system.foreign_text import clean

SDK_ERRORS = (BotoCoreError, ClientError)
CONDITION_FAILED = "ConditionalCheckFailedException"
_LONGEST_MESSAGE = 300
CANCELED = "TransactionCanceledException"
NOT_UNDERSTOOD = "NotUnderstood"
UNREACHED = EndpointConnectionError.__name__
_NOT_UNDERSTOOD = (NOT_UNDERSTOOD, OversizedAnswerError.__name__)

_PASSING = (500, 502, 503, 504)  # after which the SDK, too, would send again

_OUTCOMES = {
    CONDITION_FAILED: Outcome.REJECTED,
    "TransactionConflictException": Outcome.REJECTED,
    "ReplicatedWriteConflictException": Outcome.REJECTED,
    "ProvisionedThroughputExceededException": Outcome.THROTTLED,
    "ThrottlingException": Outcome.THROTTLED,
    "ThrottlingError": Outcome.THROTTLED,
    "Throttling": Outcome.THROTTLED,
    "RequestLimitExceeded": Outcome.THROTTLED,
    "InternalServerError": Outcome.UNKNOWN,
    "InternalFailure": Outcome.UNKNOWN,
    "ServiceUnavailable": Outcome.UNKNOWN,
    "TransactionInProgressException": Outcome.UNKNOWN,
}
_CANCELLATIONS = {  # in the order in which one outranks another
    "ProvisionedThroughputExceeded": Outcome.THROTTLED,
    "ThrottlingError": Outcome.THROTTLED,
    "ValidationError": Outcome.FAILED,
    "ItemCollectionSizeLimitExceeded": Outcome.FAILED,
    "ConditionalCheckFailed": Outcome.REJECTED,
    "TransactionConflict": Outcome.REJECTED,
}


def is_throttled(error: BotoCoreError | ClientError) -> bool:
    """Whether the server refused for lack of capacity: surely not applied, and worth another try."""
    return _OUTCOMES.get(code_of(error)) is Outcome.THROTTLED


class ForeignAnswerError(BotoCoreError):  # type: ignore[misc]  # the SDK has no types
    """An answer that is of another kind than any of a DynamoDB."""

    fmt = "an answer of the type {content_type}"


class NoAnswerError(BotoCoreError):  # type: ignore[misc]  # the SDK has no types
    """A transport's NoAnswer, for who wants it raised."""

    fmt = "{text}"

    def __init__(self, outcome: NoAnswer) -> None:
        super().__init__(text=outcome.text)
        self.outcome = outcome


class CredentialsError(BotoCoreError):  # type: ignore[misc]  # the SDK has no types
    """There are no credentials, or they cannot be renewed, so nothing was sent. Its text says what to do."""

    fmt = "{sentence}"


def is_lost(error: BotoCoreError | ClientError) -> bool:
    """Whether the answer was lost, or tells of a passing failure after which nobody knows if the request was served."""
    foreign = isinstance(error, ForeignAnswerError)
    if foreign or (isinstance(error, BotoCoreError) and no_answer(error).reason in _NOT_UNDERSTOOD):
        return False
    passing = not isinstance(error, ClientError) or error.response["ResponseMetadata"]["HTTPStatusCode"] in _PASSING
    return passing and translate(error, writes=True, sdk_retries=0).outcome is Outcome.UNKNOWN


def code_of(error: BotoCoreError | ClientError) -> str:
    """The code of an error that the server answered; empty if there was no answer."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def translate(error: BotoCoreError | ClientError, *, writes: bool, sdk_retries: int) -> Result:
    """The result of one operation that raised.

    `writes` tells whether it could have changed anything; if it could not, nothing about it is unknown. With
    the SDK's own retries on, an earlier try may have been applied though the last one was refused: that is
    unknown too.
    """
    if isinstance(error, ClientError):
        return translate_answer(dict(error.response), writes=writes)
    return translate_no_answer(no_answer(error), writes=writes, sdk_retries=sdk_retries)


def translate_no_answer(outcome: NoAnswer, *, writes: bool, sdk_retries: int) -> Result:
    """The same for one without an answer. Only what surely was not sent is `failed`."""
    known = Outcome.UNKNOWN if outcome.sent else Outcome.FAILED
    if outcome.reason == NOT_UNDERSTOOD:
        result = Result(known, outcome.reason, f"no answer of a DynamoDB ({outcome.text})")
    else:
        result = Result(known, outcome.reason, f"{outcome.reason}: {_first_line(outcome)}")
    return _with_care(result, writes=writes, resent=sdk_retries > 0)


def translate_answer(response: dict[str, Any], *, writes: bool) -> Result:
    """The same for an error that the server answered."""
    resent = response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0
    return _with_care(_answered(response), writes=writes, resent=resent)


def _with_care(result: Result, *, writes: bool, resent: bool) -> Result:
    if not writes and result.outcome is Outcome.UNKNOWN:
        return Result(Outcome.FAILED, result.reason, result.message)
    if writes and resent and result.outcome is not Outcome.UNKNOWN:
        reason = REJECTED_AFTER_RESEND if result.outcome is Outcome.REJECTED else "SentAgain"
        message = f"the SDK sent it again; the last answer was: {result.message or result.outcome}"
        return Result(Outcome.UNKNOWN, reason, message)
    return result


def _answered(response: dict[str, Any]) -> Result:
    code = str(response.get("Error", {}).get("Code", ""))
    message = f"{clean(code)}: {_one_line(response.get('Error', {}).get('Message', ''))}".rstrip(": ")
    if code == CANCELED:
        return _cancelled([str(reason.get("Code")) for reason in response.get("CancellationReasons", [])], message)
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    outcome = _OUTCOMES.get(code, Outcome.UNKNOWN if status >= 500 else Outcome.FAILED)
    return Result(outcome, Reason.CONFLICT, "") if outcome is Outcome.REJECTED else Result(outcome, code, message)


def _cancelled(codes: list[str], message: str) -> Result:
    for code, outcome in _CANCELLATIONS.items():
        if code in codes:
            rejected = outcome is Outcome.REJECTED
            return Result(outcome, Reason.CONFLICT, "") if rejected else Result(outcome, code, message)
    return Result(Outcome.FAILED, CANCELED, message)


_NEVER_SENT = (
    ConnectTimeoutError,
    CredentialRetrievalError,
    CredentialsError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
)


def no_answer(error: BotoCoreError, sent_ns: int = 0) -> NoAnswer:
    """What an error of the SDK says of a request, which was sent then if it was sent at all."""
    if isinstance(error, NoAnswerError):
        return error.outcome
    reason = NOT_UNDERSTOOD if isinstance(error, NotUnderstoodError) else type(error).__name__
    sent = not _never_sent(error)
    return NoAnswer(reason, str(error), sent, sent_ns if sent else 0, error.kwargs.get("error"))


def stumbled(error: Exception, sent_ns: int) -> NoAnswer:
    """The same for any other error that an answer led to."""
    return NoAnswer(NOT_UNDERSTOOD, f"{type(error).__name__}: {error}", sent_ns=sent_ns, cause=error)


def _never_sent(error: BotoCoreError) -> bool:
    return isinstance(error, _NEVER_SENT) or (
        # aiobotocore says this of a connection that was reset after the request had been sent, too.
        isinstance(error, EndpointConnectionError) and isinstance(error.kwargs.get("error"), ClientConnectorError)
    )


_HINTS = {
    "UnrecognizedClientException": "check the credentials",
    "MissingAuthenticationTokenException": "check the credentials",
    "InvalidSignatureException": "check the secret key and this machine's clock",
    "IncompleteSignatureException": "check the credentials",
    "ExpiredTokenException": "get new credentials",
    "AccessDeniedException": "infra/ has the policy that loadtest needs",
}

_NO_ROOM = {  # on this machine
    errno.EMFILE: "let this process open more files (ulimit -n)",
    errno.ENFILE: "let this machine open more files (fs.file-max)",
    errno.EADDRNOTAVAIL: "no local port is free: wait a minute, or widen net.ipv4.ip_local_port_range",
}


@contextmanager
def explained(connection: Connection) -> Iterator[None]:
    """Turn the SDK's errors in the block into TargetErrors that say what to do."""
    try:
        yield
    except ClientError as error:
        code, message = error.response["Error"]["Code"], _one_line(error.response["Error"].get("Message", ""))
        if code == "ResourceNotFoundException":
            raise TargetError(missing_table(connection)) from error
        denied = error.response["ResponseMetadata"]["HTTPStatusCode"] in (401, 403)
        hint = f"; {_HINTS.get(code, 'check the credentials')}" if code in _HINTS or denied else ""
        raise TargetError(f"the server {connection.where} refused: {clean(code)}: {message}{hint}") from error
    except BotoCoreError as error:
        raise TargetError(_explanation(no_answer(error), connection)) from error


def _explanation(outcome: NoAnswer, connection: Connection) -> str:
    if outcome.reason == CredentialsError.__name__:
        return outcome.text
    if outcome.reason == SSLError.__name__ and outcome.cause is not None:
        return (
            f"no TLS {connection.where}, so nothing was sent: {_of_tls(outcome.cause)}; the certificate must "
            "name the host of the address, and be by an authority that is trusted (AWS_CA_BUNDLE names a file of them)"
        )
    if outcome.reason in _NOT_UNDERSTOOD:
        return f"the server {connection.where} answers as no DynamoDB does: {outcome.text}"
    hint = "is it running, and is the address right?" if connection.endpoint_url else "check the network"
    cause = outcome.cause if outcome.reason == UNREACHED else None
    hint = _NO_ROOM.get(getattr(cause, "errno", None) or 0, hint)
    return f"no answer {connection.where} ({_first_line(outcome)}); {hint}"


def missing_table(connection: Connection) -> str:
    """The sentence for a table that is not there, with the command that makes it."""
    return (
        f"there is no table {connection.table!r} {connection.where}; make it with: "
        f"loadtest populate {connection.options}"
    )


def _one_line(message: str) -> str:
    """A server may answer with a page of HTML."""
    return clean(" ".join(message.split()), _LONGEST_MESSAGE)


def _first_line(outcome: NoAnswer) -> str:
    line = clean(outcome.text.strip().splitlines()[0]) if outcome.text.strip() else outcome.reason
    cause = outcome.cause if outcome.reason == UNREACHED else None
    return line if cause is None else f"{line.rstrip('.')}: {_one_line(_of_the_system(cause))}"


def _of_the_system(cause: BaseException) -> str:
    """Why there is no connection, in the system's words: what the libraries make of them names one address or all."""
    error = getattr(cause, "os_error", cause)  # of aiohttp's
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    return str(error.strerror) if isinstance(error, gaierror) else os.strerror(error.errno)


def _of_tls(cause: BaseException) -> str:
    """Why a TLS connection was not made: what is wrong with the certificate, if that is it."""
    error = getattr(cause, "certificate_error", None) or getattr(cause, "os_error", cause)  # of aiohttp's
    return _one_line(str(getattr(error, "verify_message", None) or getattr(error, "reason", None) or error)).rstrip(".")
