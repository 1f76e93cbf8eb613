"""Room for the answers that one client is receiving: beyond it they come one after another."""

from collections import deque
from typing import Protocol

from loadtest.dynamodb.limits import AT_ONCE_BYTES


class Receiver(Protocol):
    """Who receives an answer in parts."""

    def pause(self) -> None:
        """Take nothing more for now."""

    def resume(self) -> None:
        """Go on."""


class Room:
    """Counts the bytes of answers that are not whole yet. While they are too many, all receivers but one pause."""

    def __init__(self) -> None:
        self._bytes = 0
        self._going: set[Receiver] = set()
        self._paused: deque[Receiver] = deque()

    def take(self, receiver: Receiver, size: int) -> None:
        """The receiver has so many bytes more, and its answer is not whole."""
        self._bytes += size
        self._going.add(receiver)
        if self._bytes > AT_ONCE_BYTES and len(self._going) > 1:
            self._going.discard(receiver)
            self._paused.append(receiver)
            receiver.pause()

    def leave(self, receiver: Receiver, size: int) -> None:
        """The receiver has done with its answer, of which it had so many bytes."""
        self._bytes -= size
        self._going.discard(receiver)
        if receiver in self._paused:
            self._paused.remove(receiver)
        while self._paused and (self._bytes <= AT_ONCE_BYTES or not self._going):
            following = self._paused.popleft()
            self._going.add(following)
            following.resume()
