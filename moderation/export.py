"""
Everything that is kept about a person, as one JSON document for them. What others said is not in
it, nor who reported them or decided about them.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BytesIO
from itertools import islice
from typing import Any, TypedDict

import orjson
from django.db.models import Count, Max, Min
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.blocks import blocks_of
from accounts.models import Login, User
from chats.models import Membership, Mute
from chats.selectors import overviews
from messaging.models import Message, Reaction, Receipt, Revision
from messenger.errors import Conflict
from messenger.schemas import Json, Time, Uuid
from messenger.snapshot import snapshot
from messenger.times import iso
from moderation.models import Report, WaitingMessage
from moderation.own import appeal_of, chat_named, decisions_on
from presence.models import LastSeen

# Rows that are in memory at a time.
PAGE = 1000


class Profile(TypedDict):
    id: int
    uuid: Uuid
    username: str
    name: str
    email: str
    created_at: Time
    last_seen: Time | None


class LoginKept(TypedDict):
    """A signing-in, and how it ended."""

    created_at: Time
    refreshed_at: Time | None
    expires_at: Time
    ended_at: Time | None
    end_reason: str


class ChatKept(TypedDict):
    """A chat that the person is in. A private one goes by the other's name."""

    id: int
    uuid: Uuid
    type: str
    name: str
    role: str
    joined_at: Time
    deleted_at: Time | None


class RevisionKept(TypedDict):
    """What a message said before an edit, and until when."""

    content: str | None
    until: Time


class MessageKept(TypedDict):
    id: int
    uuid: Uuid
    chat_id: int
    type: str
    content: str | None
    payload: Json
    reply_to_id: int | None
    sent_at: Time
    edited_at: Time | None
    deleted_at: Time | None
    revisions: list[RevisionKept]


class WaitingKept(TypedDict):
    """A message that a rule held back."""

    chat_id: int
    type: str
    content: str | None
    payload: Json
    state: str
    sent_at: Time


class ReactionKept(TypedDict):
    message_id: int
    emoji: str
    created_at: Time


class ReadingKept(TypedDict):
    """How many messages of a chat the person has read, and when first and last."""

    chat_id: int
    messages: int
    first_at: Time | None
    last_at: Time | None


class BlockKept(TypedDict):
    user_id: int
    username: str
    created_at: Time


class MuteKept(TypedDict):
    """`chat_id` is null for everywhere."""

    chat_id: int | None
    until: Time


class ReportKept(TypedDict):
    """What the person told the moderators."""

    message_id: int | None
    user_id: int
    chat_id: int | None
    reason: str
    comment: str
    created_at: Time


class AppealKept(TypedDict):
    text: str
    created_at: Time
    outcome: str
    reason: str
    decided_at: Time | None


class DecisionKept(TypedDict):
    """What was decided about the person."""

    id: int
    action: str
    reason: str
    chat_id: int | None
    until: Time | None
    created_at: Time
    undone_at: Time | None
    undo_reason: str
    appeal: AppealKept | None


class Export(TypedDict):
    """Everything that is kept about a person. Times are ISO 8601 in UTC."""

    exported_at: Time
    profile: Profile
    logins: list[LoginKept]
    chats: list[ChatKept]
    messages: list[MessageKept]
    waiting: list[WaitingKept]
    reactions: list[ReactionKept]
    readings: list[ReadingKept]
    blocks: list[BlockKept]
    mutes: list[MuteKept]
    reports: list[ReportKept]
    decisions: list[DecisionKept]


def export_of(user: User) -> bytes:
    """
    The document (`Export`), as everything was at one moment. It is put together page by page: a
    hundred thousand messages take 30 MB as JSON, and never much more. Conflict for the service's
    account, in which everybody's notices are.
    """
    if user.is_service:
        raise Conflict(_("Notices come from this account."))
    out = BytesIO()
    with snapshot():
        user = User.objects.get(id=user.id)
        lists: dict[str, Iterable[Any]] = {
            "logins": _logins(user),
            "chats": _chats(user),
            "messages": _messages(user),
            "waiting": _waiting(user),
            "reactions": _reactions(user),
            "readings": _readings(user),
            "blocks": _blocks(user),
            "mutes": _mutes(user),
            "reports": _reports(user),
            "decisions": _decisions(user),
        }
        out.write(b'{"exported_at":' + orjson.dumps(iso(timezone.now())))
        out.write(b',"profile":' + orjson.dumps(_profile(user)))
        for name, rows in lists.items():
            out.write(f',"{name}":['.encode())
            _write(out, rows)
            out.write(b"]")
        out.write(b"}")
    return out.getvalue()


def _write(out: BytesIO, rows: Iterable[Any]) -> None:
    for number, page in enumerate(_pages(rows)):
        out.write(b"," if number else b"")
        # Without the brackets of the list.
        out.write(memoryview(orjson.dumps(page))[1:-1])


