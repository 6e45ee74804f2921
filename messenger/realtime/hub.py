"""
All sockets of this process, and one stream for each chat that any of them is in.

Textbook Channels gives every socket a channel of its own and sends every message through Redis to
each of them. Here the process has one channel: it alone is in the groups of the layer, and what
comes in is put into words once for each protocol and written to the sockets. A process's own
events do not go round by Redis at all; their echo is dropped by its `seq`.
"""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from channels.layers import get_channel_layer

from accounts.events import LoginsEnded
from chats import log
from chats import selectors as chats
from messaging import reading
from messaging import services as messaging
from messenger.events import EVERY_HUB, ChatEvent, Event, PassingEvent, decode
from messenger.logs import of_the_loop
from messenger.realtime import doorbell
from messenger.realtime.batching import ANYTHING, Batcher
from messenger.realtime.chores import Chores
from messenger.realtime.handshake import open_sessions
from messenger.realtime.keeper import Keeper
from messenger.realtime.passing import Passing
from messenger.realtime.relay import Relay
from messenger.realtime.resume import tell_newcomer
from messenger.realtime.socket import Socket
from messenger.realtime.stream import Stream
from messenger.realtime.threads import in_db, readers, writers
from messenger.realtime.watch import Watch

logger = logging.getLogger(__name__)

# Seconds that an event which came too early waits for the ones before it until the log is asked.
PATIENCE = 0.03
# Events that one look into the log brings.
PAGE = 500

CLOSE_CODES = {"banned": 4403}


