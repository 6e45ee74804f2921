"""Reading messages, history, receipts and what is unread."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet, Subquery

from accounts.models import User
from chats.models import Chat, LogEntry, Membership
from chats.selectors import rebuilds
from messaging import events
from messaging.events import MessageFacts
from messaging.models import Message, Reaction, ReadRange, Receipt
from messenger.errors import NotFound
from messenger.events import ChatEvent
from messenger.ids import Ref, lookup
from messenger.prepared import Prepared
from messenger.times import iso

# Messages in a list of what is unread, and characters of text in them all together.
UNREAD_LIST = 1000
UNREAD_TEXT = 512 * 1024

FACTS = (
    "id",
    "uuid",
    "chat_id",
    "chat__uuid",
    "author_id",
    "author__uuid",
    "position",
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
    return [_facts(row) for row in messages.values_list(*FACTS)]


@dataclass(frozen=True)
class Page:
    """A page of history, newest first, and whether older messages follow it."""

    messages: list[MessageFacts]
    has_more: bool


def history(chat_id: int, *, limit: int = 50, before: Ref | None = None) -> Page:
    """
    The `limit` newest messages of a chat, or the newest older than the message `before`. Positions
    have no gaps, so a page is a range of them: the deepest costs what the first does, whatever the
    database knows about the table. NotFound if `before` is not in the chat.
    """
    if before is None:
        rows = _page(limit, None).rows(chat_id)
    else:
        rows = _page(limit, type(before)).rows(chat_id, before)  # type: ignore[arg-type]
        if not rows and not Message.objects.filter(chat_id=chat_id, **lookup(before)).exists():
            raise NotFound
    messages = [_facts(row) for row in rows]
    return Page(messages, has_more=bool(messages) and messages[-1].position > 1)


@cache
def _page(limit: int, ref: type | None) -> Prepared:
    def build(chat_id: int, before: Ref | None = None) -> QuerySet[Message, Any]:
        if before is None:
            end = Subquery(Chat.objects.filter(id=chat_id).values(end=F("last_position") + 1))
        else:
            mark = Message.objects.filter(chat_id=chat_id, **lookup(before))
            end = Subquery(mark.values("position"))
        page = Message.objects.filter(chat_id=chat_id, position__lt=end, position__gte=end - limit)
        return page.order_by("-position").values_list(*FACTS)

    return Prepared(build, int) if ref is None else Prepared(build, int, ref)


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


# --- what is unread --------------------------------------------------------------------------

# What lies between the read position and the last message, less what has been read there, less
# what needs no reading: one's own messages and deleted ones. Positions have no gaps, so nothing
# is counted that is merely unread, and a chat of 100,000 messages costs what one of 100 does.
COUNT = """
SELECT m.chat_id, c.last_position - m.read_position
  - COALESCE((SELECT SUM(r.last - r.first + 1) FROM messaging_readrange r
              WHERE r.membership_id = m.id), 0)
  - (SELECT COUNT(*) FROM messaging_message x
     WHERE x.author_id = m.user_id AND x.chat_id = m.chat_id AND x.position > m.read_position
       AND NOT EXISTS (SELECT 1 FROM messaging_readrange r WHERE r.membership_id = m.id
                       AND x.position BETWEEN r.first AND r.last))
  - (SELECT COUNT(*) FROM messaging_message x
     WHERE x.chat_id = m.chat_id AND x.position > m.read_position AND x.deleted_at IS NOT NULL
       AND (x.author_id IS NULL OR x.author_id <> m.user_id)
       AND NOT EXISTS (SELECT 1 FROM messaging_readrange r WHERE r.membership_id = m.id
                       AND x.position BETWEEN r.first AND r.last))
FROM chats_membership m JOIN chats_chat c ON c.id = m.chat_id
WHERE m.user_id = %s AND c.deleted_at IS NULL
"""


def unread_counts(user: User) -> dict[int, int]:
    """How many messages wait for `user` in each of their chats, by chat id. One query."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [user.id])
        return {chat_id: int(count) for chat_id, count in cursor.fetchall()}


