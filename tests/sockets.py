"""Sockets in a test: frames in, frames out, through the whole application."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import orjson
from channels.testing import WebsocketCommunicator

from accounts.models import User
from messenger.asgi import application
from messenger.realtime.threads import in_db
from tests.people import token

# Seconds: how long an expected frame may take, and how long silence is listened to.
PATIENCE = 10
SILENCE = 0.1


class Socket:
    """A client's side of a socket."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator

    async def send(self, frame: Any) -> None:
        """Send an object as JSON, or a text as it is."""
        text = frame if isinstance(frame, str) else json.dumps(frame)
        await self.communicator.send_input({"type": "websocket.receive", "text": text})

    async def get(self, **expected: Any) -> Any:
        """The next frame, which must have these fields."""
        output = await self.communicator.receive_output(PATIENCE)
        assert output["type"] == "websocket.send", output
        frame = orjson.loads(output["text"])
        assert {name: frame.get(name) for name in expected} == expected, frame
        return frame

    async def ask(self, frame: Any, **expected: Any) -> Any:
        """Send, and the next frame, which must have these fields."""
        await self.send(frame)
        return await self.get(**expected)

    async def silent(self) -> bool:
        """Whether nothing comes for a moment."""
        return bool(await self.communicator.receive_nothing(SILENCE, 0.01))

    async def closed(self) -> int:
        """The code with which the server closes; frames before it are skipped."""
        while True:
            output = await self.communicator.receive_output(PATIENCE)
            if output["type"] == "websocket.close":
                return int(output["code"])

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
        headers=[(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        subprotocols=subprotocols,
    )
    accepted, _ = await communicator.connect(PATIENCE)
    assert accepted
    return Socket(communicator)


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


async def together(*coroutines: Any) -> list[Any]:
    """Their results, all started at once."""
    return list(await asyncio.gather(*coroutines))
