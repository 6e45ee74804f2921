"""What the mini-app's nouns look like."""

from typing import Literal, TypedDict

from accounts import models as accounts
from accounts.tokens import TokenPair
from chats.events import ChatFacts
from chats.models import Chat as ChatRow
from messaging.events import MessageFacts
from messenger.protocols import accounts as common
from messenger.schemas import Time, Uuid


class User(TypedDict):
    user_uuid: Uuid
    name: str
    email: str


class Tokens(common.Tokens):
    """`token` is the access token."""

    token: str


class Person(TypedDict):
    user_uuid: Uuid
    name: str


class People(TypedDict):
    users: list[Person]


class Chat(TypedDict):
    id: int
    uuid: Uuid
    type: Literal["group", "private"]
    name: str
    user_ids: list[Uuid]
    created_at: Time


class Message(TypedDict):
    """
    `read_status` is "read", to its author, once all other members have read it; to anybody else,
    once they have themselves.
    """

    id: int
    chat_id: int
    sender_uuid: Uuid | None
    text: str | None
    timestamp: Time
    read_status: Literal["read", "unread"]


def user(user: accounts.User) -> User:
    return {"user_uuid": str(user.uuid), "name": user.name, "email": user.email}


def tokens(pair: TokenPair) -> Tokens:
    return {"token": pair.access, **common.tokens(pair)}


def chat(facts: ChatFacts) -> Chat:
    return {
        "id": facts.id,
        "uuid": facts.uuid,
        "type": "group" if facts.kind == ChatRow.Kind.GROUP else "private",
        "name": facts.name,
        "user_ids": [member.user_uuid for member in facts.members],
        "created_at": facts.created_at,
    }


def message(facts: MessageFacts, *, read: bool) -> Message:
    return {
        "id": facts.id,
        "chat_id": facts.chat_id,
        "sender_uuid": facts.author_uuid,
        "text": facts.content,
        "timestamp": facts.created_at,
        "read_status": "read" if read else "unread",
    }
