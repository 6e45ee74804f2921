"""Chats that a moderator reads although nothing in them was reported: for a reason, for an hour."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from chats.models import Chat
from moderation.audit import record
from moderation.models import Opening
from moderation.powers import must
from moderation.words import LEAST, checked_reason

PERMISSION = "moderation.open_chat"
LASTS = timedelta(hours=1)


def open_chat(moderator: User, *, chat: Chat, reason: str) -> Opening:
    """Let this moderator read a chat, also a closed one, from now on for an hour."""
    must(moderator, PERMISSION)
    reason = checked_reason(reason, least=LEAST)
    with transaction.atomic():
        now = timezone.now()
        opening = Opening.objects.create(
            moderator=moderator, chat=chat, reason=reason, opened_at=now, expires_at=now + LASTS
        )
        record(moderator, "chat.opened", chat, reason=reason, opening=opening.id)
    return opening


def may_read(moderator: User, chat_id: int) -> bool:
    """Whether this moderator has opened the chat and may still read it."""
    return chat_id in opened_by(moderator)


def opened_by(moderator: User) -> set[int]:
    """The ids of the chats that this moderator has opened and may still read."""
    if not moderator.has_perm(PERMISSION):
        return set()
    live = Opening.objects.filter(moderator_id=moderator.id, expires_at__gt=timezone.now())
    return set(live.values_list("chat_id", flat=True))
