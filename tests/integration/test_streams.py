"""Standard streams that cannot take what is written: the exit code is what it would have been."""

import errno
import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from loadtest.records import json_file
from tests.conftest import ROOT, clean_environment
from tests.helpers.exported_reports import configured

HISTORIES = ROOT / "tests/histories"
VIOLATED, INCONCLUSIVE = str(HISTORIES / "violated/oversold.jsonl"), str(HISTORIES / "inconclusive/unread.jsonl")
NO_SPACE = os.strerror(errno.ENOSPC)
SENTENCE = "2 of 2 orders won the last item; 0 were rejected: violated (the stock ended at -1)"

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Sink = Callable[[], AbstractContextManager[int]]


@contextmanager
def full() -> Iterator[int]:
    """A device without room."""
    yield os.open("/dev/full", os.O_WRONLY)


@contextmanager
def left() -> Iterator[int]:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer


@contextmanager
def hung_up() -> Iterator[int]:
    """A terminal whose other end has gone."""
    ours, theirs = pty.openpty()
    os.close(ours)
    yield theirs


@contextmanager
def read_only() -> Iterator[int]:
    """A file that was opened for reading."""
    yield os.open(os.devnull, os.O_RDONLY)


SINKS = (full, left, hung_up, read_only)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `loadtest …` with some of its standard streams (1, 2) led to a sink, and the others to pipes."""

    def run(
        arguments: Sequence[str], sink: Sink | None = None, streams: Sequence[int] = (), **more: str
    ) -> subprocess.CompletedProcess[bytes]:
        with ExitStack() as stack:
            ends: dict[int, int] = {}
            if sink is not None:
                end = stack.enter_context(sink())
                stack.callback(os.close, end)
                ends = dict.fromkeys(streams, end)
            return subprocess.run(
                [sys.executable, "-m", "loadtest", *arguments],
                cwd=tmp_path,
                env=clean_environment(**more),
                stdin=subprocess.DEVNULL,
                stdout=ends.get(1, subprocess.PIPE),
                stderr=ends.get(2, subprocess.PIPE),
                timeout=120,
                check=False,
            )

    return run


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize(
    ("arguments", "code"), [(["check", INCONCLUSIVE], 4), (["race", "--help"], 0), (["race", "--strategy", "hope"], 2)]
)
def test_streams_that_take_nothing_change_no_exit_code(arguments: list[str], code: int, sink: Sink, run: Run) -> None:
    assert run(arguments, sink, [1, 2]).returncode == code


@pytest.mark.parametrize("sink", SINKS)
def test_a_full_disk_is_said_and_a_listener_that_left_is_no_error(sink: Sink, run: Run) -> None:
    done = run(["check", VIOLATED], sink, [1])
    assert done.returncode == 1
    said = f"loadtest: cannot write to standard output: {NO_SPACE}\n" if sink is full else ""
    assert done.stderr.decode() == said


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_changes_no_exit_code(closed: str, tmp_path: Path) -> None:
    command = ["bash", "-c", f'exec "$@" {closed}', "bash", sys.executable, "-m", "loadtest", "check", VIOLATED]
    done = subprocess.run(command, cwd=tmp_path, env=clean_environment(), capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("sink", [full, left])
def test_a_run_that_cannot_be_shown_is_on_disk(sink: Sink, run: Run, tmp_path: Path) -> None:
    assert run(["race", "-n", "10", "--strategy", "unconditional"], sink, [1, 2]).returncode == 1
    (report,) = tmp_path.glob("runs/*/report.json")
    assert json.loads(report.read_text())["verdict"]["status"] == "violated"


def test_a_report_that_was_asked_for_and_cannot_be_written_is_an_error(run: Run, tmp_path: Path) -> None:
    """The other one is written all the same, and the verdict shown."""
    done = run(["race", "-n", "10", "--strategy", "unconditional", "--json", "/dev/full", "--junit", "junit.xml"])
    assert done.returncode == 3
    assert done.stdout.decode().splitlines()[-1].startswith("10 of 10 orders won the last item")
    assert done.stderr.decode().splitlines()[-1] == f"loadtest: cannot write /dev/full: {NO_SPACE}"
    assert (tmp_path / "junit.xml").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"PYTHONIOENCODING": "latin-1"}, id="latin-1"),
        pytest.param({"PYTHONIOENCODING": "cp1252"}, id="cp1252"),
        pytest.param({"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, id="locale"),
    ],
)
def test_what_an_encoding_lacks_is_replaced(environment: dict[str, str], run: Run) -> None:
    done = run(["check", VIOLATED], **environment)
    assert (done.returncode, done.stderr) == (1, b"")
    text = done.stdout.decode(environment.get("PYTHONIOENCODING", "ascii"))
    assert "write >v2 accepted" in text
    assert text.splitlines()[-1] == SENTENCE


def test_a_name_that_the_encoding_lacks_is_replaced(run: Run) -> None:
    done = run(["check", "Bücher/日本\udcff.jsonl"], PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode("ascii").startswith("loadtest: cannot read Bucher/??\\udcff.jsonl: ")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history whose export is larger than a pipe."""
    path = tmp_path_factory.mktemp("large") / "history.jsonl"
    header, *rounds = Path(VIOLATED).read_text().splitlines()
    copies = [line.replace('"round":1', f'"round":{n}') for n in range(1, 400) for line in rounds]
    path.write_text("\n".join([header, *copies]) + "\n")
    return path


