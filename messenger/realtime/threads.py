"""
The doors between async and sync: bounded pools of threads with one database connection each.

Django's own way is one thread for all sockets of a process, where one slow query stops everybody.
The threads here keep their connections open between jobs; there are `size` of them and no more, so
PostgreSQL sees a bounded number of connections whatever comes in.

Nobody waits for ever either: for a free thread `PATIENCE` seconds, for a database that does not
answer (frozen, or behind a line that swallows everything) `ANSWER`. Both end as OperationalError,
as any other failure of the database.
"""

import asyncio
import contextlib
import math
import os
import select
import socket
import struct
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import OperationalError, connection, connections
from psycopg.pq import TransactionStatus

from messenger.errors import Unavailable

Result = TypeVar("Result")


# How many jobs of a pool run at once while they are quick, and seconds after which a job counts as
# slow and lets another one start beside it. Threads that all want the interpreter get in each
# other's way: six at once served 384 pages of history a second at a p99 of 61 ms; two, with others
# let in when those are slow, 420 at 27 ms.
QUICK = 2
SLOW = 0.03
# Seconds that a job may wait for a thread, and for one answer of the database. PostgreSQL itself
# ends every statement after 5 s (messenger/env.py), if it can.
PATIENCE = 10.0
ANSWER = 10.0


class Pool:
    """
    Threads for one kind of work, so that kinds do not wait for each other. Where `most` jobs wait
    already, one more is refused as Unavailable, to come again in `retry_after` seconds; which has
    waited for `patience` seconds is given up as OperationalError.
    """

    def __init__(
        self,
        name: str,
        size: int,
        *,
        most: float = math.inf,
        retry_after: float = 1,
        patience: float = PATIENCE,
    ) -> None:
        self.size = size
        self.most = most
        self.retry_after = retry_after
        self.patience = patience
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, Gate] = WeakKeyDictionary()

    def submit(self, function: Callable[..., Result], *args: Any) -> "asyncio.Future[Result]":
        """`function(*args)` in one of the threads; awaitable from the running loop."""
        loop = asyncio.get_running_loop()
        gate = self._gates.get(loop)
        if gate is None:
            gate = self._gates[loop] = Gate(loop, self._executor, self.size, self.patience)
        if gate.queued >= self.most and gate.waiting >= self.most:
            raise Unavailable(retry_after=self.retry_after)
        return gate.submit(function, args)


class Job(NamedTuple):
    """What waits, since when by the loop's clock, and who waits for it."""

    future: "asyncio.Future[Any]"
    function: Callable[..., Any]
    args: tuple[Any, ...]
    since: float


class Gate:
    """The jobs of a pool that come from one event loop: in order, and not too many at once."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        executor: ThreadPoolExecutor,
        size: int,
        patience: float,
    ) -> None:
        self._loop = loop
        self._executor = executor
        self._size = size
        self._patience = patience
        self._waiting: deque[Job] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._running = 0
        self._quick = 0

    @property
    def queued(self) -> int:
        """Jobs that have not been started, also those for which nobody waits any more."""
        return len(self._waiting)

    @property
    def waiting(self) -> int:
        """For how many jobs that have not been started somebody waits."""
        return sum(not job[0].cancelled() for job in self._waiting)

    def submit(self, function: Callable[..., Any], args: tuple[Any, ...]) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append(Job(future, function, args, self._loop.time()))
        self._start()
        if self._waiting and self._alarm is None:
            self._alarm = self._loop.call_at(self._waiting[0].since + self._patience, self._give_up)
        return future

    def _start(self) -> None:
        while self._waiting and self._quick < QUICK and self._running < self._size:
            job = self._waiting.popleft()
            if not job.future.cancelled():
                self._run(job)

    def _give_up(self) -> None:
        """On those who have waited for too long: all threads hang, or there is too much to do."""
        now, self._alarm = self._loop.time(), None
        while self._waiting and self._waiting[0].since + self._patience <= now:
            future = self._waiting.popleft().future
            if not future.done():
                future.set_exception(OperationalError("no thread was free in time"))
        if self._waiting:
            self._alarm = self._loop.call_at(self._waiting[0].since + self._patience, self._give_up)

    def _run(self, wanted: Job) -> None:
        future = wanted.future
        line = Line()
        self._running += 1
        self._quick += 1
        quick = True

        def slow() -> None:
            nonlocal quick
            self._quick -= quick
            quick = False
            self._start()

        deadline: asyncio.TimerHandle

        def look() -> None:
            nonlocal deadline
            line.cut_if_silent()
            deadline = self._loop.call_later(1.0, look)

        def finish(job: "asyncio.Future[Any]") -> None:
            watch.cancel()
            deadline.cancel()
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
        deadline = self._loop.call_later(ANSWER, look)
        job = self._loop.run_in_executor(self._executor, _job, line, wanted.function, wanted.args)
        job.add_done_callback(finish)


class Line:
    """The database connection that a job has, if any."""

    __slots__ = ("_wrapper",)

    def __init__(self) -> None:
        self._wrapper: Any = None

    def taken(self) -> None:
        """In the job's thread: it begins. The connection may be opened later."""
        self._wrapper = connections[connection.alias]

    def given_back(self) -> None:
        self._wrapper = None

    def cut_if_silent(self) -> None:
        """In any thread: who has waited for `ANSWER` seconds is told that the database has gone."""
        wrapper = self._wrapper
        found = wrapper.connection if wrapper is not None else None
        if found is None or wrapper.vendor != "postgresql":
            return
        # It may be closed in the same moment.
        with contextlib.suppress(OSError, wrapper.Database.Error):
            if found.pgconn.transaction_status == TransactionStatus.ACTIVE:
                with socket.socket(fileno=os.dup(found.fileno())) as line:
                    if _silence(line) >= ANSWER:
                        line.shutdown(socket.SHUT_RDWR)


def _silence(line: socket.socket) -> float:
    """Seconds for which the other end has said nothing. Only Linux knows, and only of TCP."""
    if not hasattr(socket, "TCP_INFO"):
        return 0.0
    known = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    # tcpi_last_data_recv, in milliseconds.
    return int(struct.unpack_from("=I", known, 52)[0]) / 1000


def _job(line: Line, function: Callable[..., Result], args: tuple[Any, ...]) -> Result:
    if connection.connection is not None and _hung_up():
        connection.close()
    line.taken()
    try:
        return function(*args)
    finally:
        line.given_back()
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


# Reading, REST, pages; batches of writes; requests that hash a password, of which one hashes while
# another one is read and answered. More of them wait than are hashed in two seconds only where
# somebody is trying passwords, and then each would wait for minutes.
readers = Pool("reader", settings.DB_READERS)
writers = Pool("writer", settings.DB_WRITERS)
hashers = Pool("hasher", 2, most=20, retry_after=2, patience=2 * PATIENCE)
# Questions to Redis alone, of what must not wait for the database.
askers = Pool("asker", 2)


async def in_db(function: Callable[..., Result], *args: Any) -> Result:
    """Await a plain function that uses the database."""
    return await readers.submit(function, *args)
