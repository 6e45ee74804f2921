"""
What a client hears, as frozen dataclasses.

    ChatEvent               a change to a chat, with its `chat_id` and `seq`; each comes once
    ChatReset               a chat is to be shown anew: `chat` is how it is now
    UserTyping, UserPresence
    Connected, Disconnected
    SendFailed              a message of ours was refused
    Unknown                 a frame that this version has no word for
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from messenger_client import shapes
from messenger_client.errors import MessengerError


@dataclass(frozen=True)
class Event:
    """Anything that a client hears of."""


@dataclass(frozen=True)
class ChatEvent(Event):
    """The change number `seq` to a chat."""

    chat_id: int
    seq: int


@dataclass(frozen=True)
class MessageCreated(ChatEvent):
    """`local_key` is the key of the `Pending` that this is, if it was sent from here."""

    message: shapes.BareMessage
    local_key: str | None = None


@dataclass(frozen=True)
class MessageUpdated(ChatEvent):
    message: shapes.BareMessage


@dataclass(frozen=True)
class MessageDeleted(ChatEvent):
    message: shapes.BareMessage


@dataclass(frozen=True)
class MessageRead(ChatEvent):
    message_id: int
    user_id: int
    read_at: str | None
    read_by_all: bool


@dataclass(frozen=True)
class ReactionAdded(ChatEvent):
    reaction: shapes.Reaction


@dataclass(frozen=True)
class ReactionRemoved(ChatEvent):
    message_id: int
    user_id: int
    emoji: str


@dataclass(frozen=True)
class ChatCreated(ChatEvent):
    """It came to be, or we came into it."""

    chat: shapes.ChatAndMembers


@dataclass(frozen=True)
class ChatUpdated(ChatEvent):
    chat: shapes.BareChat


@dataclass(frozen=True)
class ChatDeleted(ChatEvent):
    deleted_by: int | None


@dataclass(frozen=True)
class MemberJoined(ChatEvent):
    """`added_by` is None for who came by themselves."""

    member: shapes.Member
    added_by: int | None


@dataclass(frozen=True)
class MemberLeft(ChatEvent):
    """`removed_by` is None for who went by themselves. Of ourselves: the last of this chat."""

    user_id: int
    removed_by: int | None


@dataclass(frozen=True)
class MemberUpdated(ChatEvent):
    member: shapes.Member


@dataclass(frozen=True)
class ChatReset(Event):
    """
    What was known of a chat can't be continued: take `chat` instead, which is how it is now, or
    forget the chat where that is None. What happens after `chat["seq"]` follows as events.

    `reason`: "new" (we came into it unheard), "not_found" (it is none of ours any more), "expired",
    "too_far", "ahead" (the server says why), "gap" (changes were missing again and again).
    """

    chat_id: int
    reason: str
    chat: shapes.WholeChat | None


@dataclass(frozen=True)
class UserTyping(Event):
    chat_id: int
    user_id: int
    is_typing: bool


@dataclass(frozen=True)
class UserPresence(Event):
    user_id: int
    status: Literal["online", "away", "offline"]
    timestamp: str


@dataclass(frozen=True)
class Connected(Event):
    """The socket is open, and what was missed has been told."""


@dataclass(frozen=True)
class Disconnected(Event):
    """The socket is closed; the client comes back by itself unless it says that it ended."""

    code: int
    reason: str


@dataclass(frozen=True)
class SendFailed(Event):
    """The message with this key was refused for good, and so `error` is what its Pending raises."""

    chat_id: int
    key: str
    error: MessengerError


@dataclass(frozen=True)
class Unknown(Event):
    """A frame of a newer server."""

    frame: Mapping[str, Any]


_WITH_MESSAGE: dict[str, type[MessageCreated] | type[MessageUpdated] | type[MessageDeleted]] = {
    "message.created": MessageCreated,
    "message.updated": MessageUpdated,
    "message.deleted": MessageDeleted,
}


def from_frame(frame: Mapping[str, Any]) -> Event:
    """The event that a frame tells of. KeyError or TypeError for one that breaks the contract."""
    name, data = frame["event"], frame["data"]
    if name == "user.typing":
        return UserTyping(data["chat_id"], data["user_id"], data["is_typing"])
    if name == "user.presence":
        return UserPresence(data["user_id"], data["status"], data["timestamp"])
    if "seq" not in frame:
        return Unknown(frame)
    chat_id, seq = frame["chat_id"], frame["seq"]
    if name in _WITH_MESSAGE:
        kind = _WITH_MESSAGE[name]
        return kind(chat_id, seq, data)
    match name:
        case "message.read":
            return MessageRead(
                chat_id,
                seq,
                data["message_id"],
                data["user_id"],
                data["read_at"],
                data["read_by_all"],
            )
        case "reaction.added":
            return ReactionAdded(chat_id, seq, data)
        case "reaction.removed":
            return ReactionRemoved(chat_id, seq, data["message_id"], data["user_id"], data["emoji"])
        case "chat.created":
            return ChatCreated(chat_id, seq, data)
        case "chat.updated":
            return ChatUpdated(chat_id, seq, data)
        case "chat.deleted":
            return ChatDeleted(chat_id, seq, data["deleted_by"])
        case "member.joined":
            return MemberJoined(chat_id, seq, data["member"], data["added_by"])
        case "member.left":
            return MemberLeft(chat_id, seq, data["user_id"], data["removed_by"])
        case "member.updated":
            return MemberUpdated(chat_id, seq, data["member"])
    return Unknown(frame)
