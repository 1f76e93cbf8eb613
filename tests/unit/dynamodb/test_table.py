"""The table over a transport of the test's own: what each outcome of a request becomes."""

from typing import Any

import pytest

from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import no_answer
from loadtest.dynamodb.schema import TableSchema
from loadtest.dynamodb.table import Table
from loadtest.dynamodb.transport import Answered, NoAnswer, Request, Served
from loadtest.events import Outcome, Product, Reason

NAMES = TableSchema(key="sku", quantity="count")
ITEM = {"sku": {"S": "a"}, "count": {"N": "3"}, "version": {"N": "7"}}


class Fake:
    """Answers each request with what it was made with, and keeps the requests."""

    opened: int | None = None
    stamped_by_reader = 0
    served: Served | None = None

    def __init__(self, outcome: Answered | NoAnswer) -> None:
        self.outcome = outcome
        self.requests: list[Request] = []

    async def __call__(self, operation: str, request: Request) -> Answered | NoAnswer:
        self.requests.append(request)
        return self.outcome

    async def fill(self, count: int) -> None:
        pass


def answered(status: int = 200, kind: str = "application/json", **content: Any) -> Answered:
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": {"content-type": kind}}
    return Answered({**content, "ResponseMetadata": metadata}, 5, 8)


def table(outcome: Answered | NoAnswer, sdk_retries: int = 0) -> tuple[Table, Fake]:
    fake = Fake(outcome)
    return Table(fake, Connection(table="t", schema=NAMES, sdk_retries=sdk_retries)), fake


async def test_a_refusal_shows_the_product_by_the_tables_names() -> None:
    refusal = answered(400, Error={"Code": "ConditionalCheckFailedException"}, Item=ITEM)
    asked, fake = table(refusal)
    for _ in range(2):
        answer = await asked.update("a", "SET #quantity = :q", {}, "#version = :v", Reason.CONFLICT)
    assert (answer.result.outcome, answer.result.reason) == (Outcome.REJECTED, Reason.CONFLICT)
    assert answer.product == Product("a", "", 3, 7)
    assert (answer.stamps.sent_ns, answer.stamps.received_ns) == (5, 8)
    first, second = fake.requests
    assert first == second
    assert (first["Key"], first["UpdateExpression"]) == ({"sku": {"S": "a"}}, "SET #quantity = :q")
    assert (first["ConditionExpression"], first["ExpressionAttributeNames"]) == ("version = :v", {"#quantity": "count"})
    assert asked.calls == {"UpdateItem": 2}


@pytest.mark.parametrize(
    ("outcome", "sdk_retries", "write", "read", "sent"),
    [
        (NoAnswer("ReadTimeoutError", "late", sent_ns=5), 0, Outcome.UNKNOWN, Outcome.FAILED, True),
        (NoAnswer("EndpointConnectionError", "refused", sent=False), 0, Outcome.FAILED, Outcome.FAILED, False),
        (NoAnswer("EndpointConnectionError", "refused", sent=False), 2, Outcome.UNKNOWN, Outcome.FAILED, True),
        (answered(kind="text/html"), 0, Outcome.UNKNOWN, Outcome.FAILED, True),
    ],
)
async def test_what_is_no_answer_is_unknown_for_a_write_that_may_have_been_sent(
    outcome: Answered | NoAnswer, sdk_retries: int, write: Outcome, read: Outcome, sent: bool
) -> None:
    asked, _ = table(outcome, sdk_retries)
    written = await asked.update("a", "SET #quantity = :q", {}, None, Reason.CONFLICT)
    found = await asked.read("a")
    assert (written.result.outcome, found.result.outcome, written.stamps.sent) == (write, read, sent)


def test_what_the_sdk_raises_is_an_outcome_of_that_name() -> None:
    from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

    late = no_answer(ReadTimeoutError(endpoint_url="http://x"), 5)
    assert (late.reason, late.sent, late.sent_ns) == ("ReadTimeoutError", True, 5)
    unsent = no_answer(ConnectTimeoutError(endpoint_url="http://x"), 5)
    assert (unsent.reason, unsent.sent, unsent.sent_ns) == ("ConnectTimeoutError", False, 0)
