"""The strategies by name: those that are registered, and code of the user's own."""

import sys
from collections.abc import Iterator
from inspect import iscoroutinefunction
from pathlib import Path

import pytest
import typer

from loadtest.cli.app import app
from loadtest.cli.matrix import Matrix
from loadtest.errors import LoadTestError, UsageError
from loadtest.events import ACCEPTED
from loadtest.strategies import load
from loadtest.workload import strategies
from loadtest.workload.pricing import Prices, estimate
from loadtest.workload.strategies import named, names, register

BUILT_IN = ("version", "conditional", "transaction", "unconditional")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module of the user's own in the current folder, which is not on Python's path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_locks.py").write_text(
        "from loadtest.events import ACCEPTED\n"
        "async def takes(attempt): return ACCEPTED\n"
        "async def fails(attempt): raise KeyError('stock')\n"
        "async def forgets(attempt): pass\n"
        "def plain(attempt): pass\n"
        "class Shop:\n    @staticmethod\n    async def takes(attempt): return ACCEPTED\n"
    )
    (tmp_path / "own_broken.py").write_text("1 / 0")
    yield "own_locks"
    sys.modules.pop("own_locks", None)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(strategies, "_registered", {**strategies._registered})  # noqa: SLF001


def test_every_strategy_that_is_registered_is_there() -> None:
    assert names() == BUILT_IN
    assert all(iscoroutinefunction(load(name)) for name in names())
    assert all(sum(named(name).requests) > 0 and named(name).summary for name in names())


@pytest.mark.usefixtures("registry")
def test_one_more_is_known_wherever_one_is_named() -> None:
    register("twice", "loadtest.strategies.version:version", "writes twice", reads=1, writes=2)
    assert Matrix(strategy="version,twice", concurrency="1").cells()[1] == {"strategy": "twice", "concurrency": 1}
    assert estimate("twice", 10, 1, 100, Prices()).most_write_units == 20
    assert load("twice") is load("version")
    with pytest.raises(UsageError, match=r"there is a strategy 'twice' already"):
        register("twice", "loadtest.strategies.version:version", "again")


@pytest.mark.parametrize("name", ["own:code", "one,two"])
def test_a_name_that_cannot_be_one(name: str) -> None:
    with pytest.raises(UsageError, match=r"a strategy cannot be called"):
        register(name, "loadtest.strategies.version:version", "never")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("versoin", "there is no strategy 'versoin'; did you mean 'version'?"),
        ("", "there is no strategy ''; there are version, conditional, transaction, unconditional"),
        (
            "own_locks:none",
            "the strategy 'own_locks:none' cannot be imported: AttributeError: module 'own_locks' has no",
        ),
        (
            "own_nowhere:mine",
            "the strategy 'own_nowhere:mine' cannot be imported: ModuleNotFoundError: No module named",
        ),
        ("own_broken:mine", "the strategy 'own_broken:mine' cannot be imported: ZeroDivisionError"),
        (":mine", "the strategy ':mine' cannot be imported: ValueError"),
        ("own_locks:", "the strategy 'own_locks:' cannot be imported: AttributeError"),
        ("own_locks:plain", "the strategy 'own_locks:plain' is no coroutine: write async def plain(attempt)"),
    ],
)
@pytest.mark.parametrize("command", ["race", "load", "find", "compare"])
@pytest.mark.usefixtures("own")
def test_a_strategy_that_there_is_not_is_one_line(name: str, says: str, command: str) -> None:
    level = ["-c", "1"] if command == "compare" else []
    with pytest.raises((UsageError, typer.BadParameter)) as refused:
        app([command, *level, f"--strategy={name}", "--dry-run"], standalone_mode=False)
    assert says in str(refused.value)


@pytest.mark.parametrize("function", ["takes", "Shop.takes"])
async def test_own_code_is_a_strategy(own: str, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    attempt = object()
    assert await load(f"{own}:{function}")(attempt) is ACCEPTED  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "says"),
    [("fails", "failed: KeyError: 'stock'"), ("forgets", "must return a Result, not NoneType")],
)
async def test_what_own_code_does_wrong_is_said_of_it(
    own: str, function: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    with pytest.raises(LoadTestError, match=f"^the strategy '{own}:{function}' {says}$"):
        await load(f"{own}:{function}")(object())  # type: ignore[arg-type]
