"""The mini-app's socket: commands in, events out."""

from accounts.selectors import users_for
from chats import selectors as chats
from chats.events import (
    ChatCreated,
    ChatDeleted,
    ChatReset,
    ChatUpdated,
    MemberJoined,
    MemberLeft,
    RoleChanged,
)
from chats.services import create_chat as create
from messaging.content import MAX_KEY
from messaging.events import (
    MessageDeleted,
    MessageEdited,
    MessageRead,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
)
from messaging.reading import Read, ReadMessage, read_messages
from messaging.services import SendMessage, Sent, send_messages
from messaging.unread import Unread
from messenger.ids import Ref
from messenger.protocols.base import Call, Protocol, To
from messenger.protocols.fields import Choice, Content, Identifier, Identifiers, Text
from messenger.protocols.flat import Flat
from messenger.protocols.miniapp import frames, shapes
from messenger.realtime import limits
from presence.events import PresenceChanged, Typing


def greet(unread: Unread) -> frames.UnreadMessages:
    """Everything that waits for this person, also when that is nothing."""
    words: frames.UnreadMessages = {
        "action": "unread_messages",
        "data": [shapes.message(facts, read=False) for facts in unread.messages],
    }
    if unread.truncated:
        words["truncated"] = True
    return words


miniapp = Protocol(
    "miniapp",
    path="connect",
    codec=Flat("action"),
    greet=greet,
    skips_origin=True,
)
miniapp.ignores(ChatDeleted, ChatUpdated, MemberLeft, RoleChanged, ReactionAdded, ReactionRemoved)
miniapp.ignores(PresenceChanged, Typing, ChatReset)


# --- commands --------------------------------------------------------------------------------


@miniapp.command(
    "create_chat",
    limit=limits.NEW_CHATS,
    type=Choice(among=("group", "private")),
    name=Text(required=False, default="", longest=100),
    user_ids=Identifiers(required=False, default=()),
)
def create_chat(call: Call, *, type: str, name: str, user_ids: list[Ref]) -> frames.ChatCreated:
    """A private chat is with exactly one other person, and there is one for a pair."""
    chat = create(
        call.actor, kind=type, name=name, members=users_for(list(user_ids)), origin=call.socket_id
    )
    return {"action": "chat_created", "data": shapes.chat(chats.chat_facts([chat])[chat.id])}


def message_sent(sent: Sent) -> frames.MessageSent:
    return {"action": "message_sent", "data": shapes.message(sent.message, read=False)}


@miniapp.gathered(
    "send_message",
    send_messages,
    answer=message_sent,
    chat_id=Identifier(),
    text=Content(),
    client_message_id=Text(required=False, shortest=1, longest=MAX_KEY),
)
def send_message(
    call: Call, *, chat_id: Ref, text: str, client_message_id: str | None
) -> SendMessage:
    """The same `client_message_id` again stores nothing and gets the first answer."""
    return SendMessage(
        author_id=call.session.user_id,
        chat=chat_id,
        content=text,
        key=client_message_id,
        origin=call.socket_id,
    )


def message_read(read: Read) -> frames.MessageRead:
    return {
        "action": "message_read",
        "data": {
            "message_id": read.message_id,
            "chat_id": read.chat_id,
            "read_by": read.reader_uuid,
            "read_at": read.read_at,
            "read_by_all": read.read_by_all,
        },
    }


@miniapp.gathered("message_read", read_messages, answer=message_read, message_id=Identifier())
def read_message(call: Call, *, message_id: Ref) -> ReadMessage:
    return ReadMessage(reader_id=call.session.user_id, message=message_id, origin=call.socket_id)


# --- events ----------------------------------------------------------------------------------


@miniapp.on(ChatCreated)
def chat_created(event: ChatCreated) -> frames.ChatCreated:
    return {"action": "chat_created", "data": shapes.chat(event.chat)}


@miniapp.on(MemberJoined)
def came_into_chat(event: MemberJoined) -> list[To[frames.ChatCreated]]:
    """For who comes into a chat that exists, that is when it came to be."""
    words: frames.ChatCreated = {"action": "chat_created", "data": shapes.chat(event.chat)}
    return [To(words, only=frozenset({event.member.user_id}))]


@miniapp.on(MessageSent)
def new_message(event: MessageSent) -> frames.NewMessage:
    return {"action": "new_message", "data": shapes.message(event.message, read=False)}


@miniapp.on(MessageEdited)
def message_edited(event: MessageEdited) -> list[To[frames.MessageEdited]]:
    author = {event.message.author_id} if event.message.author_id and event.read_by_all else set()
    read = frozenset({*event.readers, *author})

    def words(as_read: bool) -> frames.MessageEdited:
        return {"action": "message_edited", "data": shapes.message(event.message, read=as_read)}

    return [To(words(True), only=read), To(words(False), but=read)]


@miniapp.on(MessageDeleted)
def message_deleted(event: MessageDeleted) -> frames.MessageDeleted:
    data: frames.DeletedMessage = {"message_id": event.message.id, "chat_id": event.chat_id}
    return {"action": "message_deleted", "data": data}


@miniapp.on(MessageRead)
def message_read_by_all(event: MessageRead) -> list[To[frames.MessageReadByAll]] | None:
    """The sender hears it once, when the last of the others has read it."""
    if not event.completes or event.message.author_id is None:
        return None
    words: frames.MessageReadByAll = {
        "action": "message_read_by_all",
        "data": {
            "message_id": event.message.id,
            "chat_id": event.chat_id,
            "read_by": event.reader_uuid,
            "read_at": event.created_at,
        },
    }
    return [To(words, only=frozenset({event.message.author_id}))]
