"""What Chatroulette's nouns look like: ids are UUIDs."""

from typing import Literal, TypedDict

from accounts import models as accounts
from chats.events import ChatFacts, MemberFacts
from chats.models import Chat as ChatRow
from messaging.events import Likes as LikesFacts
from messaging.events import MessageFacts
from messaging.reading import Read
from messaging.selectors import StatusFacts
from messaging.status import Status
from messenger.schemas import Json, Time, Uuid
from messenger.times import iso
from moderation.own import ReportFacts

StatusName = Literal["sent", "delivered", "read", "edited", "deleted"]


class Message(TypedDict):
    """`content` and `payload` are null once it is deleted. Its likes have events of their own."""

    id: Uuid
    chat_id: Uuid
    author_id: Uuid | None
    type: str
    content: str | None
    payload: Json
    reply_to_id: Uuid | None
    status: StatusName
    is_edited: bool
    edited_at: Time | None
    # When somebody other than the author read it first.
    read_at: Time | None
    created_at: Time
    updated_at: Time


class Edited(TypedDict):
    id: Uuid
    content: str | None
    status: StatusName
    is_edited: bool
    edited_at: Time | None


class ReadBy(TypedDict):
    """Who other than its author has read it, in that order, and when the first of them did."""

    message_id: Uuid
    status: StatusName
    read_by: list[Uuid]
    read_at: Time | None


class ReadInWords(ReadBy):
    """`status_text` is for people, in the language of the request."""

    status_text: str


class MessageStatus(ReadInWords):
    is_edited: bool
    edited_at: Time | None
    created_at: Time
    # The latest of all these.
    updated_at: Time


class LikesOf(TypedDict):
    """Who likes it, in the order of their liking, and when the latest of them did."""

    likes_count: int
    liked_by: list[Uuid]
    liked_at: Time | None


class Likes(LikesOf):
    is_liked_by_user: bool


class Liked(LikesOf):
    message_id: Uuid


class LikesNow(Liked):
    """As an event tells: `id` is the message's as well, for who shows it like a message."""

    id: Uuid
    is_liked_by_user: bool


class LikedByMe(Liked):
    is_liked: bool


class ReadUpTo(TypedDict):
    """How many messages were read by it, and how many still wait."""

    chat_id: Uuid
    read: int
    unread_count: int


class Member(TypedDict):
    user_id: Uuid
    username: str
    name: str
    role: Literal["owner", "member"]


class Chat(TypedDict):
    id: Uuid
    type: Literal["group", "private"]
    name: str
    description: str
    is_open: bool
    created_at: Time
    members: list[Member]


class Report(TypedDict):
    """What the caller told the moderators; only its own `id` is a number."""

    id: int
    message_id: Uuid | None
    user_id: Uuid
    chat_id: Uuid | None
    reason: str
    comment: str
    created_at: Time


class Block(TypedDict):
    """A person with whom the caller wants nothing to do."""

    user_id: Uuid
    username: str
    name: str
    created_at: Time


def message(facts: MessageFacts) -> Message:
    return {
        "id": facts.uuid,
        "chat_id": facts.chat_uuid,
        "author_id": facts.author_uuid,
        "type": facts.type,
        "content": facts.content,
        "payload": facts.payload,
        "reply_to_id": facts.reply_to_uuid,
        "status": name(facts.status),
        "is_edited": facts.edited_at is not None,
        "edited_at": facts.edited_at,
        "read_at": facts.first_read_at,
        "created_at": facts.created_at,
        "updated_at": facts.deleted_at or facts.edited_at or facts.created_at,
    }


def name(status: str) -> StatusName:
    return Status(status).value  # type: ignore[return-value]


def text(status: str) -> str:
    """A status for people, in the language that goes at the moment."""
    return str(Status(status).label)


def edited(facts: MessageFacts) -> Edited:
    return {
        "id": facts.uuid,
        "content": facts.content,
        "status": name(facts.status),
        "is_edited": facts.edited_at is not None,
        "edited_at": facts.edited_at,
    }


def read_by(read: Read) -> ReadBy:
    return {
        "message_id": read.message_uuid,
        "status": name(read.status),
        "read_by": list(read.read_by),
        "read_at": read.first_read_at,
    }


def read_in_words(read: Read) -> ReadInWords:
    return {**read_by(read), "status_text": text(read.status)}


def status(facts: StatusFacts) -> MessageStatus:
    message = facts.message
    return {
        "message_id": message.uuid,
        "status": name(message.status),
        "status_text": text(message.status),
        "is_edited": message.edited_at is not None,
        "edited_at": message.edited_at,
        "read_at": message.first_read_at,
        "read_by": facts.read_by,
        "created_at": message.created_at,
        "updated_at": facts.updated_at,
    }


def likes_of(likes: LikesFacts) -> LikesOf:
    by, at = likes.liked_by, likes.liked_at
    return {"likes_count": len(by), "liked_by": by, "liked_at": at}


def liked(message_uuid: str, likes: LikesFacts) -> Liked:
    return {"message_id": message_uuid, **likes_of(likes)}


def member(facts: MemberFacts) -> Member:
    return {
        "user_id": facts.user_uuid,
        "username": facts.username,
        "name": facts.name,
        "role": "owner" if facts.role == "owner" else "member",
    }


def chat(facts: ChatFacts) -> Chat:
    return {
        "id": facts.uuid,
        "type": "group" if facts.kind == ChatRow.Kind.GROUP else "private",
        "name": facts.name,
        "description": facts.description,
        "is_open": facts.is_open,
        "created_at": facts.created_at,
        "members": [member(one) for one in facts.members],
    }


def report(report: ReportFacts) -> Report:
    return {
        "id": report.id,
        "message_id": str(report.message.uuid) if report.message else None,
        "user_id": str(report.person.uuid),
        "chat_id": str(report.chat.uuid) if report.chat else None,
        "reason": report.reason,
        "comment": report.comment,
        "created_at": iso(report.created_at),
    }


def block(block: accounts.Block) -> Block:
    person = block.blocked
    return {
        "user_id": str(person.uuid),
        "username": person.username,
        "name": person.name,
        "created_at": iso(block.created_at),
    }
