"""
One client of each protocol, all with the same words, for the table of crossings.

What a protocol has no means for (an edit, say) is None. What it hears is put the same way for all,
with integers for ids: ("sent", chat, message, text), ("edited", …), ("deleted", chat, message),
("read", chat, message, who), ("liked", …), ("unliked", …), ("typing", chat, who, whether).
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson
from django.test import Client

from accounts.models import User
from chats.models import Chat
from messaging.emoji import LIKE
from messaging.models import Message
from messenger.realtime.threads import in_db
from tests.people import bearer
from tests.sockets import Socket, chatroulette, messenger_api, miniapp, nodus

Heard = tuple[Any, ...]
# What is done to a message: (who, their socket, the message).
Act = Callable[[User, Socket, int], Any]


@dataclass(frozen=True)
class Speaker:
    """How a client of one protocol does a thing: (user, …) → the id of the message."""

    open: Callable[[User, Chat], AbstractAsyncContextManager[Socket]]
    # A frame in the words of all; ids may be UUIDs as text.
    words: Callable[[dict[str, Any]], Heard]
    # (user, their socket, chat, text, the client's name for it) → message id
    send: Callable[[User, Socket, Chat, str, str], Any]
    edit: Callable[[User, Socket, int, str], Any] | None = None
    delete: Act | None = None
    read: Act | None = None
    like: Act | None = None
    unlike: Act | None = None
    # (user, their socket, chat, whether)
    type: Callable[[User, Socket, Chat, bool], Any] | None = None

    async def hear(self, socket: Socket) -> Heard:
        """The next frame in the words of all."""
        return await in_db(numbered, self.words(await socket.get()))


def numbered(heard: Heard) -> Heard:
    """The same with integers for UUIDs."""
    return tuple(number(part) for part in heard)


def number(ref: Any) -> Any:
    """The id of what has this UUID; what is none, as it is."""
    try:
        uuid = UUID(ref)
    except (ValueError, AttributeError, TypeError):
        return ref
    for model in (Message, Chat, User):
        id = model._default_manager.filter(uuid=uuid).values_list("id", flat=True).first()
        if id is not None:
            return id
    raise AssertionError(f"Nothing has the UUID {ref}.")


async def rest(user: User, method: str, path: str, body: Any = None) -> Any:
    """The answer to a signed-in request, which must succeed."""

    def ask() -> Any:
        content = b"" if body is None else orjson.dumps(body)
        response = Client().generic(
            method, path, content, content_type="application/json", headers=bearer(user)
        )
        assert response.status_code < 300, response.content
        return orjson.loads(response.content) if response.content else None

    return await in_db(ask)


# --- mini-app --------------------------------------------------------------------------------


async def miniapp_send(user: User, socket: Socket, chat: Chat, text: str, key: str) -> int:
    frame = {"action": "send_message", "chat_id": chat.id, "text": text, "client_message_id": key}
    return int((await socket.ask(frame, action="message_sent"))["data"]["id"])


async def miniapp_read(user: User, socket: Socket, message_id: int) -> None:
    await socket.ask({"action": "message_read", "message_id": message_id}, action="message_read")


def miniapp_words(frame: dict[str, Any]) -> Heard:
    data = frame["data"]
    match frame["action"]:
        case "new_message":
            return "sent", data["chat_id"], data["id"], data["text"]
        case "message_edited":
            return "edited", data["chat_id"], data["id"], data["text"]
        case "message_deleted":
            return "deleted", data["chat_id"], data["message_id"]
        case "message_read_by_all":
            return "read", data["chat_id"], data["message_id"], data["read_by"]
    raise AssertionError(frame)


# --- Messenger API ---------------------------------------------------------------------------


async def messenger_send(user: User, socket: Socket, chat: Chat, text: str, key: str) -> int:
    body = {"chat_id": chat.id, "text": text, "client_message_id": key}
    return int((await rest(user, "POST", "/messages/send", body))["id"])


async def messenger_edit(user: User, socket: Socket, message_id: int, text: str) -> None:
    await rest(user, "PUT", f"/messages/edit/{message_id}", {"text": text})


async def messenger_delete(user: User, socket: Socket, message_id: int) -> None:
    await rest(user, "DELETE", f"/messages/delete/{message_id}")


async def messenger_type(user: User, socket: Socket, chat: Chat, is_typing: bool) -> None:
    await socket.send({"type": "typing", "chat_id": chat.id, "is_typing": is_typing})


def messenger_words(frame: dict[str, Any]) -> Heard:
    chat_id = frame["chat_id"]
    match frame["type"]:
        case "new_message":
            return "sent", chat_id, frame["message"]["id"], frame["message"]["text"]
        case "message_edited":
            return "edited", chat_id, frame["message"]["id"], frame["message"]["text"]
        case "message_deleted":
            return "deleted", chat_id, frame["message_id"]
        case "typing":
            return "typing", chat_id, frame["user_id"], frame["is_typing"]
    raise AssertionError(frame)


# --- NODUS v2 --------------------------------------------------------------------------------


async def nodus_ask(socket: Socket, event: str, data: dict[str, Any]) -> Any:
    """The data that acknowledges a command; events on the way are passed over."""
    await socket.send({"event": event, "data": data, "request_id": "asked"})
    return (await socket.until(event="ack", request_id="asked"))["data"]


async def nodus_send(user: User, socket: Socket, chat: Chat, text: str, key: str) -> int:
    data = {"chat_id": chat.id, "content": text, "client_message_id": key}
    return int((await nodus_ask(socket, "message.send", data))["id"])


async def nodus_delete(user: User, socket: Socket, message_id: int) -> None:
    await rest(user, "DELETE", f"/api/v1/messages/{message_id}")


async def nodus_read(user: User, socket: Socket, message_id: int) -> None:
    await nodus_ask(socket, "message.read", {"message_id": message_id})


async def nodus_like(user: User, socket: Socket, message_id: int) -> None:
    # As keyboards send it.
    await rest(user, "POST", f"/api/v1/messages/{message_id}/reactions", {"emoji": "\u2764"})


async def nodus_unlike(user: User, socket: Socket, message_id: int) -> None:
    path = f"/api/v1/messages/{message_id}/reactions/{quote(LIKE)}"
    await rest(user, "DELETE", path)


async def nodus_type(user: User, socket: Socket, chat: Chat, is_typing: bool) -> None:
    await nodus_ask(socket, "typing", {"chat_id": chat.id, "is_typing": is_typing})


def nodus_words(frame: dict[str, Any]) -> Heard:
    chat_id, data = frame.get("chat_id"), frame["data"]
    match frame["event"]:
        case "message.created":
            return "sent", chat_id, data["id"], data["content"]
        case "message.updated":
            return "edited", chat_id, data["id"], data["content"]
        case "message.deleted":
            return "deleted", chat_id, data["id"]
        case "message.read":
            return "read", chat_id, data["message_id"], data["user_id"]
        case "reaction.added" if data["emoji"] == LIKE:
            return "liked", chat_id, data["message_id"], data["user_id"]
        case "reaction.removed" if data["emoji"] == LIKE:
            return "unliked", chat_id, data["message_id"], data["user_id"]
        case "user.typing":
            return "typing", data["chat_id"], data["user_id"], data["is_typing"]
    raise AssertionError(frame)


# --- Chatroulette ----------------------------------------------------------------------------


async def roulette_ask(
    socket: Socket, type: str, payload: dict[str, Any], **beside: Any
) -> dict[str, Any]:
    """The payload that acknowledges a command; events on the way are passed over."""
    await socket.send({"type": type, "payload": payload, "request_id": "asked", **beside})
    found: dict[str, Any] = (await socket.until(type="ack", request_id="asked"))["payload"]
    return found


async def roulette_send(user: User, socket: Socket, chat: Chat, text: str, key: str) -> int:
    payload = {"content": text, "client_message_id": key}
    said = await roulette_ask(socket, "message.send", payload, chat_id=str(chat.uuid))
    return int(await in_db(number, said["id"]))


async def roulette(user: User, method: str, message_id: int, what: str, body: Any = None) -> Any:
    """The answer to a request about a message, under its UUID."""
    message = await in_db(lambda: Message.objects.get(id=message_id))
    return await rest(user, method, f"/api/v1/messages/{message.uuid}{what}", body)


async def roulette_edit(user: User, socket: Socket, message_id: int, text: str) -> None:
    await roulette(user, "PUT", message_id, "/edit", {"content": text})


async def roulette_delete(user: User, socket: Socket, message_id: int) -> None:
    # The message itself is at the same address as NODUS has it.
    await roulette(user, "DELETE", message_id, "")


async def roulette_read(user: User, socket: Socket, message_id: int) -> None:
    await roulette(user, "PUT", message_id, "/read")


async def roulette_like(user: User, socket: Socket, message_id: int) -> None:
    await roulette(user, "POST", message_id, "/like")


async def roulette_unlike(user: User, socket: Socket, message_id: int) -> None:
    await roulette(user, "DELETE", message_id, "/like")


async def roulette_type(user: User, socket: Socket, chat: Chat, is_typing: bool) -> None:
    await roulette_ask(socket, "typing", {"is_typing": is_typing}, chat_id=str(chat.uuid))


def roulette_words(frame: dict[str, Any]) -> Heard:
    chat_id, payload = frame["chat_id"], frame["payload"]
    match frame["type"]:
        case "new_message":
            return "sent", chat_id, payload["id"], payload["content"]
        case "message_edited":
            return "edited", chat_id, payload["id"], payload["content"]
        case "message_deleted":
            return "deleted", chat_id, payload["message_id"]
        case "message_status_update":
            return "read", chat_id, payload["message_id"], payload["read_by"][-1]
        case "message_liked":
            return "liked", chat_id, payload["message_id"], payload["liked_by"][-1]
        case "message_unliked":
            # Who it was is not said: nobody likes it any more.
            assert payload["liked_by"] == []
            return "unliked", chat_id, payload["message_id"], None
        case "typing":
            return "typing", chat_id, payload["user_id"], payload["is_typing"]
    raise AssertionError(frame)


# What is not named here a protocol has no means for.
SPEAKERS = {
    "nodus": Speaker(
        lambda user, chat: nodus(user),
        nodus_words,
        nodus_send,
        delete=nodus_delete,
        read=nodus_read,
        like=nodus_like,
        unlike=nodus_unlike,
        type=nodus_type,
    ),
    "miniapp": Speaker(
        lambda user, chat: miniapp(user), miniapp_words, miniapp_send, read=miniapp_read
    ),
    "messenger_api": Speaker(
        messenger_api,
        messenger_words,
        messenger_send,
        messenger_edit,
        messenger_delete,
        type=messenger_type,
    ),
    "chatroulette": Speaker(
        lambda user, chat: chatroulette(user),
        roulette_words,
        roulette_send,
        roulette_edit,
        roulette_delete,
        roulette_read,
        roulette_like,
        roulette_unlike,
        roulette_type,
    ),
}
