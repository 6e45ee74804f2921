"""What somebody is told who meets a limit, over REST and each socket; and who is not told it."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.services import start_login
from messenger.protocols import protocols
from messenger.realtime import limits
from messenger.realtime.limits import FrameLimit, Limit
from tests.people import PASSWORD, bearer, post
from tests.sockets import Socket, chatroulette, messenger_api, miniapp, nodus

Open = Callable[[User], AbstractAsyncContextManager[Socket]]
SOCKETS: dict[str, Open] = {
    "miniapp": miniapp,
    "messenger_api": messenger_api,
    "nodus": nodus,
    "chatroulette": chatroulette,
}


def leaves(frame: Any) -> list[Any]:
    """All values in a frame, however deep."""
    if isinstance(frame, dict):
        return [leaf for value in frame.values() for leaf in leaves(value)]
    return [frame]


def test_every_protocol_is_looked_at() -> None:
    assert {protocol.name for protocol in protocols()} == set(SOCKETS)


@pytest.mark.parametrize("protocol", SOCKETS)
async def test_a_socket_is_told_with_a_code_and_when_to_come_again(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    """Documented as every frame here is; and neither Bob nor Alice's other socket hears of it."""
    enter = SOCKETS[protocol]
    async with enter(alice) as one, enter(alice) as same, enter(bob) as other:
        # From here on nothing is given back.
        monkeypatch.setattr(FrameLimit, "RATE", 1e-9)
        frame = {"action": "x", "type": "x", "event": "x"}
        for _ in range(FrameLimit.BURST + 20):
            await one.send(frame)
        told = [await one.get() for _ in range(FrameLimit.BURST)]
        refused = [answer for answer in told if "rate_limited" in leaves(answer)]
        # Some frames came before: what opens a socket.
        assert len(refused) <= 3
        for _ in range(20):
            answer = leaves(await one.get())
            assert "rate_limited" in answer and 1 in answer
        for bystander in (same, other):
            assert "unknown_command" in leaves(await bystander.ask(frame))


async def test_all_sockets_of_a_person_together_have_a_limit_and_others_have_theirs(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FRAMES_ACCOUNT", Limit("frames-account", 20, 600.0, "here"))
    async with miniapp(alice) as one, miniapp(alice) as two, miniapp(bob) as other:
        for number in range(20):
            await (one, two)[number % 2].ask({"action": "x"}, code="unknown_command")
        for socket in (one, two):
            answer = await socket.ask({"action": "x"}, action="error", code="rate_limited")
            assert answer["retry_after"] == 1
        await other.ask({"action": "x"}, code="unknown_command")
        # Nor is there anything to be had by connecting anew.
        async with miniapp(alice) as three:
            await three.ask({"action": "x"}, code="rate_limited")


def test_one_socket_can_not_use_up_what_its_person_has_for_all() -> None:
    assert limits.FRAMES_ACCOUNT.burst >= 2 * limits.FRAMES.burst
    assert limits.FRAMES_ACCOUNT.every <= limits.FRAMES.every / 2


@pytest.mark.parametrize(
    "path", ["/register", "/login", "/auth/register", "/auth/login", "/api/v1/auth/register"]
)
def test_who_waits_as_told_is_let_in_and_not_before(
    api: Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """To the second, by the client's clock; Retry-After is in whole ones."""
    short = Limit("short", burst=2, every=1.2, without_redis="closed")
    monkeypatch.setattr(limits, "REQUESTS", short)
    began = time.monotonic()
    assert [post(api, path, {}).status_code for _ in range(2)] == [400, 400]
    refused = post(api, path, {})
    told = time.monotonic()
    if refused.status_code != 429:
        # So slow a machine that there was an allowance again.
        assert told - began > short.every
        return
    wait = int(refused["Retry-After"])
    assert wait == refused.json()["retry_after"]
    assert math.ceil(short.every - (told - began)) <= wait <= math.ceil(short.every)
    while True:
        asked = time.monotonic()
        if post(api, path, {}).status_code == 400:
            break
        # After what was told, and the time it took to tell it, nobody is refused.
        assert asked <= told + wait
        time.sleep(0.05)
    # Nor did it take half a second less than the allowance needs; a clock may be off a little.
    assert time.monotonic() - began >= short.every - 0.1


@pytest.mark.parametrize("names", [("alice", "alice@example.org"), ("ALICE", "Alice@Example.org")])
def test_the_guesses_at_both_names_of_an_account_count_together(
    api: Client, alice: User, names: tuple[str, str]
) -> None:
    statuses = [
        post(api, "/login", {"username": names[n % 2], "password": "wrong-horse-7"}).status_code
        for n in range(12)
    ]
    assert statuses == [401] * 10 + [429] * 2


def test_a_name_that_is_nobodys_is_counted_as_one_that_is_somebodys(
    api: Client, alice: User
) -> None:
    for name in ("alice", "nobody"):
        body = {"username": name, "password": "wrong-horse-7"}
        answers = [post(api, "/login", body) for _ in range(12)]
        assert [a.status_code for a in answers] == [401] * 10 + [429] * 2
        assert {a.content for a in answers[:10]} == {answers[0].content}


def test_the_admins_door_counts_the_same_guesses(api: Client, alice: User) -> None:
    body = {"username": "alice@example.org", "password": "wrong-horse-7"}
    for _ in range(10):
        assert api.post("/admin/login/", body).status_code == 200
    stopped = post(api, "/login", {"username": "alice", "password": PASSWORD})
    assert stopped.status_code == 429


def test_a_login_that_refreshes_all_the_time_is_stopped_and_stays_signed_in(
    api: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REFRESHES", Limit("refreshes", 3, 600.0, "closed"))
    pair, other = start_login(alice), start_login(alice)
    refresh, path = pair.refresh, "/api/v1/auth/refresh"
    for _ in range(3):
        refresh = post(api, path, {"refresh": refresh}).json()["refresh_token"]
    assert post(api, path, {"refresh": refresh}).status_code == 429
    assert alice.logins.filter(ended_at=None).count() == 2
    # Another login of the same person has its own.
    assert post(api, path, {"refresh": other.refresh}).status_code == 200


@pytest.fixture
def off(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that would let nobody do anything, switched off."""
    settings.RATE_LIMITS = False
    for limit in limits.EVERY_LIMIT:
        name = limit.name.upper().replace("-", "_")
        monkeypatch.setattr(limits, name, Limit(limit.name, 0, 600.0, "closed"))
    monkeypatch.setattr(FrameLimit, "BURST", 0)


@pytest.mark.usefixtures("off")
def test_switched_off_nothing_is_counted(api: Client, alice: User) -> None:
    headers = bearer(alice)
    for _ in range(2):
        assert post(api, "/login", {"username": "alice", "password": PASSWORD}).status_code == 200
        assert post(api, "/api/v1/auth/ws-ticket", {}, headers).status_code == 201
        assert post(api, "/api/v1/presence/heartbeat", {}, headers).status_code == 204


@pytest.mark.usefixtures("off")
async def test_nor_on_a_socket(alice: User) -> None:
    async with miniapp(alice) as socket:
        await socket.ask({"action": "x"}, code="unknown_command")


def test_nobody_meets_a_limit_by_chatting() -> None:
    """Two messages a second, each read, with typing told of every three seconds, all day long."""
    assert 1 / limits.FRAMES.every >= 2 * 2 + 1
    assert 1 / limits.REQUESTS.every >= 2 * 2 + 1
    assert limits.TYPING.every <= 3
