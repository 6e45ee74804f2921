"""Behind a row that is stuck nobody queues up; behind one that is passed on everybody does."""

import threading
import time

import pytest
from django.db import OperationalError, connection

from accounts.models import User
from chats import turns
from chats.changes import changes_to
from chats.models import Chat
from messaging.services import send_message
from messenger.errors import Unavailable
from messenger.held import Held, attempt


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "STUCK", 0.2)


class Blocked(OperationalError):
    """As PostgreSQL says it after two seconds."""

    def __init__(self) -> None:
        super().__init__("canceling statement due to lock timeout")
        self.__cause__ = LockNotAvailable()


class LockNotAvailable(Exception):
    sqlstate = turns.LOCK_NOT_AVAILABLE


def test_nobody_queues_up_where_somebody_waits_in_vain() -> None:
    with turns.turn([1]):
        with turns.turn([1]):
            pass
        time.sleep(0.25)
        with pytest.raises(Unavailable), turns.turn([1]):
            pass
        # That is no business of other chats.
        with turns.turn([2]):
            pass
    with turns.turn([1]), turns.turn([1]):
        pass


def test_where_rows_are_passed_on_everybody_may_wait() -> None:
    with turns.turn([1]):
        for _ in range(4):
            time.sleep(0.1)
            turns.had([1])
            with turns.turn([1]):
                pass


def test_where_several_wait_who_can_come_again_does_not_wait_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "STUCK", 60)
    with turns.turn([1]), turns.turn([1]):
        with attempt(), turns.turn([1]):
            pass
        time.sleep(turns.SLOW)
        with pytest.raises(Held), attempt(first=False), turns.turn([1]):
            pass
        with turns.turn([1]), attempt(last=True), turns.turn([1]):
            pass
        turns.had([1])
        with attempt(), turns.turn([1]):
            pass
    assert not turns._waits


def test_after_a_wait_in_vain_one_at_a_time_tries_until_one_gets_it() -> None:
    with pytest.raises(OperationalError), turns.turn([1]):
        time.sleep(0.25)
        raise Blocked
    with turns.turn([1]):
        with pytest.raises(Unavailable), turns.turn([1]):
            pass
        turns.had([1])
        with turns.turn([1]), turns.turn([1]):
            pass
    assert not turns._waits


def test_a_database_that_went_away_is_no_reason_to_wait() -> None:
    with pytest.raises(OperationalError), turns.turn([1]):
        time.sleep(0.25)
        raise OperationalError("connection failed")
    with turns.turn([1]), turns.turn([1]):
        pass
    assert not turns._waits


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks no rows")
def test_a_stuck_row_costs_one_thread_and_not_all(alice: User, bob: User, group: Chat) -> None:
    """The first to come waits for two seconds; those who come later are told at once."""
    held, release = threading.Event(), threading.Event()
    outcomes: list[str] = []

    def hold() -> None:
        try:
            with changes_to(group.id):
                held.set()
                release.wait(15)
        finally:
            connection.close()

    def wait() -> None:
        try:
            send_message(bob, chat=group.id, content="patient")
            outcomes.append("sent")
        except OperationalError:
            outcomes.append("in vain")
        finally:
            connection.close()

    holder, waiter = threading.Thread(target=hold), threading.Thread(target=wait)
    holder.start()
    try:
        assert held.wait(15)
        waiter.start()
        until = time.monotonic() + 15
        refused = False
        while not refused and waiter.is_alive() and time.monotonic() < until:
            time.sleep(0.25)
            if turns._waits:
                with pytest.raises(Unavailable):
                    send_message(alice, chat=group.id, content="late")
                refused = waiter.is_alive()
        assert refused
    finally:
        release.set()
        holder.join()
        waiter.join()
    send_message(alice, chat=group.id, content="free")
