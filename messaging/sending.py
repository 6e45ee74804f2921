"""Sending messages: many in one transaction, each once, with its first answer for ever."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chats.changes import Changes, changes_to
from chats.models import Chat
from chats.selectors import partners_in
from chats.services import open_private_chats
from messaging import content as contents
from messaging.events import (
    MessageFacts,
    MessageSent,
)
from messaging.models import Message
from messaging.permits import Permits
from messaging.status import AFTER_SENDING
from messenger.batches import carry_out
from messenger.bulk import insert_many, set_by_id
from messenger.errors import ContentRejected, Invalid, KeyReused, MessengerError, NotFound
from messenger.held import Held
from messenger.ids import Ref, uuid7
from messenger.screening import Flagged, Holding, Verdict, screen, strictest
from messenger.screening import Held as HeldMessage
from messenger.times import iso


@dataclass(frozen=True, kw_only=True)
class SendMessage:
    """One message to store. `key` is the client's name for it (its idempotency key)."""

    author_id: int
    # Where to: a chat, or the private chat with a person, opened if need be.
    chat: Ref | None = None
    recipient: Ref | None = None
    content: str | None
    type: str = "text"
    payload: Any = None
    reply_to: Ref | None = None
    key: str | None = None
    origin: str | None = None
    # Whether the rules of words are asked, and what they said.
    judged: bool = True
    verdicts: Sequence[Verdict] = ()


@dataclass(frozen=True)
class Sent:
    """The stored message as it was when it was stored; `replayed` if that was earlier."""

    message: MessageFacts
    seq: int
    replayed: bool


class NewMessage(NamedTuple):
    """The columns of a message as it is inserted."""

    uuid: UUID
    chat_id: int
    author_id: int
    position: int
    seq: int
    type: str
    content: str | None
    payload: Any
    reply_to_id: int | None
    status: str
    key_digest: UUID | None
    fingerprint: str | None
    created_at: datetime


def send_message(
    author: User,
    *,
    chat: Ref | None = None,
    recipient: Ref | None = None,
    content: str | None,
    type: str = "text",
    payload: Any = None,
    reply_to: Ref | None = None,
    key: str | None = None,
    origin: str | None = None,
    judged: bool = True,
) -> Sent:
    """
    Store a message and tell the chat, or the private chat with `recipient`. With a `key` that this
    author used before, nothing is stored and the first answer comes again; KeyReused if it came
    with something else. NotFound for a chat that the author is not in or a person who is not there,
    Invalid for content that can't be; Banned, Muted, Undeliverable, SlowMode for who may not write
    there now; ContentRejected or AwaitingReview if a rule is against it, unless not `judged`.
    """
    command = SendMessage(
        author_id=author.id,
        chat=chat,
        recipient=recipient,
        content=content,
        type=type,
        payload=payload,
        reply_to=reply_to,
        key=key,
        origin=origin,
        judged=judged,
    )
    [outcome] = send_messages([command])
    if isinstance(outcome, MessengerError):
        raise outcome
    assert isinstance(outcome, Sent)
    return outcome


def send_messages(
    commands: Sequence[SendMessage], patient: bool = True
) -> list[Sent | MessengerError]:
    """
    Store a batch in one transaction, in its order; for each command its message or its error. One
    for several chats that is not `patient` waits for none that somebody else holds: the commands
    for it are `Held`.
    """
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
    commands = _judged(_to_chats(commands, sound, outcomes))
    sound = [index for index in sound if index not in outcomes]
    chats = {commands[index].chat for index in sound}
    together = partial(_send_together, wait=patient or len(chats) == 1)
    stored = carry_out([commands[index] for index in sound], together)
    outcomes.update(zip(sound, stored, strict=True))
    return [outcomes[index] for index in range(len(commands))]


def _judged(commands: Sequence[SendMessage]) -> list[SendMessage]:
    """Each with what the rules of words say to it."""
    judge = screen().judge
    return [
        replace(command, verdicts=verdicts)
        if command.judged and (verdicts := judge(contents.words(command.content, command.payload)))
        else command
        for command in commands
    ]


