"""
What can be done with messages: send, edit, delete, read, react.

Sending and reading come in batches, because one transaction for many costs little more than one
for each; a single one is a batch of one. Sending is here; reading is in `messaging.reading`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from accounts.models import User
from chats.changes import Changes, changes_to
from chats.models import Chat, Membership
from messaging import content as contents
from messaging import selectors
from messaging.events import (
    MessageDeleted,
    MessageEdited,
    MessageFacts,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
)
from messaging.models import Message, Reaction
from messenger.batches import carry_out
from messenger.errors import Banned, Forbidden, KeyReused, MessengerError, NotFound
from messenger.ids import Ref, lookup
from messenger.times import iso


@dataclass(frozen=True, kw_only=True)
class SendMessage:
    """One message to store. `key` is the client's name for it (its idempotency key)."""

    author_id: int
    chat: Ref
    content: str | None
    type: str = "text"
    payload: Any = None
    reply_to: Ref | None = None
    key: str | None = None
    origin: str | None = None


@dataclass(frozen=True)
class Sent:
    """The stored message as it was when it was stored; `replayed` if that was earlier."""

    message: MessageFacts
    seq: int
    replayed: bool


def send_message(
    author: User,
    *,
    chat: Ref,
    content: str | None,
    type: str = "text",
    payload: Any = None,
    reply_to: Ref | None = None,
    key: str | None = None,
    origin: str | None = None,
) -> Sent:
    """
    Store a message and tell the chat. With a `key` that this author used before, nothing is stored
    and the first answer comes again; KeyReused if it came with something else. NotFound for a chat
    that the author is not in, Invalid for content that can't be.
    """
    command = SendMessage(
        author_id=author.id,
        chat=chat,
        content=content,
        type=type,
        payload=payload,
        reply_to=reply_to,
        key=key,
        origin=origin,
    )
    [outcome] = send_messages([command])
    if isinstance(outcome, MessengerError):
        raise outcome
    return outcome


def send_messages(commands: Sequence[SendMessage]) -> list[Sent | MessengerError]:
    """Store a batch in one transaction, in its order; for each command its message or its error."""
    outcomes: dict[int, Sent | MessengerError] = {}
    sound: list[int] = []
    for index, command in enumerate(commands):
        try:
            contents.check(content=command.content, type=command.type, payload=command.payload)
            if command.key is not None:
                contents.check_key(command.key)
            sound.append(index)
        except MessengerError as error:
            outcomes[index] = error
    stored = carry_out([commands[index] for index in sound], _send_together)
    outcomes.update(zip(sound, stored, strict=True))
    return [outcomes[index] for index in range(len(commands))]


def _send_together(commands: Sequence[SendMessage]) -> list[Sent | MessengerError]:
    # 1. Hold the chats. What is read from here on nobody else changes before we commit.
    # 2. Look up what came before under the same keys, who is a member, what is replied to.
    # 3. Decide each command, in order.
    # 4. Insert the messages, then give each its row in the log.
    chat_ids = _chat_ids(commands)
    with changes_to(*chat_ids.values()) as changes:
        known = _known_keys(commands)
        members = _members(commands, changes)
        replies = _replies(commands)
        outcomes: list[Sent | MessengerError | int] = []
        rows: list[Message] = []
        senders: list[tuple[SendMessage, str]] = []
        new_keys: dict[tuple[int, str], int] = {}
        caught_up: dict[int, Member] = {}

        for command in commands:
            chat_id = chat_ids.get(command.chat, -1)
            chat = changes.chats.get(chat_id)
            reply_to_id = replies.get((chat_id, command.reply_to)) if command.reply_to else None
            print_ = _fingerprint(command, chat_id, reply_to_id) if command.key else None
            earlier = known.get((command.author_id, command.key or ""))
            if earlier is not None:
                outcomes.append(_replay(earlier, command, print_))
                continue
            member = members.get((chat.id, command.author_id)) if chat else None
            if chat is None or member is None:
                outcomes.append(NotFound())
                continue
            if not member.may_act:
                outcomes.append(Banned())
                continue
            if command.reply_to is not None and reply_to_id is None:
                outcomes.append(NotFound("The message that this replies to is not here."))
                continue
            if command.key is not None:
                name = (command.author_id, command.key)
                if name in new_keys:
                    twin = rows[new_keys[name]]
                    outcomes.append(new_keys[name] if twin.fingerprint == print_ else KeyReused())
                    continue
                new_keys[name] = len(rows)
            outcomes.append(len(rows))
            senders.append((command, member.uuid))
            position = chat.next_position()
            if member.read_position == position - 1:
                member.read_position = position
                caught_up[member.id] = member
            rows.append(
                Message(
                    chat_id=chat.id,
                    author_id=command.author_id,
                    position=position,
                    type=command.type,
                    content=command.content,
                    payload=command.payload,
                    reply_to_id=reply_to_id,
                    idempotency_key=command.key,
                    fingerprint=print_,
                    created_at=changes.now,
                )
            )

        Message.objects.bulk_create(rows)
        if caught_up:
            _read_own(caught_up.values())
        sent = [
            _record(changes, row, command, author_uuid)
            for row, (command, author_uuid) in zip(rows, senders, strict=True)
        ]
    first: set[int] = set()
    answers: list[Sent | MessengerError] = []
    for outcome in outcomes:
        if not isinstance(outcome, int):
            answers.append(outcome)
            continue
        event = sent[outcome]
        answers.append(Sent(event.message, event.seq, replayed=outcome in first))
        first.add(outcome)
    return answers


