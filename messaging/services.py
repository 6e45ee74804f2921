"""
What can be done with messages: send, read, edit, delete, react.

Sending and reading come in batches, because one transaction for many costs little more than one
for each; a single one is a batch of one. They are in `messaging.sending` and `messaging.reading`.
"""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chats.changes import Changes, changes_to
from chats.models import Chat, Membership
from messaging import content as contents
from messaging import emoji as emojis
from messaging import selectors
from messaging.events import (
    Likes,
    MessageDeleted,
    MessageEdited,
    MessageFacts,
    ReactionAdded,
    ReactionRemoved,
)
from messaging.models import Message, Reaction, Revision
from messaging.permits import must_be_let
from messaging.read_up_to import read_up_to
from messaging.reading import Read, ReadMessage, read_message, read_messages
from messaging.sending import SendMessage, Sent, send_message, send_messages
from messaging.status import AFTER_DELETION, AFTER_EDITING, after_restoring
from messenger.errors import ContentRejected, Forbidden, NotFound
from messenger.ids import Ref, lookup
from messenger.screening import Flagged, screen, strictest
from messenger.texts import counted

__all__ = [
    "Read",
    "ReadMessage",
    "SendMessage",
    "Sent",
    "add_reaction",
    "delete_message",
    "delete_messages",
    "edit_message",
    "like_message",
    "read_message",
    "read_messages",
    "read_up_to",
    "remove_reaction",
    "restore_message",
    "send_message",
    "send_messages",
    "unlike_message",
]


# Different emoji on one message.
MAX_EMOJI = 50
# Earlier texts that are kept of one message.
MAX_REVISIONS = 50


def edit_message(
    author: User, *, message: Ref, content: str, origin: str | None = None
) -> MessageFacts:
    """
    The author changes the text. The same text again: nothing happens. Forbidden for anybody else,
    NotFound for a message that is deleted or not theirs to see; as for sending, where nothing can
    wait: ContentRejected for what a rule would hold back.
    """
    contents.check(content=content)
    verdicts = screen().judge(content)
    found = selectors.message_for(author, message)
    with changes_to(found.chat_id) as changes:
        row = _changeable(author, found, changes)
        must_be_let(author, row.chat_id, found.chat.pair)
        if row.author_id != author.id:
            raise Forbidden(_("Only its author edits a message."))
        if row.content == content:
            return _facts_now(row.id)
        against = strictest(verdicts, private=found.chat.kind == Chat.Kind.PRIVATE)
        if against is not None and against.mode != "flag":
            raise ContentRejected
        _keep_revision(row, changes)
        Message.objects.filter(id=row.id).update(
            content=content, edited_at=changes.now, status=AFTER_EDITING
        )
        facts = _record_edit(changes, row, actor_id=author.id, origin=origin)
        if against is not None:
            screen().flagged([Flagged(row.id, author.id, row.chat_id, against)])
        return facts


def _record_edit(
    changes: Changes, row: Message, *, actor_id: int | None, origin: str | None = None
) -> MessageFacts:
    receipts = selectors.receipts_of([row.id])
    facts = _facts_now(row.id)
    changes.record(
        MessageEdited,
        changes.chats[row.chat_id],
        actor_id=actor_id,
        message_id=row.id,
        origin=origin,
        message=facts,
        readers=[reader[0] for reader in receipts[row.id]],
        read_by_all=bool(receipts[row.id]) and not selectors.waiting_for([row], receipts)[row.id],
    )
    return facts


def _keep_revision(message: Message, changes: Changes) -> None:
    """What it said before. Of very many, the first and the latest stay."""
    Revision.objects.create(message=message, content=message.content, replaced_at=changes.now)
    revisions = Revision.objects.filter(message=message)
    ids = list(revisions.order_by("-id").values_list("id", flat=True))
    if len(ids) > MAX_REVISIONS:
        revisions.filter(id__in=ids[MAX_REVISIONS - 1 : -1]).delete()


def delete_message(
    actor: User | None, *, message: Message | Ref, origin: str | None = None
) -> None:
    """
    Its author, the owner of the group or a moderator (`actor` None) deletes a message: the row
    stays, the content goes. Again: nothing happens, and nobody is told twice.
    """
    if not isinstance(message, Message):
        if actor is not None:
            message = selectors.message_for(actor, message)
        elif found := Message.objects.select_related("chat").filter(**lookup(message)).first():
            message = found
        else:
            raise NotFound
    with changes_to(message.chat_id) as changes:
        if message.chat_id not in changes.chats:
            raise NotFound
        row = Message.objects.get(id=message.id)
        if actor is not None:
            members = Membership.objects.filter(chat_id=row.chat_id, user_id=actor.id)
            role = members.values_list("role", flat=True).first()
            if role is None:
                raise NotFound
            owns = role == Membership.Role.OWNER and message.chat.kind == Chat.Kind.GROUP
            if row.author_id != actor.id and not owns:
                wrong = _("Only its author or the owner of the group deletes a message.")
                raise Forbidden(wrong)
        if row.deleted_at is not None:
            return
        _delete(changes, row.chat_id, [row.id], actor_id=actor.id if actor else None, origin=origin)


def delete_messages(chat_id: int, message_ids: Sequence[int]) -> None:
    """
    Delete these messages of a chat in one transaction, as a moderator's `delete_message` does one.
    NotFound if the chat is gone.
    """
    with changes_to(chat_id) as changes:
        if chat_id not in changes.chats:
            raise NotFound
        there = Message.objects.filter(id__in=message_ids, chat_id=chat_id, deleted_at=None)
        _delete(changes, chat_id, list(there.values_list("id", flat=True)))


