"""Which answers are waited for again, and which are counted."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from loadtest.dynamodb.errors import ForeignAnswerError
from loadtest.dynamodb.patience import patiently
from loadtest.events import OwnRequest

LOST = ConnectionClosedError(endpoint_url="here")


def refused(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutItem")


def answer(content_type: str = "application/x-amz-json-1.0") -> dict[str, Any]:
    return {"ResponseMetadata": {"HTTPHeaders": {"content-type": content_type}}}


def answering(*answers: Any) -> Callable[..., Awaitable[dict[str, Any]]]:
    """A call that gives one of these after the other."""
    left = list(answers)

    async def call(**_: Any) -> dict[str, Any]:
        if isinstance(left[0], Exception):
            raise left.pop(0)
        given: dict[str, Any] = left.pop(0)
        return given

    return call


@pytest.mark.parametrize(
    ("before", "counted"),
    [
        pytest.param(LOST, 1, id="lost"),
        pytest.param(ValueError("half an answer"), 1, id="what the SDK trips over"),
        pytest.param(refused("InternalServerError", 500), 1, id="500"),
        pytest.param(refused("502", 502), 1, id="502"),
        pytest.param(refused("ServiceUnavailable", 503), 1, id="503"),
        pytest.param(refused("ThrottlingException"), 0, id="throttled"),
        pytest.param(refused("TransactionConflictException"), 0, id="a transaction under way"),
    ],
)
async def test_what_passes_is_asked_again(before: Exception, counted: int) -> None:
    repaired: list[OwnRequest] = []
    call = answering(before, before, answer())
    assert await patiently(call, OwnRequest.READ, repaired.append) == answer()
    assert repaired == [OwnRequest.READ] * 2 * counted


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(refused("ValidationException"), id="a wrong request"),
        pytest.param(refused("ConditionalCheckFailedException"), id="a condition"),
        pytest.param(refused("501", 501), id="no service"),
        pytest.param(answer("text/html"), id="a page"),
    ],
)
async def test_what_does_not_pass_is_an_error_at_once(error: Any) -> None:
    expected = type(error) if isinstance(error, Exception) else ForeignAnswerError
    with pytest.raises(expected):
        await patiently(answering(error), OwnRequest.READ, pytest.fail)


async def test_only_after_a_lost_answer_a_refusal_can_mean_that_it_was_served() -> None:
    repaired: list[OwnRequest] = []
    there = refused("ResourceInUseException")
    for served in ((LOST, there), (refused("ThrottlingException"), LOST, refused("ThrottlingException"), there)):
        call = answering(*served)
        assert await patiently(call, OwnRequest.TABLE, repaired.append, served=("ResourceInUseException",)) == {}
    with pytest.raises(ClientError):
        await patiently(answering(there), OwnRequest.TABLE, pytest.fail, served=("ResourceInUseException",))
    assert repaired == [OwnRequest.TABLE] * 2