def _record(changes: Changes, row: Message, command: SendMessage, author_uuid: str) -> MessageSent:
    chat = changes.chats[row.chat_id]
    return changes.record(
        MessageSent,
        chat,
        actor_id=command.author_id,
        message_id=row.id,
        origin=command.origin,
        message=_first_facts(row, command, str(chat.uuid), author_uuid),
    )


def _first_facts(
    row: Message, command: SendMessage, chat_uuid: str, author_uuid: str
) -> MessageFacts:
    """A message as it was when it was stored, whatever has become of it since."""
    return MessageFacts(
        id=row.id,
        uuid=str(row.uuid),
        chat_id=row.chat_id,
        chat_uuid=chat_uuid,
        author_id=command.author_id,
        author_uuid=author_uuid,
        position=row.position,
        type=command.type,
        content=command.content,
        payload=command.payload,
        reply_to_id=row.reply_to_id,
        created_at=iso(row.created_at),
    )


def _fingerprint(command: SendMessage, chat_id: int, reply_to_id: int | None) -> bytes:
    # Of what the ids stand for: a client may name the same message by its integer or its UUID.
    return contents.fingerprint(
        chat_id,
        command.type,
        command.content,
        command.payload,
        reply_to_id or str(command.reply_to),
    )


def _replay(earlier: Message, command: SendMessage, print_: bytes | None) -> Sent | MessengerError:
    if bytes(earlier.fingerprint or b"") != print_ or earlier.author is None:
        return KeyReused()
    # The client just sent the very content again, so the first answer can be given in full even
    # if the message was edited or deleted since.
    facts = _first_facts(earlier, command, str(earlier.chat.uuid), str(earlier.author.uuid))
    # Backwards: what is sent again was mostly sent a moment ago, and the log may be long.
    seqs = earlier.chat.log.filter(message_id=earlier.id, kind=MessageSent.kind).order_by("-seq")
    return Sent(facts, seqs.values_list("seq", flat=True).first() or 0, replayed=True)


def _chat_ids(commands: Sequence[SendMessage]) -> dict[Ref, int]:
    """The integer id of each chat that a command names. Asks the database only about UUIDs."""
    ids: dict[Ref, int] = {}
    uuids = set()
    for command in commands:
        if isinstance(command.chat, UUID):
            uuids.add(command.chat)
        else:
            ids[command.chat] = command.chat
    if uuids:
        ids.update(Chat.objects.filter(uuid__in=uuids).values_list("uuid", "id"))
    return ids


def _known_keys(commands: Sequence[SendMessage]) -> dict[tuple[int, str], Message]:
    named = {(command.author_id, command.key) for command in commands if command.key is not None}
    if not named:
        return {}
    found = Message.objects.filter(
        author_id__in={author for author, _ in named},
        idempotency_key__in={key for _, key in named},
    ).select_related("chat", "author")
    return {(message.author_id or 0, message.idempotency_key or ""): message for message in found}


@dataclass
class Member:
    """An author in a chat, as far as sending needs to know."""

    id: int
    uuid: str
    may_act: bool
    read_position: int


