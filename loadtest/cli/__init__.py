"""The command line: options in, exit code out.

Exit codes: 0 safe · 1 violated · 2 wrong usage · 3 target unusable or run not completed · 4 inconclusive ·
5 a threshold crossed · 130 interrupted.
"""

import os
import sys
from typing import Any, NoReturn

import typer

from loadtest.cli import streams
from loadtest.cli.exit_codes import INTERRUPTED, WRONG_USAGE
from loadtest.errors import LoadTestError
from loadtest.system import signals
from loadtest.system.extras import MissingExtraError


def main() -> NoReturn:
    """Run the command line and leave with its exit code; every error is one line on standard error."""
    from loadtest.cli.app import app

    signals.leave_at_second_interrupt()
    streams.begin()
    debug = "--debug" in sys.argv[1:]
    try:
        code: Any = app(standalone_mode=False, prog_name="loadtest")
    except typer.TyperException as error:
        if message := _formatted(error):  # none if the help was printed instead
            _say(message, debug)
        code = WRONG_USAGE
    except LoadTestError as error:
        _get_extra(error)
        _say(str(error), debug)
        code = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        _say("interrupted", debug)
        code = INTERRUPTED
    except BaseExceptionGroup as group:
        if group.subgroup((KeyboardInterrupt, SystemExit)) is not None:
            _say("interrupted", debug)
            code = INTERRUPTED
        else:
            first = _first(group)
            _get_extra(first)
            _say(str(first) if isinstance(first, LoadTestError) else _internal(first), debug)
            code = getattr(first, "exit_code", LoadTestError.exit_code)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        _say(_internal(error), debug)
        code = LoadTestError.exit_code
    streams.finish()
    sys.exit(code if isinstance(code, int) else 0)


def _get_extra(error: Exception) -> None:
    """From a checkout: let its script install the extra that is missing, and run the command again in our place."""
    script = os.environ.get("LOADTEST_EXTRA_SCRIPT")
    if script and isinstance(error, MissingExtraError):
        os.execv(script, [script, "--with-extra", error.extra, *sys.argv[1:]])  # nosec B606 # no shell is wanted


def _first(group: BaseExceptionGroup[Any]) -> Exception:
    """The first error in a group that is none itself: what went wrong in many tasks went wrong in one."""
    error: Any = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


def _internal(error: Exception) -> str:
    return f"internal error: {type(error).__name__}: {error} (--debug shows where)"


def _say(message: str, debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exc()
    streams.say(f"loadtest: {message}", err=True)


def _formatted(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    message = str(getattr(error, "format_message", lambda: str(error))())
    said = message if message.endswith("?") else f"{message.rstrip('.')}."
    return f"{said} See: {context.command_path} --help" if context and message else message
