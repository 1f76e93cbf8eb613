"""What the server offers besides: what it says of refusals and capacity, transactions and their tokens."""

import uuid
from typing import Any

from loadtest.dynamodb.items import number
from loadtest.dynamodb.table import Answer, Table
from loadtest.events import Outcome, Reason
from loadtest.studies.probe.findings import Finding, Shown
from loadtest.studies.probe.questions import ALL_OLD, READ_CAPACITY, TOKEN, TRANSACTIONS, WRITE_CAPACITY
from loadtest.studies.probe.subject import EXISTS, Subject

_RAISE = "SET #version = #version + :one"
_UNKNOWN_OPERATION = "UnknownOperationException"
_MISMATCH = ("IdempotentParameterMismatchException", "IdempotentParameterMismatch")


async def all_old(subject: Subject) -> Finding:
    """One write whose condition is false."""
    product_id = await subject.product()
    values = {":one": number(1), ":version": number(2)}
    answer = await subject.one.update(product_id, _RAISE, values, "#version = :version", Reason.CONFLICT)
    if answer.result.outcome is Outcome.ACCEPTED:
        return ALL_OLD.answered(Shown.NO, "the write was accepted though its condition was false")
    if not answer.by_condition:
        return ALL_OLD.answered(Shown.NOT_SHOWN, f"no refusal by the condition{_said(answer)}")
    if answer.product is None:
        return ALL_OLD.answered(Shown.NO, "the refusal came without the item")
    return ALL_OLD.decided(answer.product.version == 1, f"the refusal showed version {answer.product.version}")


async def exists(subject: Subject) -> Finding:
    """One transaction."""
    product_id = await subject.product()
    answer = await _transact(subject.one, product_id, subject.item(subject.record_id()), 1, str(uuid.uuid4()))
    if answer.result.outcome is Outcome.ACCEPTED:
        return TRANSACTIONS.answered(Shown.YES, "a transaction was accepted")
    absent = answer.result.reason == _UNKNOWN_OPERATION
    return TRANSACTIONS.answered(Shown.NO if absent else Shown.NOT_SHOWN, f"not accepted{_said(answer)}")


async def token(subject: Subject) -> Finding:
    """A transaction, the same again, and another with the same token."""
    product_id = await subject.product()
    record, shared = subject.item(subject.record_id()), str(uuid.uuid4())
    first, again, other = [await _transact(subject.one, product_id, record, version, shared) for version in (1, 1, 2)]
    left = (await subject.one.read(product_id)).product
    if first.result.outcome is not Outcome.ACCEPTED:
        return TOKEN.answered(Shown.NOT_SHOWN, f"no transaction to send again{_said(first)}")
    applied = 0 if left is None else left.version - 1
    mismatch = other.result.reason in _MISMATCH
    said = "mismatch" if mismatch else _word(other)
    holds = again.result.outcome is Outcome.ACCEPTED and mismatch and applied == 1
    seen = f"sent again: {_word(again)}; another one: {said}; applied {applied} ×"
    return TOKEN.decided(holds, seen)


async def _transact(table: Table, product_id: str, record: dict[str, Any], version: int, token: str) -> Answer:
    take = {
        "UpdateExpression": _RAISE,
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeValues": {":one": number(1), ":version": number(version)},
    }
    return await table.take_and_record(product_id, take, {"Item": record}, token)


async def read_capacity(subject: Subject) -> Finding:
    """What a consistent read of a small item reports: DynamoDB charges 1 unit."""
    product_id = await subject.product()
    answer = await subject.one.read(product_id)
    if answer.product is None:
        return READ_CAPACITY.answered(Shown.NOT_SHOWN, f"no read{_said(answer)}")
    return READ_CAPACITY.decided(_believable(answer), _units(answer))


async def write_capacity(subject: Subject) -> Finding:
    """What an accepted write of a small item reports: DynamoDB charges 1 unit."""
    product_id = await subject.product()
    answer = await subject.one.update(product_id, _RAISE, {":one": number(1)}, EXISTS, Reason.CONFLICT)
    if answer.result.outcome is not Outcome.ACCEPTED:
        return WRITE_CAPACITY.answered(Shown.NOT_SHOWN, f"no accepted write{_said(answer)}")
    return WRITE_CAPACITY.decided(_believable(answer), _units(answer))


def _believable(answer: Answer) -> bool:
    return answer.capacity is not None and answer.capacity >= 1


def _units(answer: Answer) -> str:
    if answer.capacity is None:
        return "no capacity in the answer"
    units = f"{answer.capacity:g} unit{'' if answer.capacity == 1 else 's'} for a small item"
    return units if _believable(answer) else f"{units}; DynamoDB charges 1"


def _word(answer: Answer) -> str:
    return answer.result.message or answer.result.outcome.value


def _said(answer: Answer) -> str:
    return f": {answer.result.message}" if answer.result.message else ""
