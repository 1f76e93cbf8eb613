import errno
import itertools
from typing import Any

import pytest
from aiohttp import ClientConnectorError, ClientOSError
from aiohttp.client_reqrep import ConnectionKey
from botocore import exceptions as sdk
from botocore.exceptions import BotoCoreError, ClientError

from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import explained, translate
from loadtest.errors import LoadTestError, TargetError
from loadtest.events import Outcome, Reason, Result

ACCEPTED, REJECTED, THROTTLED, FAILED, UNKNOWN = Outcome

URL = "http://127.0.0.1:8000"
ABOUT: dict[str, Any] = {"endpoint_url": URL, "proxy_url": URL}


def client_error(code: str, status: int = 400, *, retries: int = 0, reasons: list[str] | None = None) -> ClientError:
    response: dict[str, Any] = {
        "Error": {"Code": code, "Message": "what the server said"},
        "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": retries},
    }
    if reasons is not None:
        response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(response, "UpdateItem")


def refused_connection() -> ClientConnectorError:
    key = ConnectionKey("127.0.0.1", 8000, False, True, None, None, None)
    return ClientConnectorError(key, ConnectionRefusedError(111, "Connection refused"))


ANSWERS = [  # code, HTTP status, what it means for a write, and for a read
    ("ConditionalCheckFailedException", 400, REJECTED, REJECTED),
    ("TransactionConflictException", 400, REJECTED, REJECTED),
    ("ReplicatedWriteConflictException", 400, REJECTED, REJECTED),
    ("ProvisionedThroughputExceededException", 400, THROTTLED, THROTTLED),
    ("ThrottlingException", 400, THROTTLED, THROTTLED),
    ("RequestLimitExceeded", 400, THROTTLED, THROTTLED),
    ("InternalServerError", 500, UNKNOWN, FAILED),
    ("ServiceUnavailable", 503, UNKNOWN, FAILED),
    ("TransactionInProgressException", 400, UNKNOWN, FAILED),
    ("AccessDeniedException", 400, FAILED, FAILED),
    ("ValidationException", 400, FAILED, FAILED),
    ("CoffeeException", 418, FAILED, FAILED),
    ("CoffeeException", 500, UNKNOWN, FAILED),
    ("502", 502, UNKNOWN, FAILED),  # what a proxy answers has its status as its code
]


@pytest.mark.parametrize("sdk_retries", [0, 3])
@pytest.mark.parametrize(("code", "status", "write", "read"), ANSWERS)
def test_an_answer_means_what_its_code_says(
    code: str, status: int, write: Outcome, read: Outcome, sdk_retries: int
) -> None:
    said = Result(REJECTED, Reason.CONFLICT), f"{code}: what the server said"
    for writes, outcome in ((True, write), (False, read)):
        result = translate(client_error(code, status), writes=writes, sdk_retries=sdk_retries)
        assert result == (said[0] if outcome is REJECTED else Result(outcome, code, said[1]))


@pytest.mark.parametrize(("code", "status", "write", "read"), ANSWERS)
def test_what_the_sdk_sent_again_may_have_been_applied_before(
    code: str, status: int, write: Outcome, read: Outcome
) -> None:
    error = client_error(code, status, retries=1)
    resent = translate(error, writes=True, sdk_retries=3)
    assert resent.outcome is UNKNOWN
    assert write is UNKNOWN or resent.message.startswith("the SDK sent it again; the last answer was: ")
    assert translate(error, writes=False, sdk_retries=3).outcome is read


CANCELLED = "TransactionCanceledException"


