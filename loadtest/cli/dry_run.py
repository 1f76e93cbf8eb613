"""`--dry-run`: what a command would do and what that would cost. It reads the table and writes nothing."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from loadtest.checker.verdict import plural
from loadtest.cli.consent import change
from loadtest.cli.groups import RunTarget
from loadtest.cli.streams import say
from loadtest.dynamodb import admin
from loadtest.dynamodb.client import DynamoDBClient, connect
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.foreign import described, items_of
from loadtest.dynamodb.items import Item, is_made_here, item_bytes, to_item
from loadtest.dynamodb.schema import TableSchema
from loadtest.engine.prepare import find_table
from loadtest.events import Product
from loadtest.system.signals import run_interruptible
from loadtest.targets import opened
from loadtest.workload.estimate import ASSUMED_S, Ahead, ahead, require_affordable
from loadtest.workload.spec import Load, Race
from loadtest.workload.strategies import named
from loadtest.workload.target import Target, TargetKind

OWN_SERVER = "a server of its own, new and empty, which ends with the run"
_SHOWN = 3  # products
_LEFT_BYTES = 40  # what a run adds to a product: its last order


class Runs(Struct, frozen=True):
    """A plan, and how often it is run."""

    plan: Race | Load
    times: int = 1


class _Found(Struct, frozen=True):
    """Where the table is, in words, and the products that are in it or will be written first."""

    where: str
    items: Mapping[str, Item]
    schema: TableSchema


def dry_run(
    runs: Sequence[Runs],
    run_target: RunTarget,
    max_spend_usd: float | None,
    note: str = "",
    first: Race | Load | None = None,
) -> int:
    """Say it all; `note` says of how many runs, and `first` is the first of them if it is not that of `runs`.

    Raises what the command itself would raise before it writes.
    """
    plan = runs[0].plan
    found = _embedded() if plan.target.kind is TargetKind.EMBEDDED else run_interruptible(_look, plan, run_target)
    wanted = [found.items[product_id] for product_id in plan.product_ids if product_id in found.items]
    new = to_item(Product(plan.product_ids[-1], plan.product_ids[-1], plan.stock, 1), found.schema)
    size = max(map(item_bytes, wanted or [new])) + _LEFT_BYTES
    require_affordable(replace(first or plan, max_spend_usd=max_spend_usd), size)
    asked = [(each, ahead(each.plan, size)) for each in runs]
    lines = [
        ("target", f"{plan.target.kind.value}: {found.where}"),
        *_products(plan, wanted, found.schema, yes=run_target.yes),
        *([("runs", note)] if note else []),
        ("orders", _orders(asked)),
        ("requests", _requests(asked)),
        ("processes", _processes(plan)),
        ("faults", _faults(plan)),
        ("time", _time(asked)),
        ("cost", _cost(asked, max_spend_usd)),
    ]
    return show(lines)


def show(lines: Sequence[tuple[str, str]]) -> int:
    """Print what was found under its names, and return the exit code."""
    for name, said in lines:
        say(f"{name:10} {said}")
    say("a dry run: nothing was written")
    return 0


def _embedded() -> _Found:
    schema = TableSchema()
    return _Found(OWN_SERVER, _sample(schema), schema)


def _sample(schema: TableSchema) -> dict[str, Item]:
    return {product.id: to_item(product, schema) for product in admin.SAMPLE}


async def table_found(
    target: Target, client: DynamoDBClient, connection: Connection, *, made: bool
) -> tuple[str, bool]:
    """Where the table is, in words, and whether it is there: if it is `made` first it need not be.

    TargetError if a command could not use it.
    """
    where = f"table {target.table!r} {connection.where}"
    table = await find_table(target, client, connection)
    if table is None and made:
        return f"{where}, which is made first, with the sample", False
    admin.require_usable(table, connection)
    return (f"{where}, into which the sample is written first" if made else where), True


async def _look(plan: Race | Load, run_target: RunTarget) -> _Found:
    """Read the table as the run will find it. TargetError if it could not use it."""
    target = plan.target
    async with opened(target, pool=1) as connection, connect(connection.patient()) as client:
        schema = connection.schema
        first = _sample(schema) if run_target.populate_table else {}
        where, there = await table_found(target, client, connection, made=bool(first))
        if not there:
            return _Found(where, first, schema)
        items = await items_of(client, connection, [*plan.product_ids, *first])
        rewritten = {
            product_id: item for product_id, item in first.items() if is_made_here(items.get(product_id, item), schema)
        }
        if len(plan.product_ids) == 1 and plan.product not in rewritten:
            await admin.read_product(client, connection, plan.product)
    return _Found(where, items | rewritten, schema)


def _products(plan: Race | Load, found: Sequence[Item], schema: TableSchema, *, yes: bool) -> list[tuple[str, str]]:
    """What becomes of each product, and of what is not the tool's own."""
    lines = []
    for item in found[:_SHOWN]:
        what = repr(item[schema.key]["S"])
        if not is_made_here(item, schema):
            asked = "" if yes else ", after a question"
            what += f", which loadtest did not make ({described(item, schema)}): put back afterwards; until then{asked}"
        lines.append(("product", f"{what}: {change(plan, item, schema)}"))
    if len(found) > _SHOWN:
        count = sum(not is_made_here(item, schema) for item in found[_SHOWN:])
        lines.append(("", f"and {plural(len(found) - _SHOWN, 'product')} more, {count:,} not made by loadtest"))
    if missing := len(plan.product_ids) - len(found):
        lines.append(("products", f"{plural(missing, 'product')} made, with a quantity of {plan.stock:,}"))
    return lines


