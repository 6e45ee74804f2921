"""
What moderators are shown of a case: as it was when it was reported, whatever became of it since.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypedDict

import orjson
from django.db.models import Count, Q

from accounts.models import User
from chats.models import Chat
from messaging.models import Message, Revision
from messenger.times import iso
from moderation.models import Case, Evidence, WaitingMessage

# Messages before and after the one that was reported.
AROUND = 5
# Of a person who was reported: their latest messages in the chat.
LATEST = 10


class PersonSeen(TypedDict):
    """`created_at` is when they signed up; ISO 8601 in UTC, as all times here."""

    id: int
    name: str
    username: str
    created_at: str


class MessageSeen(TypedDict):
    """`payload` is kept of what was reported, and None of what is around it."""

    id: int | None
    author: PersonSeen | None
    type: str
    content: str | None
    payload: Any
    sent_at: str
    edited_at: str | None
    deleted: bool


class RevisionSeen(TypedDict):
    """A text before an edit, and until when it said so."""

    content: str | None
    until: str


class ChatSeen(TypedDict):
    id: int
    kind: str
    name: str
    members: int


class Snapshot(TypedDict):
    """
    `message` is None where a person was reported; `messages` are then their messages in `chat`,
    oldest first. Of a message that waits, which is in no chat yet, there is nothing around it.
    """

    person: PersonSeen
    chat: ChatSeen | None
    message: MessageSeen | None
    revisions: list[RevisionSeen]
    before: list[MessageSeen]
    after: list[MessageSeen]
    messages: list[MessageSeen]


def of_messages(messages: Sequence[Message]) -> dict[int, Snapshot]:
    """By message id, of messages that have an author. Three or four queries, however many."""
    if not messages:
        return {}
    chats = _chats({message.chat_id for message in messages})
    neighbours = _around(messages)
    revisions = _revisions(messages)
    seen: dict[int, Snapshot] = {}
    for message in messages:
        assert message.author is not None
        around = [one for one in neighbours[message.chat_id] if _near(one, message)]
        seen[message.id] = Snapshot(
            person=_person(message.author),
            chat=chats[message.chat_id],
            message=_message(message, payload=message.payload),
            revisions=revisions[message.id],
            before=[_message(one) for one in around if one.position < message.position],
            after=[_message(one) for one in around if one.position > message.position],
            messages=[],
        )
    return seen


def of_message(message: Message) -> Snapshot:
    return of_messages([message])[message.id]


def of_person(person: User, chat: Chat | None) -> Snapshot:
    """A person, with their latest messages where a chat was named."""
    latest: list[Message] = []
    if chat is not None:
        said = Message.objects.filter(chat=chat, author=person).select_related("author")
        latest = list(said.order_by("-position")[:LATEST])[::-1]
    return Snapshot(
        person=_person(person),
        chat=_chats({chat.id})[chat.id] if chat else None,
        message=None,
        revisions=[],
        before=[],
        after=[],
        messages=[_message(one) for one in latest],
    )


def of_waiting(waiting: WaitingMessage) -> Snapshot:
    """A message that a rule held back."""
    return Snapshot(
        person=_person(waiting.author),
        chat=_chats({waiting.chat_id})[waiting.chat_id],
        message=MessageSeen(
            id=None,
            author=_person(waiting.author),
            type=waiting.type,
            content=waiting.content,
            payload=waiting.payload,
            sent_at=iso(waiting.created_at),
            edited_at=None,
            deleted=False,
        ),
        revisions=[],
        before=[],
        after=[],
        messages=[],
    )


def keep(case: Case, snapshot: Snapshot) -> Evidence:
    """Freeze it. What was seen before, in just the same way, is kept once."""
    return Evidence.objects.get_or_create(
        case=case, digest=digest(snapshot), defaults={"content": snapshot}
    )[0]


def digest(snapshot: Snapshot) -> str:
    return hashlib.sha256(orjson.dumps(snapshot, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _near(one: Message, message: Message) -> bool:
    return 0 < abs(one.position - message.position) <= AROUND


def _around(messages: Sequence[Message]) -> dict[int, list[Message]]:
    """By chat, in their order, those near any of these."""
    wanted = Q()
    for message in messages:
        nearby = (message.position - AROUND, message.position + AROUND)
        wanted |= Q(chat_id=message.chat_id, position__range=nearby)
    found: dict[int, list[Message]] = defaultdict(list)
    rows = Message.objects.filter(wanted).select_related("author").defer("payload")
    for one in rows.order_by("position"):
        found[one.chat_id].append(one)
    return found


def _revisions(messages: Sequence[Message]) -> dict[int, list[RevisionSeen]]:
    """Of an edit since the message was read, its text then is no earlier one."""
    edited = {message.id: message.edited_at for message in messages if message.edited_at}
    found: dict[int, list[RevisionSeen]] = defaultdict(list)
    for one in Revision.objects.filter(message_id__in=edited):
        if one.replaced_at <= edited[one.message_id]:
            seen = RevisionSeen(content=one.content, until=iso(one.replaced_at))
            found[one.message_id].append(seen)
    return found


def _chats(ids: set[int]) -> dict[int, ChatSeen]:
    rows = Chat.objects.filter(id__in=ids).annotate(members=Count("memberships"))
    return {row["id"]: ChatSeen(**row) for row in rows.values("id", "kind", "name", "members")}


def _message(message: Message, payload: Any = None) -> MessageSeen:
    return MessageSeen(
        id=message.id,
        author=_person(message.author) if message.author else None,
        type=message.type,
        content=message.content,
        payload=payload,
        sent_at=iso(message.created_at),
        edited_at=iso(message.edited_at) if message.edited_at else None,
        deleted=message.deleted_at is not None,
    )


def _person(person: User) -> PersonSeen:
    return PersonSeen(
        id=person.id,
        name=person.name,
        username=person.username,
        created_at=iso(person.created_at),
    )
