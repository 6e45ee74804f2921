"""What a socket acts with, while it changes: tokens, tickets, the server's own end."""

import asyncio
import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError
from django.utils import timezone

from accounts import selectors, tickets
from accounts.models import Login, User
from accounts.services import start_login
from accounts.tokens import read_access
from messenger.realtime import doorbell
from messenger.realtime import hub as hubs
from messenger.realtime.handshake import read_token
from messenger.realtime.threads import in_db
from tests.people import token
from tests.sockets import nodus, open_socket


async def test_a_fresh_token_that_comes_while_logins_are_looked_up_is_not_taken_for_an_ended_one(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with nodus(alice) as a:
        hub = hubs.get()
        [socket] = hub.sockets.values()
        fresh = (await in_db(start_login, alice)).access
        reading, go_on = asyncio.Event(), threading.Event()
        look_up = selectors.live_logins

        def slowly(ids: Any) -> Any:
            found = look_up(ids)
            hub.loop.call_soon_threadsafe(reading.set)
            go_on.wait(10)
            return found

        monkeypatch.setattr(selectors, "live_logins", slowly)
        rechecking = asyncio.create_task(hub.watch._recheck([socket]))
        await reading.wait()
        await a.ask({"event": "auth.refresh", "data": {"token": fresh}}, event="ack")
        go_on.set()
        await rechecking
        assert socket.closed is None
        await a.ask({"event": "ping"}, event="ack")


async def test_who_was_banned_hears_so_also_from_a_look_at_the_database(alice: User) -> None:
    """Done elsewhere, and the news of it lost: whichever look finds it first says the same."""
    async with nodus(alice) as a:
        await a.ask({"event": "ping"}, event="ack")
        hub = hubs.get()
        then = timezone.now() - timedelta(minutes=1)
        login = Login.objects.filter(user=alice)
        await in_db(partial(login.update, ended_at=then, end_reason="banned"))
        await hub.watch._recheck(list(hub.sockets.values()))
        assert await a.closed() == 4403


async def test_a_ticket_that_can_not_be_looked_up_closes_the_socket_for_a_moment(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await in_db(tickets.issue, read_access(await in_db(token, alice)))

    def away(ticket: str) -> Any:
        raise OperationalError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(tickets, "redeem", away)
        async with await open_socket(f"/api/v1/ws?ticket={ticket}") as socket:
            assert await socket.closed() == 1013
    # It was not used up by that.
    async with await open_socket(f"/api/v1/ws?ticket={ticket}") as socket:
        await socket.ask({"event": "ping"}, event="ack")


async def test_who_arrives_while_everybody_is_told_goodbye_is_told_so_too(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = hubs.get()

    def meanwhile(scope: Any) -> Any:
        # The goodbye begins after this handshake has been let in and before it is over.
        hub.loop.call_soon(partial(setattr, hub, "draining", True))
        return read_token(scope)

    monkeypatch.setattr("messenger.realtime.consumer.read_token", meanwhile)
    access = await in_db(token, alice)
    headers = {"Authorization": f"Bearer {access}"}
    async with await open_socket("/api/v1/ws", headers=headers) as socket:
        assert await socket.closed() == 1012
    assert doorbell.hub is hub


async def test_a_socket_that_was_closed_collects_nothing(alice: User) -> None:
    async with nodus(alice):
        [socket] = hubs.get().sockets.values()
        socket.hold()
        socket.close(4408, "slow")
        socket.answer({"event": "x"})
        assert socket.held == [] and socket.waiting == 0


@pytest.mark.parametrize("how", ["deactivated", "deleted"])
async def test_who_is_no_longer_there_loses_their_sockets_however_that_was_done(
    how: str, alice: User
) -> None:
    """In a shell, say, past the services."""

    def do() -> None:
        if how == "deleted":
            # When they were last seen may be written at this moment: then once more.
            for attempt in range(5):
                try:
                    User.objects.get(id=alice.id).delete()
                    return
                except IntegrityError:
                    assert attempt < 4
        else:
            alice.is_active = False
            alice.save()

    async with nodus(alice) as a:
        await in_db(do)
        assert await a.closed() == 4401
