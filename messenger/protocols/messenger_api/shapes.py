"""What the Messenger API's nouns look like."""

from collections.abc import Collection
from typing import Literal, TypedDict

from accounts import models as accounts
from chats.events import ChatFacts
from chats.models import Chat as ChatRow
from chats.models import Membership
from chats.selectors import Overview
from messaging.events import MessageFacts
from messenger.schemas import Time, Uuid
from messenger.times import iso


class User(TypedDict):
    id: int
    username: str
    email: str
    is_active: bool
    created_at: Time


class Me(User):
    uuid: Uuid
    name: str


class Person(TypedDict):
    user_id: int
    username: str


class Message(TypedDict):
    id: int
    text: str | None
    chat_id: int
    author_id: int | None
    created_at: Time
    is_edited: bool


class Chat(TypedDict):
    """
    A chat as its caller sees it: a private one without a name goes by that of the other person.
    """

    id: int
    name: str
    description: str
    is_group: bool
    created_at: Time
    owner_id: int | None
    role: Literal["owner", "member"]
    members_count: int
    unread_count: int
    last_message: Message | None


class Member(TypedDict):
    user_id: int
    username: str
    role: Literal["owner", "member"]
    is_online: bool


class WholeChat(Chat):
    members: list[Member]


def user(user: accounts.User) -> User:
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "is_active": user.is_active,
        "created_at": iso(user.created_at),
    }


def me(person: accounts.User) -> Me:
    return {**user(person), "uuid": str(person.uuid), "name": person.name}


def person(user: accounts.User) -> Person:
    return {"user_id": user.id, "username": user.username}


def chat(
    membership: Membership, overview: Overview, unread: int, last: MessageFacts | None
) -> Chat:
    """`membership` is the caller's, with its `.chat`."""
    chat = membership.chat
    return {
        "id": chat.id,
        "name": chat.name or overview.partner_name or "",
        "description": chat.description,
        "is_group": chat.kind == ChatRow.Kind.GROUP,
        "created_at": iso(chat.created_at),
        "owner_id": overview.owner_id,
        "role": "owner" if membership.role == Membership.Role.OWNER else "member",
        "members_count": overview.members_count,
        "unread_count": unread,
        "last_message": message(last) if last else None,
    }


def members(facts: ChatFacts, online: Collection[int]) -> list[Member]:
    return [
        {
            "user_id": member.user_id,
            "username": member.username,
            "role": "owner" if member.role == Membership.Role.OWNER else "member",
            "is_online": member.user_id in online,
        }
        for member in facts.members
    ]


def message(facts: MessageFacts) -> Message:
    return {
        "id": facts.id,
        "text": facts.content,
        "chat_id": facts.chat_id,
        "author_id": facts.author_id,
        "created_at": facts.created_at,
        "is_edited": facts.edited_at is not None,
    }
