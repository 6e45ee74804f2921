"""The doors to the database: one slow query is one slow query, and a restart costs nobody."""

import asyncio
import time

import pytest
from django.db import OperationalError, connection

from accounts.models import User
from chats.models import Chat
from messenger.realtime import threads
from messenger.realtime.threads import Pool, in_db, readers
from tests.sockets import miniapp

on_postgres = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only a server can hang up"
)


async def test_a_slow_job_does_not_hold_up_other_sockets(
    alice: User, bob: User, group: Chat
) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        slow = asyncio.create_task(in_db(time.sleep, 1.0))
        await asyncio.sleep(0)
        started = time.monotonic()
        await a.ask({"action": "send_message", "chat_id": group.id, "text": "x"})
        await b.get(action="new_message")
        await a.ask({"action": "nothing"}, action="error")
        assert time.monotonic() - started < 0.8 and not slow.done()
        await slow


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _hang_up(backends: set[int]) -> None:
    """As at a restart of the server: the connections end while nobody uses them."""
    try:
        with connection.cursor() as cursor:
            for backend in backends:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    finally:
        connection.close()


@on_postgres
async def test_connections_that_the_server_closed_fail_no_query() -> None:
    before = set(await asyncio.gather(*(in_db(_backend) for _ in range(readers.size * 4))))
    await asyncio.to_thread(_hang_up, before)
    after = set(await asyncio.gather(*(in_db(_backend) for _ in range(readers.size * 4))))
    assert after and not before & after


@on_postgres
async def test_there_are_no_more_connections_than_threads() -> None:
    backends = await asyncio.gather(*(in_db(_backend) for _ in range(200)))
    assert len(set(backends)) <= readers.size


def _sleep(seconds: float, times: int = 1) -> int:
    with connection.cursor() as cursor:
        for _ in range(times):
            cursor.execute("SELECT pg_sleep(%s)", [seconds])
    return times


@on_postgres
async def test_a_database_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would say so itself if it could, after five seconds."""
    monkeypatch.setattr(threads, "ANSWER", 0.5)
    with pytest.raises(OperationalError):
        await in_db(_sleep, 4)
    assert await in_db(_backend)


@on_postgres
async def test_a_long_job_that_gets_its_answers_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "ANSWER", 1.0)
    assert await in_db(_sleep, 0.1, 22) == 22


async def test_who_waits_for_a_thread_in_vain_is_told() -> None:
    pool = Pool("test", 1, patience=0.1)
    done: list[int] = []
    running = pool.submit(time.sleep, 0.5)
    waiting = pool.submit(done.append, 1)
    with pytest.raises(OperationalError):
        await waiting
    assert not running.done()
    await running
    await pool.submit(done.append, 2)
    assert done == [2]
