"""Many at the same moment: threads that wait for each other and then go."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

Result = TypeVar("Result")


def race(count: int, function: Callable[[int], Result]) -> list[Result]:
    """What `function(n)` gives for each n, all called at once, each on a connection of its own."""
    start = threading.Barrier(count)

    def run(n: int) -> Result:
        try:
            connection.ensure_connection()
            start.wait(10)
            return function(n)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))
