"""Coming online and going offline, as the people around hear it."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError

from accounts.models import User
from accounts.services import ban
from chats import selectors as chats
from chats.models import Chat
from chats.services import add_member, create_chat, leave_chat
from messenger.realtime import keeper
from messenger.realtime.threads import in_db
from presence import leases, selectors, services
from presence.leases import Change, Lease, StatusName
from presence.services import keep, tell
from tests.people import make_user
from tests.sockets import Socket, messenger_api, miniapp


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """What takes seconds takes tenths."""
    monkeypatch.setattr(keeper, "SWEEP", 0.05)
    settings.PRESENCE_LEASE = 0.9
    settings.PRESENCE_GRACE = 0.3
    yield


async def status_of(socket: Socket, user: User) -> str:
    """What is said next of this person."""
    return str((await socket.until(type="user_status", user_id=user.id))["status"])


async def silent_about(socket: Socket, user: User, seconds: float) -> bool:
    """Whether nothing is said of this person for so long."""
    try:
        async with asyncio.timeout(seconds):
            await status_of(socket, user)
    except TimeoutError:
        return True
    return False


async def test_who_comes_and_goes_is_told_to_those_who_share_a_chat(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    async with messenger_api(alice, statuses=True) as a, messenger_api(charlie, statuses=True) as c:
        async with miniapp(bob):
            assert await status_of(a, bob) == "online"
            assert await in_db(selectors.online_contacts, alice) == [bob]
            assert await in_db(selectors.online_members, bob, group) == [alice, bob]
        assert await status_of(a, bob) == "offline"
        assert await in_db(selectors.online_contacts, alice) == []
        assert await c.silent()


async def test_several_sockets_of_one_person_are_one_person(
    alice: User, bob: User, group: Chat
) -> None:
    async with messenger_api(alice, statuses=True) as a:
        async with messenger_api(bob):
            assert await status_of(a, bob) == "online"
            async with messenger_api(bob), miniapp(bob):
                pass
            assert await silent_about(a, bob, 0.6)
        assert await status_of(a, bob) == "offline"


async def test_who_is_back_within_the_grace_never_went(alice: User, bob: User, group: Chat) -> None:
    async with messenger_api(alice, statuses=True) as a:
        async with miniapp(bob):
            assert await status_of(a, bob) == "online"
        for _ in range(20):
            async with miniapp(bob):
                pass
        assert await status_of(a, bob) == "offline"
        assert await silent_about(a, bob, 0.5)


async def test_who_stays_is_online_for_longer_than_a_lease(
    alice: User, bob: User, group: Chat
) -> None:
    async with messenger_api(alice, statuses=True) as a, miniapp(bob):
        assert await status_of(a, bob) == "online"
        assert await silent_about(a, bob, 2.0)
        assert await in_db(selectors.online, alice, [alice.id, bob.id]) == {alice.id, bob.id}


async def test_who_is_banned_is_offline_soon(alice: User, bob: User, group: Chat) -> None:
    async with messenger_api(alice, statuses=True) as a, miniapp(bob) as b:
        assert await status_of(a, bob) == "online"
        await in_db(ban, bob)
        assert await b.closed() == 4403
        await b.communicator.disconnect()
        assert await status_of(a, bob) == "offline"


async def test_who_shares_no_chat_any_more_is_not_told(alice: User, bob: User, group: Chat) -> None:
    other = await in_db(lambda: create_chat(alice, kind="group", name="x", members=[bob]))
    async with messenger_api(alice, statuses=True) as a:
        async with messenger_api(bob) as b:
            assert await status_of(a, bob) == "online"
            await in_db(leave_chat, bob, group)
            await in_db(leave_chat, bob, other)
            assert await b.silent()
        assert await silent_about(a, bob, 0.8)


async def test_a_process_that_died_leaves_nobody_online_past_the_lease(
    alice: User, bob: User, group: Chat
) -> None:
    async with messenger_api(alice, statuses=True) as a:
        # Somewhere else, a connection that nobody will ever renew or release.
        taken = time.monotonic()
        await in_db(partial(keep, came=[Lease(bob.id, "elsewhere-1")]))
        assert await in_db(selectors.online_contacts, alice) == [bob]
        assert await status_of(a, bob) == "online"
        assert await status_of(a, bob) == "offline"
        assert 0.8 < time.monotonic() - taken < 3
        assert await silent_about(a, bob, 0.5)


async def test_a_process_that_was_only_held_up_says_that_its_people_are_there(
    alice: User, bob: User, group: Chat
) -> None:
    async with messenger_api(alice, statuses=True) as a:
        held_up = [Lease(bob.id, "elsewhere-1")]
        await in_db(partial(keep, came=held_up))
        assert await status_of(a, bob) == "online"
        assert await status_of(a, bob) == "offline"
        await in_db(partial(keep, here=held_up))
        assert await status_of(a, bob) == "online"
        assert await silent_about(a, bob, 0.3)


async def test_a_status_that_was_overtaken_or_told_before_is_not_told(
    alice: User, bob: User, group: Chat
) -> None:
    def say(*told: tuple[StatusName, float]) -> None:
        tell([Change(bob.id, status, at=at, was="offline") for status, at in told])

    async with messenger_api(alice, statuses=True) as a:
        await in_db(say, ("online", 5.0))
        assert await status_of(a, bob) == "online"
        # An earlier one that took longer; the same again, by one who did not know.
        await in_db(say, ("offline", 4.0))
        await in_db(say, ("online", 5.0))
        await in_db(say, ("online", 6.0))
        assert await silent_about(a, bob, 0.3)
        await in_db(say, ("offline", 7.0))
        assert await status_of(a, bob) == "offline"
        # Where nobody knows the order, it is told as it comes.
        await in_db(say, ("online", 0.0))
        assert await status_of(a, bob) == "online"
        await in_db(say, ("offline", 8.0))
        assert await status_of(a, bob) == "offline"


async def test_a_status_that_could_not_be_told_is_told_later(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "TELLING", 0.2)
    failures = [OperationalError("the database is away")] * 2

    known = chats.places

    def places(user_ids: Any) -> Any:
        if failures:
            raise failures.pop()
        return known(user_ids)

    async with messenger_api(alice, statuses=True) as a:
        monkeypatch.setattr(chats, "places", places)
        async with miniapp(bob):
            assert await status_of(a, bob) == "online"
            failures.append(OperationalError("again"))
        assert await status_of(a, bob) == "offline"
        assert not failures


async def test_thousands_who_come_at_once_are_told_of_in_parts(
    alice: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = await in_db(lambda: [make_user(f"p{n}") for n in range(12)])
    for person in people:
        await in_db(partial(add_member, alice, chat=group, user=person))
    monkeypatch.setattr(services, "TOGETHER", 5)
    async with messenger_api(alice, statuses=True) as a:
        await in_db(partial(keep, came=[Lease(person.id, f"{person.id}") for person in people]))
        heard = {(await a.until(type="user_status"))["user_id"] for _ in people}
        assert heard == {person.id for person in people}
