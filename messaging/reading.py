"""Marking messages as read: receipts, and the positions from which unread is computed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.blocks import blockers
from accounts.models import User
from chats.changes import Changes, changes_to
from chats.models import Membership
from messaging import selectors
from messaging.events import MessageRead
from messaging.models import Message, ReadRange, Receipt
from messaging.status import AFTER_FIRST_READING_BY_SOMEBODY
from messenger.batches import carry_out
from messenger.bulk import set_by_id
from messenger.errors import MessengerError, NotFound
from messenger.held import Held
from messenger.ids import Ref


@dataclass(frozen=True, kw_only=True)
class ReadMessage:
    """One message that somebody has read."""

    reader_id: int
    message: Ref
    origin: str | None = None


@dataclass(frozen=True, kw_only=True)
class Read:
    """
    A receipt: who has read what, first at `read_at` (ISO 8601). One's own message has no receipt:
    `read_at` is None. `read_by_all`: no other member is left who has not read it.
    """

    message_id: int
    message_uuid: str
    chat_id: int
    chat_uuid: str
    reader_id: int
    reader_uuid: str
    read_at: str | None
    read_by_all: bool
    # UUIDs of all who have read it, when the first of them did, and what it is by that.
    read_by: tuple[str, ...]
    first_read_at: str | None
    status: str


def read_message(reader: User, *, message: Ref, origin: str | None = None) -> Read:
    """
    Mark one message as read; earlier ones stay as they are. Again: the first receipt, unchanged.
    NotFound for a message that is deleted or not the reader's to see.
    """
    [outcome] = read_messages([ReadMessage(reader_id=reader.id, message=message, origin=origin)])
    if isinstance(outcome, MessengerError):
        raise outcome
    assert isinstance(outcome, Read)
    return outcome


def read_messages(
    commands: Sequence[ReadMessage], patient: bool = True
) -> list[Read | MessengerError]:
    """
    Mark a batch as read in one transaction; for each command its receipt or its error. One that is
    not `patient` waits for no chat that somebody else holds: the commands for it are `Held`, about
    the id of that chat.
    """
    return carry_out(commands, partial(_read_together, wait=patient))


def _read_together(commands: Sequence[ReadMessage], wait: bool) -> list[Read | MessengerError]:
    wanted = _wanted(commands)
    readers_ids = {command.reader_id for command in commands}
    chat_ids = wanted.values_list("chat_id", flat=True)
    with changes_to(*chat_ids, members=readers_ids, wait=wait) as changes:
        outcomes, read = read_locked(changes, commands, wanted)
        _advance(read)
        return outcomes


# A membership, and the positions that were read by it just now.
NewlyRead = tuple[Membership, list[int]]


def read_locked(
    changes: Changes, commands: Sequence[ReadMessage], wanted: QuerySet[Message]
) -> tuple[list[Read | MessengerError], list[NewlyRead]]:
    """
    The receipts for `commands`, about the messages `wanted`, whose chats are locked; for each its
    outcome. The read positions are left as they were: what is newly read is told.
    """
    readers_ids = {command.reader_id for command in commands}
    # Only now: before the lock, somebody may edit or delete them.
    messages = _by_ref(wanted)
    members = {
        (member.chat_id, member.user_id): member
        for member in Membership.objects.filter(
            chat_id__in=list(changes.chats),
            user_id__in=readers_ids,
        ).select_related("user")
    }
    # Under the lock the counts are final: of two last readers, one sees the other's receipt.
    concerned = list({message.id: message for message in messages.values()}.values())
    receipts = selectors.receipts_of(message.id for message in concerned)
    waiting = selectors.waiting_for(concerned, receipts)

    quiet = _quiet(changes, members)

    outcomes: list[Read | MessengerError] = []
    new: list[Receipt] = []
    first_read: list[int] = []
    read_again: list[int] = []
    positions: dict[int, NewlyRead] = {}
    for command in commands:
        message = messages.get(command.message)
        if message is not None and message.chat_id in changes.held:
            outcomes.append(Held(message.chat_id))
            continue
        member = members.get((message.chat_id, command.reader_id)) if message else None
        if message is None or member is None or message.chat_id not in changes.chats:
            outcomes.append(NotFound())
            continue
        readers = receipts[message.id]
        read_at = next((at for id, _, at in readers if id == command.reader_id), None)
        if read_at is None and message.author_id != command.reader_id:
            read_at = changes.now_text
            if (message.chat_id, command.reader_id) in quiet:
                positions.setdefault(member.id, (member, []))[1].append(message.position)
                outcomes.append(_outcome(message, member, read_at, readers, waiting))
                continue
            reader_uuid = str(member.user.uuid)
            readers.append((command.reader_id, reader_uuid, read_at))
            new.append(Receipt(message_id=message.id, user_id=member.user_id, read_at=changes.now))
            positions.setdefault(member.id, (member, []))[1].append(message.position)
            if message.first_read_at is None:
                message.first_read_at = changes.now
                first_read.append(message.id)
            elif message.status != AFTER_FIRST_READING_BY_SOMEBODY:
                read_again.append(message.id)
            message.status = AFTER_FIRST_READING_BY_SOMEBODY
            _record(changes, message, member, command, readers, waiting)
        outcomes.append(_outcome(message, member, read_at, readers, waiting))
    Receipt.objects.bulk_create(new)
    status = AFTER_FIRST_READING_BY_SOMEBODY
    Message.objects.filter(id__in=first_read).update(first_read_at=changes.now, status=status)
    if read_again:
        Message.objects.filter(id__in=read_again).update(status=status)
    return outcomes, list(positions.values())


def _quiet(changes: Changes, members: Mapping[tuple[int, int], Membership]) -> set[tuple[int, int]]:
    """
    The (chat id, reader id) of private chats between two who are apart. Reading there makes no
    receipt, which would tell the other one that somebody is here. One query, none without such.
    """
    others: dict[tuple[int, int], tuple[int, int]] = {}
    for chat_id, user_id in members:
        if pair := changes.chats[chat_id].pair:
            [other] = {int(id) for id in pair.split(":")} - {user_id}
            others[chat_id, user_id] = (user_id, other)
    blocked = blockers(others.values())
    return {place for place, pair in others.items() if pair in blocked}


def _outcome(
    message: Message,
    member: Membership,
    read_at: str | None,
    readers: Sequence[tuple[int, str, str]],
    waiting: Mapping[int, int],
) -> Read:
    return Read(
        message_id=message.id,
        message_uuid=str(message.uuid),
        chat_id=message.chat_id,
        chat_uuid=str(message.chat.uuid),
        reader_id=member.user_id,
        reader_uuid=str(member.user.uuid),
        read_at=read_at,
        read_by_all=bool(readers) and not waiting[message.id],
        read_by=tuple(uuid for _, uuid, _ in readers),
        first_read_at=readers[0][2] if readers else None,
        status=message.status,
    )


def _wanted(commands: Sequence[ReadMessage]) -> QuerySet[Message]:
    refs = {command.message for command in commands}
    named = Q(id__in=[ref for ref in refs if not isinstance(ref, UUID)])
    named |= Q(uuid__in=[ref for ref in refs if isinstance(ref, UUID)])
    return Message.objects.filter(named, deleted_at=None)


def _by_ref(messages: QuerySet[Message]) -> dict[Ref, Message]:
    found: dict[Ref, Message] = {}
    for message in messages.select_related("chat", "author", "reply_to"):
        found[message.id] = found[message.uuid] = message
    return found


def _record(
    changes: Changes,
    message: Message,
    member: Membership,
    command: ReadMessage,
    readers: list[tuple[int, str, str]],
    waiting: dict[int, int],
) -> None:
    completes = False
    if member.joined_position < message.position:
        waiting[message.id] -= 1
        completes = waiting[message.id] == 0
    kept: dict[str, Any] = {
        "reader_id": member.user_id,
        "reader_uuid": str(member.user.uuid),
        "completes": completes,
    }
    changes.record(
        MessageRead,
        changes.chats[message.chat_id],
        actor_id=member.user_id,
        message_id=message.id,
        origin=command.origin,
        log_facts=kept,
        message=selectors.facts_of(message),
        read_by=[uuid for _, uuid, _ in readers],
        first_read_at=readers[0][2],
        **kept,
    )


def _advance(read: list[NewlyRead]) -> None:
    """Move the read positions on over what has been read, and keep the rest as ranges."""
    simple: list[tuple[int, int]] = []
    having_ranges = set(
        ReadRange.objects.filter(membership_id__in=[m.id for m, _ in read]).values_list(
            "membership_id", flat=True
        )
    )
    for membership, positions in read:
        runs = _runs(position for position in positions if position > membership.read_position)
        if not runs:
            continue
        [(first, last), *others] = runs
        joins = first == membership.read_position + 1 and not others
        if joins and membership.id not in having_ranges:
            simple.append((membership.id, last))
        else:
            _advance_over_gaps(membership, runs)
    set_by_id("chats_membership", ("read_position",), simple)


def _advance_over_gaps(membership: Membership, runs: list[tuple[int, int]]) -> None:
    """Join what was newly read to what is read on either side of it, if nothing is between."""
    position = membership.read_position
    ranges = ReadRange.objects.filter(membership=membership).order_by("first")
    for first, last in runs:
        left = ranges.filter(first__lt=first).last()
        right = ranges.filter(first__gt=last).first()
        if right and not _unread_between(membership, last, right.first):
            last = right.last
            right.delete()
        if _unread_between(membership, left.last if left else position, first):
            ReadRange.objects.create(membership=membership, first=first, last=last)
        elif left:
            left.last = last
            left.save(update_fields=["last"])
        else:
            position = last
    _advance_to(membership, position)


def advance_past(membership: Membership, position: int) -> None:
    """Everything up to `position` has been read or needs no reading."""
    ReadRange.objects.filter(membership=membership, last__lte=position).delete()
    _advance_to(membership, max(membership.read_position, position))


def _advance_to(membership: Membership, position: int) -> None:
    """To `position`, and on over the ranges that follow with nothing unread between."""
    ranges = ReadRange.objects.filter(membership=membership).order_by("first")
    # What was unread before the first range may have been deleted.
    while (following := ranges.first()) and not _unread_between(
        membership, position, following.first
    ):
        position = following.last
        following.delete()
    Membership.objects.filter(id=membership.id).update(read_position=position)


def _runs(positions: Iterable[int]) -> list[tuple[int, int]]:
    """(first, last) of each stretch of positions that follow one another."""
    runs: list[tuple[int, int]] = []
    for position in sorted(positions):
        if runs and position == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return runs


def _unread_between(membership: Membership, after: int, before: int) -> bool:
    """Whether a message that needs reading lies strictly between two positions."""
    return (
        Message.objects.filter(
            chat_id=membership.chat_id,
            position__gt=after,
            position__lt=before,
            deleted_at=None,
        )
        .filter(Q(author_id=None) | ~Q(author_id=membership.user_id))
        .exists()
    )
