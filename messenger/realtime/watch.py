"""
What a hub looks up again by itself, because the news of it may have been lost: the log's last word
on each chat, who is in which chat, which logins have ended.
"""

import asyncio
import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from accounts import selectors as accounts
from chats import selectors as chats
from messenger.realtime.socket import Socket
from messenger.realtime.threads import in_db
from messenger.realtime.waiting import happens

if TYPE_CHECKING:
    from messenger.realtime.hub import Hub

logger = logging.getLogger(__name__)

# Seconds: how often streams are compared with the log, in good times and while the layer is away;
# how often people's chats and logins are looked up again.
COMPARE = 3.0
COMPARE_ALONE = 1.0
RECHECK = 45.0

# How far back a look for ended logins goes: further than the clocks of hosts may differ.
ENDED = timedelta(seconds=20)


class Watch:
    """Runs from `start` to `stop`. What is `unsure` is looked at at once, and so are newcomers."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._unsure: set[int] = set()
        # Sockets that may have missed news of their person while they were arriving.
        self._newcomers: set[Socket] = set()
        self._asked = asyncio.Event()
        self._task = hub.loop.create_task(self._run())

    def arrived(self, socket: Socket) -> None:
        self._newcomers.add(socket)
        self._asked.set()

    def left(self, socket: Socket) -> None:
        self._newcomers.discard(socket)

    def doubt(self, chat_id: int) -> None:
        """Something may have happened in this chat that its stream does not know of."""
        self._unsure.add(chat_id)
        self._asked.set()

    def forget(self, chat_id: int) -> None:
        self._unsure.discard(chat_id)

    def stop(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        """Compare what has been told with the database; more often while the layer is away."""
        rechecked = compared = self._hub.loop.time()
        while True:
            await happens(self._asked, COMPARE_ALONE)
            self._asked.clear()
            try:
                self._close_expired()
                await self._hub.relay.joined(0.5)
                alone = self._hub.relay.troubled() or not self._hub.relay.alive
                now = self._hub.loop.time()
                if alone or now - rechecked > RECHECK:
                    rechecked = now
                    await self._recheck(list(self._hub.sockets.values()))
                elif self._newcomers:
                    await self._recheck(list(self._newcomers))
                if self._hub.sockets:
                    await self._close_ended()
                if alone or now - compared > COMPARE:
                    compared = now
                    await self._compare(list(self._hub.streams))
                elif self._unsure:
                    await self._compare(list(self._unsure))
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.warning("The log could not be read: %s", error)
                await asyncio.sleep(COMPARE_ALONE)

    async def _compare(self, chat_ids: list[int]) -> None:
        self._unsure.difference_update(chat_ids)
        if not chat_ids:
            return
        latest = await in_db(chats.last_seqs, chat_ids)
        for chat_id, seq in latest.items():
            stream = self._hub.streams.get(chat_id)
            if stream is not None and seq > stream.cursor:
                self._hub.mend(stream)

    async def _recheck(self, sockets: list[Socket]) -> None:
        """Is everybody still in the chats they follow, and is every login still good?"""
        self._newcomers.difference_update(sockets)
        people = list({socket.user_id for socket in sockets})
        # Who comes into a chat or leaves it while the database is read, is not to be put back.
        before = {socket: set(socket.chats) for socket in sockets}
        places = await in_db(chats.places, people) if people else {}
        logins = list({socket.session.login_id for socket in sockets})
        live = await in_db(accounts.live_logins, logins) if logins else {}
        lost: list[tuple[Socket, int]] = []
        for socket in sockets:
            if socket.session.login_id not in live:
                socket.close(4401, "login ended")
            if socket.id not in self._hub.sockets:
                continue
            found = places[socket.user_id]
            for chat_id in set(found) - socket.chats - before[socket]:
                # From the joining on: whatever came after it was not heard here either.
                self._hub.follow(socket, chat_id, found[chat_id].joined_seq - 1)
            for chat_id in socket.chats & before[socket] - set(found):
                # Its leaving is in the log and comes with the next look into it.
                self._unsure.add(chat_id)
                lost.append((socket, chat_id))
        if lost:
            await self._let_go(lost)

    async def _let_go(self, lost: list[tuple[Socket, int]]) -> None:
        """Of sockets on the stream of a chat that their person is not in, those that stay so."""
        latest = await in_db(chats.last_seqs, {chat_id for _, chat_id in lost})
        places = await in_db(chats.places, {socket.user_id for socket, _ in lost})
        for socket, chat_id in lost:
            stream = self._hub.streams.get(chat_id)
            # All that happened has been told, and they are still on it.
            if (
                stream is not None
                and chat_id not in places[socket.user_id]
                and stream.cursor == latest.get(chat_id)
            ):
                self._hub.unfollow(socket, chat_id)

    async def _close_ended(self) -> None:
        """Logins that ended a moment ago, by the database: the news of it may have been lost."""
        ended = await in_db(accounts.logins_ended_since, timezone.now() - ENDED)
        for user_id, login_id, reason in ended:
            self._hub.end_logins(user_id, [login_id.hex], reason)

    def _close_expired(self) -> None:
        now = time.time()
        for socket in tuple(self._hub.sockets.values()):
            if socket.session.expires < now:
                socket.close(4401, "token expired")