def _to_chats(
    commands: Sequence[SendMessage],
    sound: Sequence[int],
    outcomes: dict[int, Sent | MessengerError],
) -> list[SendMessage]:
    """The commands with a chat in each that goes to a person; what can't be opened fails here."""
    addressed = list(commands)
    wanted = {
        index: (commands[index].author_id, recipient)
        for index in sound
        if (recipient := commands[index].recipient) is not None
    }
    if not wanted:
        return addressed
    # What was stored before under the same key went to the chat of then, whatever became of it and
    # of the recipient: nothing is opened for it.
    known = _known_keys([commands[index] for index in wanted])
    earlier = {
        index: known[digest].chat
        for index in wanted
        if (key := commands[index].key) is not None
        and (digest := contents.key_digest(commands[index].author_id, key)) in known
    }
    partners = partners_in(earlier.values())
    for index, chat in earlier.items():
        author_id, recipient = wanted.pop(index)
        if recipient in partners.get((chat.id, author_id), ()):
            addressed[index] = replace(commands[index], chat=chat.id)
        else:
            outcomes[index] = KeyReused()
    opened = open_private_chats(wanted.values())
    for index, who in wanted.items():
        found = opened[who]
        if isinstance(found, MessengerError):
            outcomes[index] = found
        else:
            addressed[index] = replace(commands[index], chat=found)
    return addressed


def _send_together(commands: Sequence[SendMessage], wait: bool) -> list[Sent | MessengerError]:
    # 1. Hold the chats. What is read from here on nobody else changes before we commit.
    # 2. Look up what came before under the same keys, who may write, what is replied to.
    # 3. Decide each command, in order.
    # 4. Insert the messages, then give each its row in the log.
    chat_ids = _chat_ids(commands)
    authors = {command.author_id for command in commands}
    with changes_to(*chat_ids.values(), members=authors, wait=wait) as changes:
        known = _known_keys(commands)
        wanted = [(chat_ids.get(c.chat or -1, -1), c.author_id) for c in commands]
        permits = Permits(changes.chats, authors, wanted)
        replies = _replies(commands)
        doubtful = [c for c in commands if any(v.mode == "hold" for v in c.verdicts)]
        holding = Holding(_digests(doubtful), {c.author_id for c in doubtful})
        flagged: list[tuple[int, Verdict]] = []
        outcomes: list[Sent | MessengerError | int] = []
        rows: list[NewMessage] = []
        senders: list[tuple[SendMessage, str, str | None]] = []
        new_keys: dict[UUID, int] = {}
        caught_up: dict[int, int] = {}

        for command in commands:
            chat_id = chat_ids.get(command.chat or -1, -1)
            chat = changes.chats.get(chat_id)
            reply_to = replies.get((chat_id, command.reply_to)) if command.reply_to else None
            reply_to_id = reply_to[0] if reply_to else None
            print_ = _fingerprint(command, chat_id, reply_to_id) if command.key else None
            digest = contents.key_digest(command.author_id, command.key) if command.key else None
            if digest is not None and digest in known:
                outcomes.append(_replay(known[digest], command, print_))
                continue
            if chat_id in changes.held:
                outcomes.append(Held())
                continue
            if digest is not None and digest in new_keys:
                twin = rows[new_keys[digest]]
                outcomes.append(new_keys[digest] if twin.fingerprint == print_ else KeyReused())
                continue
            member = permits.member(chat.id, command.author_id) if chat else None
            if chat is None or member is None:
                outcomes.append(NotFound())
                continue
            if refusal := permits.refusal(chat, command.author_id, member, changes.now):
                outcomes.append(refusal)
                continue
            if command.type == contents.NOTICE and not member.is_service:
                outcomes.append(Invalid.field("type", _("only the service itself sends notices")))
                continue
            if command.reply_to is not None and reply_to_id is None:
                outcomes.append(NotFound(_("The message that this replies to is not here.")))
                continue
            against = strictest(command.verdicts, private=chat.kind == Chat.Kind.PRIVATE)
            if against is not None and against.mode == "reject":
                outcomes.append(ContentRejected())
                continue
            if against is not None and against.mode == "hold":
                one = HeldMessage(command, chat.id, reply_to_id, against, digest, print_)
                outcomes.append(holding.take(one))
                continue
            if against is not None:
                flagged.append((len(rows), against))
            if digest is not None:
                new_keys[digest] = len(rows)
            permits.sent(chat, command.author_id, changes.now)
            outcomes.append(len(rows))
            senders.append((command, member.uuid, reply_to[1] if reply_to else None))
            position = chat.next_position()
            if member.read_position == position - 1:
                member.read_position = position
                caught_up[member.id] = position
            rows.append(
                NewMessage(
                    uuid=uuid7(),
                    chat_id=chat.id,
                    author_id=command.author_id,
                    position=position,
                    seq=chat.next_seq(),
                    type=command.type,
                    content=command.content,
                    payload=command.payload,
                    reply_to_id=reply_to_id,
                    status=AFTER_SENDING,
                    key_digest=digest,
                    fingerprint=print_,
                    created_at=changes.now,
                )
            )

        ids = insert_many(Message, NewMessage._fields, rows)
        # Who had nothing unread has nothing unread after sending.
        set_by_id("chats_membership", ("read_position",), list(caught_up.items()))
        sent = [
            _record(changes, id, row, *sender)
            for id, row, sender in zip(ids, rows, senders, strict=True)
        ]
        holding.keep()
        if flagged:
            screen().flagged(
                [
                    Flagged(ids[index], rows[index].author_id, rows[index].chat_id, verdict)
                    for index, verdict in flagged
                ]
            )
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


