"""Keeps the leases of this process's sockets, so that the people behind them count as online."""

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings

from messenger.realtime.threads import in_db
from messenger.realtime.waiting import happens
from presence import services as presence
from presence.store import Lease

if TYPE_CHECKING:
    from messenger.realtime.hub import Hub
    from messenger.realtime.socket import Socket

logger = logging.getLogger(__name__)

# Seconds between looks for people whose last lease has run out; leases are renewed three times
# before they would.
SWEEP = 0.5
RENEWALS = 3


class Keeper:
    """Gathers who comes and who goes, and says so in one go; nobody waits for it."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._came: list[Lease] = []
        self._went: list[Lease] = []
        self._asked = asyncio.Event()
        self._task = hub.loop.create_task(self._run())

    def came(self, socket: "Socket") -> None:
        self._came.append(Lease(socket.user_id, socket.id))
        self._asked.set()

    def went(self, socket: "Socket") -> None:
        self._went.append(Lease(socket.user_id, socket.id))
        self._asked.set()

    def stop(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        renewed = self._hub.loop.time()
        while True:
            await happens(self._asked, SWEEP)
            self._asked.clear()
            came, self._came = self._came, []
            went, self._went = self._went, []
            now = self._hub.loop.time()
            due = now - renewed >= settings.PRESENCE_LEASE / RENEWALS
            leases = [Lease(s.user_id, s.id) for s in self._hub.sockets.values()] if due else []
            if due:
                renewed = now
            try:
                await in_db(partial(presence.keep, came=came, here=leases, went=went))
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.warning("Who is online could not be told yet: %s", error)
                await asyncio.sleep(SWEEP)
