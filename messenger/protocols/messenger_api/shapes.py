"""What the Messenger API's nouns look like."""

from collections.abc import Collection
from typing import Any

from accounts.models import User
from chats.events import ChatFacts
from chats.models import Chat, Membership
from chats.selectors import Overview
from messaging.events import MessageFacts
from messenger.times import iso


def user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "is_active": user.is_active,
        "created_at": iso(user.created_at),
    }


def me(person: User) -> dict[str, Any]:
    return {**user(person), "uuid": str(person.uuid), "name": person.name}


def person(user: User) -> dict[str, Any]:
    return {"user_id": user.id, "username": user.username}


def chat(
    membership: Membership, overview: Overview, unread: int, last: MessageFacts | None
) -> dict[str, Any]:
    """A private chat without a name goes by that of the other person."""
    chat = membership.chat
    return {
        "id": chat.id,
        "name": chat.name or overview.partner_name or "",
        "description": chat.description,
        "is_group": chat.kind == Chat.Kind.GROUP,
        "created_at": iso(chat.created_at),
        "owner_id": overview.owner_id,
        "role": membership.role,
        "members_count": overview.members_count,
        "unread_count": unread,
        "last_message": message(last) if last else None,
    }


def members(facts: ChatFacts, online: Collection[int]) -> list[dict[str, Any]]:
    return [
        {
            "user_id": member.user_id,
            "username": member.username,
            "role": member.role,
            "is_online": member.user_id in online,
        }
        for member in facts.members
    ]


def message(facts: MessageFacts) -> dict[str, Any]:
    return {
        "id": facts.id,
        "text": facts.content,
        "chat_id": facts.chat_id,
        "author_id": facts.author_id,
        "created_at": facts.created_at,
        "is_edited": facts.edited_at is not None,
    }