def _pages(rows: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(rows)
    while page := list(islice(left, PAGE)):
        yield page


def _time(moment: datetime | None) -> Time | None:
    return iso(moment) if moment else None


def _profile(user: User) -> Profile:
    seen = LastSeen.objects.filter(user=user).first()
    return {
        "id": user.id,
        "uuid": str(user.uuid),
        "username": user.username,
        "name": user.name,
        "email": user.email,
        "created_at": iso(user.created_at),
        "last_seen": _time(seen.at if seen else None),
    }


def _logins(user: User) -> Iterator[LoginKept]:
    for login in Login.objects.filter(user=user).order_by("created_at").iterator(PAGE):
        yield {
            "created_at": iso(login.created_at),
            "refreshed_at": _time(login.rotated_at),
            "expires_at": iso(login.expires_at),
            "ended_at": _time(login.ended_at),
            "end_reason": login.end_reason,
        }


def _chats(user: User) -> Iterator[ChatKept]:
    rows = Membership.objects.filter(user=user).select_related("chat").order_by("id")
    for page in _pages(rows.iterator(PAGE)):
        about = overviews(user, [membership.chat for membership in page])
        for membership in page:
            chat = membership.chat
            yield {
                "id": chat.id,
                "uuid": str(chat.uuid),
                "type": chat.kind,
                "name": chat.name or about[chat.id].partner_name or "",
                "role": membership.role,
                "joined_at": iso(membership.joined_at),
                "deleted_at": _time(chat.deleted_at),
            }


def _messages(user: User) -> Iterator[MessageKept]:
    # In the order of their index.
    rows = (
        Message.objects.filter(author=user)
        .order_by("chat_id", "position")
        .values(
            *("id", "uuid", "chat_id", "type", "content", "payload", "reply_to_id"),
            *("created_at", "edited_at", "deleted_at"),
        )
    )
    for page in _pages(rows.iterator(PAGE)):
        earlier = _revisions([row["id"] for row in page if row["edited_at"]])
        for row in page:
            yield {
                "id": row["id"],
                "uuid": str(row["uuid"]),
                "chat_id": row["chat_id"],
                "type": row["type"],
                "content": row["content"],
                "payload": row["payload"],
                "reply_to_id": row["reply_to_id"],
                "sent_at": iso(row["created_at"]),
                "edited_at": _time(row["edited_at"]),
                "deleted_at": _time(row["deleted_at"]),
                "revisions": earlier.get(row["id"], []),
            }


def _revisions(message_ids: list[int]) -> dict[int, list[RevisionKept]]:
    found: dict[int, list[RevisionKept]] = {}
    for one in Revision.objects.filter(message_id__in=message_ids).order_by("id"):
        kept: RevisionKept = {"content": one.content, "until": iso(one.replaced_at)}
        found.setdefault(one.message_id, []).append(kept)
    return found


def _waiting(user: User) -> Iterator[WaitingKept]:
    for one in WaitingMessage.objects.filter(author=user).order_by("id").iterator(PAGE):
        yield {
            "chat_id": one.chat_id,
            "type": one.type,
            "content": one.content,
            "payload": one.payload,
            "state": one.state,
            "sent_at": iso(one.created_at),
        }


def _reactions(user: User) -> Iterator[ReactionKept]:
    for one in Reaction.objects.filter(user=user).order_by("id").iterator(PAGE):
        yield {
            "message_id": one.message_id,
            "emoji": one.emoji,
            "created_at": iso(one.created_at),
        }


def _readings(user: User) -> Iterator[ReadingKept]:
    read = Receipt.objects.filter(user=user).values_list("message__chat_id")
    counted = read.annotate(count=Count("id"), first=Min("read_at"), last=Max("read_at"))
    for chat_id, count, first, last in counted.order_by("message__chat_id").iterator(PAGE):
        yield {
            "chat_id": chat_id,
            "messages": count,
            "first_at": _time(first),
            "last_at": _time(last),
        }


def _blocks(user: User) -> Iterator[BlockKept]:
    for block in blocks_of(user).iterator(PAGE):
        yield {
            "user_id": block.blocked_id,
            "username": block.blocked.username,
            "created_at": iso(block.created_at),
        }


def _mutes(user: User) -> Iterator[MuteKept]:
    for mute in Mute.objects.filter(user=user).order_by("id"):
        yield {"chat_id": mute.chat_id, "until": iso(mute.until)}


def _reports(user: User) -> Iterator[ReportKept]:
    rows = Report.objects.filter(reporter=user).select_related("case__chat", "evidence")
    for report in rows.order_by("id").iterator(PAGE):
        chat = chat_named(report)
        yield {
            "message_id": report.case.message_id,
            "user_id": report.case.person_id,
            "chat_id": chat.id if chat else None,
            "reason": report.reason,
            "comment": report.comment,
            "created_at": iso(report.created_at),
        }


def _decisions(user: User) -> Iterator[DecisionKept]:
    for decision in decisions_on(user).order_by("id"):
        appeal = appeal_of(decision)
        yield {
            "id": decision.id,
            "action": decision.action,
            "reason": decision.reason,
            "chat_id": decision.chat_id,
            "until": _time(decision.until),
            "created_at": iso(decision.created_at),
            "undone_at": _time(decision.undone_at),
            "undo_reason": decision.undo_reason,
            "appeal": {
                "text": appeal.text,
                "created_at": iso(appeal.created_at),
                "outcome": appeal.outcome,
                "reason": appeal.reason,
                "decided_at": _time(appeal.decided_at),
            }
            if appeal
            else None,
        }
