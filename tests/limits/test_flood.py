"""
A flood of logins: so many passwords wait for their one thread, no more, and nothing else does.

`python -m tests.limits.flood` measures what is left of it for people who chat.
"""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from accounts.hashers import lane
from accounts.models import User
from chats.models import Chat
from messenger.realtime import limits, threads
from messenger.realtime.threads import in_db
from tests.people import PASSWORD, token
from tests.project import asgi
from tests.project.asgi import JSON, Answer, signed_in
from tests.sockets import miniapp

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("real")]


@pytest.fixture
def real(settings: Any) -> None:
    """The hasher of the settings, without the quick one of the other tests."""
    settings.PASSWORD_HASHERS = ["accounts.hashers.Argon2idHasher"]


@pytest.fixture
def held(group: Chat, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """From now on no password is hashed until this is set; three may wait, behind two."""
    monkeypatch.setattr(threads.hashers, "most", 3)
    # However slow the machine, nobody is given up.
    monkeypatch.setattr(threads.hashers, "patience", 60.0)
    monkeypatch.setattr(threads, "ANSWER", 60.0)
    turn = threading.Event()
    holding = threading.Thread(target=lane.run, args=[turn.wait])
    holding.start()
    yield turn
    turn.set()
    holding.join(30)


def log_in(number: int, path: str = "/login") -> "asyncio.Task[Answer]":
    body = orjson.dumps({"username": f"nobody{number}", "password": PASSWORD})
    return asyncio.create_task(asgi.ask("POST", path, body=body, headers=JSON))


def waiting() -> int:
    """How many wait for one of the two to be answered."""
    gate = threads.hashers._gates.get(asyncio.get_running_loop())
    return gate.waiting if gate else 0


def served() -> int:
    """How many are being answered."""
    gate = threads.hashers._gates.get(asyncio.get_running_loop())
    return gate._running if gate else 0


async def test_of_a_flood_a_few_wait_and_the_others_are_told_when_to_come_again(
    held: threading.Event,
) -> None:
    attempts = [log_in(n) for n in range(12)]
    refused, others = await asyncio.wait(attempts, timeout=30, return_when="FIRST_COMPLETED")
    while len(refused) < 7:
        more, others = await asyncio.wait(others, timeout=30, return_when="FIRST_COMPLETED")
        refused |= more
    for attempt in refused:
        answer = attempt.result()
        assert (answer.status, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "2" and answer.json()["retry_after"] == 2
    held.set()
    # Two being served, three waiting: none of them is forgotten.
    assert [(await attempt).status for attempt in others] == [401] * 5
    assert (await log_in(12)).status == 401


@pytest.mark.parametrize(
    "path", ["/register", "/auth/register", "/api/v1/auth/login", "/sign-in", "/sign-up", "/appeal"]
)
async def test_every_door_has_the_same_bound(held: threading.Event, path: str) -> None:
    attempts = [log_in(n) for n in range(5)]
    while waiting() < 3:
        await asyncio.sleep(0.01)
    assert (await log_in(5, path)).status == 503
    held.set()
    assert [(await attempt).status for attempt in attempts] == [401] * 5


async def test_messages_and_reading_do_not_wait_for_passwords(
    held: threading.Event, alice: User, bob: User, group: Chat
) -> None:
    headers = signed_in(await in_db(token, alice))
    async with miniapp(alice) as one, miniapp(bob) as other:
        attempts = [log_in(n) for n in range(5)]
        while waiting() < 3:
            await asyncio.sleep(0.01)
        for number in range(5):
            frame = {"action": "send_message", "chat_id": group.id, "text": f"{number}"}
            await one.ask(frame, action="message_sent")
            assert (await other.get(action="new_message"))["data"]["text"] == f"{number}"
            assert (await asgi.ask("GET", "/users_list", headers=headers)).status == 200
        assert not any(attempt.done() for attempt in attempts)
        held.set()
        await asyncio.gather(*attempts)


async def test_whoever_is_over_the_limit_takes_nobodys_place(held: threading.Event) -> None:
    """An address that may try no more is told so at once, however many passwords wait."""
    # Both of the two that may be served are busy with passwords.
    attempts = [log_in(n) for n in range(2)]
    for _ in range(30):
        limits.check(limits.REGISTER, "127.0.0.1")
    refused = [log_in(n, "/register") for n in range(20)]
    assert [(await attempt).status for attempt in refused] == [429] * 20
    assert waiting() == 0
    refusal = await log_in(20, "/register")
    assert 1 <= int(refusal.headers["retry-after"]) == refusal.json()["retry_after"] <= 20
    held.set()
    assert [(await attempt).status for attempt in attempts] == [401] * 2


async def test_a_client_that_hangs_up_while_it_waits_takes_nobodys_place(
    held: threading.Event,
) -> None:
    attempts = [log_in(n) for n in range(2)]
    while served() < 2:
        await asyncio.sleep(0.01)
    attempts += [log_in(n) for n in range(2, 5)]
    while waiting() < 3:
        await asyncio.sleep(0.01)
    for attempt in attempts[2:]:
        attempt.cancel()
    await asyncio.gather(*attempts[2:], return_exceptions=True)
    later = [log_in(n) for n in range(5, 8)]
    held.set()
    assert [(await attempt).status for attempt in (*attempts[:2], *later)] == [401] * 5


async def test_the_admins_door_has_the_same_bound(held: threading.Event) -> None:
    attempts = [log_in(n) for n in range(5)]
    while waiting() < 3:
        await asyncio.sleep(0.01)
    answer = await asgi.ask("POST", "/admin/login/", body=b"", headers=JSON)
    assert answer.status == 503 and answer.headers["retry-after"] == "2"
    assert (await asgi.ask("GET", "/admin/login/")).status == 200
    held.set()
    await asyncio.gather(*attempts)
