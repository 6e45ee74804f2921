"""
One client of each protocol, all with the same words, for the table of crossings.

What a protocol has no command for (`edit`, say) is None. What it hears is put the same way for all:
("sent", chat id, message id, text), ("edited", …), ("deleted", chat id, message id).
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import orjson
from django.test import Client

from accounts.models import User
from chats.models import Chat
from messenger.realtime.threads import in_db
from tests.people import bearer
from tests.sockets import Socket, messenger_api, miniapp

Heard = tuple[Any, ...]


@dataclass(frozen=True)
class Speaker:
    """How a client of one protocol does a thing: (user, …) → the id of the message."""

    open: Callable[[User, Chat], AbstractAsyncContextManager[Socket]]
    hear: Callable[[dict[str, Any]], Heard]
    # (user, their socket, chat, text, the client's name for it) → message id
    send: Callable[[User, Socket, Chat, str, str], Any]
    edit: Callable[[User, Socket, int, str], Any] | None = None
    delete: Callable[[User, Socket, int], Any] | None = None


async def rest(user: User, method: str, path: str, body: Any = None) -> Any:
    """The answer to a signed-in request, which must succeed."""

    def ask() -> Any:
        response = Client().generic(
            method, path, orjson.dumps(body), content_type="application/json", headers=bearer(user)
        )
        assert response.status_code < 300, response.content
        return orjson.loads(response.content) if response.content else None

    return await in_db(ask)


# --- mini-app --------------------------------------------------------------------------------


async def miniapp_send(user: User, socket: Socket, chat: Chat, text: str, key: str) -> int:
    frame = {"action": "send_message", "chat_id": chat.id, "text": text, "client_message_id": key}
    return int((await socket.ask(frame, action="message_sent"))["data"]["id"])


def miniapp_hear(frame: dict[str, Any]) -> Heard:
    kinds = {"new_message": "sent", "message_edited": "edited", "message_deleted": "deleted"}
    kind, data = kinds[frame["action"]], frame["data"]
    if kind == "deleted":
        return kind, data["chat_id"], data["message_id"]
    return kind, data["chat_id"], data["id"], data["text"]


# --- Messenger API ---------------------------------------------------------------------------


async def messenger_send(user: User, socket: Socket, chat: Chat, text: str, key: str) -> int:
    body = {"chat_id": chat.id, "text": text, "client_message_id": key}
    return int((await rest(user, "POST", "/messages/send", body))["id"])


async def messenger_edit(user: User, socket: Socket, message_id: int, text: str) -> None:
    await rest(user, "PUT", f"/messages/edit/{message_id}", {"text": text})


async def messenger_delete(user: User, socket: Socket, message_id: int) -> None:
    await rest(user, "DELETE", f"/messages/delete/{message_id}")


def messenger_hear(frame: dict[str, Any]) -> Heard:
    kinds = {"new_message": "sent", "message_edited": "edited", "message_deleted": "deleted"}
    kind = kinds[frame["type"]]
    if kind == "deleted":
        return kind, frame["chat_id"], frame["message_id"]
    return kind, frame["chat_id"], frame["message"]["id"], frame["message"]["text"]


SPEAKERS = {
    "miniapp": Speaker(lambda user, chat: miniapp(user), miniapp_hear, miniapp_send),
    "messenger_api": Speaker(
        messenger_api, messenger_hear, messenger_send, messenger_edit, messenger_delete
    ),
}
