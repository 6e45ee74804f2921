"""
What a hub looks up again by itself, because the news of it may have been lost: the log's last word
on each chat, who is in which chat, which logins have ended.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
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

# Seconds: how often streams are compared with the log, and ended logins looked for, so that nobody
# goes on for two seconds with what is no longer theirs; how often everybody's chats and logins are
# looked up again. Whenever the layer may have lost something, all of it happens at once.
COMPARE = 1.0
RECHECK = 45.0
# How long the layer may take to have us in the groups of newcomers before they are looked at
# anyway; how long the database is left alone that could not be read.
JOINING, JOINING_ALONE = 0.5, 0.2
RETRY = 0.25

# How far back a look for ended logins goes: further than the clocks of hosts may differ.
ENDED = timedelta(seconds=20)


class Watch:
    """Runs from `start` to `stop`. What is `unsure` is looked at at once, and so are newcomers."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._unsure: set[int] = set()
        # Sockets that may have missed news of their person while they were arriving.
        self._newcomers: set[Socket] = set()
        # Streams are to be compared at once; and a look that was not finished is to be repeated.
        self._shaken = False
        self._failed = False
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

    def look(self) -> None:
        """Something may have happened in any chat: the layer may have lost the news of it."""
        self._shaken = True
        self._asked.set()

    def forget(self, chat_id: int) -> None:
        self._unsure.discard(chat_id)

    def stop(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        """Compare what has been told, and who may hear it, with the database."""
        loop, relay = self._hub.loop, self._hub.relay
        rechecked = compared = loop.time()
        while True:
            await happens(self._asked, max(0.0, compared + COMPARE - loop.time()))
            self._asked.clear()
            try:
                self._close_expired()
                if self._hub.sockets:
                    await self._close_ended()
                # A late heartbeat is a reason to compare; to doubt who is where it takes more.
                alone = self._failed or relay.troubled() or not relay.alive
                shaken, self._shaken, self._failed = self._shaken or alone, False, False
                if shaken or loop.time() >= compared + COMPARE:
                    await self._compare(self._hub.streams.keys() - self._unsure)
                    compared = loop.time()
                # What is new here is heard of once the layer has us in its groups.
                await relay.joined(JOINING_ALONE if shaken else JOINING)
                await self._compare(self._unsure)
                if alone or loop.time() >= rechecked + RECHECK:
                    await self._recheck(list(self._hub.sockets.values()))
                    rechecked = loop.time()
                else:
                    await self._recheck(list(self._newcomers))
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.warning("The log could not be read: %s", error)
                self._failed = True
                await asyncio.sleep(RETRY)

    async def _compare(self, wanted: Iterable[int]) -> None:
        chat_ids = list(wanted)
        self._unsure.difference_update(chat_ids)
        latest = await in_db(chats.last_seqs, chat_ids) if chat_ids else {}
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
        # A socket may go on with the token of another login while the database is read.
        shown = {socket: socket.session.login_id for socket in sockets}
        logins = list(set(shown.values()))
        live = await in_db(accounts.live_logins, logins) if logins else {}
        dead = [login for login in logins if login not in live]
        reasons = await in_db(accounts.end_reasons, dead) if dead else {}
        lost: list[tuple[Socket, int]] = []
        for socket in sockets:
            login = shown[socket]
            if login not in live and login == socket.session.login_id:
                self._hub.end_logins(socket.user_id, [login.hex], reasons.get(login, "login ended"))
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
