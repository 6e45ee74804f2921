"""What the mini-app's nouns look like."""

from typing import Any

from accounts.models import User
from accounts.tokens import TokenPair
from chats.events import ChatFacts
from messaging.events import MessageFacts
from messenger.protocols import accounts


def user(user: User) -> dict[str, Any]:
    return {"user_uuid": str(user.uuid), "name": user.name, "email": user.email}


def tokens(pair: TokenPair) -> dict[str, Any]:
    return {"token": pair.access, **accounts.tokens(pair)}


def chat(facts: ChatFacts) -> dict[str, Any]:
    return {
        "id": facts.id,
        "uuid": facts.uuid,
        "type": facts.kind,
        "name": facts.name,
        "user_ids": [member.user_uuid for member in facts.members],
        "created_at": facts.created_at,
    }


def message(facts: MessageFacts, *, read: bool) -> dict[str, Any]:
    """`read`: to its author, by all other members; to anybody else, by themselves."""
    return {
        "id": facts.id,
        "chat_id": facts.chat_id,
        "sender_uuid": facts.author_uuid,
        "text": facts.content,
        "timestamp": facts.created_at,
        "read_status": "read" if read else "unread",
    }
