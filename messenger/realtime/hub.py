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
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from channels.layers import get_channel_layer
from django.db import Error as DatabaseError
from django.utils import timezone

from accounts import selectors as accounts
from accounts.events import LoginsEnded
from chats import selectors as chats
from messaging import reading
from messaging import services as messaging
from messenger.events import ChatEvent, Event, decode
from messenger.realtime import doorbell
from messenger.realtime.batching import ANYTHING, Batcher
from messenger.realtime.handshake import open_sessions
from messenger.realtime.relay import Relay
from messenger.realtime.socket import Bundle, Socket
from messenger.realtime.stream import Stream
from messenger.realtime.threads import in_db, readers, writers

logger = logging.getLogger(__name__)

# Seconds: how long an event that came too early waits for the ones before it until the log is
# asked; how often streams are compared with the log, in good times and while the layer is away;
# how often people's chats and logins are looked up again, in case the news of a change was lost.
PATIENCE = 0.03
COMPARE = 3.0
COMPARE_ALONE = 1.0
RECHECK = 45.0
# Events that one look into the log brings.
PAGE = 500

# How far back a look for ended logins goes: further than the clocks of hosts may differ.
ENDED = timedelta(seconds=20)

CLOSE_CODES = {"banned": 4403}


class Hub:
    """Made by the first socket of a process, in its event loop; see `get`."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.name = f"{os.getpid():x}-{os.urandom(3).hex()}"
        self.relay = Relay(get_channel_layer(), self.heard)
        self.sockets: dict[str, Socket] = {}
        self.people: dict[int, set[Socket]] = {}
        self.streams: dict[int, Stream] = {}
        self.unsure: set[int] = set()
        # Sockets that may have missed news of their person while they were arriving, and how many
        # are on their way, by person.
        self.newcomers: set[Socket] = set()
        self.arriving: Counter[int] = Counter()
        self.openings = Batcher(open_sessions, readers)
        self.batchers: dict[Callable[..., Any], Batcher] = {
            messaging.send_messages: Batcher(messaging.send_messages, writers, key=chat_of),
            reading.read_messages: Batcher(reading.read_messages, writers),
        }
        self.draining = False
        self._canaries: dict[str, asyncio.Future[None]] = {}
        self.relay.join(f"hub.{self.name}")
        self._numbers = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._comparing = asyncio.Event()
        self._watch = self.loop.create_task(self._watch_over())

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
        self.newcomers.add(socket)
        self._comparing.set()
        for chat_id, seq in places.items():
            self._follow(socket, chat_id, seq)

    def detach(self, socket: Socket) -> None:
        self.sockets.pop(socket.id, None)
        self.newcomers.discard(socket)
        for chat_id in tuple(socket.chats):
            self._unfollow(socket, chat_id)
        others = self.people.get(socket.user_id)
        if others is not None:
            others.discard(socket)
            if not others:
                del self.people[socket.user_id]
                self.relay.leave(f"user.{socket.user_id}")

    def _follow(self, socket: Socket, chat_id: int, seq: int) -> None:
        if chat_id in socket.chats:
            return
        stream = self.streams.get(chat_id)
        if stream is None:
            stream = self.streams[chat_id] = Stream(chat_id, seq)
            self.relay.join(f"chat.{chat_id}")
            # Something may have happened since `seq` was read and before we were in the group.
            self.unsure.add(chat_id)
            self._comparing.set()
        elif seq < stream.cursor:
            socket.hold()
            self._spawn(self._tell_missed(socket, chat_id, seq, stream.cursor))
        stream.attach(socket, seq)

    def _unfollow(self, socket: Socket, chat_id: int) -> None:
        stream = self.streams.get(chat_id)
        if stream is None:
            return
        stream.detach(socket)
        self._forget_empty(stream)

    def _forget_empty(self, stream: Stream) -> None:
        if not stream.sockets and self.streams.get(stream.chat_id) is stream:
            del self.streams[stream.chat_id]
            self.unsure.discard(stream.chat_id)
            self.relay.leave(f"chat.{stream.chat_id}")

    async def _tell_missed(self, socket: Socket, chat_id: int, since: int, until: int) -> None:
        """What the others were told between a newcomer's reading of the database and its coming."""
        inside = True
        try:
            while since < until:
                events = await in_db(partial(chats.events_after, chat_id, since, limit=PAGE))
                own: list[ChatEvent] = []
                for event in events:
                    if event.seq > until:
                        break
                    since = event.seq
                    inside = inside or socket.user_id in event.joining()
                    if inside:
                        own.append(event)
                    leaving = event.leaving()
                    inside = inside and leaving is not None and socket.user_id not in leaving
                frames = [f for f in socket.protocol.frames(own) if f.is_for(socket)]
                if frames:
                    socket.write(Bundle(frames))
                if len(events) < PAGE:
                    break
        except DatabaseError:
            # It would have a hole and not know it: let it come again.
            socket.close(1013, "unavailable")
        finally:
            if not inside:
                # Removed while it was coming: what came after that is not for it.
                self._unfollow(socket, chat_id)
                socket.held = []
            socket.release()

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
                    self._follow(socket, message["chat"], message["seq"] - 1)
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
        for event in events:
            if isinstance(event, ChatEvent):
                by_chat.setdefault(event.chat_id, []).append(event)
            elif isinstance(event, LoginsEnded):
                self._end_logins(event)
        for chat_id, found in by_chat.items():
            self._hear_chat(chat_id, found)

    def _hear_chat(self, chat_id: int, events: Sequence[ChatEvent]) -> None:
        if chat_id not in self.streams:
            # Nobody here is in it, unless somebody joins by one of these.
            for event in events:
                for user_id in event.joining():
                    for socket in self.people.get(user_id, ()):
                        self._follow(socket, chat_id, event.seq - 1)
        stream = self.streams.get(chat_id)
        if stream is None:
            return
        ready = stream.accept(events)
        if ready:
            self._deliver(stream, ready)
        if stream.early and not stream.mending:
            stream.mending = True
            self.loop.call_later(PATIENCE, lambda: self._spawn(self._mend(stream)))

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

    async def _mend(self, stream: Stream) -> None:
        """Fetch what is missing from the log, a page at a time, until nothing is."""
        try:
            while self.streams.get(stream.chat_id) is stream:
                since = stream.cursor
                events = await in_db(partial(chats.events_after, stream.chat_id, since, limit=PAGE))
                ready = stream.accept(events)
                if ready:
                    self._deliver(stream, ready)
                if len(events) < PAGE or stream.cursor == since:
                    break
        finally:
            stream.mending = False

    # --- the life of a socket's authority -----------------------------------------------------

    def _end_logins(self, event: LoginsEnded) -> None:
        for socket in tuple(self.people.get(event.user_id, ())):
            if event.logins is None or socket.session.login_id.hex in event.logins:
                socket.close(CLOSE_CODES.get(event.reason, 4401), event.reason)

    def _close_expired(self) -> None:
        now = time.time()
        for socket in tuple(self.sockets.values()):
            if socket.session.expires < now:
                socket.close(4401, "token expired")

    # --- watching over it all -----------------------------------------------------------------

    async def _watch_over(self) -> None:
        """Compare what has been told with the database; more often while the layer is away."""
        rechecked = compared = self.loop.time()
        while True:
            try:
                # Not wait_for, which on Python 3.11 may swallow the end that `stop` asks for.
                async with asyncio.timeout(COMPARE_ALONE):
                    await self._comparing.wait()
            except TimeoutError:
                pass
            self._comparing.clear()
            try:
                self._close_expired()
                await self.relay.joined(0.5)
                alone = self.relay.troubled() or not self.relay.alive
                now = self.loop.time()
                if alone or now - rechecked > RECHECK:
                    rechecked = now
                    await self._recheck(list(self.sockets.values()))
                elif self.newcomers:
                    await self._recheck(list(self.newcomers))
                if self.sockets:
                    await self._close_ended()
                if alone or now - compared > COMPARE:
                    compared = now
                    await self._compare(list(self.streams))
                elif self.unsure:
                    await self._compare(list(self.unsure))
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.warning("The log could not be read: %s", error)
                await asyncio.sleep(COMPARE_ALONE)

    async def _compare(self, chat_ids: list[int]) -> None:
        self.unsure.difference_update(chat_ids)
        if not chat_ids:
            return
        latest = await in_db(chats.last_seqs, chat_ids)
        for chat_id, seq in latest.items():
            stream = self.streams.get(chat_id)
            if stream is not None and seq > stream.cursor and not stream.mending:
                stream.mending = True
                self._spawn(self._mend(stream))

    async def _recheck(self, sockets: list[Socket]) -> None:
        """Is everybody still in the chats they follow, and is every login still good?"""
        self.newcomers.difference_update(sockets)
        people = list({socket.user_id for socket in sockets})
        places = await in_db(chats.places, people) if people else {}
        logins = list({socket.session.login_id for socket in sockets})
        live = await in_db(accounts.live_logins, logins) if logins else {}
        lost: list[tuple[Socket, int]] = []
        for socket in sockets:
            if socket.session.login_id not in live:
                socket.close(4401, "login ended")
            if socket.id not in self.sockets:
                continue
            found = places[socket.user_id]
            for chat_id in set(found) - socket.chats:
                # From the joining on: whatever came after it was not heard here either.
                self._follow(socket, chat_id, found[chat_id].joined_seq - 1)
            for chat_id in socket.chats - set(found):
                # Its leaving is in the log and comes with the next look into it.
                self.unsure.add(chat_id)
                lost.append((socket, chat_id))
        if lost:
            await self._let_go(lost)

    async def _let_go(self, lost: list[tuple[Socket, int]]) -> None:
        """Of sockets on the stream of a chat that their person is not in, those that stay so."""
        latest = await in_db(chats.last_seqs, {chat_id for _, chat_id in lost})
        places = await in_db(chats.places, {socket.user_id for socket, _ in lost})
        for socket, chat_id in lost:
            stream = self.streams.get(chat_id)
            # All that happened has been told, and they are still on it.
            if (
                stream is not None
                and chat_id not in places[socket.user_id]
                and stream.cursor == latest.get(chat_id)
            ):
                self._unfollow(socket, chat_id)

    async def _close_ended(self) -> None:
        """Logins that ended a moment ago, by the database: the news of it may have been lost."""
        ended = await in_db(accounts.logins_ended_since, timezone.now() - ENDED)
        for user_id, login_id, reason in ended:
            for socket in tuple(self.people.get(user_id, ())):
                if socket.session.login_id == login_id:
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
        self._watch.cancel()
        for task in self._tasks:
            task.cancel()
        await self.relay.stop()
        if doorbell.hub is self:
            doorbell.hub = None


def chat_of(command: messaging.SendMessage) -> object:
    """What a send is about. A UUID or a person may be any chat: nobody knows without asking."""
    return command.chat if isinstance(command.chat, int) else ANYTHING


def get() -> Hub:
    """The hub of this process; made by whoever asks first."""
    if doorbell.hub is None or doorbell.hub.loop is not asyncio.get_running_loop():
        doorbell.hub = Hub()
    return doorbell.hub
