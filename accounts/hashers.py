"""Passwords: Argon2id at OWASP's parameters, and never many at once."""

import threading

from django.contrib.auth.hashers import Argon2PasswordHasher

# A hash costs about 45 ms of a core and 19 MiB. Two at once leave the machine to the messages.
AT_ONCE = 2
_turn = threading.BoundedSemaphore(AT_ONCE)


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id with m=19 MiB, t=2, p=1 (OWASP Password Storage Cheat Sheet)."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _turn:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _turn:
            return super().verify(password, encoded)

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Argon2 has no rounds to catch up with."""
