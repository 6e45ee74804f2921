"""
What looks at messages before they are sent. Moderation registers its rules here: sending knows that
there may be some, and not which.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from messenger.errors import AwaitingReview, ContentRejected, KeyReused, MessengerError

if TYPE_CHECKING:
    from messaging.sending import SendMessage

Mode = Literal["flag", "hold", "reject"]
# The mildest first.
MODES: tuple[Mode, ...] = ("flag", "hold", "reject")
# Messages of one person that wait for a moderator: nobody buries the others' cases under theirs.
MOST_WAITING = 20


@dataclass(frozen=True)
class Verdict:
    """A rule that a text goes against. `matched` is the part of it that does."""

    mode: Mode
    rule_id: int
    matched: str
    # Whether it holds in private chats, too.
    in_private: bool = False


class Flagged(NamedTuple):
    """A message that was sent although a rule is against it."""

    message_id: int
    author_id: int
    chat_id: int
    verdict: Verdict


class Held(NamedTuple):
    """A message that was not sent, with what sending had found out about it."""

    command: "SendMessage"
    chat_id: int
    reply_to_id: int | None
    verdict: Verdict
    key_digest: UUID | None
    fingerprint: str | None


class Known(NamedTuple):
    """A message that was held before under the same key. `refused` by a moderator, or waiting."""

    fingerprint: str | None
    refused: bool


class Screen(Protocol):
    def judge(self, text: str) -> Sequence[Verdict]:
        """The rules that this goes against. Asked for every text, outside of any transaction."""

    def flagged(self, messages: Sequence[Flagged]) -> None:
        """These were stored in this transaction."""

    def hold(self, messages: Sequence[Held]) -> None:
        """Keep these, in this transaction, until somebody has looked at them."""

    def known(self, digests: Sequence[UUID]) -> dict[UUID, Known]:
        """Those of these keys under which a message was held and has not been let through."""

    def waiting(self, author_ids: Collection[int]) -> dict[int, int]:
        """How many messages of these people wait."""


class Nothing:
    """Nothing is looked at."""

    def judge(self, text: str) -> Sequence[Verdict]:
        return ()

    def flagged(self, messages: Sequence[Flagged]) -> None:
        pass

    def hold(self, messages: Sequence[Held]) -> None:
        pass

    def known(self, digests: Sequence[UUID]) -> dict[UUID, Known]:
        return {}

    def waiting(self, author_ids: Collection[int]) -> dict[int, int]:
        return {}


_screen: Screen = Nothing()


def register(screen: Screen) -> None:
    """Let this one look at messages from now on."""
    global _screen
    _screen = screen


def screen() -> Screen:
    return _screen


class Holding:
    """What of one batch is held back: each message once, however often it is sent."""

    def __init__(self, digests: Sequence[UUID], author_ids: Collection[int]) -> None:
        """The keys and the authors of all that a rule holds back."""
        self._before = screen().known(digests) if digests else {}
        self._waiting = screen().waiting(author_ids) if author_ids else {}
        self._new: list[Held] = []

    def take(self, message: Held) -> MessengerError:
        """Hold this one; what its author is told."""
        before = self._before.get(message.key_digest) if message.key_digest else None
        if before is None:
            author_id = message.command.author_id
            waiting = self._waiting.get(author_id, 0)
            if waiting >= MOST_WAITING:
                return ContentRejected(_("Too many of your messages wait for a moderator."))
            self._waiting[author_id] = waiting + 1
            self._new.append(message)
            if message.key_digest is not None:
                self._before[message.key_digest] = Known(message.fingerprint, refused=False)
            return AwaitingReview()
        if before.fingerprint != message.fingerprint:
            return KeyReused()
        return ContentRejected() if before.refused else AwaitingReview()

    def keep(self) -> None:
        """Store them, in the transaction of the batch."""
        if self._new:
            screen().hold(self._new)


def strictest(verdicts: Sequence[Verdict], *, private: bool) -> Verdict | None:
    """The one that counts in a chat of this kind."""
    here = [verdict for verdict in verdicts if verdict.in_private or not private]
    return max(here, key=lambda verdict: MODES.index(verdict.mode), default=None)
