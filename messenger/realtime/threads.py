"""
The doors between async and sync: bounded pools of threads with one database connection each.

Django's own way is one thread for all sockets of a process, where one slow query stops everybody.
The threads here keep their connections open between jobs; there are `size` of them and no more, so
PostgreSQL sees a bounded number of connections whatever comes in.
"""

import asyncio
import select
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection

from accounts.hashers import AT_ONCE

Result = TypeVar("Result")


class Pool:
    """Threads for one kind of work, so that kinds do not wait for each other."""

    def __init__(self, name: str, size: int) -> None:
        self.size = size
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)

    def submit(self, function: Callable[..., Result], *args: Any) -> "asyncio.Future[Result]":
        """`function(*args)` in one of the threads; awaitable from the running loop."""
        return asyncio.get_running_loop().run_in_executor(self._executor, _job, function, args)


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
