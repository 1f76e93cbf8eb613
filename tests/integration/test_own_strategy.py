"""Code of the user's own as a strategy, in the current folder: raced in one process and in two."""

import json
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.helpers.sound_verdicts import is_sound_report

CODE = """
from loadtest.dynamodb.items import number
from loadtest.events import SOLD_OUT, Reason, Result
from loadtest.strategies import Attempt


async def careful(attempt: Attempt) -> Result:
    await attempt.gate()
    taken = await attempt.update(
        "SET quantity = quantity - :units, version = version + :one, last_order = :order",
        {":units": number(attempt.order.units), ":one": number(1), ":order": {"S": attempt.order.order_id}},
        condition="quantity >= :units",
        refused=Reason.SOLD_OUT,
    )
    return taken.result


async def careless(attempt: Attempt) -> Result:
    read = await attempt.read()
    if read.product is None or read.product.quantity < attempt.order.units:
        return SOLD_OUT if read.product else read.result
    await attempt.gate()
    quantity, version = read.product.quantity - attempt.order.units, read.product.version + 1
    return (await attempt.update(
        "SET quantity = :quantity, version = :version, last_order = :order",
        {":quantity": number(quantity), ":version": number(version), ":order": {"S": attempt.order.order_id}},
        read_version=read.product.version,
    )).result
"""


@pytest.mark.parametrize("processes", ["1", "2"])
def test_own_code_is_raced_and_judged(processes: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "locks.py").write_text(CODE)
    reports = {}
    for name in ("careful", "careless"):
        done = cli("race", "-n", "20", "--strategy", f"shop.locks:{name}", "--processes", processes, "--json", "-")
        reports[name] = done.returncode, json.loads(done.stdout)
    assert is_sound_report(*reports["careful"])
    code, report = reports["careless"]
    assert (code, report["verdict"]["status"], report["config"]["strategy"]) == (1, "violated", "shop.locks:careless")
    assert "oversold" in {violation["kind"] for violation in report["verdict"]["violations"]}
