"""The command line in a network of its own, where a name leads to addresses that swallow every SYN."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, clean_environment, scenario

pytestmark = pytest.mark.slow

_OWN_NETWORK = ["unshare", "--map-root-user", "--net", "--mount"]
_DEAD, _ALIVE, _PORT = "10.8.8.9", "127.0.0.1", 8000
_HOLE = f"""
import socket, time
with socket.create_server(("{_DEAD}", {_PORT}), backlog=0):
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(("{_DEAD}", {_PORT}))
    print("full", flush=True)
    time.sleep(600)
"""
_SCRIPT = f"""
set -e
ip link set lo up; ip addr add {_DEAD}/32 dev lo
mount --bind hosts /etc/hosts
coproc HOLE {{ exec "$PYTHON" -c "$HOLE_PROGRAM"; }}; read -r _ <&"${{HOLE[0]}}"
"$PYTHON" -m loadtest serve --port {_PORT} --allow-host ddb.test >serve.log 2>&1 & SERVER=$!
until grep -q http serve.log; do kill -0 $SERVER; sleep 0.1; done
"$PYTHON" -m loadtest populate --endpoint-url http://{_ALIVE}:{_PORT} >&2
code=0; "$PYTHON" -m loadtest "$@" || code=$?
kill $SERVER $HOLE_PID
exit $code
"""


def run(folder: Path, addresses: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `loadtest …` where ddb.test leads to these addresses. Skips where no network can be made."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("no network can be made without unshare and ip")
    probe = subprocess.run([*_OWN_NETWORK, "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no network can be made here: {probe.stderr.decode().strip()}")
    (folder / "hosts").write_text("".join(f"{address} ddb.test\n" for address in addresses))
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_EC2_METADATA_DISABLED": "true"}
    environment = clean_environment(**keys, PYTHON=sys.executable, HOLE_PROGRAM=_HOLE, PYTHONPATH=str(ROOT))
    return subprocess.run(
        [*_OWN_NETWORK, "bash", "-c", _SCRIPT, "bash", *arguments],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


TARGET = ("--endpoint-url", f"http://ddb.test:{_PORT}", "--connect-timeout", "60s", "--allow-untagged-table")


@pytest.mark.parametrize("addresses", [[_DEAD, _ALIVE], [_ALIVE, _DEAD]])
def test_no_order_fails_though_an_address_is_dead(addresses: list[str], tmp_path: Path) -> None:
    done = run(tmp_path, addresses, *scenario(tmp_path, "race"), "-n", "20", "--json", "-", *TARGET)
    assert done.stdout, done.stderr
    orders = json.loads(done.stdout)["orders"]
    assert (orders["accepted"], orders["rejected"], orders["failed"], orders["unknown"]) == (1, 19, 0, 0)


def test_addresses_that_are_all_dead_are_said_in_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, [_DEAD], *scenario(tmp_path, "race"), "-n", "20", *TARGET)
    assert (done.returncode, done.stdout) == (3, "")
    *_, line = done.stderr.splitlines()
    assert line.startswith(f"loadtest: no answer at http://ddb.test:{_PORT} (Connect timeout")
