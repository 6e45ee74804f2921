"""
Where frames for one client go.

A server of ours offers its transport in the scope, under `extensions["messenger.transport"]`, and
frames are written straight to it: a server's frames are not masked, so the bytes are the same for
everybody and are made once. Under any other ASGI server they go through `send`.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any
from typing import Protocol as Interface

import orjson
from django.conf import settings

if TYPE_CHECKING:
    from messenger.protocols.base import Protocol
    from messenger.realtime.handshake import Session

logger = logging.getLogger(__name__)


class Frame:
    """
    One text frame for many sockets: `payload` is its JSON, `wire` the same as it travels.

    `only` and `but` name user ids: who alone gets it, who does not. `origin` is the socket that
    gets an answer instead. `passing` frames (typing, presence) may be left out for a slow client.
    A frame about the chat `chat_id` is for sockets that subscribed to it, `unsolicited` for others.
    """

    __slots__ = (
        "payload", "wire", "only", "but", "origin", "passing", "seq", "chat_id", "unsolicited",
    )  # fmt: skip

    def __init__(
        self,
        body: Any,
        *,
        only: frozenset[int] | None = None,
        but: frozenset[int] | None = None,
        passing: bool = False,
        unsolicited: bool = False,
    ) -> None:
        self.payload = payload = orjson.dumps(body)
        size = len(payload)
        if size < 126:
            self.wire = bytes((0x81, size)) + payload
        elif size < 65536:
            self.wire = b"\x81\x7e" + size.to_bytes(2) + payload
        else:
            self.wire = b"\x81\x7f" + size.to_bytes(8) + payload
        self.only = only
        self.but = but
        self.passing = passing
        self.chat_id = 0
        self.unsolicited = unsolicited
        self.origin: str | None = None
        self.seq = 0

    def is_for(self, socket: "Socket") -> bool:
        return (
            reaches(socket.user_id, self.only, self.but)
            and (self.origin is None or self.origin != socket.id)
            and (self.unsolicited or socket.hears(self.chat_id))
        )


def reaches(user_id: int, only: frozenset[int] | None, but: frozenset[int] | None) -> bool:
    """Whether what is for those `only`, or for all `but` those, is for this person."""
    return (only is None or user_id in only) and (but is None or user_id not in but)


class Bundle:
    """Frames that go to a socket together, in one write."""

    __slots__ = ("frames", "wire")

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = frames
        self.wire = (
            frames[0].wire if len(frames) == 1 else b"".join([frame.wire for frame in frames])
        )


class Transport(Interface):
    """What `extensions["messenger.transport"]` must be able to do. All of it returns at once."""

    def write(self, bundle: Bundle) -> None: ...

    def backlog(self) -> int:
        """Bytes that wait for the client."""

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake, and drop the connection if the client does not take part."""