@dataclass(frozen=True)
class Unread:
    """
    What waits for a person: messages, oldest first, whether there are more, and `places`: all the
    person's chats, each with the `seq` up to which this is what has happened there.
    """

    messages: list[MessageFacts]
    truncated: bool
    places: dict[int, int]


def unread_messages(user: User, *, limit: int = UNREAD_LIST) -> Unread:
    """
    The messages that wait for `user` in all their chats, no more than `limit`. Looks only into the
    gaps between what has been read, so what has been read costs nothing.
    """
    memberships = Membership.objects.filter(user_id=user.id, chat__deleted_at=None)
    rows = memberships.values_list(
        "id", "chat_id", "read_position", "chat__last_position", "chat__last_seq"
    )
    places: dict[int, int] = {}
    behind: list[tuple[int, int, int, int]] = []
    for id, chat_id, read, last, seq in rows:
        places[chat_id] = seq
        if read < last:
            behind.append((id, chat_id, read, last))
    ids = _ids_in(_gaps(behind), user, limit)
    listed = message_facts(Message.objects.filter(id__in=ids[:limit]).order_by("id")) if ids else []
    text = 0
    for number, facts in enumerate(listed):
        text += len(facts.content or "")
        if text > UNREAD_TEXT:
            return Unread(listed[:number], truncated=True, places=places)
    return Unread(listed, truncated=len(ids) > limit, places=places)


def _ids_in(gaps: Iterable[tuple[int, int, int]], user: User, limit: int) -> list[int]:
    """Ids of the oldest messages in the gaps that `user` did not write, one more than `limit`."""
    ids: list[int] = []
    by_chat: dict[int, int] = defaultdict(int)
    waiting = iter(gaps)
    while chunk := list(islice(waiting, 100)):
        # A chat that has given enough gives nothing more: its later gaps hold later messages.
        wanted = [gap for gap in chunk if by_chat[gap[0]] <= limit]
        # Each part with a limit of its own, so that a long gap is not read to its end.
        part = (
            "SELECT * FROM (SELECT id, chat_id FROM messaging_message"
            " WHERE chat_id = %s AND position BETWEEN %s AND %s AND deleted_at IS NULL"
            " AND (author_id IS NULL OR author_id <> %s) ORDER BY position LIMIT %s) AS gap"
        )
        if not wanted:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                " UNION ALL ".join([part] * len(wanted)),
                [value for gap in wanted for value in (*gap, user.id, limit + 1)],
            )
            for id, chat_id in cursor.fetchall():
                ids.append(id)
                by_chat[chat_id] += 1
    return sorted(ids)


def _gaps(behind: list[tuple[int, int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """
    (chat id, first, last) of each stretch of positions that has not been read, from (membership
    id, chat id, read position, last position) of the memberships that are behind.
    """
    ranges: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if behind:
        rows = ReadRange.objects.filter(membership_id__in=[row[0] for row in behind])
        for membership_id, first, last in rows.order_by("first").values_list(
            "membership_id", "first", "last"
        ):
            ranges[membership_id].append((first, last))
    for id, chat_id, read, end in behind:
        for first, last in ranges[id]:
            if read + 1 < first:
                yield chat_id, read + 1, first - 1
            read = last
        if read < end:
            yield chat_id, read + 1, end


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
    return _facts(
        (
            message.id,
            message.uuid,
            message.chat_id,
            chat_uuid,
            message.author_id,
            author_uuid,
            message.position,
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


def _facts(row: tuple[Any, ...]) -> MessageFacts:
    (id, uuid, chat_id, chat_uuid, author_id, author_uuid, position, type, content, payload) = row[
        :10
    ]
    reply_to_id, created_at, edited_at, deleted_at, first_read_at = row[10:]
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
                rebuilt.append(events.MessageSent(**common))
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
