"""
Group commit: what comes in while a transaction runs is stored together by the next one.

A batch waits for nobody: it takes what is there. Under little load it is one command and costs no
time; under much it grows, and a transaction of fifty costs little more than one of one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.db import Error as DatabaseError

from messenger.errors import Internal, Unavailable
from messenger.held import Held
from messenger.realtime.threads import Pool

logger = logging.getLogger(__name__)

# Commands in one transaction, and seconds after which a batch counts as held up (by a lock that
# somebody else has, say): then the next one starts beside it instead of after it.
MOST = 400
HELD_UP = 0.1

Done = Callable[[Any], None]
# Seconds after which a command that has not been begun is given up: the ones before it hang.
PATIENCE = 10.0
# The key of a command that may be about anything: it runs beside nothing.
ANYTHING = object()


class Item(NamedTuple):
    """A command, who waits for its outcome, and since when by the loop's clock."""

    command: Any
    done: Done
    since: float


class Batcher:
    """
    Gathers commands for `together`, which takes a list and returns one outcome for each, in order.
    `key` says what a command is about: two batches about the same thing never run side by side.

    A batch about several things must not wait for one of them: `together(commands, patient=False)`
    answers `Held` for a command that would have to, and those run again, thing by thing, patiently,
    and for one thing in one thread: else what is stuck would soon have them all.
    """

    def __init__(
        self,
        together: Callable[..., Sequence[Any]],
        pool: Pool,
        *,
        key: Callable[[Any], Any] = lambda command: None,
    ) -> None:
        self._together = together
        self._pool = pool
        self._key = key
        self._waiting: deque[Item] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._busy: dict[Any, int] = {}
        # What is waited for patiently, and who is to wait for it next.
        self._patient: dict[Any, list[Item]] = {}
        self._running = 0
        # Batches that have not been running for long: the next one waits for them.
        self._fresh = 0
        self._scheduled = False

    def submit(self, command: Any, done: Done) -> None:
        """
        Carry out `command` soon; `done` gets its outcome, in this loop, in order: Unavailable if it
        could not be begun in time.
        """
        loop = asyncio.get_running_loop()
        self._waiting.append(Item(command, done, loop.time()))
        self._schedule()
        if self._alarm is None:
            self._alarm = loop.call_later(PATIENCE, self._give_up)

    def _schedule(self) -> None:
        if (
            self._waiting
            and not self._fresh
            and not self._scheduled
            and self._running < self._pool.size
        ):
            # Not at once: what else arrived with it in this turn of the loop comes along.
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._start)

    def _give_up(self) -> None:
        """On those who have waited for too long."""
        loop = asyncio.get_running_loop()
        self._alarm = None
        late = []
        while self._waiting and self._waiting[0].since + PATIENCE <= loop.time():
            late.append(self._waiting.popleft())
        if self._waiting:
            self._alarm = loop.call_at(self._waiting[0].since + PATIENCE, self._give_up)
        if late:
            logger.warning("%s commands were given up", len(late))
            self._answer(late, [Unavailable(retry_after=1)] * len(late))

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
        if batch:
            self._run(batch)

    def _wait_for(self, about: Any, batch: list[Item]) -> None:
        if about in self._patient:
            self._patient[about] += batch
            return
        self._patient[about] = []

        def finished() -> None:
            if following := self._patient.pop(about):
                self._wait_for(about, following)

        self._run(batch, finished)

    def _run(self, batch: list[Item], finished: Callable[[], None] | None = None) -> None:
        """Patiently, if somebody wants to know when it is `finished`."""
        patient = finished is not None
        loop = asyncio.get_running_loop()
        keys = {self._key(item.command) for item in batch} - {None}
        for key in keys:
            self._busy[key] = self._busy.get(key, 0) + 1
        self._running += 1
        fresh = not patient
        self._fresh += fresh

        def held_up() -> None:
            nonlocal fresh
            self._fresh -= fresh
            fresh = False
            self._schedule()

        def finish(job: "asyncio.Future[Sequence[Any]]") -> None:
            watch.cancel()
            held = self._settle(batch, job)
            # They keep their keys until they have run: what is about the same stays behind them.
            for about, group in self._groups(held).items():
                self._wait_for(about, group)
            if finished is not None:
                finished()
            for key in keys:
                self._busy[key] -= 1
                if not self._busy[key]:
                    del self._busy[key]
            self._running -= 1
            held_up()

        watch = loop.call_later(HELD_UP, held_up)
        commands = [item.command for item in batch]
        job = self._pool.submit(self._together, commands, patient)
        job.add_done_callback(finish)

    def _groups(self, held: list[tuple[Item, Held]]) -> dict[Any, list[Item]]:
        groups: dict[Any, list[Item]] = {}
        for item, outcome in held:
            groups.setdefault(outcome.about or self._key(item.command), []).append(item)
        return groups

    def _take(self) -> list[Item]:
        if not self._busy and len(self._waiting) <= MOST:
            batch = list(self._waiting)
            self._waiting.clear()
            return batch
        batch, rest, held = [], deque[Item](), set(self._busy)
        for item in self._waiting:
            key = self._key(item.command)
            blocked = key in held or ANYTHING in held or (key is ANYTHING and bool(held))
            if len(batch) < MOST and not blocked:
                batch.append(item)
            else:
                # Whatever is about the same thing stays behind it.
                held.add(key)
                held.discard(None)
                rest.append(item)
        self._waiting = rest
        return batch

    def _settle(
        self, batch: list[Item], job: "asyncio.Future[Sequence[Any]]"
    ) -> list[tuple[Item, Held]]:
        """Give the answers; what could not be done without waiting comes back."""
        error = None if job.cancelled() else job.exception()
        outcomes: Sequence[Any]
        if isinstance(error, DatabaseError):
            logger.warning("The database refused %s commands: %s", len(batch), error)
            outcomes = [Unavailable(retry_after=1)] * len(batch)
        elif job.cancelled() or error is not None:
            logger.error("A batch failed", exc_info=error)
            outcomes = [Internal()] * len(batch)
        else:
            outcomes = job.result()
        self._answer(batch, outcomes)
        return [
            (item, outcome)
            for item, outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, Held)
        ]

    def _answer(self, batch: list[Item], outcomes: Sequence[Any]) -> None:
        for item, outcome in zip(batch, outcomes, strict=True):
            if not isinstance(outcome, Held):
                try:
                    item.done(outcome)
                except Exception:
                    logger.exception("An answer could not be given")
