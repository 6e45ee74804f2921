"""The Messenger API's socket: commands in, events out."""

from chats.events import (
    ChatCreated,
    ChatDeleted,
    ChatReset,
    ChatUpdated,
    MemberJoined,
    MemberLeft,
    RoleChanged,
)
from chats.selectors import chat_for
from messaging.content import MAX_KEY
from messaging.events import (
    MessageDeleted,
    MessageEdited,
    MessageRead,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
)
from messaging.services import SendMessage, Sent, send_messages
from messenger.ids import Ref
from messenger.protocols.base import Call, Protocol, To
from messenger.protocols.fields import Content, Flag, Identifier, Text
from messenger.protocols.flat import Flat
from messenger.protocols.messenger_api import frames, shapes
from messenger.realtime import limits
from presence.events import PresenceChanged, Typing
from presence.services import set_typing

messenger_api = Protocol(
    "messenger_api",
    path=r"ws/chat/(?P<token>[^/]+)",
    codec=Flat("type"),
    skips_origin=True,
    by_subscription=True,
)
messenger_api.ignores(ChatCreated, ChatUpdated, ChatDeleted, MemberJoined, MemberLeft, RoleChanged)
messenger_api.ignores(MessageRead, ReactionAdded, ReactionRemoved, ChatReset)


# --- commands --------------------------------------------------------------------------------


@messenger_api.command("subscribe_chat", chat_id=Identifier())
def subscribe_chat(call: Call, *, chat_id: Ref) -> frames.Subscribed:
    """For this socket, until it closes or the person is in the chat no longer."""
    chat = chat_for(call.actor, chat_id).chat
    call.subscriptions[chat.id] = chat.last_seq
    return {"type": "subscribed", "chat_id": chat.id}


@messenger_api.command("unsubscribe_chat", chat_id=Identifier())
def unsubscribe_chat(call: Call, *, chat_id: Ref) -> frames.Unsubscribed:
    chat = chat_for(call.actor, chat_id).chat
    call.subscriptions[chat.id] = None
    return {"type": "unsubscribed", "chat_id": chat.id}


def message_sent(sent: Sent) -> frames.NewMessage:
    facts = sent.message
    return {"type": "new_message", "chat_id": facts.chat_id, "message": shapes.message(facts)}


@messenger_api.gathered(
    "private_message",
    send_messages,
    answer=message_sent,
    user_id=Identifier(),
    text=Content(),
    client_message_id=Text(required=False, shortest=1, longest=MAX_KEY),
)
def private_message(
    call: Call, *, user_id: Ref, text: str, client_message_id: str | None
) -> SendMessage:
    """Opens the private chat with this person if need be."""
    return SendMessage(
        author_id=call.session.user_id,
        recipient=user_id,
        content=text,
        key=client_message_id,
        origin=call.socket_id,
    )


@messenger_api.command("typing", limit=limits.TYPING, chat_id=Identifier(), is_typing=Flag())
def typing(call: Call, *, chat_id: Ref, is_typing: bool) -> None:
    """Ends by itself after ten seconds."""
    set_typing(call.actor, chat=chat_id, is_typing=is_typing)


# --- events ----------------------------------------------------------------------------------


@messenger_api.on(MessageSent)
def new_message(event: MessageSent) -> list[To[frames.NewMessage]]:
    # What was sent to a person reaches them whether they subscribed or not.
    words: frames.NewMessage = {
        "type": "new_message",
        "chat_id": event.chat_id,
        "message": shapes.message(event.message),
    }
    return [To(words, unsolicited=event.direct)]


@messenger_api.on(MessageEdited)
def message_edited(event: MessageEdited) -> frames.MessageEdited:
    message = shapes.message(event.message)
    return {"type": "message_edited", "chat_id": event.chat_id, "message": message}


@messenger_api.on(MessageDeleted)
def message_deleted(event: MessageDeleted) -> frames.MessageDeleted:
    message_id = event.message.id
    return {"type": "message_deleted", "chat_id": event.chat_id, "message_id": message_id}


@messenger_api.on(PresenceChanged)
def user_status(event: PresenceChanged) -> list[To[frames.UserStatus]]:
    # Here who is away is online.
    if {event.status, event.was} == {"online", "away"}:
        return []
    words: frames.UserStatus = {
        "type": "user_status",
        "user_id": event.user_id,
        "status": "offline" if event.status == "offline" else "online",
    }
    return [To(words, unsolicited=True)]


@messenger_api.on(Typing)
def somebody_types(event: Typing) -> frames.Typing:
    return {
        "type": "typing",
        "chat_id": event.chat_id,
        "user_id": event.user_id,
        "is_typing": event.is_typing,
    }
