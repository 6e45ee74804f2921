"""What comes due by itself: bans that end, notices not sent yet, people not erased to the end."""

import asyncio
import logging

from accounts.services import end_bans
from messenger.realtime.threads import in_db
from moderation.services import go_on_erasing, tell_notices

logger = logging.getLogger(__name__)

# Seconds between looks. Every process looks: what one has done there is no more to do.
EVERY = 5.0


class Chores:
    """Runs from now to `stop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._task = loop.create_task(self._run())

    def stop(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            for chore in (end_bans, tell_notices, go_on_erasing):
                try:
                    await in_db(chore)
                except asyncio.CancelledError:
                    raise
                except Exception as error:
                    logger.warning("%s failed and is tried again: %s", chore.__name__, error)
