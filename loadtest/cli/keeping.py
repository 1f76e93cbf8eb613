"""Around a command's runs: what the tool did not make is put back after them, whatever ended them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
from msgspec.structs import replace

from loadtest.checker.verdict import plural
from loadtest.cli.streams import say
from loadtest.dynamodb.client import DynamoDBClient, connect
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.foreign import described, foreign_items
from loadtest.dynamodb.put_back import Kept, by_hand, put_back, remove_record
from loadtest.engine.context import for_each
from loadtest.errors import LoadTestError, TargetError
from loadtest.targets import opened
from loadtest.workload.target import Target

_WITHIN_S = 60.0
_EACH_S = 0.05  # more for each product and record
_SHOWN = 3
_LONGEST = 4_000  # characters of a command that is said beforehand


class Keeping:
    """The foreign products of one command's runs. What there is to say is said by `tell`, after the runs."""

    def __init__(self, target: Target, product_ids: Sequence[str], *, quiet: bool) -> None:
        self._target = target
        self._product_ids = product_ids
        self._quiet = quiet
        self._kept = Kept({})
        self._was: dict[str, str] = {}  # the first of them, in words
        self._done: list[str] = []
        self._problems: list[str] = []

    @asynccontextmanager
    async def around(self, hide: Callable[[], None]) -> AsyncIterator[Kept | None]:
        """The block runs what changes them. What it is given is to be told of each run; None if none is foreign.

        `hide` is called when the runs are over, before anything is said.
        """
        if not self._product_ids:
            yield None
            return
        async with opened(self._target, pool=1) as place:
            async with connect(place.patient()) as client:
                connection = replace(place, region=client.meta.region_name)  # for who does it by hand
                self._kept = Kept(await foreign_items(client, connection, self._product_ids))
            first = list(self._kept.items.items())[:_SHOWN]
            self._was = {product_id: described(item, connection.schema) for product_id, item in first}
            self._announce(connection)
            try:
                yield self._kept
            finally:
                hide()
                within_s = _WITHIN_S + _EACH_S * (len(self._kept.items) + len(self._kept.records))
                with anyio.move_on_after(within_s, shield=True):
                    await self._put_back(connection)
                self._note_what_is_left(connection)

    def _announce(self, connection: Connection) -> None:
        """A process that is killed puts nothing back: say beforehand how."""
        for product_id, item in list(self._kept.items.items())[:_SHOWN]:
            command = by_hand(connection, item)
            if not self._quiet and len(command) <= _LONGEST:
                say(f"{product_id!r} is put back after the run; if this is killed, with: {command}", err=True)

    async def _put_back(self, connection: Connection) -> None:
        try:
            async with connect(connection.patient()) as client:
                await for_each(list(self._kept.items), lambda product_id: self._one(client, connection, product_id))
                await self._remove_records(client, connection)
        except LoadTestError as error:  # no client: then none of them was put back
            self._problems.append(str(error))

    async def _one(self, client: DynamoDBClient, connection: Connection, product_id: str) -> None:
        try:
            await put_back(client, connection, self._kept, product_id)
        except TargetError as error:
            self._problems.append(str(error))
        self._done.append(product_id)

    def _note_what_is_left(self, connection: Connection) -> None:
        for product_id, item in self._kept.items.items():
            if product_id not in self._done:
                command = by_hand(connection, item)
                self._problems.append(f"product {product_id!r} was not put back; to write it as it was: {command}")

    async def _remove_records(self, client: DynamoDBClient, connection: Connection) -> None:
        removed: list[str] = []

        async def remove(order_id: str) -> None:
            if await remove_record(client, connection, order_id, self._kept.records[order_id]):
                removed.append(order_id)

        await for_each(list(self._kept.records), remove)
        self._say_records(len(removed), connection.schema.record_prefix)

    def _say_records(self, removed: int, prefix: str) -> None:
        kept, table = self._kept, self._target.table
        left = len(kept.records) - removed + kept.records_more
        if removed and not self._quiet:
            say(f"removed {plural(removed, 'order record')} from table {table!r}", err=True)
        if left:
            ids = ", ".join(f"{prefix}{run}-…" for run in kept.runs)
            say(f"up to {plural(left, 'order record')} may still be in table {table!r}: {ids}", err=True)

    def tell(self) -> LoadTestError | None:
        """Say what was put back and what was not. The error that the command ends with, if something was not."""
        for problem in self._problems:
            say(f"loadtest: {problem}", err=True)
        if not self._problems and not self._quiet:
            for product_id, was in self._was.items():
                say(f"put {product_id!r} back as it was: {was}", err=True)
            if len(self._kept.items) > _SHOWN:
                say(f"and {plural(len(self._kept.items) - _SHOWN, 'product')} more", err=True)
        for product_id in sorted(self._kept.late):
            say(f"a write for {product_id!r} got no answer and may still come: look at it again", err=True)
        return LoadTestError("not everything is as it was before the run: see above") if self._problems else None
