"""
Messages that a rule held back: kept until a moderator lets them through or refuses them.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from messaging.models import Message
from messaging.services import send_message
from messenger.errors import (
    Banned,
    Conflict,
    MessengerError,
    Muted,
    NotFound,
    SlowMode,
    Unavailable,
    Undeliverable,
)
from messenger.screening import Held, Known
from messenger.texts import Sentence
from moderation import reports
from moderation.models import WaitingMessage

State = WaitingMessage.State

# Why a message can't be sent any more, as its moderator is told.
WHY: list[tuple[type[MessengerError], Sentence]] = [
    (Banned, _("The author is banned or gone: the message can't be sent.")),
    (Muted, _("The author is muted: the message can't be sent for now.")),
    (Undeliverable, _("The other person gets nothing from the author any more.")),
    (SlowMode, _("The author wrote a moment ago, and the chat is in slow mode. Try again.")),
    (NotFound, _("The author has left the chat, or it is gone: the message can't be sent.")),
]


def hold(messages: Sequence[Held]) -> None:
    """Keep these, with a case for each, in the transaction of their sending."""
    for one in messages:
        command = one.command
        kept = WaitingMessage.objects.create(
            author_id=command.author_id,
            chat_id=one.chat_id,
            type=command.type,
            content=command.content,
            payload=command.payload,
            reply_to_id=one.reply_to_id,
            key=command.key,
            key_digest=one.key_digest,
            fingerprint=one.fingerprint,
        )
        reports.wait(kept, one.verdict.rule_id, one.verdict.matched)


def known(digests: Sequence[UUID]) -> dict[UUID, Known]:
    """
    What is held, or was refused, under these keys. What was let through is a message with that key.
    """
    rows = WaitingMessage.objects.filter(key_digest__in=digests).exclude(state=State.RELEASED)
    return {
        digest: Known(fingerprint, refused=state == State.REFUSED)
        for digest, fingerprint, state in rows.values_list("key_digest", "fingerprint", "state")
        if digest is not None
    }


def count(author_ids: Collection[int]) -> dict[int, int]:
    """How many messages of these people wait, of those of whom any does."""
    rows = WaitingMessage.objects.filter(author_id__in=author_ids, state=State.WAITING)
    return dict(rows.values_list("author_id").annotate(number=Count("id")))


def release_message(moderator: User, waiting: WaitingMessage) -> None:
    """
    Send it in its author's name, also after it was refused. Conflict, with the reason, if it can't
    be sent any more or was let through already: then nothing has happened.
    """
    with transaction.atomic():
        found = _locked(waiting)
        if found.state == State.RELEASED:
            raise Conflict(_("This message was let through already."))
        if found.content is None and found.payload is None:
            raise Conflict(_("What the message said is not kept any more."))
        # First: until then its key is that of a message that waits.
        found.state = State.RELEASED
        found.save(update_fields=["state"])
        try:
            send_message(
                found.author,
                chat=found.chat_id,
                content=found.content,
                type=found.type,
                payload=found.payload,
                reply_to=found.reply_to_id,
                key=found.key,
                judged=False,
            )
        except Unavailable:
            raise
        except MessengerError as error:
            why = next((sentence for kind, sentence in WHY if isinstance(error, kind)), None)
            raise Conflict(why or error.detail) from None
    waiting.state = found.state


def refuse_message(moderator: User, waiting: WaitingMessage) -> None:
    """
    Not send it; sent again under its key it is refused at once. What it says is kept as evidence.
    Conflict if it does not wait any more.
    """
    with transaction.atomic():
        found = _locked(waiting)
        if found.state != State.WAITING:
            raise Conflict(_("This message does not wait any more."))
        if found.key_digest and Message.objects.filter(key_digest=found.key_digest).exists():
            # The rule was off for a while, and its author tried again.
            raise Conflict(_("This message was sent meanwhile: let it through, and report it."))
        found.state = State.REFUSED
        found.save(update_fields=["state"])
    waiting.state = found.state


def _locked(waiting: WaitingMessage) -> WaitingMessage:
    rows = WaitingMessage.objects.select_for_update(no_key=True).filter(id=waiting.id)
    if (found := rows.first()) is None:
        raise Conflict(_("This message does not wait any more."))
    return found