@pytest.fixture(params=["--edn", "--prometheus", "page"])
def exported(request: pytest.FixtureRequest, large: Path) -> list[str]:
    """The arguments that write a document to standard output."""
    if request.param == "--edn":
        return ["export", str(large), "--edn", "-"]
    report = large.with_name("report.json")
    json_file.write(report, json_file.encode(configured("version", 10, 1)))
    if request.param == "page":
        return ["report", str(report), "-o", "-"]
    return ["export", str(report), "--prometheus", "-"]


def test_a_document_whose_reader_leaves_ends_quietly(exported: list[str], run: Run) -> None:
    done = run(exported, left, [1])
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("sink", [full, hung_up, read_only])
def test_a_document_that_cannot_be_written_is_an_error(exported: list[str], sink: Sink, run: Run) -> None:
    done = run(exported, sink, [1])
    assert done.returncode == 3
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("loadtest: cannot write to standard output: ")


def test_of_a_long_document_the_first_lines_are_enough(large: Path, tmp_path: Path) -> None:
    command = '"$0" -m loadtest export "$1" --edn - | head -2; exit "${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, str(large)],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout.splitlines()) == 2


def test_a_pipe_that_does_not_block_gets_the_whole_document(large: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = [sys.executable, "-m", "loadtest", "export", str(large), "--edn", "-"]
    with subprocess.Popen(command, cwd=tmp_path, env=clean_environment(), stdout=writer) as process:
        os.close(writer)
        with io.FileIO(reader) as pipe:
            got = pipe.read()
    whole = subprocess.run(command, cwd=tmp_path, env=clean_environment(), capture_output=True, check=True).stdout
    assert process.returncode == 0
    assert len(whole) > 2**17
    assert got == whole


def on_a_terminal(columns: int, *arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code of `loadtest …`, and what a terminal of that width was sent."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    variables = {name: value for name, value in clean_environment().items() if name not in ("COLUMNS", "NO_COLOR")}
    command = [sys.executable, "-m", "loadtest", *arguments]
    process = subprocess.Popen(command, env={**variables, **environment}, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    sent = bytearray()
    with io.FileIO(ours) as screen, suppress(OSError):  # the end of a terminal is an error of reading
        while part := screen.read(2**16):
            sent += part
    return process.wait(60), sent.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_on_a_terminal_lines_are_wrapped_between_words(columns: int, run: Run) -> None:
    code, text = on_a_terminal(columns, "check", VIOLATED, TERM="xterm", NO_COLOR="1")
    assert code == 1
    assert max(map(len, text.splitlines())) <= columns
    whole = run(["check", VIOLATED]).stdout.decode()
    assert set(text.split()) >= set(" ".join(line for line in whole.splitlines() if ": " in line).split())
    assert " ".join(text.split()).endswith(SENTENCE)


def test_a_message_is_wrapped_too() -> None:
    code, text = on_a_terminal(40, "check", "nothing/of/this/name.jsonl", TERM="xterm")
    assert code == 2
    assert text == "loadtest: cannot read\n  nothing/of/this/name.jsonl: No such\n  file or directory\n"


@pytest.mark.parametrize(
    ("environment", "coloured"), [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False)]
)
def test_a_verdict_on_a_terminal_is_coloured(environment: dict[str, str], coloured: bool) -> None:
    _, text = on_a_terminal(100, "check", VIOLATED, **environment)
    assert (f"\x1b[1;31m{SENTENCE}\x1b[0m" in text) == coloured
    assert ("\x1b" in text) == coloured
