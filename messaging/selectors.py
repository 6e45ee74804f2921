"""Reading messages, receipts and reactions. Pages: `history.py`; what waits: `unread.py`."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypedDict

from django.db.models import QuerySet

from accounts.models import User
from chats.models import LogEntry, Membership
from chats.selectors import rebuilds
from messaging import events
from messaging.emoji import LIKE
from messaging.events import Likes, MessageFacts
from messaging.models import Message, Reaction, Receipt
from messenger.errors import NotFound
from messenger.events import ChatEvent
from messenger.ids import Ref, lookup
from messenger.prepared import Prepared
from messenger.times import iso

FACTS = (
    "id",
    "uuid",
    "chat_id",
    "chat__uuid",
    "author_id",
    "author__uuid",
    "position",
    "seq",
    "type",
    "content",
    "payload",
    "reply_to_id",
    "reply_to__uuid",
    "status",
    "created_at",
    "edited_at",
    "deleted_at",
    "first_read_at",
)


# A page of history has no more messages; for longer lists no query is kept.
PREPARED = 100
NOBODY = Likes(liker_ids=[], liked_by=[], liked_at=None)


def message_for(user: User, ref: Ref) -> Message:
    """
    The only door to a message: one in a chat that `user` is in. NotFound if there is no such
    message or it is not theirs to see: the same answer.
    """
    try:
        return Message.objects.select_related("chat", "author", "reply_to").get(
            chat__memberships__user_id=user.id, chat__deleted_at=None, **lookup(ref)
        )
    except Message.DoesNotExist:
        raise NotFound from None


def message_facts(messages: QuerySet[Message]) -> list[MessageFacts]:
    """The facts of these messages in their order. One query."""
    return [facts_in(row) for row in messages.values_list(*FACTS)]


class ReactionFacts(TypedDict):
    """A reaction. `created_at` is ISO 8601 in UTC."""

    id: int
    message_id: int
    user_id: int
    emoji: str
    created_at: str


def reactions_to(message_ids: Iterable[int]) -> dict[int, list[ReactionFacts]]:
    """By message, oldest first. One query."""
    found: dict[int, list[ReactionFacts]] = defaultdict(list)
    ids = list(message_ids)
    for id, message_id, user_id, emoji, at in _reaction_rows(ids):
        found[message_id].append(
            ReactionFacts(
                id=id, message_id=message_id, user_id=user_id, emoji=emoji, created_at=iso(at)
            )
        )
    return found


REACTION = ("id", "message_id", "user_id", "emoji", "created_at")


def _reaction_rows(ids: list[int]) -> Iterable[tuple[Any, ...]]:
    if not ids:
        return ()
    if len(ids) <= PREPARED:
        return _reactions(len(ids)).rows(*ids)
    return Reaction.objects.filter(message_id__in=ids).order_by("id").values_list(*REACTION)


@cache
def _reactions(count: int) -> Prepared:
    return Prepared(
        lambda *ids: (
            Reaction.objects.filter(message_id__in=ids).order_by("id").values_list(*REACTION)
        ),
        *[int] * count,
    )


def likes_of(message_ids: Iterable[int]) -> dict[int, Likes]:
    """Who likes these messages. One query."""
    found: dict[int, list[tuple[int, str, datetime]]] = defaultdict(list)
    rows = Reaction.objects.filter(message_id__in=set(message_ids), emoji=LIKE).order_by("id")
    for message_id, user_id, uuid, at in rows.values_list(
        "message_id", "user_id", "user__uuid", "created_at"
    ):
        found[message_id].append((user_id, str(uuid), at))
    return {
        id: Likes(
            liker_ids=[user_id for user_id, _, _ in likes],
            liked_by=[uuid for _, uuid, _ in likes],
            liked_at=iso(max(at for _, _, at in likes)),
        )
        for id, likes in found.items()
    }


def likes_for(user: User, ref: Ref) -> tuple[Message, Likes]:
    """A message that `user` may see, and who likes it. NotFound for any other."""
    message = message_for(user, ref)
    return message, likes_of([message.id]).get(message.id, NOBODY)


@dataclass(frozen=True)
class StatusFacts:
    """What a message is by now; UUIDs of who has read it, in that order; when all that changed."""

    message: MessageFacts
    read_by: list[str]
    updated_at: str


def status_of(user: User, ref: Ref) -> StatusFacts:
    """The status of a message that `user` may see. NotFound for any other."""
    facts = facts_of(message_for(user, ref))
    receipts = receipts_of([facts.id])[facts.id]
    times = [facts.created_at, facts.edited_at, facts.deleted_at, *(at for _, _, at in receipts)]
    return StatusFacts(
        message=facts,
        read_by=[uuid for _, uuid, _ in receipts],
        updated_at=max((time for time in times if time), key=datetime.fromisoformat),
    )


# --- receipts --------------------------------------------------------------------------------

# For each message (user id, user UUID, time) of all who have read it, first readers first.
Receipts = dict[int, list[tuple[int, str, str]]]


def receipts_of(message_ids: Iterable[int]) -> Receipts:
    """The receipts of these messages. One query."""
    found: dict[int, list[tuple[int, str, str]]] = defaultdict(list)
    rows = Receipt.objects.filter(message_id__in=set(message_ids)).order_by("id")
    for message_id, user_id, uuid, read_at in rows.values_list(
        "message_id", "user_id", "user__uuid", "read_at"
    ):
        found[message_id].append((user_id, str(uuid), iso(read_at)))
    return found


def waiting_for(messages: Iterable[Message], receipts: Receipts) -> dict[int, int]:
    """
    For each message how many members it still waits for: those who were in the chat when it came,
    are in it now, did not write it and have no receipt among `receipts`. One query.
    """
    messages = list(messages)
    members: dict[int, list[tuple[int, int]]] = defaultdict(list)
    rows = Membership.objects.filter(chat_id__in={message.chat_id for message in messages})
    for chat_id, user_id, joined in rows.values_list("chat_id", "user_id", "joined_position"):
        members[chat_id].append((user_id, joined))
    waiting: dict[int, int] = {}
    for message in messages:
        readers = {reader[0] for reader in receipts.get(message.id, ())}
        waiting[message.id] = sum(
            joined < message.position and user_id != message.author_id and user_id not in readers
            for user_id, joined in members[message.chat_id]
        )
    return waiting


def facts_of(message: Message) -> MessageFacts:
    """The facts of a message that was loaded with its chat, its author and what it replies to."""
    chat_uuid, author_uuid = message.chat.uuid, message.author.uuid if message.author else None
    return facts_in(
        (
            message.id,
            message.uuid,
            message.chat_id,
            chat_uuid,
            message.author_id,
            author_uuid,
            message.position,
            message.seq,
            message.type,
            message.content,
            message.payload,
            message.reply_to_id,
            message.reply_to.uuid if message.reply_to else None,
            message.status,
            message.created_at,
            message.edited_at,
            message.deleted_at,
            message.first_read_at,
        )
    )


def facts_in(row: tuple[Any, ...]) -> MessageFacts:
    """The facts in a row of the columns FACTS."""
    id, uuid, chat_id, chat_uuid, author_id, author_uuid, position, seq = row[:8]
    type, content, payload, reply_to_id, reply_to_uuid, status = row[8:14]
    created_at, edited_at, deleted_at, first_read_at = row[14:]
    facts = MessageFacts.__new__(MessageFacts)
    # The __init__ of a frozen dataclass sets each field by a call of its own: a tenth of a page.
    facts.__dict__.update(
        id=id,
        uuid=str(uuid),
        chat_id=chat_id,
        chat_uuid=str(chat_uuid),
        author_id=author_id,
        author_uuid=str(author_uuid) if author_uuid else None,
        position=position,
        seq=seq,
        type=type,
        content=content,
        payload=payload,
        reply_to_id=reply_to_id,
        reply_to_uuid=str(reply_to_uuid) if reply_to_uuid else None,
        status=status,
        created_at=iso(created_at),
        edited_at=iso(edited_at) if edited_at else None,
        deleted_at=iso(deleted_at) if deleted_at else None,
        first_read_at=iso(first_read_at) if first_read_at else None,
    )
    return facts


@rebuilds(
    events.MessageSent,
    events.MessageEdited,
    events.MessageDeleted,
    events.MessageRead,
    events.ReactionAdded,
    events.ReactionRemoved,
)
def _rebuild(entries: list[LogEntry], base: dict[int, dict[str, Any]]) -> list[ChatEvent]:
    ids = {entry.message_id for entry in entries if entry.message_id is not None}
    messages = {
        facts.id: facts for facts in message_facts(Message.objects.filter(id__in=list(ids)))
    }
    touched = [
        entry.message_id
        for entry in entries
        if entry.kind in ("message_edited", "message_read") and entry.message_id is not None
    ]
    reacted = {entry.message_id for entry in entries if entry.kind.startswith("reaction_")}
    likes = likes_of(id for id in reacted if id is not None) if reacted else {}
    receipts = receipts_of(touched)
    waiting = waiting_for(Message.objects.filter(id__in=touched), receipts) if touched else {}
    rebuilt: list[ChatEvent] = []
    for entry in entries:
        assert entry.message_id is not None
        common = {**base[entry.seq], "message": messages[entry.message_id]}
        kept = entry.facts or {}
        readers = receipts[entry.message_id]
        match entry.kind:
            case events.MessageSent.kind:
                rebuilt.append(events.MessageSent(**common, **kept))
            case events.MessageEdited.kind:
                rebuilt.append(
                    events.MessageEdited(
                        **common,
                        readers=[reader[0] for reader in readers],
                        read_by_all=bool(readers) and not waiting[entry.message_id],
                    )
                )
            case events.MessageDeleted.kind:
                rebuilt.append(events.MessageDeleted(**common))
            case events.MessageRead.kind:
                rebuilt.append(
                    events.MessageRead(
                        **common,
                        **kept,
                        read_by=[reader[1] for reader in readers],
                        first_read_at=readers[0][2] if readers else common["created_at"],
                    )
                )
            case events.ReactionAdded.kind:
                now = likes.get(entry.message_id, NOBODY) if kept["emoji"] == LIKE else None
                rebuilt.append(events.ReactionAdded(**common, **kept, likes=now))
            case events.ReactionRemoved.kind:
                now = likes.get(entry.message_id, NOBODY) if kept["emoji"] == LIKE else None
                rebuilt.append(events.ReactionRemoved(**common, **kept, likes=now))
    return rebuilt
