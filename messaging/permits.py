"""
Who may write where just now: members, unless they are banned, muted, apart from the other one of a
private chat, or too quick for a chat in slow mode.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.blocks import blockers
from accounts.models import User
from accounts.selectors import unreachable
from chats.changes import LockedChat
from chats.members import BLOCKED
from chats.models import Membership
from chats.mutes import Mutes, must_not_be_muted, muted, mutes_of
from messaging.models import Message
from messenger.errors import Banned, MessengerError, SlowMode, Undeliverable


@dataclass
class Member:
    """An author in a chat, as far as sending needs to know."""

    id: int
    uuid: str
    is_active: bool
    is_service: bool
    is_owner: bool
    read_position: int


class Permits:
    """
    For the authors of a batch, read under the locks of its chats: what was decided before them
    holds. Two queries, two more where there are private chats, one for who writes in slow mode.
    """

    def __init__(
        self,
        chats: dict[int, LockedChat],
        authors: Iterable[int],
        wanted: Iterable[tuple[int, int]],
    ) -> None:
        """`wanted` are the (chat id, author id) of the messages."""
        authors = set(authors)
        self._members = _members(chats, authors)
        self._mutes: Mutes = mutes_of(authors)
        self._pairs: dict[tuple[int, int], int] = {}
        for chat_id, author_id in set(wanted):
            if (chat := chats.get(chat_id)) is not None and chat.pair:
                other = _other(chat.pair, author_id)
                if other is not None:
                    self._pairs[chat_id, author_id] = other
        between = [(author, other) for (_, author), other in self._pairs.items()]
        self._blockers = blockers(between)
        self._unreachable = unreachable({other for _, other in between})
        self._last: dict[tuple[int, int], datetime | None] = {}

    def member(self, chat_id: int, author_id: int) -> Member | None:
        return self._members.get((chat_id, author_id))

    def refusal(
        self, chat: LockedChat, author_id: int, member: Member, now: datetime
    ) -> MessengerError | None:
        """Why this member's message is not taken now; None if it is."""
        if not member.is_active:
            return Banned()
        if error := muted(self._mutes, author_id, chat.id):
            return error
        other = self._pairs.get((chat.id, author_id))
        if other is not None and not member.is_service:
            blocker = self._blockers.get((author_id, other))
            if blocker == author_id:
                return Undeliverable(BLOCKED)
            if blocker is not None or other in self._unreachable:
                return Undeliverable()
        if chat.slow_mode and not member.is_owner:
            last = self._last_sent(chat.id, author_id)
            wait = timedelta(seconds=chat.slow_mode) - (now - last) if last else timedelta()
            if wait > timedelta():
                return SlowMode(retry_after=max(1, round(wait.total_seconds() + 0.5)))
        return None

    def sent(self, chat: LockedChat, author_id: int, now: datetime) -> None:
        """This author writes in this chat now: the next one in the batch may be too quick."""
        if chat.slow_mode:
            self._last[chat.id, author_id] = now

    def _last_sent(self, chat_id: int, author_id: int) -> datetime | None:
        key = (chat_id, author_id)
        if key not in self._last:
            own = Message.objects.filter(chat_id=chat_id, author_id=author_id)
            latest = own.order_by("-position").values_list("created_at", flat=True)
            self._last[key] = latest.first()
        return self._last[key]


def must_be_let(user: User, chat_id: int, pair: str | None) -> None:
    """
    Muted or Undeliverable for a member who may add nothing to this chat now: an edit or a reaction
    says something, too.
    """
    must_not_be_muted(user.id, chat_id)
    other = _other(pair, user.id) if pair else None
    if other is not None:
        blocker = blockers([(user.id, other)]).get((user.id, other))
        if blocker is not None:
            raise Undeliverable(BLOCKED if blocker == user.id else None)


def _other(pair: str, user_id: int) -> int | None:
    one, other = map(int, pair.split(":"))
    return {one: other, other: one}.get(user_id)


def _members(chats: Iterable[int], authors: Iterable[int]) -> dict[tuple[int, int], Member]:
    """The authors by (chat id, user id)."""
    rows = Membership.objects.filter(chat_id__in=list(chats), user_id__in=authors).values_list(
        "chat_id",
        "user_id",
        "id",
        "user__uuid",
        "user__is_active",
        "user__is_service",
        "role",
        "read_position",
    )
    return {
        (chat_id, user_id): Member(
            id, str(uuid), active, service, role == Membership.Role.OWNER, read
        )
        for chat_id, user_id, id, uuid, active, service, role, read in rows
    }
