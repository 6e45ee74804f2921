"""Many at the same moment: threads that wait for each other and then go."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connection

Result = TypeVar("Result")
# Seconds that a race may take.
PATIENCE = 20


def race(count: int, function: Callable[[int], Result]) -> list[Result]:
    """What `function(n)` gives for each n, all called at once on connections of their own."""
    start = threading.Barrier(count)

    def run(n: int) -> Result:
        try:
            connection.ensure_connection()
            start.wait(PATIENCE)
            return function(n)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """What each returns or raises, all called at the same moment."""

    def outcome(n: int) -> Any:
        try:
            return functions[n]()
        except Exception as error:
            return error

    return race(len(functions), outcome)
