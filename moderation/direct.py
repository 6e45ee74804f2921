"""
What a moderator does without a report: to chats, and at once to a message or a person. What
concerns a person is a case and a decision as any other, so that they are told and can appeal.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import unban
from chats import services as chats
from chats.models import Chat
from messaging.models import Message
from messenger.errors import Conflict, Forbidden, Invalid
from moderation import evidence
from moderation.audit import record
from moderation.cases import locked_person, open_case, start
from moderation.decisions import decide, undo
from moderation.models import Case, Decision
from moderation.openings import may_read
from moderation.powers import must, must_outrank
from moderation.words import LEAST, checked_reason


def close_chat(moderator: User, chat: Chat, *, reason: str) -> None:
    """Close a chat for everybody in it. NotFound if it is closed."""
    must(moderator, "chats.change_chat")
    reason = checked_reason(reason, least=LEAST)
    with transaction.atomic():
        chats.delete_chat(None, chat)
        record(moderator, "chat.closed", chat, reason=reason)
    chat.refresh_from_db()


def reopen_chat(moderator: User, chat: Chat, *, reason: str) -> None:
    """
    Give a deleted chat back to its members. Conflict if it is open, or if the two of a private chat
    have another one by now.
    """
    must(moderator, "chats.change_chat")
    reason = checked_reason(reason, least=LEAST)
    with transaction.atomic():
        locked = Chat.objects.select_for_update(no_key=True).get(id=chat.id)
        if locked.deleted_at is None:
            raise Conflict(_("This chat is open."))
        chats.restore_chat(locked)
        record(moderator, "chat.reopened", chat, reason=reason)
    chat.refresh_from_db()


def slow_chat(moderator: User, chat: Chat, *, seconds: int, reason: str) -> None:
    """Let its members write only every so many seconds, but for its owners; 0 for no limit."""
    must(moderator, "chats.change_chat")
    reason = checked_reason(reason, least=LEAST)
    with transaction.atomic():
        chats.set_slow_mode(chat, seconds)
        record(moderator, "chat.slowed", chat, reason=reason, seconds=seconds)
    chat.refresh_from_db()


def remove_message(moderator: User, message: Message, *, reason: str) -> list[Decision]:
    """
    Remove a message of a chat that this moderator has opened. Conflict if somebody else has a case
    about it, Forbidden for a chat that is not opened.
    """
    must(moderator, "moderation.handle_case")
    must(moderator, "messaging.view_message")
    if not may_read(moderator, message.chat_id):
        raise Forbidden(_("Open the chat first."))
    reason = checked_reason(reason, least=LEAST)
    if message.deleted_at is not None:
        raise Conflict(_("This message is deleted already."))
    if message.author is None or message.author.is_service:
        raise Invalid.field("message", _("this message is of the service itself"))
    about = Case(kind=Case.Kind.MESSAGE, person=message.author, message=message, chat=message.chat)
    with transaction.atomic():
        case = start(moderator, about, evidence.of_message(message), reason)
        return decide(moderator, case, action=Decision.Action.REMOVE, reason=reason)


def ban_person(
    moderator: User, user: User, *, reason: str, until: datetime | None = None
) -> list[Decision]:
    """Ban a person about whom nobody else has an open case. As `decide` otherwise."""
    must(moderator, "moderation.ban_person")
    reason = checked_reason(reason, least=LEAST)
    with transaction.atomic():
        case = open_case(moderator, user=user, reason=reason)
        return decide(moderator, case, action=Decision.Action.BAN, reason=reason, until=until)


def unban_person(moderator: User, user: User, *, reason: str) -> None:
    """Let a person in again: all their bans are undone. Where there is none, nothing happens."""
    must(moderator, "moderation.ban_person")
    reason = checked_reason(reason, least=LEAST)
    with transaction.atomic():
        bans = Decision.objects.filter(person=user, action=Decision.Action.BAN, undone_at=None)
        # All of them before the person and the end of the audit log, which undoing each locks.
        cases = Case.objects.filter(id__in=bans.values("case_id")).order_by("id")
        list(cases.select_for_update(no_key=True))
        locked_person(user.id)
        for decision in bans:
            undo(moderator, decision, reason=reason)
        user.refresh_from_db()
        if user.banned_at is not None:
            # By a command, without a decision.
            must_outrank(moderator, user)
            unban(user)
            record(moderator, "user.unbanned", user, reason=reason)
    user.refresh_from_db()
