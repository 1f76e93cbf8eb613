"""Which signals end a run as Ctrl-C does, with what was measured kept; and how the second one ends it at once."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, TypeVar

_ALWAYS = (signal.SIGINT, signal.SIGTERM)
_UNLESS_IGNORED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU)  # the terminal closed, Ctrl-\, the CPU limit
_GRACE_S = 1.5  # for what ends by itself
_ASKED_TWICE = 130
_ONE_WITHIN_S = 0.3  # a wrapper passes on what the terminal has sent already: that is no second one
_received: list[float] = []  # when
Returned = TypeVar("Returned")
_cancels: list[Callable[[], object]] = []  # of the event loop that runs, if any


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


def run_interruptible(
    function: Callable[..., Coroutine[Any, Any, Returned]], *arguments: Any, use_uvloop: bool = False
) -> Returned:
    """Run it in an event loop, where Ctrl-C cancels it once and is a KeyboardInterrupt when it has ended.

    Raised at once it would be the exception of whichever task happens to run, which may be the SDK's.
    """
    import asyncio

    import anyio

    asked = False

    async def cancellable() -> Returned:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def cancel() -> None:
            nonlocal asked
            if not asked and task is not None:
                asked = True
                loop.call_soon_threadsafe(task.cancel)

        _cancels.append(cancel)
        try:
            return await function(*arguments)
        finally:
            _cancels.clear()

    try:
        return anyio.run(cancellable, backend_options={"use_uvloop": use_uvloop})
    except asyncio.CancelledError:
        if asked:
            raise KeyboardInterrupt from None
        raise


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    _note()
    if not _cancels:
        raise KeyboardInterrupt
    _cancels[0]()


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
