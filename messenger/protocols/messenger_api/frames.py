"""What the frames of the Messenger API's socket look like: flat, `{"type", …}`."""

from typing import Literal, TypedDict

from messenger.protocols.messenger_api.shapes import Message


class Subscribed(TypedDict):
    """From here on the chat's events come."""

    type: Literal["subscribed"]
    chat_id: int


class Unsubscribed(TypedDict):
    type: Literal["unsubscribed"]
    chat_id: int


class NewMessage(TypedDict):
    """What was sent to a person reaches both of them on every socket, subscribed or not."""

    type: Literal["new_message"]
    chat_id: int
    message: Message


class MessageEdited(TypedDict):
    type: Literal["message_edited"]
    chat_id: int
    message: Message


class MessageDeleted(TypedDict):
    type: Literal["message_deleted"]
    chat_id: int
    message_id: int


class UserStatus(TypedDict):
    """Of people with whom one shares a chat, subscribed or not. Who is away is online."""

    type: Literal["user_status"]
    user_id: int
    status: Literal["online", "offline"]


class Typing(TypedDict):
    """Ends by itself after ten seconds, and says so."""

    type: Literal["typing"]
    chat_id: int
    user_id: int
    is_typing: bool
