"""Sockets in a test: frames in, frames out, through the whole application."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import orjson
from channels.testing import WebsocketCommunicator

from accounts.models import User
from chats.models import Chat
from messenger.asgi import application
from messenger.realtime.threads import in_db
from tests import contracts_ws
from tests.people import token

# Seconds: how long an expected frame may take, and how long silence is listened to.
PATIENCE = 10
SILENCE = 0.1


class Socket:
    """A client's side of a socket. What it gets must be documented."""

    def __init__(self, communicator: WebsocketCommunicator, path: str) -> None:
        self.communicator = communicator
        self.contract = contracts_ws.at(path)
        # Frames that were sent, by their request_id.
        self.sent: dict[Any, Any] = {}
        # Frames of this type (or event) are passed over, wherever they come.
        self.skips: str | None = None

    async def send(self, frame: Any) -> None:
        """Send an object as JSON, or a text as it is."""
        text = frame if isinstance(frame, str) else json.dumps(frame)
        if isinstance(frame, dict) and isinstance(frame.get("request_id"), int | str):
            self.sent[frame["request_id"]] = frame
        await self.communicator.send_input({"type": "websocket.receive", "text": text})

    async def get(self, **expected: Any) -> Any:
        """The next frame, which must have these fields."""
        while True:
            output = await self.communicator.receive_output(PATIENCE)
            assert output["type"] == "websocket.send", output
            frame = self._read(output["text"])
            if not self._skipped(frame):
                break
        assert {name: frame.get(name) for name in expected} == expected, frame
        return frame

    async def ask(self, frame: Any, **expected: Any) -> Any:
        """Send, and the next frame, which must have these fields."""
        await self.send(frame)
        answer = await self.get(**expected)
        if self.contract is not None:
            self.contract.check_sent(frame, answer)
        return answer

    async def until(self, **expected: Any) -> Any:
        """The next frame with these fields; others are skipped."""
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = await self.get()
                if {name: frame.get(name) for name in expected} == expected:
                    return frame

    async def silent(self) -> bool:
        """Whether nothing comes for a moment."""
        while not await self.communicator.receive_nothing(SILENCE, 0.01):
            output = await self.communicator.receive_output(PATIENCE)
            if "text" not in output or not self._skipped(self._read(output["text"])):
                return False
        return True

    def _read(self, text: str) -> Any:
        frame = orjson.loads(text)
        if self.contract is not None:
            self.contract.check(frame)
            if frame.get("request_id") in self.sent:
                self.contract.check_sent(self.sent[frame["request_id"]], frame)
        return frame

    def _skipped(self, frame: Any) -> bool:
        return self.skips is not None and self.skips in (frame.get("type"), frame.get("event"))

    async def closed(self) -> int:
        """The code with which the server closes; frames before it are skipped."""
        while True:
            output = await self.communicator.receive_output(PATIENCE)
            if output["type"] == "websocket.close":
                return int(output["code"])
            self._read(output["text"])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.communicator.disconnect()


async def open_socket(
    path: str, *, headers: dict[str, str] | None = None, subprotocols: list[str] | None = None
) -> Socket:
    """A socket at `path`, accepted by the server."""
    communicator = WebsocketCommunicator(
        application,
        path,
        headers=[
            (name.lower().encode(), value.encode())
            for name, value in {"Accept-Language": "en", **(headers or {})}.items()
        ],
        subprotocols=subprotocols,
    )
    accepted, _ = await communicator.connect(PATIENCE)
    assert accepted
    return Socket(communicator, path)


@asynccontextmanager
async def connected(user: User, path: str = "/connect") -> AsyncIterator[Socket]:
    """A signed-in socket of `user`, at the mini-app's path unless told otherwise."""
    access = await in_db(token, user)
    async with await open_socket(path, headers={"Authorization": f"Bearer {access}"}) as socket:
        yield socket


@asynccontextmanager
async def miniapp(user: User) -> AsyncIterator[Socket]:
    """A mini-app socket of `user`, past its greeting."""
    async with connected(user) as socket:
        await socket.get(action="unread_messages")
        yield socket


@asynccontextmanager
async def messenger_api(user: User, *chats: Chat, statuses: bool = False) -> AsyncIterator[Socket]:
    """A Messenger API socket of `user`, subscribed to `chats`; who comes online, only if asked."""
    access = await in_db(token, user)
    async with await open_socket(f"/ws/chat/{access}") as socket:
        socket.skips = "user_status"
        # It is accepted before it is taken in: an answer says that it is.
        await socket.ask({"type": "hello"}, code="unknown_command")
        for chat in chats:
            frame = {"type": "subscribe_chat", "chat_id": chat.id}
            await socket.ask(frame, type="subscribed", chat_id=chat.id)
        socket.skips = None if statuses else "user_status"
        yield socket


@asynccontextmanager
async def nodus(user: User, *, statuses: bool = False) -> AsyncIterator[Socket]:
    """A native socket of `user`, taken in; who comes online, only if asked."""
    async with connected(user, "/api/v1/ws") as socket:
        socket.skips = "user.presence"
        await socket.send({"event": "ping", "request_id": "hello"})
        await socket.until(event="ack", request_id="hello")
        socket.skips = None if statuses else "user.presence"
        yield socket


@asynccontextmanager
async def chatroulette(user: User) -> AsyncIterator[Socket]:
    """A Chatroulette socket of `user`, taken in."""
    async with connected(user, "/ws") as socket:
        await socket.ask({"type": "ping", "request_id": "hello"}, type="ack", request_id="hello")
        yield socket


async def together(*coroutines: Any) -> list[Any]:
    """Their results, all started at once."""
    return list(await asyncio.gather(*coroutines))
