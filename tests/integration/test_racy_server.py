"""A server whose conditional writes are not atomic: each double win that its own log shows is in the verdict."""

import json

import pytest

from tests.conftest import Cli
from tests.integration.racy_server import Racy, racy

__all__ = ["racy"]

# In other rounds it may have shown an item that was half written: its new version with its old maker or quantity, or
# after its new version the old one.
TORN = {"lost_update", "version_reused", "wrong_quantity", "rolled_back"}


@pytest.mark.parametrize("strategy", ["version", "conditional"])
def test_every_double_win_of_a_racy_server_is_reported_with_its_round_and_orders(
    strategy: str, racy: Racy, cli: Cli
) -> None:
    where = ["--endpoint-url", racy.url]
    assert cli("populate", *where).returncode == 0
    for _ in range(6):  # it goes wrong in some ten of sixty rounds
        run = cli("race", *where, "-n", "32", "--rounds", "60", "--strategy", strategy, "--json", "-")
        report = json.loads(run.stdout)
        double = {number: orders for number, orders in racy.winners(report["run_id"][-10:]).items() if len(orders) > 1}
        violations = report["verdict"]["violations"]
        assert set(double) <= {violation["round"] for violation in violations}
        assert {violation["kind"] for violation in violations if violation["round"] not in double} <= TORN
        assert run.returncode == bool(violations)
        for number, orders in double.items():
            named = [set(one["orders"]) for one in violations if one["round"] == number and one["operations"]]
            assert orders in named
        if double:
            return
    pytest.fail("the server was atomic in 360 rounds")