class SendTransport:
    """Any ASGI server: frames queue up for a task that awaits `send`, which may hold it up."""

    __slots__ = ("_send", "_queue", "_size", "_task", "_close")

    def __init__(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self._send = send
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self._close: dict[str, Any] | None = None

    def write(self, bundle: Bundle) -> None:
        for frame in bundle.frames:
            self._queue.append(frame.payload)
            self._size += len(frame.payload)
        self._wake()

    def backlog(self) -> int:
        return self._size

    def close(self, code: int, reason: str) -> None:
        if code == 4408:
            # It does not read: what waits for it would only be kept in memory.
            self._queue.clear()
            self._size = 0
        self._close = {"type": "websocket.close", "code": code, "reason": reason}
        self._wake()

    def _wake(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._queue:
                payload = self._queue.popleft()
                await self._send({"type": "websocket.send", "text": payload.decode()})
                self._size = max(0, self._size - len(payload))
            if self._close is not None:
                await self._send(self._close)
        except Exception as error:
            # The client is gone; the consumer hears of it by itself.
            logger.debug("A frame could not be sent: %s", error)
            self._queue.clear()
            self._size = 0
        finally:
            self._task = None


class Socket:
    """One client: who it is, which protocol it speaks, and the way to it."""

    __slots__ = (
        "id", "protocol", "session", "transport", "chats", "held", "holds", "closed", "missed",
        "allowed", "subscriptions", "spoke", "away", "waiting", "told",
    )  # fmt: skip

    def __init__(
        self, id: str, protocol: "Protocol", session: "Session", transport: Transport
    ) -> None:
        self.id = id
        self.protocol = protocol
        self.session = session
        self.transport = transport
        # Ids of the chats whose streams it is on.
        self.chats: set[int] = set()
        # Those that it asked to hear of; None where a socket hears of all without asking.
        self.subscriptions: set[int] | None = set() if protocol.by_subscription else None
        # While something earlier is still being fetched for it, what comes waits here.
        self.held: list[Bundle] = []
        self.waiting = 0
        # By chat, up to which `seq` it has been told past what is held.
        self.told: dict[int, int] = {}
        self.holds = 0
        self.closed: int | None = None
        self.missed = 0
        # Bytes of a long greeting that it is still reading: they are no sign of slowness.
        self.allowed = 0
        # When its client last said anything (`time.monotonic`), and whether it said that nobody is
        # looking.
        self.spoke = time.monotonic()
        self.away = False

    @property
    def user_id(self) -> int:
        return self.session.user_id

    def hears(self, chat_id: int) -> bool:
        return self.subscriptions is None or chat_id in self.subscriptions

    def send(self, bundle: Bundle) -> None:
        """Write frames, after whatever is being held back."""
        if self.closed is not None:
            return
        if self.holds:
            self.held.append(bundle)
            self.waiting += len(bundle.wire)
            if self.waiting > settings.SOCKET_BACKLOG_HARD:
                logger.info("Socket %s takes too long with what it missed", self.id)
                self.close(4408, "slow")
        else:
            self.write(bundle)

    def write(self, bundle: Bundle) -> None:
        """Write past what is being held."""
        if self.closed is not None:
            return
        transport = self.transport
        waiting = transport.backlog()
        if self.allowed and waiting <= settings.SOCKET_BACKLOG_SOFT:
            self.allowed = 0
        waiting -= self.allowed
        if waiting > settings.SOCKET_BACKLOG_SOFT:
            if waiting > settings.SOCKET_BACKLOG_HARD:
                logger.info("Socket %s is too slow: %s bytes wait for it", self.id, waiting)
                self.close(4408, "slow")
                return
            kept = [frame for frame in bundle.frames if not frame.passing]
            self.missed += len(bundle.frames) - len(kept)
            if not kept:
                return
            if len(kept) < len(bundle.frames):
                bundle = Bundle(kept)
        try:
            transport.write(bundle)
        except Exception:
            # One socket's trouble is not that of the ones after it.
            logger.exception("A frame could not be written")
            self.close(1011, "error")

    def greet(self, body: Any) -> None:
        """The first words, however many."""
        bundle = Bundle([Frame(body)])
        self.write(bundle)
        self.allowed = len(bundle.wire)

    def answer(self, body: Any) -> None:
        self.send(Bundle([Frame(body)]))

    def hold(self) -> None:
        """Keep what comes until `release`: something earlier must go first."""
        self.holds += 1

    def release(self) -> None:
        self.holds -= 1
        if not self.holds:
            held, self.held, self.waiting = self.held, [], 0
            told, self.told = self.told, {}
            for bundle in held:
                frames = bundle.frames
                # What has a `seq` may have been told from the log in the meantime.
                news = [f for f in frames if not f.seq or f.seq > told.get(f.chat_id, 0)]
                if news:
                    self.write(bundle if len(news) == len(frames) else Bundle(news))

    def close(self, code: int, reason: str) -> None:
        """Close once; nothing is sent any more."""
        if self.closed is None:
            self.closed = code
            self.held = []
            self.transport.close(code, reason)
