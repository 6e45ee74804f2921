"""Who gets a socket, and how long they keep it."""

import time
from datetime import timedelta
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.services import ban, change_password, log_out, start_login
from accounts.tokens import read_access
from messenger.asgi import application
from messenger.realtime import consumer, limits, watch
from messenger.realtime import hub as hubs
from messenger.realtime.threads import in_db
from tests.people import token
from tests.sockets import connected, miniapp, open_socket


async def test_the_token_may_come_as_a_subprotocol_of_which_only_the_name_is_chosen(
    alice: User,
) -> None:
    access = await in_db(token, alice)
    communicator = WebsocketCommunicator(application, "/connect", subprotocols=["bearer", access])
    accepted, chosen = await communicator.connect()
    assert accepted and chosen == "bearer"
    await communicator.disconnect()


async def test_the_token_may_come_in_the_query(alice: User) -> None:
    access = await in_db(token, alice)
    async with await open_socket(f"/connect?token={access}") as socket:
        await socket.get(action="unread_messages")


async def test_the_path_works_with_a_slash_at_its_end(alice: User) -> None:
    async with connected(alice, "/connect/") as socket:
        await socket.get(action="unread_messages")


async def test_logout_closes_the_sockets_of_that_login_only(alice: User) -> None:
    one, two = await in_db(start_login, alice), await in_db(start_login, alice)
    async with (
        await open_socket(f"/connect?token={one.access}") as gone,
        await open_socket(f"/connect?token={two.access}") as stays,
    ):
        for socket in (gone, stays):
            await socket.get(action="unread_messages")
        started = time.monotonic()
        await in_db(log_out, read_access(one.access).login_id)
        assert await gone.closed() == 4401
        assert time.monotonic() - started < 1
        assert await stays.silent()


async def test_who_comes_while_too_many_are_coming_is_told_to_come_later(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with miniapp(alice) as there:
        monkeypatch.setattr(consumer, "KNOCKING", 0)
        async with connected(bob, "/connect") as socket:
            assert await socket.closed() == 1013
        await there.ask({"action": "nonsense"}, code="unknown_command")
        monkeypatch.undo()
        async with miniapp(bob):
            assert hubs.get().knocking == 0


async def test_a_ban_closes_with_4403(alice: User) -> None:
    async with miniapp(alice) as socket:
        await in_db(ban, alice)
        assert await socket.closed() == 4403
    async with connected(alice) as socket:
        assert await socket.closed() == 4401


async def test_a_new_password_closes_every_socket(alice: User) -> None:
    async with miniapp(alice) as one, miniapp(alice) as two:
        await in_db(change_password, alice, "another-horse-8")
        assert await one.closed() == 4401 and await two.closed() == 4401


async def test_a_socket_does_not_outlive_its_token(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "COMPARE", 0.05)
    access = AccessToken(await in_db(token, alice))  # type: ignore[arg-type]
    access.set_exp(from_time=access.current_time, lifetime=timedelta(seconds=2))
    async with await open_socket(f"/connect?token={access}") as socket:
        await socket.get(action="unread_messages")
        assert await socket.closed() == 4401


async def test_a_login_that_ended_unheard_is_found_by_looking_again(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "COMPARE", 0.05)
    monkeypatch.setattr(watch, "RECHECK", 0.1)
    async with miniapp(alice) as socket:
        # As if the news were lost between the processes.
        await in_db(alice.logins.all().delete)
        assert await socket.closed() == 4401


async def test_one_person_has_only_so_many_sockets(alice: User, settings: Any) -> None:
    settings.MAX_SOCKETS_PER_USER = 2
    async with miniapp(alice), miniapp(alice), connected(alice) as third:
        assert await third.closed() == 4429


async def test_connecting_too_often_from_one_address_is_refused(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = limits.Limit("few", burst=2, every=60, without_redis="closed")
    monkeypatch.setattr(limits, "CONNECTS", few)
    async with miniapp(alice), miniapp(alice), connected(alice) as third:
        assert await third.closed() == 4429