@pytest.mark.parametrize("order", [list, lambda reasons: reasons[::-1]], ids=["", "reversed"])
@pytest.mark.parametrize(
    ("reasons", "outcome", "reason"),
    [
        (["ConditionalCheckFailed", "None"], REJECTED, Reason.CONFLICT),
        (["TransactionConflict", "None"], REJECTED, Reason.CONFLICT),
        (["ConditionalCheckFailed", "TransactionConflict"], REJECTED, Reason.CONFLICT),
        (["ProvisionedThroughputExceeded", "None"], THROTTLED, "ProvisionedThroughputExceeded"),
        (["ThrottlingError", "None"], THROTTLED, "ThrottlingError"),
        (["ValidationError", "None"], FAILED, "ValidationError"),
        (["ItemCollectionSizeLimitExceeded", "None"], FAILED, "ItemCollectionSizeLimitExceeded"),
        (["ProvisionedThroughputExceeded", "ConditionalCheckFailed"], THROTTLED, "ProvisionedThroughputExceeded"),
        (["ThrottlingError", "TransactionConflict"], THROTTLED, "ThrottlingError"),
        (["ThrottlingError", "ValidationError"], THROTTLED, "ThrottlingError"),
        (["ValidationError", "ConditionalCheckFailed"], FAILED, "ValidationError"),
        (["CoffeeExceeded", "None"], FAILED, CANCELLED),
        (["CoffeeExceeded", "ConditionalCheckFailed"], REJECTED, Reason.CONFLICT),
        (["None", "None"], FAILED, CANCELLED),
        ([], FAILED, CANCELLED),
    ],
)
def test_a_cancelled_transaction_means_the_weightiest_of_its_reasons(
    reasons: list[str], outcome: Outcome, reason: str, order: Any
) -> None:
    error = client_error(CANCELLED, reasons=order(reasons))
    message = "" if outcome is REJECTED else f"{CANCELLED}: what the server said"
    assert translate(error, writes=True, sdk_retries=0) == Result(outcome, reason, message)


def test_a_cancelled_transaction_without_reasons_keeps_its_message() -> None:
    result = translate(client_error(CANCELLED), writes=True, sdk_retries=0)
    assert result == Result(FAILED, CANCELLED, f"{CANCELLED}: what the server said")


def test_a_cancelled_transaction_that_the_sdk_sent_again_is_unknown() -> None:
    error = client_error(CANCELLED, retries=2, reasons=["ConditionalCheckFailed", "None"])
    assert translate(error, writes=True, sdk_retries=3).outcome is UNKNOWN


NEVER_SENT = [
    sdk.EndpointConnectionError(**ABOUT, error=refused_connection()),
    sdk.ConnectTimeoutError(**ABOUT, error="Connection timeout to host"),
    sdk.SSLError(**ABOUT, error="certificate verify failed"),
    sdk.ProxyConnectionError(**ABOUT, error="refused"),
    sdk.NoCredentialsError(),
    sdk.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
    sdk.CredentialRetrievalError(provider="custom-process", error_msg="exit code 1"),
    sdk.ParamValidationError(report="Missing required parameter"),
]
PERHAPS_APPLIED = [
    sdk.EndpointConnectionError(**ABOUT, error=ClientOSError(104, "Connection reset by peer")),
    sdk.EndpointConnectionError(**ABOUT, error=ConnectionResetError("Cannot write to closing transport")),
    sdk.EndpointConnectionError(**ABOUT),
    sdk.ReadTimeoutError(**ABOUT, error="Timeout on reading data from socket"),
    sdk.ConnectionClosedError(**ABOUT, error="Server disconnected"),
    sdk.ResponseStreamingError(error="payload is not completed"),
    sdk.HTTPClientError(error="anything else"),
    sdk.ChecksumError(checksum_type="crc32", expected_checksum=1, actual_checksum=2),  # an answer came, but garbled
    sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2),
]


def name(error: Any) -> str:
    cause = getattr(error, "kwargs", {}).get("error")
    return type(error).__name__ + (f" of {type(cause).__name__}" if isinstance(cause, Exception) else "")


@pytest.mark.parametrize("error", NEVER_SENT, ids=name)
def test_what_never_left_this_machine_is_failed(error: BotoCoreError) -> None:
    for writes in (True, False):
        result = translate(error, writes=writes, sdk_retries=0)
        assert (result.outcome, result.reason) == (FAILED, type(error).__name__)
        assert result.message.startswith(f"{type(error).__name__}: ")
        assert "\n" not in result.message


