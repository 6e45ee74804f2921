"""Where a client stands in each chat, and what that makes of a frame. No input or output."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any


class Verdict(Enum):
    NEXT = "the next change"
    SEEN = "seen before"
    GAP = "something before it is missing"
    STRANGE = "of a chat that is not known"


class Places:
    """
    `seqs` is the last change that was applied of each chat we are in. `gone` is the last one of
    chats that we were in: frames on their way may still tell of them.
    """

    def __init__(self) -> None:
        self.seqs: dict[int, int] = {}
        self.gone: dict[int, int] = {}
        # The last change that came too early, and how often asking for what is before did not help.
        self._early: dict[int, int] = {}
        self._tries: dict[int, int] = {}

    def judge(self, frame: Mapping[str, Any]) -> Verdict:
        """What to do with a frame that has a `seq`; a GAP is remembered."""
        chat_id, seq = frame["chat_id"], frame["seq"]
        known = self.seqs.get(chat_id)
        if known is None:
            if seq <= self.gone.get(chat_id, 0):
                return Verdict.SEEN
            return Verdict.NEXT if frame["event"] == "chat.created" else Verdict.STRANGE
        if seq <= known:
            return Verdict.SEEN
        if frame["prev_seq"] > known:
            self._early[chat_id] = max(seq, self._early.get(chat_id, 0))
            return Verdict.GAP
        return Verdict.NEXT

    def advance(self, chat_id: int, seq: int) -> None:
        """This change has been applied."""
        self.seqs[chat_id] = seq
        self.gone.pop(chat_id, None)

    def load(self, chat_id: int, seq: int) -> None:
        """The chat was loaded as it is at this change."""
        self.advance(chat_id, seq)
        self._forget(chat_id)

    def leave(self, chat_id: int, seq: int = 0) -> None:
        """We are not in it any more, since this change if it is known."""
        self.gone[chat_id] = max(seq, self.seqs.pop(chat_id, 0), self.gone.get(chat_id, 0))
        self._forget(chat_id)

    def resumed(self, chat_ids: Iterable[int], told: Mapping[int, int]) -> list[int]:
        """
        What was missed of these chats has been told, up to `told`. Returns those of which something
        came that is still out of reach: they are to be resumed again.
        """
        again = []
        for chat_id in chat_ids:
            known = self.seqs.get(chat_id)
            if known is None:
                continue
            if self._early.get(chat_id, 0) > known:
                self._tries[chat_id] = self._tries.get(chat_id, 0) + 1
                again.append(chat_id)
                continue
            self._forget(chat_id)
            self.seqs[chat_id] = max(known, told.get(chat_id, 0))
        return again

    def hopeless(self, chat_id: int) -> bool:
        """Whether asking for what is missing has failed so often that loading anew is better."""
        return self._tries.get(chat_id, 0) >= 3

    def _forget(self, chat_id: int) -> None:
        self._early.pop(chat_id, None)
        self._tries.pop(chat_id, None)
