"""When the kernel got the bytes of an answer: Linux says so to who asks (SO_TIMESTAMPNS), if it can."""

import errno
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the socket module does not name it
_TIMESPEC = struct.Struct("qq")
ANCILLARY_SIZE = socket.CMSG_SPACE(_TIMESPEC.size)
_CLOCK_READINGS = 3
_CLOCKS_APART_NS = 20_000
_ABSURD_NS = 1_000_000  # before the request or after now; less is how badly two clocks are read together
_STAMPS_ASKED = 10  # in vain, until a kernel has none; the first may be missing as it begins to make them
_STAMPS_APART_S = 0.005


def ask_for_stamps(connected: socket.socket) -> None:
    """Let the kernel stamp what comes in there. OSError if it does not do that."""
    if sys.platform != "linux":
        raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))
    connected.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def arrival_ns(ancillary: list[tuple[int, int, bytes]], sent_ns: int) -> int | None:
    """When the kernel got the bytes, on the monotonic clock; None where it does not say, or nothing that can be.

    The kernel's clock is the wall clock. Both are read as close together as can be: between two readings this
    process may lose the processor, or the wall clock may be set. No answer comes before its request was sent.
    """
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            for _ in range(_CLOCK_READINGS):
                before_ns, wall_ns, now_ns = time.perf_counter_ns(), time.time_ns(), time.perf_counter_ns()
                if now_ns - before_ns < _CLOCKS_APART_NS:
                    break
            arrived_ns: int = before_ns - (wall_ns - seconds * 1_000_000_000 - nanoseconds)
            if sent_ns <= arrived_ns <= now_ns:
                return arrived_ns
            if sent_ns - _ABSURD_NS <= arrived_ns <= now_ns + _ABSURD_NS:
                return min(max(arrived_ns, sent_ns), now_ns)
    return None


@cache
def kernel_stamps() -> bool:
    """Whether this system's kernel says when it got what is read from a connection, tried on one of its own.

    Some systems refuse the option (gVisor, WSL 1), others take it and say nothing. If there is no room for one,
    it is taken to do so: whatever it leaves unstamped is counted.
    """
    with suppress(OSError), _connected() as (reader, writer):
        try:
            ask_for_stamps(reader)
        except OSError:
            return False
        for _ in range(_STAMPS_ASKED):
            sent_ns = time.perf_counter_ns()
            writer.send(b"?")
            if arrival_ns(reader.recvmsg(1, ANCILLARY_SIZE)[1], sent_ns) is not None:
                return True
            time.sleep(_STAMPS_APART_S)
        return False
    return True


@contextmanager
def _connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The ends of a connection of this process with itself. OSError if another process connects first."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as one,
        listener.accept()[0] as other,
    ):
        if other.getpeername() != one.getsockname():
            raise ConnectionRefusedError(errno.ECONNREFUSED, "somebody else connects to this process's own port")
        yield one, other
