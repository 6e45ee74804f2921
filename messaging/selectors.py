"""Reading messages, receipts and reactions. Pages: `history.py`; what waits: `unread.py`."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from chats.models import LogEntry, Membership
from chats.selectors import rebuilds
from messaging import events
from messaging.events import MessageFacts
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
    "created_at",
    "edited_at",
    "deleted_at",
    "first_read_at",
)


def message_for(user: User, ref: Ref) -> Message:
    """
    The only door to a message: one in a chat that `user` is in. NotFound if there is no such
    message or it is not theirs to see: the same answer.
    """
    try:
        return Message.objects.select_related("chat").get(
            chat__memberships__user_id=user.id, chat__deleted_at=None, **lookup(ref)
        )
    except Message.DoesNotExist:
        raise NotFound from None


def message_facts(messages: QuerySet[Message]) -> list[MessageFacts]:
    """The facts of these messages in their order. One query."""
    return [facts_in(row) for row in messages.values_list(*FACTS)]


def reactions_to(message_ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """By message, oldest first: {id, message_id, user_id, emoji, created_at}. One query."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    ids = list(message_ids)
    for row in _reactions(len(ids)).rows(*ids) if ids else ():
        found[row[1]].append(dict(zip(REACTION, row, strict=True)))
    return found


REACTION = ("id", "message_id", "user_id", "emoji", "created_at")


@cache
def _reactions(count: int) -> Prepared:
    return Prepared(
        lambda *ids: (
            Reaction.objects.filter(message_id__in=ids).order_by("id").values_list(*REACTION)
        ),
        *[int] * count,
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
    """The facts of a message that was loaded with its chat and its author."""
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
            message.created_at,
            message.edited_at,
            message.deleted_at,
            message.first_read_at,
        )
    )


def facts_in(row: tuple[Any, ...]) -> MessageFacts:
    """The facts in a row of the columns FACTS."""
    id, uuid, chat_id, chat_uuid, author_id, author_uuid, position, seq = row[:8]
    type, content, payload, reply_to_id, created_at, edited_at, deleted_at, first_read_at = row[8:]
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
        created_at=iso(created_at),
        edited_at=iso(edited_at) if edited_at else None,
        deleted_at=iso(deleted_at) if deleted_at else None,
        is_read=first_read_at is not None,
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
                rebuilt.append(events.ReactionAdded(**common, **kept))
            case events.ReactionRemoved.kind:
                rebuilt.append(events.ReactionRemoved(**common, **kept))
    return rebuilt
