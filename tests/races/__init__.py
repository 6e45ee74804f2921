"""Many at the same moment: threads that wait for each other and then go."""

import fcntl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from django.db import OperationalError, connection

Result = TypeVar("Result")
# Seconds that a race may take.
PATIENCE = 45


def race(count: int, function: Callable[[int], Result]) -> list[Result]:
    """What `function(n)` gives for each n, all called at once on connections of their own."""
    start = threading.Barrier(count)

    def run(n: int) -> Result:
        try:
            try:
                _connect()
            except Exception:
                # The others would wait in vain, and hide this.
                start.abort()
                raise
            start.wait(PATIENCE)
            return function(n)
        finally:
            connection.close()

    with _alone(), ThreadPoolExecutor(count) as threads:
        runs = [threads.submit(run, n) for n in range(count)]
    for error in (one.exception() for one in runs):
        if error is not None and not isinstance(error, threading.BrokenBarrierError):
            raise error
    return [one.result() for one in runs]


@contextmanager
def _alone() -> Iterator[None]:
    """One race at a time, of all suites that run side by side: connections are a hundred."""
    with (Path(tempfile.gettempdir()) / "messenger-races").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _connect() -> None:
    """Where there is no connection to be had, somebody gives one back soon."""
    until = time.monotonic() + PATIENCE / 2
    while True:
        try:
            return connection.ensure_connection()
        except OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """What each returns or raises, all called at the same moment."""

    def outcome(n: int) -> Any:
        try:
            return functions[n]()
        except Exception as error:
            return error

    return race(len(functions), outcome)