def _record(
    changes: Changes,
    id: int,
    row: NewMessage,
    command: SendMessage,
    author_uuid: str,
    reply_to_uuid: str | None,
) -> MessageSent:
    chat = changes.chats[row.chat_id]
    return changes.record(
        MessageSent,
        chat,
        actor_id=command.author_id,
        message_id=id,
        origin=command.origin,
        seq=row.seq,
        log_facts={"direct": True} if command.recipient is not None else None,
        direct=command.recipient is not None,
        message=_first_facts(id, row, command, str(chat.uuid), author_uuid, reply_to_uuid),
    )


def _first_facts(
    id: int,
    row: NewMessage | Message,
    command: SendMessage,
    chat_uuid: str,
    author_uuid: str,
    reply_to_uuid: str | None,
) -> MessageFacts:
    """A message as it was when it was stored, whatever has become of it since."""
    return MessageFacts(
        id=id,
        uuid=str(row.uuid),
        chat_id=row.chat_id,
        chat_uuid=chat_uuid,
        author_id=command.author_id,
        author_uuid=author_uuid,
        position=row.position,
        seq=row.seq,
        type=command.type,
        content=command.content,
        payload=command.payload,
        reply_to_id=row.reply_to_id,
        reply_to_uuid=reply_to_uuid,
        created_at=iso(row.created_at),
    )


def _fingerprint(command: SendMessage, chat_id: int, reply_to_id: int | None) -> str:
    # Of what the ids stand for: a client may name the same message by its integer or its UUID.
    return contents.fingerprint(
        chat_id,
        command.type,
        command.content,
        command.payload,
        reply_to_id or str(command.reply_to),
    )


def _replay(earlier: Message, command: SendMessage, print_: str | None) -> Sent | MessengerError:
    if earlier.fingerprint != print_ or earlier.author is None:
        return KeyReused()
    # The client just sent the very content again, so the first answer can be given in full even
    # if the message was edited or deleted since.
    chat_uuid, author_uuid = str(earlier.chat.uuid), str(earlier.author.uuid)
    reply_to_uuid = str(earlier.reply_to.uuid) if earlier.reply_to else None
    facts = _first_facts(earlier.id, earlier, command, chat_uuid, author_uuid, reply_to_uuid)
    return Sent(facts, earlier.seq, replayed=True)


def _chat_ids(commands: Sequence[SendMessage]) -> dict[Ref, int]:
    """The integer id of each chat that a command names. Asks the database only about UUIDs."""
    ids: dict[Ref, int] = {}
    uuids = set()
    for command in commands:
        if isinstance(command.chat, UUID):
            uuids.add(command.chat)
        elif command.chat is not None:
            ids[command.chat] = command.chat
    if uuids:
        ids.update(Chat.objects.filter(uuid__in=uuids).values_list("uuid", "id"))
    return ids


def _digests(commands: Iterable[SendMessage]) -> list[UUID]:
    return [contents.key_digest(c.author_id, c.key) for c in commands if c.key is not None]


def _known_keys(commands: Sequence[SendMessage]) -> dict[UUID, Message]:
    digests = _digests(commands)
    if not digests:
        return {}
    found = Message.objects.filter(key_digest__in=digests).select_related(
        "chat", "author", "reply_to"
    )
    return {message.key_digest: message for message in found if message.key_digest}


def _replies(commands: Sequence[SendMessage]) -> dict[tuple[int, Ref], tuple[int, str]]:
    """(chat id, what the client calls the message) → its id and its UUID."""
    refs = {command.reply_to for command in commands if command.reply_to is not None}
    if not refs:
        return {}
    wanted = Q(id__in=[ref for ref in refs if not isinstance(ref, UUID)])
    wanted |= Q(uuid__in=[ref for ref in refs if isinstance(ref, UUID)])
    found: dict[tuple[int, Ref], tuple[int, str]] = {}
    for id, uuid, chat_id in Message.objects.filter(wanted).values_list("id", "uuid", "chat_id"):
        found[chat_id, id] = found[chat_id, uuid] = (id, str(uuid))
    return found
