"""
Group commit: what comes in while a transaction runs is stored together by the next one.

A batch waits for nobody: it takes what is there. Under little load it is one command and costs no
time; under much it grows, and a transaction of fifty costs little more than one of one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from messenger.errors import Internal
from messenger.realtime.threads import Pool

logger = logging.getLogger(__name__)

# Commands in one transaction, and seconds after which a batch counts as held up (by a lock that
# somebody else has, say): then the next one starts beside it instead of after it.
MOST = 400
HELD_UP = 0.1

Done = Callable[[Any], None]


class Batcher:
    """
    Gathers commands for `together`, which takes a list and returns one outcome for each, in order.
    `key` says what a command is about: two batches about the same thing never run side by side.
    """

    def __init__(
        self,
        together: Callable[[Sequence[Any]], Sequence[Any]],
        pool: Pool,
        *,
        key: Callable[[Any], Any] = lambda command: None,
    ) -> None:
        self._together = together
        self._pool = pool
        self._key = key
        self._waiting: deque[tuple[Any, Done]] = deque()
        self._busy: set[Any] = set()
        self._running = 0
        self._scheduled = False

    def submit(self, command: Any, done: Done) -> None:
        """Carry out `command` soon; `done` gets its outcome, in this loop, in order."""
        self._waiting.append((command, done))
        if not self._running and not self._scheduled:
            # Not at once: what else arrived with it in this turn of the loop comes along.
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._start)

    async def carry_out(self, command: Any) -> Any:
        """The outcome of `command`, awaited."""
        future = asyncio.get_running_loop().create_future()

        def done(outcome: Any) -> None:
            if not future.done():
                future.set_result(outcome)

        self.submit(command, done)
        return await future

    def _start(self) -> None:
        self._scheduled = False
        batch = self._take()
        if not batch:
            return
        self._running += 1
        keys = {self._key(command) for command, _ in batch} - {None}
        self._busy |= keys
        loop = asyncio.get_running_loop()
        watch = loop.call_later(HELD_UP, self._beside)
        job = self._pool.submit(self._together, [command for command, _ in batch])

        def finish(job: "asyncio.Future[Sequence[Any]]") -> None:
            watch.cancel()
            self._running -= 1
            self._busy -= keys
            self._settle(batch, job)
            if self._waiting and not self._running:
                self._start()

        job.add_done_callback(finish)

    def _beside(self) -> None:
        if self._waiting and self._running < self._pool.size:
            self._start()

    def _take(self) -> list[tuple[Any, Done]]:
        if not self._busy and len(self._waiting) <= MOST:
            batch = list(self._waiting)
            self._waiting.clear()
            return batch
        batch, rest, held = [], deque[tuple[Any, Done]](), set(self._busy)
        for item in self._waiting:
            if len(batch) < MOST and self._key(item[0]) not in held:
                batch.append(item)
            else:
                # Whatever is about the same thing stays behind it.
                held.add(self._key(item[0]))
                held.discard(None)
                rest.append(item)
        self._waiting = rest
        return batch

    def _settle(self, batch: list[tuple[Any, Done]], job: "asyncio.Future[Sequence[Any]]") -> None:
        if job.cancelled() or job.exception() is not None:
            logger.error("A batch failed", exc_info=None if job.cancelled() else job.exception())
            outcomes: Sequence[Any] = [Internal()] * len(batch)
        else:
            outcomes = job.result()
        for (_, done), outcome in zip(batch, outcomes, strict=True):
            try:
                done(outcome)
            except Exception:
                logger.exception("An answer could not be given")