def _members(commands: Sequence[SendMessage], changes: Changes) -> dict[tuple[int, int], Member]:
    """The authors by (chat id, user id)."""
    rows = Membership.objects.filter(
        chat_id__in=list(changes.chats), user_id__in={command.author_id for command in commands}
    ).values_list("chat_id", "user_id", "id", "user__uuid", "user__is_active", "read_position")
    return {
        (chat_id, user_id): Member(id, str(uuid), active, read)
        for chat_id, user_id, id, uuid, active, read in rows
    }


def _read_own(members: Iterable[Member]) -> None:
    """Who had nothing unread has nothing unread after sending: their read position goes along."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE chats_membership SET read_position = %s WHERE id = %s",
            [(member.read_position, member.id) for member in members],
        )


def _replies(commands: Sequence[SendMessage]) -> dict[tuple[int, Ref], int]:
    """(chat id, what the client calls the message) → its id."""
    refs = {command.reply_to for command in commands if command.reply_to is not None}
    if not refs:
        return {}
    wanted = Q(id__in=[ref for ref in refs if not isinstance(ref, UUID)])
    wanted |= Q(uuid__in=[ref for ref in refs if isinstance(ref, UUID)])
    found: dict[tuple[int, Ref], int] = {}
    for id, uuid, chat_id in Message.objects.filter(wanted).values_list("id", "uuid", "chat_id"):
        found[chat_id, id] = found[chat_id, uuid] = id
    return found


def edit_message(
    author: User, *, message: Ref, content: str, origin: str | None = None
) -> MessageFacts:
    """
    The author changes the text. The same text again: nothing happens. Forbidden for anybody else,
    NotFound for a message that is deleted or not theirs to see.
    """
    contents.check(content=content)
    found = selectors.message_for(author, message)
    with changes_to(found.chat_id) as changes:
        row = _changeable(author, found, changes)
        if row.author_id != author.id:
            raise Forbidden("Only its author edits a message.")
        if row.content == content:
            return _facts_now(row.id)
        Message.objects.filter(id=row.id).update(content=content, edited_at=changes.now)
        receipts = selectors.receipts_of([row.id])
        facts = _facts_now(row.id)
        changes.record(
            MessageEdited,
            changes.chats[row.chat_id],
            actor_id=author.id,
            message_id=row.id,
            origin=origin,
            message=facts,
            readers=[reader[0] for reader in receipts[row.id]],
            read_by_all=bool(receipts[row.id])
            and not selectors.waiting_for([row], receipts)[row.id],
        )
        return facts


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
                raise Forbidden("Only its author or the owner of the group deletes a message.")
        if row.deleted_at is not None:
            return
        Message.objects.filter(id=row.id).update(content=None, payload=None, deleted_at=changes.now)
        changes.record(
            MessageDeleted,
            changes.chats[row.chat_id],
            actor_id=actor.id if actor else None,
            message_id=row.id,
            origin=origin,
            message=_facts_now(row.id),
        )


def add_reaction(user: User, *, message: Ref, emoji: str) -> tuple[Reaction, bool]:
    """Put an emoji on a message: the reaction, and whether it is new."""
    found = selectors.message_for(user, message)
    with changes_to(found.chat_id) as changes:
        row = _changeable(user, found, changes)
        reaction, created = Reaction.objects.get_or_create(
            message_id=row.id, user_id=user.id, emoji=emoji
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
                **facts,
            )
        return reaction, created


def remove_reaction(user: User, *, message: Ref, emoji: str) -> bool:
    """Take one's emoji off a message; whether it was there."""
    found = selectors.message_for(user, message)
    with changes_to(found.chat_id) as changes:
        row = _changeable(user, found, changes)
        removed, _ = Reaction.objects.filter(
            message_id=row.id, user_id=user.id, emoji=emoji
        ).delete()
        if removed:
            facts = _reaction_facts(user, emoji)
            changes.record(
                ReactionRemoved,
                changes.chats[row.chat_id],
                actor_id=user.id,
                message_id=row.id,
                log_facts=facts,
                message=_facts_now(row.id),
                **facts,
            )
        return bool(removed)


def _reaction_facts(user: User, emoji: str) -> dict[str, Any]:
    return {"user_id": user.id, "user_uuid": str(user.uuid), "emoji": emoji}


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