def _orders(asked: Sequence[tuple[Runs, Ahead]]) -> str:
    plan, total = asked[0][0].plan, sum(wanted.orders * each.times for each, wanted in asked)
    strategies = ", ".join(dict.fromkeys(each.plan.strategy for each, _ in asked))
    of = f"{plural(plan.units, 'unit')} each, {strategies}, at most {plural(plan.attempts, 'attempt')}"
    if isinstance(plan, Race) and len(asked) == 1:
        rounds = "as many rounds as it takes" if asked[0][1].open_end else plural(plan.rounds or 1, "round")
        gate = "; all of a round are held until they have read" if plan.gate else ""
        return f"{rounds} of {plural(plan.number_of_requests, 'order')} of {of}{gate}"
    assumed = f" (if a request takes {ASSUMED_S * 1e3:g} ms)" if any(wanted.assumed for _, wanted in asked) else ""
    return f"{total:,}{assumed} of {of}"


def _requests(asked: Sequence[tuple[Runs, Ahead]]) -> str:
    counts, each_round = [0, 0, 0], " in each round" if asked[0][1].open_end else ""
    for each, wanted in asked:
        for n, one in enumerate(named(each.plan.strategy).requests):
            counts[n] += one * wanted.orders * each.times * each.plan.attempts
    kinds = ("read", "write", "transaction")
    said = [plural(count, kind) for count, kind in zip(counts, kinds, strict=True) if count]
    most = max(each.plan.concurrency for each, _ in asked)
    return (
        f"at most {' and '.join(said)}{each_round}, {most:,} in flight at once; the tool's own around them come on top"
    )


def _processes(plan: Race | Load) -> str:
    cluster = plan.spread.cluster
    return f"the workers of {cluster.address}" if cluster is not None else f"{plan.spread.processes:,}"


def _faults(plan: Race | Load) -> str:
    faults = plan.faults
    return "none" if faults is None else ", ".join(str(to_builtins(fault)["kind"]) for fault in faults.faults)


def _time(asked: Sequence[tuple[Runs, Ahead]]) -> str:
    seconds = sum(wanted.seconds * each.times for each, wanted in asked)
    if seconds == float("inf"):
        return "until as many rounds are done as it takes"
    minutes = f" ({seconds / 60:,.0f} minutes)" if seconds >= 120 else ""
    return f"{'at most ' if asked[0][1].open_end else ''}about {seconds:,.0f} s{minutes}"


def _cost(asked: Sequence[tuple[Runs, Ahead]], max_spend_usd: float | None) -> str:
    """The price of all, on DynamoDB: wherever the orders go, it is the same."""
    least, most, writes, reads = (
        sum(value * each.times for (each, _), value in zip(asked, values, strict=True))
        for values in zip(*(_figures(wanted) for _, wanted in asked), strict=True)
    )
    plan = asked[0][0].plan
    to = "" if most == least else f" to ${most:,.6f} if each order needs all its attempts"
    of = " for each round" if asked[0][1].open_end else ""
    where = "" if plan.target.kind is TargetKind.AWS else " on DynamoDB"
    limit = "" if max_spend_usd is None else f"; stopped before it passes --max-spend ${max_spend_usd:,.6f}"
    units = f"{writes:,.0f} write and {reads:,.0f} read units"
    return f"about ${least:,.6f}{to}{of}{where}, for at most {units} ({plan.prices.source}){limit}"


def _figures(wanted: Ahead) -> tuple[float, float, float, float]:
    cost = wanted.cost
    return cost.least_usd, cost.most_usd, cost.most_write_units, cost.most_read_units