@pytest.mark.parametrize("sdk_retries", [0, 3])
@pytest.mark.parametrize("error", PERHAPS_APPLIED, ids=name)
def test_a_write_that_may_have_been_applied_is_unknown_and_a_read_is_failed(
    error: BotoCoreError, sdk_retries: int
) -> None:
    assert translate(error, writes=True, sdk_retries=sdk_retries).outcome is UNKNOWN
    assert translate(error, writes=False, sdk_retries=sdk_retries).outcome is FAILED


@pytest.mark.parametrize("error", NEVER_SENT[:4], ids=name)
def test_with_the_sdks_retries_an_earlier_try_may_have_been_applied(error: BotoCoreError) -> None:
    assert translate(error, writes=True, sdk_retries=3).outcome is UNKNOWN
    assert translate(error, writes=False, sdk_retries=3).outcome is FAILED


def test_every_error_of_the_sdk_about_an_answer_is_in_the_table() -> None:
    about_answers = {
        kind for kind in vars(sdk).values() if isinstance(kind, type) and issubclass(kind, sdk.HTTPClientError)
    }
    assert about_answers <= {type(error) for error in PERHAPS_APPLIED}


CONNECTION = Connection(table="products", endpoint_url=URL, options=f"--endpoint-url {URL}")
ON_AWS = Connection(table="products", region="eu-north-1", options="--target aws --region eu-north-1")


@pytest.mark.parametrize(
    ("error", "connection", "says"),
    [
        (
            client_error("ResourceNotFoundException"),
            CONNECTION,
            f"there is no table 'products' at {URL}; make it with: loadtest populate --endpoint-url {URL}",
        ),
        (
            client_error("AccessDeniedException"),
            ON_AWS,
            "the server in eu-north-1 refused: AccessDeniedException: what the server said; "
            "infra/ has the policy that loadtest needs",
        ),
        (
            client_error("ExpiredTokenException"),
            ON_AWS,
            "the server in eu-north-1 refused: ExpiredTokenException: what the server said; get new credentials",
        ),
        (
            client_error("CoffeeException"),
            CONNECTION,
            f"the server at {URL} refused: CoffeeException: what the server said",
        ),
        (
            NEVER_SENT[0],
            CONNECTION,
            f'no answer at {URL} (Could not connect to the endpoint URL: "{URL}": Connection refused); '
            "is it running, and is the address right?",
        ),
        (
            sdk.EndpointConnectionError(**ABOUT, error=OSError(errno.EMFILE, "")),
            CONNECTION,
            f'no answer at {URL} (Could not connect to the endpoint URL: "{URL}": Too many open files); '
            "let this process open more files (ulimit -n)",
        ),
        (
            sdk.ReadTimeoutError(endpoint_url="https://dynamodb.eu-north-1.amazonaws.com"),
            ON_AWS,
            'no answer in eu-north-1 (Read timeout on endpoint URL: "https://dynamodb.eu-north-1.amazonaws.com"); '
            "check the network",
        ),
    ],
)
def test_an_error_around_a_run_is_explained(error: Exception, connection: Connection, says: str) -> None:
    with pytest.raises(TargetError) as raised, explained(connection):
        raise error
    assert str(raised.value) == says
    assert raised.value.__cause__ is error


def test_an_explanation_is_one_line() -> None:
    garbled = client_error("InvalidSignatureException")
    garbled.response["Error"]["Message"] = "The signature\n\nThe Canonical String\n'POST\n/'"
    report = sdk.ParamValidationError(report="Missing\nmany\nthings")
    for error, connection in itertools.product((garbled, report), (CONNECTION, ON_AWS)):
        with pytest.raises(TargetError) as raised, explained(connection):
            raise error
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("error", [KeyError("x"), TargetError("as it is"), LoadTestError("as it is")])
def test_what_is_not_the_sdks_passes_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, explained(CONNECTION):
        raise error
    assert raised.value is error


def test_nothing_is_explained_when_nothing_went_wrong() -> None:
    with explained(CONNECTION):
        pass