def _delete(
    changes: Changes,
    chat_id: int,
    message_ids: list[int],
    *,
    actor_id: int | None = None,
    origin: str | None = None,
) -> None:
    rows = Message.objects.filter(id__in=message_ids)
    rows.update(content=None, payload=None, deleted_at=changes.now, status=AFTER_DELETION)
    Revision.objects.filter(message_id__in=message_ids).delete()
    for facts in selectors.message_facts(rows.order_by("position")):
        changes.record(
            MessageDeleted,
            changes.chats[chat_id],
            actor_id=actor_id,
            message_id=facts.id,
            origin=origin,
            message=facts,
        )


def restore_message(message: Message, *, content: str | None, payload: Any) -> None:
    """
    A moderator takes the removal of a message back: it says again what it said. NotFound if its
    chat is gone. Where it is not deleted, nothing happens.
    """
    with changes_to(message.chat_id) as changes:
        if message.chat_id not in changes.chats:
            raise NotFound
        row = Message.objects.filter(id=message.id, deleted_at__isnull=False).first()
        if row is None:
            return
        row.content, row.payload, row.deleted_at = content, payload, None
        row.status = after_restoring(edited=bool(row.edited_at), read=bool(row.first_read_at))
        row.save(update_fields=["content", "payload", "deleted_at", "status"])
        _record_edit(changes, row, actor_id=None)


def add_reaction(user: User, *, message: Ref, emoji: str) -> tuple[Reaction, bool]:
    """
    Put an emoji on a message: the reaction, and whether it is new. Invalid for what is no emoji,
    Forbidden for one more than a message can carry.
    """
    emoji = emojis.check(emoji)
    found = selectors.message_for(user, message)
    with changes_to(found.chat_id) as changes:
        row = _changeable(user, found, changes)
        must_be_let(user, row.chat_id, found.chat.pair)
        others = Reaction.objects.filter(message_id=row.id)
        existing = others.filter(emoji=emoji)
        if not existing.exists() and others.values("emoji").distinct().count() >= MAX_EMOJI:
            raise Forbidden(
                counted(
                    "A message carries no more than {number} emoji.",
                    "A message carries no more than {number} different emoji.",
                    MAX_EMOJI,
                )
            )
        reaction, created = Reaction.objects.get_or_create(
            message_id=row.id,
            user_id=user.id,
            emoji=emoji,
            # Of the event, too: both say when it was.
            defaults={"created_at": changes.now},
        )
        if created:
            facts = {**_reaction_facts(user, emoji), "reaction_id": reaction.id}
            changes.record(
                ReactionAdded,
                changes.chats[row.chat_id],
                actor_id=user.id,
                message_id=row.id,
                log_facts=facts,
                message=_facts_now(row.id),
                likes=_likes_now(row.id, emoji),
                **facts,
            )
        return reaction, created


def remove_reaction(user: User, *, message: Ref, emoji: str) -> bool:
    """Take one's emoji off a message; whether it was there."""
    found = selectors.message_for(user, message)
    one = emojis.qualified(emoji)
    if one is None:
        return False
    with changes_to(found.chat_id) as changes:
        row = _changeable(user, found, changes)
        removed, _rows = Reaction.objects.filter(
            message_id=row.id, user_id=user.id, emoji=one
        ).delete()
        if removed:
            facts = _reaction_facts(user, one)
            changes.record(
                ReactionRemoved,
                changes.chats[row.chat_id],
                actor_id=user.id,
                message_id=row.id,
                log_facts=facts,
                message=_facts_now(row.id),
                likes=_likes_now(row.id, one),
                **facts,
            )
        return bool(removed)


def like_message(user: User, *, message: Ref) -> tuple[Message, Likes]:
    """Put a like on a message: that message, and who likes it then. Again: nothing happens."""
    # One transaction, so that nobody is taken out of the chat before the answer is found.
    with transaction.atomic():
        add_reaction(user, message=message, emoji=emojis.LIKE)
        return selectors.likes_for(user, message)


def unlike_message(user: User, *, message: Ref) -> tuple[Message, Likes]:
    """Take one's like off a message. Where there is none, nothing happens."""
    with transaction.atomic():
        remove_reaction(user, message=message, emoji=emojis.LIKE)
        return selectors.likes_for(user, message)


def _reaction_facts(user: User, emoji: str) -> dict[str, Any]:
    return {"user_id": user.id, "user_uuid": str(user.uuid), "emoji": emoji}


def _likes_now(message_id: int, emoji: str) -> Likes | None:
    if emoji != emojis.LIKE:
        return None
    return selectors.likes_of([message_id]).get(message_id, selectors.NOBODY)


def _changeable(user: User, message: Message, changes: Changes) -> Message:
    """The message as it is under the lock. NotFound if it, its chat or the membership is gone."""
    still_member = Membership.objects.filter(chat_id=message.chat_id, user_id=user.id).exists()
    row = Message.objects.filter(id=message.id, deleted_at=None).first()
    if message.chat_id not in changes.chats or not still_member or row is None:
        raise NotFound
    return row


def _facts_now(message_id: int) -> MessageFacts:
    [facts] = selectors.message_facts(Message.objects.filter(id=message_id))
    return facts
