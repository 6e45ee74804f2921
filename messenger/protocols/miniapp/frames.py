"""What the frames of the mini-app's socket look like: `{"action", …}`."""

from typing import Literal, NotRequired, TypedDict

from messenger.protocols.miniapp.shapes import Chat, Message
from messenger.schemas import Time, Uuid


class UnreadMessages(TypedDict):
    """
    Everything that waits for this person, oldest first; once, as the first frame. `truncated` where
    that is more than fits.
    """

    action: Literal["unread_messages"]
    data: list[Message]
    truncated: NotRequired[Literal[True]]


class ChatCreated(TypedDict):
    """A chat came to be, or the person who hears this came into it."""

    action: Literal["chat_created"]
    data: Chat


class MessageSent(TypedDict):
    """It is stored."""

    action: Literal["message_sent"]
    data: Message


class NewMessage(TypedDict):
    """For every other member, and the sender's other sockets."""

    action: Literal["new_message"]
    data: Message


class MessageEdited(TypedDict):
    action: Literal["message_edited"]
    data: Message


class DeletedMessage(TypedDict):
    message_id: int
    chat_id: int


class MessageDeleted(TypedDict):
    action: Literal["message_deleted"]
    data: DeletedMessage


class LastReading(TypedDict):
    """`read_by` is the last of those whom the message was waiting for."""

    message_id: int
    chat_id: int
    read_by: Uuid
    read_at: Time


class MessageReadByAll(TypedDict):
    """For the sender, once, when the last of the others has read it."""

    action: Literal["message_read_by_all"]
    data: LastReading


class Reading(TypedDict):
    """`read_at` is when this person read it first: null for one's own message."""

    message_id: int
    chat_id: int
    read_by: Uuid
    read_at: Time | None
    read_by_all: bool


class MessageRead(TypedDict):
    action: Literal["message_read"]
    data: Reading
