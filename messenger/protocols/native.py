"""
The commands that NODUS and Chatroulette have in common: everything a socket can do. Each protocol
says how the outcomes look in its own words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

from django.utils.translation import gettext_lazy as _

from accounts import selectors as accounts
from accounts import tokens
from accounts.models import Block, User
from chats.log import Missed, missed_by
from chats.models import Chat
from chats.selectors import chat_for
from messaging.content import MAX_KEY, MAX_TEXT
from messaging.services import (
    Read,
    ReadMessage,
    SendMessage,
    Sent,
    read_messages,
    read_up_to,
    send_messages,
)
from messaging.unread import unread_counts
from messenger.errors import Forbidden, Invalid, Unauthenticated
from messenger.ids import Ref
from messenger.protocols.base import Call, Protocol, Told, Words
from messenger.protocols.fields import Anything, Choice, Flag, Identifier, Positions, Text
from messenger.realtime import limits
from messenger.schemas import Time
from messenger.times import iso
from moderation.models import MAX_COMMENT
from moderation.own import ReportFacts, facts_of
from moderation.reports import REASONS
from moderation.services import (
    block_person,
    find_or_report_message,
    find_or_report_person,
    unblock_person,
)
from presence import services as presence


class Renewed(TypedDict):
    """When the socket is closed unless it shows a fresh token before."""

    expires_at: Time


class Done(TypedDict):
    """Nothing more to say."""


@dataclass(frozen=True)
class ReadChat:
    """How many messages were read, and how many still wait."""

    chat: Chat
    read: int
    unread: int


def take_commands(
    protocol: Protocol,
    *,
    sent: Callable[[Sent], Words],
    read: Callable[[Read], Words],
    chat_read: Callable[[ReadChat], Words],
    resumed: Callable[[Told], Words],
    reported: Callable[[ReportFacts], Words],
    blocked: Callable[[Block], Words],
) -> None:
    """Let this protocol take them all; the functions put outcomes into its words."""

    @protocol.gathered(
        "message.send",
        send_messages,
        answer=sent,
        chat_id=Identifier(),
        type=Text(required=False, default="text", shortest=1, longest=20),
        content=Text(required=False, longest=MAX_TEXT),
        payload=Anything(required=False),
        reply_to_id=Identifier(required=False),
        client_message_id=Text(required=False, shortest=1, longest=MAX_KEY),
    )
    def send_message(
        call: Call,
        *,
        chat_id: Ref,
        type: str,
        content: str | None,
        payload: Any,
        reply_to_id: Ref | None,
        client_message_id: str | None,
    ) -> SendMessage:
        """Send a message. With a `client_message_id` that came before, the first one answers."""
        return SendMessage(
            author_id=call.session.user_id,
            chat=chat_id,
            type=type,
            content=content,
            payload=payload,
            reply_to=reply_to_id,
            key=client_message_id,
            origin=call.socket_id,
        )

    @protocol.gathered("message.read", read_messages, answer=read, message_id=Identifier())
    def read_message(call: Call, *, message_id: Ref) -> ReadMessage:
        """Mark one message as read; earlier ones stay as they are."""
        reader = call.session.user_id
        return ReadMessage(reader_id=reader, message=message_id, origin=call.socket_id)

    @protocol.command(
        "chat.read", answer=chat_read, chat_id=Identifier(), up_to_message_id=Identifier()
    )
    def read_chat(call: Call, *, chat_id: Ref, up_to_message_id: Ref) -> ReadChat:
        """Mark everything in a chat up to this message as read."""
        user, chat = call.actor, chat_for(call.actor, chat_id).chat
        count = read_up_to(user, chat=chat.id, message=up_to_message_id, origin=call.socket_id)
        return ReadChat(chat, count, unread_counts(user, [chat.id]).get(chat.id, 0))

    @protocol.command("typing", limit=limits.TYPING, chat_id=Identifier(), is_typing=Flag())
    def typing(call: Call, *, chat_id: Ref, is_typing: bool) -> Done:
        """Say every few seconds that one is writing, and that one has stopped."""
        presence.set_typing(call.actor, chat=chat_id, is_typing=is_typing)
        return {}

    @protocol.command("heartbeat", limit=limits.TYPING)
    def heartbeat(call: Call) -> Done:
        """Be online for five minutes from now, whatever becomes of the socket."""
        call.after.away = False
        presence.heartbeat(call.actor)
        return {}

    @protocol.command("ping", counts=False, stored=False)
    def ping(call: Call) -> Done:
        """Whether the line is up. It does not show that somebody is there."""
        return {}

    @protocol.command(
        "presence.set",
        limit=limits.TYPING,
        stored=False,
        status=Choice(among=("online", "away")),
    )
    def set_presence(call: Call, *, status: str) -> Done:
        """Whether somebody is looking. Away is who is so on every socket of theirs."""
        call.after.away = status == "away"
        return {}

    @protocol.command("auth.refresh", token=Text(shortest=1, longest=tokens.MAX_LENGTH))
    def refresh(call: Call, *, token: str) -> Renewed:
        """The socket goes on with this token, which must be of the same person."""
        claims = tokens.read_access(token)
        if claims.user_id != call.session.user_id:
            raise Forbidden(_("This token is somebody else's."))
        if accounts.login_user(claims.login_id) is None:
            raise Unauthenticated
        call.after.renewed = claims
        return {"expires_at": iso(datetime.fromtimestamp(claims.expires, UTC))}

    @protocol.command(
        "report.create",
        limit=limits.REPORTS,
        answer=reported,
        message_id=Identifier(required=False),
        user_id=Identifier(required=False),
        chat_id=Identifier(required=False),
        reason=Choice(among=tuple(REASONS)),
        comment=Text(required=False, default="", longest=MAX_COMMENT),
    )
    def create_report(call: Call, **fields: Any) -> ReportFacts:
        """
        Tell the moderators of a message or of a person, perhaps in a chat. Again: the first report
        answers.
        """
        return report(call.actor, **fields)[0]

    @protocol.command("user.block", limit=limits.BLOCKS, answer=blocked, user_id=Identifier())
    def block(call: Call, *, user_id: Ref) -> Block:
        """No private messages with this person, and no presence, either way."""
        return block_person(call.actor, user_id)[0]

    @protocol.command("user.unblock", limit=limits.BLOCKS, user_id=Identifier())
    def unblock(call: Call, *, user_id: Ref) -> Done:
        """Take a block back."""
        unblock_person(call.actor, user_id)
        return {}

    @protocol.command("resume", limit=limits.RESUMES, answer=resumed, chats=Positions())
    def resume(call: Call, *, chats: Mapping[Ref, int]) -> Missed:
        """Be told every change after the `seq` that one has of each chat, then `resumed`."""
        return missed_by(call.session.user_id, chats)


def report(
    reporter: User,
    *,
    message_id: Ref | None,
    user_id: Ref | None,
    chat_id: Ref | None,
    reason: str,
    comment: str | None,
) -> tuple[ReportFacts, bool]:
    """
    The report of a message or of a person, and whether it is new. Invalid unless it is one of the
    two; a chat goes with a person only.
    """
    if message_id is not None and user_id is not None:
        raise Invalid.field("user_id", _("say a message or a person, not both"))
    comment = comment or ""
    if message_id is not None:
        if chat_id is not None:
            raise Invalid.field("chat_id", _("say it with a person only"))
        made, new = find_or_report_message(
            reporter, message=message_id, reason=reason, comment=comment
        )
    elif user_id is not None:
        made, new = find_or_report_person(
            reporter, user=user_id, chat=chat_id, reason=reason, comment=comment
        )
    else:
        raise Invalid.field("message_id", _("say a message or a person"))
    return facts_of(made), new