class Hub:
    """Made by the first socket of a process, in its event loop; see `get`."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(of_the_loop)
        self.name = f"{os.getpid():x}-{os.urandom(3).hex()}"
        self.relay = Relay(get_channel_layer(), self.heard, lambda: self.watch.look())
        self.sockets: dict[str, Socket] = {}
        self.people: dict[int, set[Socket]] = {}
        self.streams: dict[int, Stream] = {}
        # How many sockets of a person are on their way.
        self.arriving: Counter[int] = Counter()
        # How many handshakes are under way.
        self.knocking = 0
        self.openings = Batcher(open_sessions, readers)
        self.batchers: dict[Callable[..., Any], Batcher] = {
            messaging.send_messages: Batcher(messaging.send_messages, writers, key=self._chat_of),
            reading.read_messages: Batcher(reading.read_messages, writers),
        }
        self.draining = False
        # Of the chats that are followed here and have been heard of, the integer by the UUID.
        self._ids: dict[str, int] = {}
        self._canaries: dict[str, asyncio.Future[None]] = {}
        self.relay.join(f"hub.{self.name}")
        self.relay.join(EVERY_HUB)
        self._numbers = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self.watch = Watch(self)
        self.passing = Passing(self)
        self.keeper = Keeper(self)
        self.chores = Chores(self.loop)

    # --- sockets come and go ------------------------------------------------------------------

    def next_id(self) -> str:
        self._numbers += 1
        return f"{self.name}-{self._numbers}"

    def attach(self, socket: Socket, places: dict[int, int]) -> None:
        """Take a socket in: `places` are its chats, each with the `seq` that it knows of."""
        self.sockets[socket.id] = socket
        if socket.user_id not in self.people:
            self.people[socket.user_id] = set()
            self.relay.join(f"user.{socket.user_id}")
        self.people[socket.user_id].add(socket)
        self.watch.arrived(socket)
        self.keeper.came(socket)
        for chat_id, seq in places.items():
            self.follow(socket, chat_id, seq)

    def detach(self, socket: Socket) -> None:
        self.sockets.pop(socket.id, None)
        self.watch.left(socket)
        if not self.draining:
            # After a restart people are back before their leases have run out.
            self.keeper.went(socket)
        for chat_id in tuple(socket.chats):
            self.unfollow(socket, chat_id)
        others = self.people.get(socket.user_id)
        if others is not None:
            others.discard(socket)
            if not others:
                del self.people[socket.user_id]
                self.relay.leave(f"user.{socket.user_id}")

    def follow(self, socket: Socket, chat_id: int, seq: int) -> None:
        if chat_id in socket.chats:
            return
        stream = self.streams.get(chat_id)
        if stream is None:
            stream = self.streams[chat_id] = Stream(chat_id, seq)
            self.relay.join(f"chat.{chat_id}")
            # Something may have happened since `seq` was read and before we were in the group.
            self.watch.doubt(chat_id)
        elif seq < stream.cursor:
            socket.hold()
            self._spawn(tell_newcomer(self, socket, chat_id, seq, stream.cursor))
        stream.attach(socket, seq)

    def unfollow(self, socket: Socket, chat_id: int) -> None:
        stream = self.streams.get(chat_id)
        if stream is None:
            return
        stream.detach(socket)
        self._forget_empty(stream)

    def subscribe(self, socket: Socket, chat_id: int, seq: int | None) -> None:
        """
        From now on the socket hears of this chat of its person's, whose latest `seq` it says; or
        no longer, for None.
        """
        assert socket.subscriptions is not None
        if socket.id not in self.sockets:
            return
        if seq is None:
            socket.subscriptions.discard(chat_id)
        else:
            socket.subscriptions.add(chat_id)
            # Of its joining we may not have heard yet. If it has left meanwhile, the log says so.
            self.follow(socket, chat_id, seq)
        stream = self.streams.get(chat_id)
        if stream is not None and chat_id in socket.chats:
            stream.seat(socket)

    def _forget_empty(self, stream: Stream) -> None:
        if not stream.sockets and not stream.quiet and self.streams.get(stream.chat_id) is stream:
            del self.streams[stream.chat_id]
            self._ids.pop(stream.uuid, None)
            self.watch.forget(stream.chat_id)
            self.relay.leave(f"chat.{stream.chat_id}")

    # --- events come in -----------------------------------------------------------------------

    def ring(self, events: Sequence[Event]) -> None:
        """Events of this process: to its sockets now, and to the other processes."""
        self.hear(events)
        self.relay.send(doorbell.messages(events, sender=self.name))

    def heard(self, message: dict[str, Any]) -> None:
        """A message from the layer: another process's, or the echo of one of ours."""
        if message["type"] == "hub.nudge":
            if message["from"] != self.name:
                for socket in tuple(self.people.get(message["user"], ())):
                    self.follow(socket, message["chat"], message["seq"] - 1)
        elif message["from"] != self.name:
            events = decode(message["body"])
            self.hear(events)
            for event in events:
                sang = self._canaries.pop(event.echo, None)
                if sang is not None and not sang.done():
                    sang.set_result(None)

    def expect_canary(self, token: str) -> "asyncio.Future[None]":
        """Done when the canary with this token has come through the layer."""
        self._canaries[token] = self.loop.create_future()
        return self._canaries[token]

    def forget_canary(self, token: str) -> None:
        self._canaries.pop(token, None)

    def hear(self, events: Sequence[Event]) -> None:
        by_chat: dict[int, list[ChatEvent]] = {}
        passing: list[PassingEvent] = []
        for event in events:
            if isinstance(event, ChatEvent):
                by_chat.setdefault(event.chat_id, []).append(event)
            elif isinstance(event, PassingEvent):
                passing.append(event)
            elif isinstance(event, LoginsEnded):
                self.end_logins(event.user_id, event.logins, event.reason)
        for chat_id, found in by_chat.items():
            self._hear_chat(chat_id, found)
        if passing:
            self.passing.hear(passing)

    def _hear_chat(self, chat_id: int, events: Sequence[ChatEvent]) -> None:
        if chat_id not in self.streams:
            # Nobody here is in it, unless somebody joins by one of these.
            for event in events:
                for user_id in event.joining():
                    for socket in self.people.get(user_id, ()):
                        self.follow(socket, chat_id, event.seq - 1)
        stream = self.streams.get(chat_id)
        if stream is None:
            return
        stream.uuid = events[0].chat_uuid
        self._ids[stream.uuid] = chat_id
        ready = stream.accept(events)
        if ready:
            self._deliver(stream, ready)
        if stream.early:
            self.mend(stream, PATIENCE)

    def _deliver(self, stream: Stream, events: Sequence[ChatEvent]) -> None:
        together: list[ChatEvent] = []
        for event in events:
            together.append(event)
            joining, leaving = event.joining(), event.leaving()
            if not joining and leaving == ():
                continue
            # Who comes hears this and what follows; who goes hears this and nothing more.
            before, together = together[:-1], [event]
            if before:
                stream.deliver(before, self.sockets)
            for user_id in joining:
                for socket in self.people.get(user_id, ()):
                    stream.attach(socket, event.seq - 1)
            stream.deliver(together, self.sockets)
            together = []
            for socket in stream.followers():
                if leaving is None or socket.user_id in leaving:
                    stream.detach(socket)
        if together:
            stream.deliver(together, self.sockets)
        # Not before: who leaves and comes back in one go must find the same stream.
        self._forget_empty(stream)

    def mend(self, stream: Stream, patience: float = 0.0) -> None:
        """Fetch what the stream misses, in `patience` seconds, unless that is under way."""
        if not stream.mending:
            stream.mending = True
            self.loop.call_later(patience, lambda: self._spawn(self._mend(stream)))

    async def _mend(self, stream: Stream) -> None:
        """Fetch what is missing from the log, a page at a time, until nothing is."""
        try:
            while self.streams.get(stream.chat_id) is stream:
                since = stream.cursor
                events = await in_db(partial(chats.events_after, stream.chat_id, since, limit=PAGE))
                if not events or events[0].seq > since + 1:
                    await self._give_up_if_expired(stream, since)
                ready = stream.accept(events)
                if ready:
                    self._deliver(stream, ready)
                if len(events) < PAGE or stream.cursor == since:
                    break
        finally:
            stream.mending = False

    async def _give_up_if_expired(self, stream: Stream, since: int) -> None:
        """This process slept for longer than the log reaches back: its sockets are to resume."""
        if await in_db(log.reach_back, {stream.chat_id: since}):
            return
        latest = await in_db(chats.last_seqs, [stream.chat_id])
        for socket in stream.followers():
            socket.close(4408, "log expired")
        # Who comes now starts from there.
        stream.skip_to(latest.get(stream.chat_id, stream.cursor))

    def _chat_of(self, command: messaging.SendMessage) -> object:
        """
        What a send is about: sends about the same keep their order. What somebody sends to people
        is about that; the UUID of a chat that nobody here has heard of yet may be any chat.
        """
        if command.recipient is not None:
            return "to people", command.author_id
        if isinstance(command.chat, UUID):
            return self._ids.get(str(command.chat), ANYTHING)
        return command.chat

    # --- the life of a socket's authority -----------------------------------------------------

    def end_logins(self, user_id: int, logins: list[str] | None, reason: str) -> None:
        """Close the sockets of these logins (hexadecimal ids), or of all that the person has."""
        for socket in tuple(self.people.get(user_id, ())):
            if logins is None or socket.session.login_id.hex in logins:
                socket.close(CLOSE_CODES.get(reason, 4401), reason)

    def _spawn(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.warning("A stream could not be mended yet: %s", task.exception())

    # --- the end ------------------------------------------------------------------------------

    async def drain(self, seconds: float = 5.0) -> None:
        """Say goodbye to every socket (1012: come back and resume) and wait for them to go."""
        self.draining = True
        for socket in tuple(self.sockets.values()):
            socket.close(1012, "server restart")
        until = self.loop.time() + seconds
        while self.sockets and self.loop.time() < until:
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        self.watch.stop()
        self.keeper.stop()
        self.chores.stop()
        for task in self._tasks:
            task.cancel()
        await self.relay.stop()
        if doorbell.hub is self:
            doorbell.hub = None


def get() -> Hub:
    """The hub of this process; made by whoever asks first."""
    if doorbell.hub is None or doorbell.hub.loop is not asyncio.get_running_loop():
        doorbell.hub = Hub()
    return doorbell.hub
