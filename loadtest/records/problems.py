"""What went wrong, by kind: messages that differ only in their numbers, ids, addresses or times are of one kind."""

import re

from msgspec import Struct

_KINDS = 50
_KINDS_OF_A_REASON = 10
_WITH_A_DIGIT = re.compile(r"(?<!\S)[^\s\d]*\d\S*")  # a whole word


class Problem(Struct, frozen=True):
    """One kind of problem: messages that differ only in words with a digit are of one."""

    count: int  #: how often
    reason: str  #: code of the server's error, or name of the client's
    message: str  #: of the first, whole
    varied: bool  #: whether the others differ from it, in words with a digit

    @property
    def sentence(self) -> str:
        """The message, with what is to be known of the others."""
        return f"{self.message} (the first of these, which differ in numbers or names)" if self.varied else self.message


class Problems:
    """Counts problems. Ten kinds of a reason and fifty in all are told apart.

    The rest of a reason is one kind more, and that of all reasons that came later is one for all.
    """

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], Problem] = {}
        self._of_reason: dict[str, int] = {}

    def add(self, reason: str, message: str) -> None:
        """Count one; without a message its reason stands for it."""
        message = message or reason
        kind = self._kind(reason, _WITH_A_DIGIT.sub("…", message))
        known = self._kinds.get(kind)
        if known is None:
            self._of_reason[kind[0]] = self._of_reason.get(kind[0], 0) + 1
            self._kinds[kind] = Problem(1, kind[0], message, varied=False)
        else:
            varied = known.varied or message != known.message
            self._kinds[kind] = Problem(known.count + 1, known.reason, known.message, varied)

    def _kind(self, reason: str, outline: str) -> tuple[str, str]:
        if (reason, outline) in self._kinds:
            return reason, outline
        if len(self._kinds) < _KINDS and self._of_reason.get(reason, 0) < _KINDS_OF_A_REASON:
            return reason, outline
        return (reason, "") if reason in self._of_reason else ("", "")

    def kinds(self) -> list[Problem]:
        """Every kind, the commonest first."""
        return sorted(self._kinds.values(), key=lambda problem: -problem.count)
