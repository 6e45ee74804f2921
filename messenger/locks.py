"""Things that only one process may do at a time, wherever the processes run."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """
    Wait until no other process is inside a block of this name. For commands, not for requests: the
    time limits of the connection are lifted, because a migration may take long and so may waiting.
    SQLite has one process only, and needs no lock.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        for limit in ("statement", "lock", "idle_in_transaction_session"):
            cursor.execute(f"SET {limit}_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])
