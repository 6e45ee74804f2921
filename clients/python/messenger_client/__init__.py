"""
A client for Messenger's native API: REST, and a stream of events that has no holes.

    async with Messenger("http://127.0.0.1:8000", username="anna", password="…") as me:
        me.send(chat_id, "Hello")
        async for event in me.events():
            ...
"""

from messenger_client.api import Api
from messenger_client.client import Messenger
from messenger_client.errors import Banned, Closed, MessengerError, SignedOut, Unreachable
from messenger_client.events import (
    ChatCreated,
    ChatDeleted,
    ChatEvent,
    ChatReset,
    ChatUpdated,
    Connected,
    Disconnected,
    Event,
    MemberJoined,
    MemberLeft,
    MemberUpdated,
    MessageCreated,
    MessageDeleted,
    MessageRead,
    MessageUpdated,
    ReactionAdded,
    ReactionRemoved,
    SendFailed,
    Unknown,
    UserPresence,
    UserTyping,
)
from messenger_client.outbox import Pending

__all__ = [
    "Api",
    "Banned",
    "ChatCreated",
    "ChatDeleted",
    "ChatEvent",
    "ChatReset",
    "ChatUpdated",
    "Closed",
    "Connected",
    "Disconnected",
    "Event",
    "MemberJoined",
    "MemberLeft",
    "MemberUpdated",
    "MessageCreated",
    "MessageDeleted",
    "MessageRead",
    "MessageUpdated",
    "Messenger",
    "MessengerError",
    "Pending",
    "ReactionAdded",
    "ReactionRemoved",
    "SendFailed",
    "SignedOut",
    "Unknown",
    "Unreachable",
    "UserPresence",
    "UserTyping",
]
