"""What comes of decisions, and what comes of undoing them; in the caller's transaction."""

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import ban, unban
from chats.changes import changes_to
from chats.mutes import mute
from chats.services import delete_chat, restore_chat
from messaging.models import Message
from messaging.services import delete_message, restore_message
from messenger.errors import Conflict, NotFound
from moderation import evidence
from moderation.models import Case, Decision
from moderation.waiting import refuse_message, release_message


def remove(moderator: User, case: Case) -> datetime:
    """Remove the message of a case; when that was."""
    if case.waiting is not None:
        refuse_message(moderator, case.waiting)
        return timezone.now()
    if case.message is None:
        return timezone.now()
    # Held, so that nobody deletes or edits it in between: only what goes by this comes back.
    with changes_to(case.message.chat_id) as changes:
        message = _message_of(case)
        if message is None or message.deleted_at is not None:
            # Its author was quicker.
            return changes.now
        if not changes.chats:
            raise Conflict(_("The chat of this message is gone."))
        if message.author is not None:
            evidence.keep(case, evidence.of_message(message))
        delete_message(None, message=message)
        message.refresh_from_db()
        assert message.deleted_at is not None
        return message.deleted_at


def bring_message_back(moderator: User, decision: Decision) -> None:
    """What this decision removed, and nobody else, is there again. Conflict where it can't be."""
    case = decision.case
    if case.waiting is not None:
        return release_message(moderator, case.waiting)
    message = _message_of(case)
    if message is None or message.deleted_at != decision.created_at:
        return
    if decision.person.erased_at is not None:
        # Who wanted to be forgotten is not quoted again.
        return
    frozen = [one.content for one in case.evidence.all() if one.content.get("message")]
    if not frozen:
        raise Conflict(_("What the message said is not kept any more."))
    seen = frozen[-1]["message"]
    try:
        restore_message(message, content=seen["content"], payload=seen["payload"])
    except NotFound:
        raise Conflict(_("The chat of this message is gone.")) from None


def shut_chat(case: Case) -> datetime:
    """Close the chat of a case; when that was."""
    assert case.chat is not None
    try:
        delete_chat(None, case.chat)
    except NotFound:
        raise Conflict(_("This chat is gone.")) from None
    case.chat.refresh_from_db()
    assert case.chat.deleted_at is not None
    return case.chat.deleted_at


def bring_chat_back(decision: Decision) -> None:
    """What this decision closed, and nobody else, is open again. Conflict where it can't be."""
    if decision.chat is not None and decision.chat.deleted_at == decision.created_at:
        restore_chat(decision.chat)


def renew_mute(decision: Decision) -> None:
    """The person is muted there for as long as any decision says that stands."""
    ends = [end for end in _ends_like(decision) if end is not None]
    mute(decision.person, chat=decision.chat, until=max(ends, default=None))


def renew_ban(decision: Decision) -> None:
    """The person is banned for as long as any decision says that stands."""
    person, ends = decision.person, _ends_like(decision)
    if person.erased_at is not None:
        return
    if decision.until is not None and person.banned_at and person.banned_until is None:
        # For ever, by another decision or from before there were any: not by this one.
        return
    if ends:
        ban(person, until=None if None in ends else max(end for end in ends if end))
    elif person.banned_at is not None:
        unban(person)


def _ends_like(decision: Decision) -> list[datetime | None]:
    """When the decisions that stand and say the same of the same person and chat end."""
    same = Decision.objects.filter(
        action=decision.action, person=decision.person, chat=decision.chat, undone_at=None
    )
    now = timezone.now()
    return [end for end in same.values_list("until", flat=True) if end is None or end > now]


def _message_of(case: Case) -> Message | None:
    return Message.objects.select_related("author", "chat").filter(id=case.message_id or 0).first()
