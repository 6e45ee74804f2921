"""
The hub's one subscription to the channel layer.

Messages out, groups joined and left are gathered and go in one round trip; the callers wait for
nothing. A heartbeat through the layer says whether it is alive: what the layer itself says of its
state (nothing, with pub/sub) can't be trusted.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from messenger.realtime.waiting import happens

logger = logging.getLogger(__name__)

# Seconds between heartbeats; without one, until messages may have been lost, until they have been,
# and until the layer counts as away.
BEAT = 0.5
LATE = 0.85
LOST = 1.7
SILENCE = 2.5
# Messages that wait while the layer is slow; beyond it they are dropped, the log has them.
MOST = 20_000

Message = tuple[str, dict[str, Any]]


class Relay:
    """`heard` is given what comes in; `alarm` is called when it may have missed something."""

    def __init__(
        self,
        layer: Any,
        heard: Callable[[dict[str, Any]], None],
        alarm: Callable[[], None] = lambda: None,
    ) -> None:
        self._layer = layer
        self._heard = heard
        self._alarm = alarm
        self._loop = asyncio.get_running_loop()
        self._out: deque[Message] = deque(maxlen=MOST)
        # Group → whether we want to be in it.
        self._moves: dict[str, bool] = {}
        self._channel: str | None = None
        self._last_beat = self._loop.time()
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._groups: set[str] = set()
        self._tasks = [self._loop.create_task(work()) for work in (self._pump, self._listen)]
        self._was_alive = True
        self._troubled = False
        # No alarm since the last heartbeat that came in time.
        self._calm = True
        self._resubscribed = 0

    @property
    def alive(self) -> bool:
        """Whether what was sent through the layer a moment ago has come back."""
        return self._loop.time() - self._last_beat < SILENCE

    @property
    def late(self) -> bool:
        """Whether a heartbeat is overdue, by a little so far."""
        return self._loop.time() - self._last_beat > LATE

    def troubled(self) -> bool:
        """Whether something went wrong since the last asking: messages may have been lost."""
        troubled, self._troubled = self._troubled, False
        resubscribed = getattr(self._layer, "resubscribed", 0)
        if resubscribed != self._resubscribed:
            self._resubscribed, troubled = resubscribed, True
        return troubled

    def send(self, messages: Iterable[Message]) -> None:
        self._out.extend(messages)
        self._wake.set()

    def join(self, group: str) -> None:
        self._move(group, True)

    def leave(self, group: str) -> None:
        self._move(group, False)

    def _move(self, group: str, wanted: bool) -> None:
        self._moves[group] = wanted
        self._settled.clear()
        self._wake.set()

    async def joined(self, patience: float = SILENCE) -> None:
        """Wait until the layer has us in all groups asked for, but no longer than `patience`."""
        await happens(self._settled, patience)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(1):
                await self._layer.flush()
        except Exception as error:
            logger.debug("The channel layer could not be left in order: %s", error)

    async def _listen(self) -> None:
        while True:
            try:
                if self._channel is None:
                    self._channel = await self._layer.new_channel()
                    self._wake.set()
                message = await self._layer.receive(self._channel)
                if message["type"] == "hub.beat":
                    now = self._loop.time()
                    # A beat was lost, and what else?
                    self._troubled = self._troubled or now - self._last_beat > LOST
                    if self.late:
                        self._raise_alarm()
                    else:
                        self._calm = True
                    self._last_beat = now
                elif message["type"] in ("hub.events", "hub.nudge"):
                    self._hear(message)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._complain(error)
                await asyncio.sleep(0.5)

    def _hear(self, message: dict[str, Any]) -> None:
        try:
            self._heard(message)
        except Exception:
            # The layer did its part. What was lost by this, comes from the log.
            logger.exception("A message could not be understood")
            self._troubled = True
            self._raise_alarm()

    async def _pump(self) -> None:
        due = self._loop.time()
        while True:
            await happens(self._wake, max(0.0, due - self._loop.time()))
            self._wake.clear()
            if self._channel is None:
                await asyncio.sleep(0.01)
                self._wake.set()
                continue
            try:
                if self._loop.time() >= due:
                    due = self._loop.time() + BEAT
                    if self.late:
                        self._raise_alarm()
                    async with asyncio.timeout(BEAT):
                        await self._layer.send(self._channel, {"type": "hub.beat"})
                await self._move_groups()
                await self._send_out()
                if self.alive and not self._was_alive:
                    logger.warning("The channel layer is back")
                    self._was_alive = True
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._complain(error)
                await asyncio.sleep(0.2)

    async def _move_groups(self) -> None:
        while self._moves:
            moves, self._moves = self._moves, {}
            joining = {group for group, wanted in moves.items() if wanted} - self._groups
            leaving = {group for group, wanted in moves.items() if not wanted} & self._groups
            try:
                await self._in_bulk("group_add", joining)
                self._groups |= joining
                await self._in_bulk("group_discard", leaving)
                self._groups -= leaving
            except BaseException:
                # Later wishes are newer.
                self._moves = {**moves, **self._moves}
                raise
        self._settled.set()

    async def _in_bulk(self, verb: str, groups: set[str]) -> None:
        if not groups:
            return
        if hasattr(type(self._layer), f"{verb}_many"):
            await getattr(self._layer, f"{verb}_many")(groups, self._channel)
        else:
            for group in groups:
                await getattr(self._layer, verb)(group, self._channel)

    async def _send_out(self) -> None:
        while self._out:
            messages = list(self._out)
            self._out.clear()
            if hasattr(type(self._layer), "group_send_many"):
                await self._layer.group_send_many(messages)
            else:
                for group, message in messages:
                    await self._layer.group_send(group, message)

    def _raise_alarm(self) -> None:
        if self._calm:
            self._calm = False
            self._alarm()

    def _complain(self, error: Exception) -> None:
        self._troubled = True
        self._raise_alarm()
        if self._was_alive:
            logger.warning(
                "The channel layer is away (%s: %s): events of other processes come from the log",
                type(error).__name__,
                error,
            )
            self._was_alive = False
