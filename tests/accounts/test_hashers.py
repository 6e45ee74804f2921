"""Passwords as they are hashed outside of tests."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    check_password,
    identify_hasher,
    make_password,
)

from accounts import hashers, services
from accounts.hashers import AT_ONCE, Argon2idHasher
from accounts.models import User
from tests.people import PASSWORD

QUICK = "django.contrib.auth.hashers.MD5PasswordHasher"


class Counting(Argon2PasswordHasher):
    """Knows how many are being hashed at this moment, and how many there were at most."""

    lock = threading.Lock()
    now = most = total = 0

    def _counted(self, work: Any, *args: str) -> Any:
        with Counting.lock:
            Counting.now += 1
            Counting.total += 1
            Counting.most = max(Counting.most, Counting.now)
        try:
            return work(*args)
        finally:
            with Counting.lock:
                Counting.now -= 1

    def encode(self, password: str, salt: str) -> str:
        return str(self._counted(super().encode, password, salt))

    def verify(self, password: str, encoded: str) -> bool:
        return bool(self._counted(super().verify, password, encoded))


class Watched(Argon2idHasher, Counting):
    """The real one, between whose turns and whose work somebody counts."""


@pytest.fixture(autouse=True)
def real(settings: Any) -> list[str]:
    """The hashers of the settings, without the quick one of the other tests."""
    settings.PASSWORD_HASHERS = [name for name in settings.PASSWORD_HASHERS if name != QUICK]
    return list(settings.PASSWORD_HASHERS)


def test_passwords_are_argon2id_at_owasps_parameters() -> None:
    encoded = make_password(PASSWORD)
    assert encoded.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert type(identify_hasher(encoded)) is Argon2idHasher
    assert check_password(PASSWORD, encoded) and not check_password(PASSWORD + " ", encoded)


def test_two_hashes_of_a_password_are_not_alike() -> None:
    assert make_password(PASSWORD) != make_password(PASSWORD)


def test_never_more_than_a_few_are_hashed_at_once(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.Watched"]
    encoded = make_password(PASSWORD)
    Counting.most = Counting.total = 0

    def work(n: int) -> bool:
        return check_password(PASSWORD, encoded) if n % 2 else bool(make_password(PASSWORD))

    with ThreadPoolExecutor(10) as threads:
        assert all(threads.map(work, range(10)))
    assert (Counting.most, Counting.total) == (AT_ONCE, 10)


def test_a_hash_waits_for_its_turn() -> None:
    turn = threading.Event()
    before = threading.Thread(target=hashers.lane.run, args=[turn.wait])
    before.start()
    waiting = threading.Thread(target=make_password, args=[PASSWORD])
    waiting.start()
    waiting.join(0.15)
    assert waiting.is_alive()
    turn.set()
    waiting.join(10)
    before.join(10)
    assert not waiting.is_alive() and not before.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority")
def test_hashing_steps_back_behind_everything_else() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    make_password(PASSWORD)
    expected = min(niceness() + hashers.NICE, 19)
    assert hashers.lane.run(niceness) == expected


def test_after_each_hash_the_thread_rests_for_as_long_and_nobody_waits_for_that() -> None:
    lane = hashers.Lane()
    slept: list[float] = []

    def work() -> float:
        slept.append(time.monotonic())
        time.sleep(0.05)
        slept.append(time.monotonic())
        return slept[-1]

    ended = [lane.run(work) for _ in range(3)]
    assert ended == slept[1::2]
    for before, after in ((1, 2), (3, 4)):
        assert slept[after] - slept[before] >= min(slept[before] - slept[before - 1], 0.1) - 0.001


def test_an_older_hash_is_renewed_at_the_next_login_which_ends_no_other(
    settings: Any, real: list[str]
) -> None:
    settings.PASSWORD_HASHERS = [QUICK]
    alice = User.objects.create_user("alice@example.org", username="alice", password=PASSWORD)
    services.start_login(alice)
    settings.PASSWORD_HASHERS = [*real, QUICK]
    services.log_in("alice", PASSWORD)
    alice.refresh_from_db()
    assert alice.password.startswith("argon2$argon2id$")
    assert alice.logins.filter(ended_at=None).count() == 2
