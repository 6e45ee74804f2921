"""
Passwords: Argon2id at OWASP's parameters, one at a time and behind everything else.

A hash costs about 45 ms of a core and 19 MiB. They have one thread in each process, which steps
back behind the others and rests after each for as long as it took: a flood of logins takes half a
core at most, and makes logins slow, not messages.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.contrib.auth.hashers import Argon2PasswordHasher

Result = TypeVar("Result")
AT_ONCE = 1
# How much nicer the thread is than its process: a quarter of a busy core, and all of an idle one.
NICE = 5
# Seconds: where a hash takes long because the machine is busy, others had their turns meanwhile.
MOST_REST = 0.1


def _step_back() -> None:
    # On Linux a thread has a priority of its own; elsewhere it is the whole process's.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            nice = os.getpriority(os.PRIO_PROCESS, 0) + NICE
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(nice, 19))


class Lane:
    """The thread, and how its work is done in it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(
            AT_ONCE, thread_name_prefix="password", initializer=_step_back
        )
        self._rest_until = 0.0

    def run(self, work: Callable[..., Result], *args: str) -> Result:
        """What `work(*args)` gives, when its turn has come."""
        return self._thread.submit(self._work, work, *args).result()

    def _work(self, work: Callable[..., Result], *args: str) -> Result:
        # Before the next and not after this one, whose client need not wait for it.
        time.sleep(max(0.0, self._rest_until - time.monotonic()))
        began = time.monotonic()
        try:
            return work(*args)
        finally:
            ended = time.monotonic()
            self._rest_until = ended + min(ended - began, MOST_REST)


lane = Lane()


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id with m=19 MiB, t=2, p=1 (OWASP Password Storage Cheat Sheet)."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        return lane.run(super().encode, password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        return lane.run(super().verify, password, encoded)

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Argon2 has no rounds to catch up with."""
