"""What the native API's nouns look like."""

from typing import Any

from accounts.models import User
from messaging.events import MessageFacts
from messaging.models import Reaction
from messenger.times import iso


def user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "uuid": user.uuid,
        "username": user.username,
        "name": user.name,
        "email": user.email,
        "is_active": user.is_active,
        "created_at": user.created_at,
    }


def reaction(reaction: Reaction) -> dict[str, Any]:
    return {
        "id": reaction.id,
        "message_id": reaction.message_id,
        "user_id": reaction.user_id,
        "emoji": reaction.emoji,
        "created_at": iso(reaction.created_at),
    }


def message(facts: MessageFacts, reactions: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": facts.id,
        "uuid": facts.uuid,
        "chat_id": facts.chat_id,
        "seq": facts.seq,
        "author_id": facts.author_id,
        "type": facts.type,
        "content": facts.content,
        "payload": facts.payload,
        "status": "read" if facts.is_read else "delivered",
        "ts": facts.created_at,
        "reply_to_id": facts.reply_to_id,
        "is_deleted": facts.deleted_at is not None,
        "deleted_at": facts.deleted_at,
        "updated_at": facts.edited_at,
        "reactions": reactions,
    }
