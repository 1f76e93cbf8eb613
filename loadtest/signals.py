"""Which signals end a run as Ctrl-C does, with what was measured kept."""

import signal

_ALWAYS = (signal.SIGINT, signal.SIGTERM)
_UNLESS_IGNORED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU)  # the terminal closed, Ctrl-\, the CPU limit


def ending() -> tuple[signal.Signals, ...]:
    """Those of this process. Whoever began it with `nohup` wants it to go on when the terminal is closed."""
    return (*_ALWAYS, *(one for one in _UNLESS_IGNORED if signal.getsignal(one) is not signal.SIG_IGN))
