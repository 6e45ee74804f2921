"""Keeps the leases of this process's sockets, so that the people behind them count as online."""

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings

from messenger.realtime.threads import in_db
from messenger.realtime.waiting import happens
from presence import services as presence
from presence.leases import Lease

if TYPE_CHECKING:
    from messenger.realtime.hub import Hub
    from messenger.realtime.socket import Socket

logger = logging.getLogger(__name__)

# Seconds between looks for people whose last lease has run out, and for sockets that have become
# away; leases are renewed three times before they would run out.
SWEEP = 0.5
RENEWALS = 3


class Keeper:
    """Gathers who comes, who is away and who goes, and says so in one go; nobody waits for it."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._came: list[Lease] = []
        self._went: list[Lease] = []
        # Ids of the sockets whose leases are away.
        self._away: set[str] = set()
        self._asked = asyncio.Event()
        self._task = hub.loop.create_task(self._run())

    def came(self, socket: "Socket") -> None:
        self._came.append(self._lease(socket))
        self._asked.set()

    def went(self, socket: "Socket") -> None:
        self._went.append(Lease(socket.user_id, socket.id))
        self._asked.set()

    def changed(self, socket: "Socket") -> None:
        """`socket.away` was set."""
        self._asked.set()

    def stop(self) -> None:
        self._task.cancel()

    @staticmethod
    def _is_away(socket: "Socket", since: float) -> bool:
        """Whether its client said that nobody is looking, or has said nothing since then."""
        return socket.away or socket.spoke < since

    def _lease(self, socket: "Socket") -> Lease:
        """The lease that the socket is to hold now, remembered."""
        away = self._is_away(socket, time.monotonic() - settings.PRESENCE_IDLE)
        if away:
            self._away.add(socket.id)
        else:
            self._away.discard(socket.id)
        return Lease(socket.user_id, socket.id, away)

    def _turned(self) -> list[Lease]:
        """The leases of the sockets that have become away, or are so no more."""
        since = time.monotonic() - settings.PRESENCE_IDLE
        self._away &= self._hub.sockets.keys()
        return [
            self._lease(socket)
            for socket in self._hub.sockets.values()
            if self._is_away(socket, since) != (socket.id in self._away)
        ]

    async def _run(self) -> None:
        renewed = self._hub.loop.time()
        while True:
            await happens(self._asked, SWEEP)
            self._asked.clear()
            came, self._came = self._came + self._turned(), []
            went, self._went = self._went, []
            now = self._hub.loop.time()
            due = now - renewed >= settings.PRESENCE_LEASE / RENEWALS
            leases = [self._lease(s) for s in self._hub.sockets.values()] if due else []
            if due:
                renewed = now
            try:
                await in_db(partial(presence.keep, came=came, here=leases, went=went))
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.warning("Who is online could not be told yet: %s", error)
                await asyncio.sleep(SWEEP)
