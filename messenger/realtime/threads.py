"""
The doors between async and sync: bounded pools of threads with one database connection each.

Django's own way is one thread for all sockets of a process, where one slow query stops everybody.
The threads here keep their connections open between jobs; there are `size` of them and no more, so
PostgreSQL sees a bounded number of connections whatever comes in.
"""

import asyncio
import select
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import connection

from accounts.hashers import AT_ONCE

Result = TypeVar("Result")


# How many jobs of a pool run at once while they are quick, and seconds after which a job counts as
# slow and lets another one start beside it. Threads that all want the interpreter get in each
# other's way: six at once served 384 pages of history a second at a p99 of 61 ms; two, with others
# let in when those are slow, 420 at 27 ms.
QUICK = 2
SLOW = 0.03


class Pool:
    """Threads for one kind of work, so that kinds do not wait for each other."""

    def __init__(self, name: str, size: int) -> None:
        self.size = size
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, Gate] = WeakKeyDictionary()

    def submit(self, function: Callable[..., Result], *args: Any) -> "asyncio.Future[Result]":
        """`function(*args)` in one of the threads; awaitable from the running loop."""
        loop = asyncio.get_running_loop()
        gate = self._gates.get(loop)
        if gate is None:
            gate = self._gates[loop] = Gate(loop, self._executor, self.size)
        return gate.submit(function, args)


class Gate:
    """The jobs of a pool that come from one event loop: in order, and not too many at once."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, executor: ThreadPoolExecutor, size: int
    ) -> None:
        self._loop = loop
        self._executor = executor
        self._size = size
        self._waiting: deque[tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]]
        self._waiting = deque()
        self._running = 0
        self._quick = 0

    def submit(self, function: Callable[..., Any], args: tuple[Any, ...]) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((future, function, args))
        self._start()
        return future

    def _start(self) -> None:
        while self._waiting and self._quick < QUICK and self._running < self._size:
            future, function, args = self._waiting.popleft()
            if not future.cancelled():
                self._run(future, function, args)

    def _run(
        self, future: "asyncio.Future[Any]", function: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        self._running += 1
        self._quick += 1
        quick = True

        def slow() -> None:
            nonlocal quick
            self._quick -= quick
            quick = False
            self._start()

        def finish(job: "asyncio.Future[Any]") -> None:
            watch.cancel()
            self._running -= 1
            slow()
            if future.cancelled():
                return
            if job.cancelled():
                future.cancel()
            elif error := job.exception():
                future.set_exception(error)
            else:
                future.set_result(job.result())

        watch = self._loop.call_later(SLOW, slow)
        job = self._loop.run_in_executor(self._executor, _job, function, args)
        job.add_done_callback(finish)


def _job(function: Callable[..., Result], args: tuple[Any, ...]) -> Result:
    if connection.connection is not None and _hung_up():
        connection.close()
    try:
        return function(*args)
    finally:
        if connection.errors_occurred:
            connection.close()


def _hung_up() -> bool:
    """
    Whether the server has closed this idle connection: then there is something to read on it. A
    restart of PostgreSQL costs nobody a failed query, and a healthy connection 2 µs.
    """
    if connection.vendor != "postgresql":
        return False
    if connection.connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


# Reading, REST, pages; batches of writes; requests that hash a password, which take 50 ms of a
# core each and would otherwise hold up everything else.
readers = Pool("reader", settings.DB_READERS)
writers = Pool("writer", settings.DB_WRITERS)
hashers = Pool("hasher", AT_ONCE)


async def in_db(function: Callable[..., Result], *args: Any) -> Result:
    """Await a plain function that uses the database."""
    return await readers.submit(function, *args)
