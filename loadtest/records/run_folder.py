"""Where a run lies on disk, and the runs of one command: how the folder is named and made, what is in it."""

import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from loadtest.errors import UsageError

REPORT = "report.json"
HISTORY = "history.jsonl"
SERVER_LOG = "server.log"
PROXY_LOG = "proxy.log"
FAULT_JOURNAL = "faults.jsonl"
_OF_RUN = (HISTORY, FAULT_JOURNAL)
_LOGS = (SERVER_LOG, PROXY_LOG)


def new_id(started_at: datetime) -> str:
    """The id of a run, or of the runs of one command, which is the name of its folder."""
    return f"{started_at:%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(5)}"


def order_prefix(run_id: str) -> str:
    """How the ids of all orders of a run begin: with what tells its id from others."""
    return run_id[-10:]


def make_folder(runs_dir: Path, id_: str) -> Path:
    """A new folder for it. UsageError if it cannot be made."""
    folder = runs_dir / id_
    try:
        folder.mkdir(0o700, parents=True)  # a run tells of tables, accounts and machines
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}; give another --runs-dir") from error
    return folder


def discard(folder: Path) -> None:
    """Remove the folder of what measured nothing; a log with something in it stays, and so does what was measured."""
    for name in _OF_RUN:
        (folder / name).unlink(missing_ok=True)
    for log in (folder / name for name in _LOGS):
        if log.exists() and log.stat().st_size == 0:
            log.unlink()
    with suppress(OSError):
        folder.rmdir()
