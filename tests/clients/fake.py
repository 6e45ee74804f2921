"""A server that does what the contract allows and what happens to lines: on purpose, when told."""

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from messenger_client import Messenger
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]
ME, OTHER = 1, 2
# So short that no test waits, and so long that a busy machine does not count as a dead server.
QUICK: dict[str, float] = {"backoff": 0.01, "backoff_max": 0.05, "settled": 0.0, "too_many": 0.01}


def person(user_id: int) -> Frame:
    return {"id": user_id, "uuid": f"u{user_id}", "username": f"u{user_id}", "name": f"U{user_id}"}


def jwt(number: int, life: float = 900) -> str:
    now = time.time()
    claims = json.dumps({"iat": now, "exp": now + life, "n": number}).encode()
    return f"h.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.s"


class Fake:
    """
    One person's chats, each with its log of frames. Everything that a test may turn is an attribute
    with its ordinary value.
    """

    def __init__(self) -> None:
        self.logs: dict[int, list[Frame]] = {}
        self.keys: dict[str, Frame] = {}
        self.sockets: set[ServerConnection] = set()
        # Every command that came, and how often each path was asked for.
        self.commands: list[Frame] = []
        self.asked: Counter[str] = Counter()
        self.tokens = 0
        self.life = 900.0
        # Codes with which the next sockets are closed at once.
        self.refuse: list[tuple[int, str]] = []
        # Changes that are not told when they happen, and how often those are that are.
        self.mute: set[tuple[int, int]] = set()
        self.times = 1
        # What becomes of an `ack`: "first" before its event, "last" after it, "lost" with the line.
        self.ack = "first"
        self.lose = 0
        # Instead of the next answers to a command, these (code, retry_after, with request_id).
        self.errors: dict[str, list[tuple[str, float | None, bool]]] = {}
        self.silent: set[str] = set()
        # By chat: the reset that a resume is answered with.
        self.resets: dict[int, str] = {}
        # Changes that not even a resume tells.
        self.holes: set[tuple[int, int]] = set()
        # What a path is answered with instead.
        self.answers: dict[str, Callable[[httpx.Request], httpx.Response]] = {}
        self.server: Server | None = None

    # --- what happens -------------------------------------------------------------------------

    def seq(self, chat_id: int) -> int:
        return len(self.logs[chat_id])

    def change(self, chat_id: int, event: str, data: Any) -> Frame:
        log = self.logs.setdefault(chat_id, [])
        seq = len(log) + 1
        frame = {"event": event, "chat_id": chat_id, "seq": seq, "prev_seq": seq - 1, "data": data}
        log.append(frame)
        return frame

    def chat(self, chat_id: int) -> Frame:
        """A chat comes to be, unheard by those who are connected."""
        return self.change(chat_id, "chat.created", {"id": chat_id})

    def message(self, chat_id: int, content: str, author_id: int = OTHER) -> Frame:
        seq = len(self.logs[chat_id]) + 1
        data = {"id": chat_id * 1000 + seq, "chat_id": chat_id, "seq": seq}
        return self.change(
            chat_id, "message.created", {**data, "author_id": author_id, "content": content}
        )

    async def tell(self, frame: Frame) -> Frame:
        """To all sockets, unless it is to be missed."""
        if (frame["chat_id"], frame["seq"]) not in self.mute | self.holes:
            for _ in range(self.times):
                await self.say(frame)
        return frame

    async def say(self, frame: Frame) -> None:
        for socket in tuple(self.sockets):
            await send(socket, frame)

    async def close(self, code: int, reason: str = "") -> None:
        for socket in tuple(self.sockets):
            await socket.close(code, reason)

    # --- the socket ---------------------------------------------------------------------------

    async def serve(self, socket: ServerConnection) -> None:
        if self.refuse:
            await socket.close(*self.refuse.pop(0))
            return
        self.sockets.add(socket)
        try:
            async for text in socket:
                command = json.loads(text)
                assert socket.request is not None
                headers = socket.request.headers
                how = headers.get("Authorization") or socket.request.path
                self.commands.append({**command, "by": how})
                await self.answer(socket, command)
        except ConnectionClosed:
            pass
        finally:
            self.sockets.discard(socket)

    async def answer(self, socket: ServerConnection, command: Frame) -> None:
        name = command["event"]
        if name in self.silent:
            return
        about = {"request_id": command["request_id"]}
        if self.errors.get(name):
            code, retry_after, named = self.errors[name].pop(0)
            data: Frame = {"code": code, "detail": "", "request": name}
            if retry_after is not None:
                data["retry_after"] = retry_after
            await send(socket, {"event": "error", "data": data, **(about if named else {})})
        elif name == "message.send":
            await self.store(socket, command["data"], about)
        elif name == "resume":
            await self.resume(socket, command["data"]["chats"], about)
        else:
            await send(socket, {"event": "ack", "data": {}, **about})

    async def store(self, socket: ServerConnection, data: Frame, about: Frame) -> None:
        frame = self.keys.get(data["client_message_id"])
        new = frame is None
        if frame is None:
            frame = self.message(data["chat_id"], data["content"], ME)
            self.keys[data["client_message_id"]] = frame
        ack = {"event": "ack", "data": frame["data"], **about}
        if self.lose:
            self.lose -= 1
            if self.ack == "last":
                await self.tell(frame)
            socket.transport.abort()
            return
        if self.ack == "first":
            await send(socket, ack)
        if new:
            await self.tell(frame)
        if self.ack == "last":
            await send(socket, ack)

    async def resume(self, socket: ServerConnection, chats: dict[str, int], about: Frame) -> None:
        told = {}
        for name, seq in chats.items():
            chat_id = int(name)
            reason = self.resets.pop(chat_id, None)
            if reason is not None:
                data = {"chat_id": chat_id, "reason": reason, "seq": None}
                await send(socket, {"event": "reset", "data": data})
                continue
            for frame in self.logs[chat_id][seq:]:
                if (chat_id, frame["seq"]) not in self.holes:
                    await send(socket, frame)
            told[name] = len(self.logs[chat_id])
        new = [chat_id for chat_id in self.logs if str(chat_id) not in chats]
        await send(socket, {"event": "resumed", "data": {"chats": told, "new": new}, **about})

    # --- REST ---------------------------------------------------------------------------------

    def pair(self) -> Frame:
        self.tokens += 1
        return {
            "access_token": jwt(self.tokens, self.life),
            "refresh_token": f"refresh-{self.tokens}",
            "token_type": "bearer",
        }

    async def rest(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        self.asked[path] += 1
        await asyncio.sleep(0.01)
        if path in self.answers:
            return self.answers[path](request)
        if path in ("/auth/login", "/auth/refresh"):
            return httpx.Response(200, json=self.pair())
        if path == "/auth/ws-ticket":
            return httpx.Response(201, json={"ticket": "T1", "expires_in": 30})
        if path == "/sync":
            chats = [self.shape(chat_id) for chat_id in self.logs]
            return httpx.Response(200, json={"user": person(ME), "chats": chats})
        if path.startswith("/chats/") and int(path[7:]) in self.logs:
            return httpx.Response(200, json=self.shape(int(path[7:])))
        return httpx.Response(404, json={"code": "not_found", "detail": "Not found."})

    def shape(self, chat_id: int) -> Frame:
        return {"id": chat_id, "seq": self.seq(chat_id)}

    def client(self, **options: Any) -> Messenger:
        assert self.server is not None
        port = self.server.sockets[0].getsockname()[1]
        options = {"username": "me", "password": "x", **QUICK, **options}
        transport = httpx.MockTransport(self.rest)
        return Messenger(f"http://127.0.0.1:{port}", transport=transport, **options)

    def said(self, name: str) -> list[Any]:
        """The data of all commands with this name that came."""
        return [command["data"] for command in self.commands if command["event"] == name]


async def send(socket: ServerConnection, frame: Frame) -> None:
    try:
        await socket.send(json.dumps(frame))
    except ConnectionClosed:
        pass


@asynccontextmanager
async def faking(chats: tuple[int, ...] = (5,)) -> AsyncIterator[Fake]:
    """A fake with these chats, listening."""
    fake = Fake()
    for chat_id in chats:
        fake.chat(chat_id)
    async with serve(fake.serve, "127.0.0.1", 0, ping_interval=None) as fake.server:
        yield fake


async def until(true: Callable[[], Any]) -> None:
    """Wait for it; the test's own time is the limit."""
    while not true():
        await asyncio.sleep(0.005)
