"""
The only way to change a chat: under its lock, with a row in its log and an event to its members.

    with changes_to(chat_id) as changes:
        chat = changes.chats[chat_id]
        ...
        changes.record(MessageSent, chat, actor_id=author.id, message_id=message.id, message=facts)

Everything in the block is one transaction. On the way out the counters of the chats and the rows
of the log are written, and the events are published when the transaction commits.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from chats.models import Chat, LogEntry, Membership
from chats.turns import had, turn
from messenger.bulk import insert_many, set_by_id
from messenger.events import ChatEvent, publish
from messenger.times import iso

Recorded = TypeVar("Recorded", bound=ChatEvent)
LOCKED = (
    "id",
    "uuid",
    "kind",
    "last_seq",
    "last_position",
    "last_activity_at",
    "slow_mode",
    "pair",
)
LOG_COLUMNS = ("chat_id", "seq", "kind", "message_id", "actor_id", "facts", "created_at")


@dataclass
class LockedChat:
    """A chat whose row this transaction holds, with counters that go up as changes are made."""

    id: int
    uuid: UUID
    kind: str
    last_seq: int
    last_position: int
    last_activity_at: datetime
    slow_mode: int
    # Of a private chat.
    pair: str | None

    def next_seq(self) -> int:
        self.last_seq += 1
        return self.last_seq

    def next_position(self) -> int:
        self.last_position += 1
        return self.last_position


class Changes:
    """What is being changed in one transaction. `now` is the time of all of it."""

    def __init__(self, chats: dict[int, LockedChat], now: datetime) -> None:
        self.chats = chats
        self.now = now
        self.now_text = iso(now)
        # Chats that somebody else holds, where they were not to be waited for.
        self.held: set[int] = set()
        self.events: list[ChatEvent] = []
        self.entries: list[tuple[Any, ...]] = []

    def record(
        self,
        event: type[Recorded],
        chat: LockedChat,
        /,
        *,
        actor_id: int | None,
        message_id: int | None = None,
        log_facts: dict[str, Any] | None = None,
        origin: str | None = None,
        seq: int | None = None,
        **facts: Any,
    ) -> Recorded:
        """
        Give the change the chat's next `seq`, or the one that was taken for it before; `log_facts`
        is what the log must keep of it.
        """
        seq = chat.next_seq() if seq is None else seq
        recorded = event(
            chat_id=chat.id,
            chat_uuid=str(chat.uuid),
            seq=seq,
            actor_id=actor_id,
            created_at=self.now_text,
            origin=origin,
            **facts,
        )
        if event.activity:
            chat.last_activity_at = self.now
        self.events.append(recorded)
        self.entries.append((chat.id, seq, event.kind, message_id, actor_id, log_facts, self.now))
        return recorded

    def write(self) -> None:
        changed = {entry[0] for entry in self.entries}
        chats = [chat for chat in self.chats.values() if chat.id in changed]
        set_by_id(
            "chats_chat",
            ("last_seq", "last_position", "last_activity_at"),
            [(c.id, c.last_seq, c.last_position, c.last_activity_at) for c in chats],
        )
        insert_many(LogEntry, LOG_COLUMNS, self.entries)
        publish(*self.events)


@contextmanager
def changes_to(
    *chat_ids: int, members: Collection[int] | None = None, wait: bool = True
) -> Iterator[Changes]:
    """
    A transaction that holds the rows of these chats, those of them that exist and are not deleted.
    They are locked in the order of their ids, so that two transactions never wait for each other.
    With `members`, only chats that one of these people is in: nobody holds up a chat from outside.
    With `wait` False, chats that somebody else holds are not waited for: they are in `held`.
    """
    with transaction.atomic():
        chats = lock_chats(chat_ids, members=members, wait=wait)
        changes = Changes(chats, timezone.now())
        if not wait and len(chats) < len(set(chat_ids)):
            missing = set(chat_ids) - set(chats)
            changes.held = set(_living(missing, members).values_list("id", flat=True))
        yield changes
        if changes.events:
            changes.write()


def lock_chats(
    ids: Iterable[int], *, members: Collection[int] | None = None, wait: bool = True
) -> dict[int, LockedChat]:
    """
    Lock the rows until the end of the transaction. What is read after it is the latest. Unavailable
    where others wait for one of them and it has not been passed on for a while.
    """
    ids = set(ids)
    rows = (
        _living(ids, members)
        .select_for_update(skip_locked=not wait and connection.features.has_select_for_update)
        .order_by("id")
        .values_list(*LOCKED)
    )
    with turn(ids) if wait else nullcontext():
        chats = {row[0]: LockedChat(*row) for row in rows}
    had(chats)
    return chats


def _living(ids: Iterable[int], members: Collection[int] | None) -> QuerySet[Chat]:
    chats = Chat.objects.filter(id__in=set(ids), deleted_at=None)
    if members is not None:
        inside = Membership.objects.filter(chat_id=OuterRef("id"), user_id__in=members)
        chats = chats.filter(Exists(inside))
    return chats
