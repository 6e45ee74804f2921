"""One socket, from its opening to its end: commands out, answers back to who asked, a watch."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from messenger_client.errors import Closed

# Bytes of one frame from the server: a bound against a broken one.
MAX_FRAME = 16 * 1024 * 1024


@dataclass(eq=False)
class Asked:
    """A command that waits for its answer; `about` is the asker's own."""

    name: str
    about: Any
    at: float


async def open_socket(
    url: str, *, token: str = "", ticket: str = "", timeout: float, close_timeout: float
) -> ClientConnection:
    """Open the socket of the server at `url`, with an access token or a ticket."""
    address = f"ws{url.removeprefix('http').rstrip('/')}/api/v1/ws"
    return await connect(
        f"{address}?ticket={ticket}" if ticket else address,
        additional_headers={} if ticket else {"Authorization": f"Bearer {token}"},
        open_timeout=timeout,
        close_timeout=close_timeout,
        # Our own watch knows when we are not reading, and does not blame the server for it.
        ping_interval=None,
        max_size=MAX_FRAME,
    )


class Connection:
    """
    `silence` is after how many seconds in which nothing was heard it asks whether the server is
    still there; `patience`, how long an answer may take until the connection counts as dead.
    """

    def __init__(self, socket: ClientConnection, *, silence: float, patience: float) -> None:
        self._socket = socket
        self._silence = silence
        self._patience = patience
        self._asked: dict[int, Asked] = {}
        # Commands of which the answer may be one that did not say to which: they are not waited
        # for, but may still come.
        self._late: dict[int, Asked] = {}
        self._number = 0
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        # Time passes only while we listen: an application that is slow to take events out says
        # nothing about the server.
        self._listened = 0.0
        self._listening_since: float | None = None
        self._heard = 0.0

    # --- commands and answers -----------------------------------------------------------------

    def ask(self, name: str, body: str, about: Any = None) -> None:
        """Give a command, with `body` as its JSON; returns at once."""
        self._number += 1
        self._asked[self._number] = Asked(name, about, self._now())
        frame = f'{{"event":{json.dumps(name)},"request_id":{self._number},"data":{body}}}'
        self._outgoing.put_nowait(frame)

    def answered(self, frame: Mapping[str, Any]) -> Asked | None:
        """What this frame answers; None if it does not say, or nobody asked."""
        number = frame.get("request_id")
        if not isinstance(number, int):
            return None
        return self._asked.pop(number, None) or self._late.pop(number, None)

    def give_up(self, name: str) -> None:
        """Do not wait any longer for answers to this command."""
        for number in [n for n, asked in self._asked.items() if asked.name == name]:
            self._late[number] = self._asked.pop(number)

    async def frame(self) -> dict[str, Any] | None:
        """The next frame, None if the connection has ended. ValueError for what is none."""
        self._listening_since = self._loop.time()
        try:
            text = await self._socket.recv()
        except ConnectionClosed:
            return None
        finally:
            self._listened = self._now()
            self._listening_since = None
        self._heard = self._listened
        frame = json.loads(text)
        if not isinstance(frame, dict):
            raise ValueError("a frame that is no object")
        return frame

    # --- what runs beside the reading ---------------------------------------------------------

    async def write(self) -> None:
        """Send what is to go out, until the connection ends."""
        try:
            while True:
                await self._socket.send(await self._outgoing.get())
        except ConnectionClosed:
            pass

    async def watch(self) -> None:
        """Look after the server, and end the connection when it is gone without a word."""
        while not self._dead():
            await asyncio.sleep(min(1.0, self._silence / 10, self._patience / 10))
            if not self._asked and self._now() - self._heard >= self._silence:
                # Not `heartbeat`: that would say that somebody is there.
                self.ask("ping", "{}")
        self.abort()

    def _dead(self) -> bool:
        now = self._now()
        for asked in self._asked.values():
            # Before the answer there may be much to hear, most of all before that to `resume`.
            if now - max(asked.at, self._heard) > self._patience:
                return True
            if asked.name != "resume" and now - asked.at > 3 * self._patience:
                return True
        return False

    def _now(self) -> float:
        if self._listening_since is None:
            return self._listened
        return self._listened + self._loop.time() - self._listening_since

    # --- the end ------------------------------------------------------------------------------

    def abort(self) -> None:
        """Drop the connection, as a broken line would."""
        self._socket.transport.abort()

    async def close(self) -> tuple[int, str]:
        """End it properly if it has not ended; its close code and reason."""
        await self._socket.close()
        for asked in [*self._asked.values(), *self._late.values()]:
            if isinstance(asked.about, asyncio.Future) and not asked.about.done():
                asked.about.set_exception(Closed(0, "closed", "The connection was lost."))
        self._asked.clear()
        return self._socket.close_code or 1006, self._socket.close_reason or ""
