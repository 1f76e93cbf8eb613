"""Which signals end a run as Ctrl-C does, with what was measured kept; and how the second one ends it at once."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

_ALWAYS = (signal.SIGINT, signal.SIGTERM)
_UNLESS_IGNORED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU)  # the terminal closed, Ctrl-\, the CPU limit
_GRACE_S = 1.5  # for what ends by itself
_ASKED_TWICE = 130
_ONE_WITHIN_S = 0.3  # a wrapper passes on what the terminal has sent already: that is no second one
_received: list[float] = []  # when


def ending() -> tuple[signal.Signals, ...]:
    """Those of this process. Whoever began it with `nohup` wants it to go on when the terminal is closed."""
    return (*_ALWAYS, *(one for one in _UNLESS_IGNORED if signal.getsignal(one) is not signal.SIG_IGN))


def leave_at_second_interrupt() -> None:
    """From now on the first Ctrl-C is a KeyboardInterrupt, and the second ends the process, whatever holds it up.

    Not if Ctrl-C does nothing here, as in a shell's background.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)


def leave_at_second(*numbers: int, heard: Callable[[int], None] = lambda _number: None) -> None:
    """The same for signals that `heard` hears of, or an event loop, which hears whoever handles them besides."""

    def note(number: int, _frame: FrameType | None) -> None:
        heard(number)
        _note()

    for number in numbers:
        signal.signal(number, note)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    _note()
    raise KeyboardInterrupt


def _note() -> None:
    now = time.monotonic()
    if _received and now - _received[-1] < _ONE_WITHIN_S:
        return
    _received.append(now)
    if len(_received) == 2:
        signal.setitimer(signal.ITIMER_REAL, _GRACE_S + 0.3)  # should something keep the thread from running
        threading.Thread(target=_leave, daemon=True).start()


def _leave() -> None:
    time.sleep(_GRACE_S)
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
    os.write(2, f"{show_cursor}loadtest: left at once; what was on disk by then is kept\n".encode())
    os._exit(_ASKED_TWICE)
