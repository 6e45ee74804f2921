"""One socket that something happens to, and what it still hears and may do afterwards."""

import asyncio
import json
import re
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from django.db.models import Max
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from messaging.models import Message
from messenger.realtime.threads import in_db
from tests.authority.changes import REFRESHED, Case, Change, expires, fresh_token
from tests.live.servers import PATIENCE, Server

STATES = ("idle", "receiving", "sending")
# Seconds between the frames of a burst; what a socket may send in the long run is 30 a second.
PACE = 0.05
# Seconds: how long a socket that stays open is looked at.
LOOK = 3.0
SAID_AT = re.compile(r"at:(\d+\.\d+)")

PATHS = {
    "miniapp": "/connect",
    "messenger_api": "/ws/chat/{token}",
    "nodus": "/api/v1/ws",
    "chatroulette": "/ws",
}


def says(protocol: str, case: Case) -> dict[str, Any]:
    """A frame that sends what it is that moment; the Messenger API's sockets write to people."""
    text = f"at:{time.time():.6f}"
    match protocol:
        case "miniapp":
            return {"action": "send_message", "chat_id": case.chat.id, "text": text}
        case "messenger_api":
            return {"type": "private_message", "user_id": case.friend.id, "text": text}
        case "nodus":
            return {"event": "message.send", "data": {"chat_id": case.chat.id, "content": text}}
    return {"type": "message.send", "payload": {"chat_id": case.chat.id, "content": text}}


def asks(protocol: str, case: Case) -> dict[str, Any]:
    """A frame that is answered; for the Messenger API it is also the subscription."""
    match protocol:
        case "miniapp":
            return {"action": "ping", "request_id": "asked"}
        case "messenger_api":
            return {"type": "subscribe_chat", "chat_id": case.chat.id, "request_id": "asked"}
        case "nodus":
            return {"event": "ping", "request_id": "asked"}
    return {"type": "ping", "request_id": "asked"}


def refreshes(protocol: str, token: str) -> dict[str, Any]:
    names = ("event", "data") if protocol == "nodus" else ("type", "payload")
    return {names[0]: "auth.refresh", names[1]: {"token": token}}


@dataclass(frozen=True)
class Outcome:
    """What was seen. Milliseconds after the change; None for what did not happen."""

    change: str
    protocol: str
    state: str
    code: int
    closed: float | None
    # The last frame of the chat that it got, and the last message that was taken from it.
    heard: float
    taken: float
    # Messages that it got and that were sent after the change.
    past: int

    @property
    def window(self) -> float:
        return max(self.closed or 0.0, self.heard, self.taken)


class Cell:
    """A socket of the victim's at `two`, and in a burst somebody who sends at `one`."""

    def __init__(self, change: Change, protocol: str, state: str, case: Case) -> None:
        self.change, self.protocol, self.state, self.case = change, protocol, state, case
        self.frames: list[tuple[float, str]] = []
        self.closed_at: float | None = None
        self.code = 0
        self.answered = asyncio.Event()
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    def __str__(self) -> str:
        return f"{self.change.name}, {self.protocol}, {self.state}"

    async def open(self, one: Server, two: Server) -> None:
        """Everything is under way: the socket answers, the burst has reached it."""
        path = PATHS[self.protocol].replace("{token}", self.case.tokens.access)
        self.socket = await self._stack.enter_async_context(
            two.open(path, additional_headers=self.case.bearer)
        )
        self._start(self._hear())
        await self._ask()
        if self.change is REFRESHED:
            fresh = await in_db(fresh_token, self.case)
            await self.socket.send(json.dumps(refreshes(self.protocol, fresh)))
        if self.state == "receiving":
            other = await self._stack.enter_async_context(
                one.open(PATHS["nodus"], additional_headers=self.case.friends)
            )
            self._start(self._drain(other))
            self._start(self._burst(other, "nodus"))
        elif self.state == "sending":
            self._start(self._burst(self.socket, self.protocol))
        if self.state != "idle":
            async with asyncio.timeout(PATIENCE):
                while not any(SAID_AT.search(frame) for _, frame in self.frames):
                    await asyncio.sleep(0.01)

    async def watch(self, patience: float) -> None:
        """Until it has been closed, or has been looked at for long enough."""
        now = time.time()
        until = now + (patience if self.change.code else LOOK)
        if self.change.short:
            until += max(0.0, expires(self.case.tokens.access) - now)
        while self.closed_at is None and time.time() < until:
            await asyncio.sleep(0.02)

    async def outcome(self) -> Outcome:
        """What came of it. The socket must answer still if it was not to be closed."""
        happened = await in_db(self.change.happened, self.case)
        if not self.change.code:
            assert self.closed_at is None, f"{self}: closed with {self.code}"
            await self._ask()
        past = [at for at, frame in self.frames if self._said_after(frame, happened)]
        of_chat = [at for at, frame in self.frames if self._of_chat(frame)]
        if self.change.stays and self.state == "receiving":
            assert past, f"{self}: heard nothing more"
        taken = await in_db(self._last_taken, happened)

        def after(at: float) -> float:
            return max(0.0, (at - happened) * 1000)

        return Outcome(
            self.change.name,
            self.protocol,
            self.state,
            self.code,
            None if self.closed_at is None else after(self.closed_at),
            0.0 if self.change.stays else max(map(after, of_chat), default=0.0),
            0.0 if self.change.stays else taken,
            0 if self.change.stays else len(past),
        )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    # --- what goes on -------------------------------------------------------------------------

    def _start(self, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _ask(self) -> None:
        self.answered.clear()
        await self.socket.send(json.dumps(asks(self.protocol, self.case)))
        async with asyncio.timeout(PATIENCE):
            await self.answered.wait()

    async def _hear(self) -> None:
        try:
            async for frame in self.socket:
                assert isinstance(frame, str)
                if '"request_id":"asked"' in frame:
                    self.answered.set()
                else:
                    self.frames.append((time.time(), frame))
        except ConnectionClosed:
            pass
        self.closed_at, self.code = time.time(), self.socket.close_code or 0

    async def _drain(self, socket: ClientConnection) -> None:
        async for _frame in socket:
            pass

    async def _burst(self, socket: ClientConnection, protocol: str) -> None:
        number = 0
        try:
            while True:
                await socket.send(json.dumps(says(protocol, self.case)))
                if number % 20 == 0 and self.state == "receiving":
                    data = {"chat_id": self.case.chat.id, "is_typing": number % 40 == 0}
                    await socket.send(json.dumps({"event": "typing", "data": data}))
                number += 1
                await asyncio.sleep(PACE)
        except ConnectionClosed:
            pass

    # --- what is found ------------------------------------------------------------------------

    def _of_chat(self, frame: str) -> bool:
        chat = self.case.chat
        return f'"chat_id":{chat.id},' in frame or f'"{chat.uuid}"' in frame

    def _said_after(self, frame: str, happened: float) -> bool:
        said = SAID_AT.search(frame)
        return said is not None and float(said[1]) > happened and self._of_chat(frame)

    def _last_taken(self, happened: float) -> float:
        """How long after the change the last message of the victim's was stored, in ms."""
        theirs = Message.objects.filter(author_id=self.case.victim.id)
        seq = self.case.notes.get("seq")
        if seq is not None and not self.change.stays:
            assert not theirs.filter(chat_id=self.case.chat.id, seq__gt=seq).exists(), str(self)
            return 0.0
        last = theirs.aggregate(at=Max("created_at"))["at"]
        return max(0.0, (last.timestamp() - happened) * 1000) if last else 0.0
