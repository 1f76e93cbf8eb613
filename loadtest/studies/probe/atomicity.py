"""Can two writes win one race? By conditional UpdateItem, and by transactions."""

import uuid

from loadtest.dynamodb.items import number
from loadtest.dynamodb.table import Answer
from loadtest.events import Outcome, Product, Reason
from loadtest.studies.probe.findings import Finding, Shown
from loadtest.studies.probe.questions import CONDITIONAL, TRANSACTION_ATOMIC
from loadtest.studies.probe.races import RACERS, finding, hold
from loadtest.studies.probe.subject import Subject, version_in

RACES = 400
RACES_WITHIN_S = 4.0
TRANSACTION_RACES = 100
TRANSACTIONS_WITHIN_S = 1.5
_RAISE = "SET #version = #version + :one, #last_order = :racer"
_UNCHANGED = "#version = :version"


async def conditional_update(subject: Subject) -> Finding:
    """Races of conditional writes on one item."""
    product_id = await subject.product()
    async with subject.table(RACERS) as (table, transport):

        async def attempt(racer: int, race: int, version: int) -> Answer:
            return await table.update(product_id, _RAISE, _values(racer, race, version), _UNCHANGED, Reason.CONFLICT)

        async def read() -> Product | None:
            return (await table.read(product_id)).product

        await read()
        await transport.fill(RACERS)
        return finding(CONDITIONAL, await hold(attempt, read, RACES, RACES_WITHIN_S))


async def transactions(subject: Subject) -> Finding:
    """The same with transactions that also put a record of the racer, and whether a refused one left its record."""
    product_id = await subject.product()
    records = [subject.record_id() for _ in range(RACERS)]
    won: dict[int, int] = {}
    unresolved: set[int] = set()
    async with subject.table(RACERS) as (table, _):

        async def attempt(racer: int, race: int, version: int) -> Answer:
            take = {
                "UpdateExpression": _RAISE,
                "ConditionExpression": _UNCHANGED,
                "ExpressionAttributeValues": _values(racer, race, version),
            }
            record = {"Item": subject.item(records[racer], race)}
            answer = await table.take_and_record(product_id, take, record, str(uuid.uuid4()))
            if answer.result.outcome is Outcome.ACCEPTED:
                won[racer] = race
            elif answer.result.outcome is Outcome.UNKNOWN:
                unresolved.add(racer)
            return answer

        async def read() -> Product | None:
            return (await table.read(product_id)).product

        races = await hold(attempt, read, TRANSACTION_RACES, TRANSACTIONS_WITHIN_S)
        if not races.decided:
            return finding(TRANSACTION_ATOMIC, races)
        sure = [racer for racer in range(RACERS) if racer not in unresolved]
        found = {racer: version_in(await table.read(records[racer])) for racer in sure}
    torn = [racer for racer, race in found.items() if race is not None and race != won.get(racer, 0)]
    if torn and not races.doubled:
        seen = f"{len(torn)} of {RACERS} records are not of their racer's last transaction that was accepted"
        return TRANSACTION_ATOMIC.answered(Shown.NO, seen, "torn", {"races": races.run, "torn": len(torn)})
    return finding(TRANSACTION_ATOMIC, races)


def _values(racer: int, race: int, version: int) -> dict[str, dict[str, str]]:
    return {":one": number(1), ":racer": {"S": f"{race}-{racer}"}, ":version": number(version)}
