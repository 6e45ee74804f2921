"""Heartbeats, being away, when somebody was last seen, and who is typing."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.services import ban
from chats.models import Chat
from chats.services import add_member, create_chat, delete_chat, leave_chat
from messenger.errors import NotFound
from messenger.events import Event
from messenger.realtime import doorbell, keeper, passing
from messenger.realtime.threads import in_db
from presence import events, selectors, services
from presence import store as stores
from presence.events import PresenceChanged
from presence.leases import Change, Lease
from presence.models import LastSeen
from presence.selectors import status_for, statuses, typing_in
from presence.services import heartbeat, keep, set_typing, tell
from tests.people import make_user
from tests.sockets import messenger_api, miniapp, nodus

# Seconds without a word.
IDLE = 0.3


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """What takes seconds takes tenths."""
    monkeypatch.setattr(keeper, "SWEEP", 0.05)
    settings.PRESENCE_LEASE = 0.9
    settings.PRESENCE_GRACE = 0.3
    yield


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str, str]]:
    """(person, status before, status) of every change, as it goes out."""
    heard: list[tuple[int, str, str]] = []

    def ring(events: list[Event]) -> None:
        heard.extend((e.user_id, e.was, e.status) for e in events if isinstance(e, PresenceChanged))

    monkeypatch.setattr(doorbell, "ring", ring)
    return heard


def until(condition: Any, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        keep()
        time.sleep(0.02)


async def eventually(condition: Any, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)


def near(moment: datetime | None, other: datetime, seconds: float = 2.0) -> bool:
    return moment is not None and abs(moment - other) < timedelta(seconds=seconds)


def status(user: User) -> str:
    return statuses([user.id])[user.id].status


# --- heartbeats ------------------------------------------------------------------------------


def test_a_heartbeat_brings_somebody_online_and_without_another_they_go(
    bob: User, group: Chat, settings: Any, told: list[Any]
) -> None:
    settings.PRESENCE_HEARTBEAT = 0.5
    heartbeat(bob)
    assert status(bob) == "online"
    heartbeat(bob)
    assert told == [(bob.id, "offline", "online")]
    started = time.monotonic()
    until(lambda: len(told) > 1)
    assert 0.4 < time.monotonic() - started < 3
    assert status(bob) == "offline"
    assert told == [(bob.id, "offline", "online"), (bob.id, "online", "offline")]


def test_what_a_process_says_of_its_sockets_leaves_a_heartbeat_alone(
    bob: User, group: Chat, settings: Any, told: list[Any]
) -> None:
    settings.PRESENCE_HEARTBEAT = 1.5
    settings.PRESENCE_LEASE = 0.1
    settings.PRESENCE_GRACE = 0
    started = time.monotonic()
    heartbeat(bob)
    socket = [Lease(bob.id, "elsewhere-1")]
    keep(came=socket)
    keep(here=socket)
    keep(went=socket)
    keep()
    assert status(bob) == "online"
    until(lambda: len(told) > 1)
    assert time.monotonic() - started > 1.4
    assert told == [(bob.id, "offline", "online"), (bob.id, "online", "offline")]


def test_a_heartbeat_may_say_that_nobody_is_looking(
    bob: User, group: Chat, told: list[Any]
) -> None:
    heartbeat(bob, away=True)
    assert status(bob) == "away"
    assert selectors.online(bob, [bob.id]) == {bob.id}
    heartbeat(bob)
    heartbeat(bob, away=True)
    assert [(was, now) for _, was, now in told] == [
        ("offline", "away"),
        ("away", "online"),
        ("online", "away"),
    ]
    # A socket at which somebody looks counts for more.
    keep(came=[Lease(bob.id, "elsewhere-1")])
    assert status(bob) == "online"


# --- sockets ---------------------------------------------------------------------------------


async def test_a_socket_that_says_nothing_is_away_until_it_says_anything(
    alice: User, bob: User, group: Chat, settings: Any, told: list[Any]
) -> None:
    settings.PRESENCE_IDLE = IDLE
    started = time.monotonic()
    async with messenger_api(bob) as b:
        await eventually(lambda: (bob.id, "online", "away") in told)
        assert time.monotonic() - started >= IDLE
        assert await in_db(status, bob) == "away"
        # Its leases are renewed a few times, and stay so.
        await asyncio.sleep(settings.PRESENCE_LEASE)
        assert [now for _, _, now in told] == ["online", "away"]
        told.clear()
        async with asyncio.timeout(5):
            while (bob.id, "away", "online") not in told:
                # Whatever it is, even if it fails.
                await b.ask({"type": "subscribe_chat"}, code="invalid")
                await asyncio.sleep(0.02)
        assert await in_db(status, bob) == "online"


async def test_a_frame_that_shows_nobody_at_work_leaves_a_socket_away(
    bob: User, group: Chat, settings: Any, told: list[Any]
) -> None:
    settings.PRESENCE_IDLE = IDLE
    async with nodus(bob) as b, asyncio.timeout(5):
        while (bob.id, "online", "away") not in told:
            await b.ask({"event": "ping"}, event="ack")
            await asyncio.sleep(0.02)


async def test_a_person_is_not_away_while_one_of_their_sockets_speaks(
    bob: User, group: Chat, settings: Any, told: list[Any]
) -> None:
    async with messenger_api(bob) as talking, miniapp(bob):
        settings.PRESENCE_IDLE = IDLE
        for _ in range(12):
            await talking.ask({"type": "subscribe_chat"}, code="invalid")
            await asyncio.sleep(IDLE / 4)
        assert told == [(bob.id, "offline", "online")]


async def test_a_socket_that_says_it_is_away_is_at_once_and_no_longer_when_it_says_so(
    bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch, told: list[Any]
) -> None:
    async with messenger_api(bob):
        await eventually(lambda: told)
        monkeypatch.setattr(keeper, "SWEEP", 30)
        # The sweep that is under way is of the old length.
        await asyncio.sleep(0.1)
        assert doorbell.hub is not None
        [socket] = doorbell.hub.sockets.values()
        for away, now in ((True, "away"), (False, "online")):
            socket.away = away
            doorbell.hub.keeper.changed(socket)
            await eventually(lambda now=now: told[-1][2] == now)


async def test_clients_that_know_no_away_hear_only_of_coming_and_going(
    alice: User, bob: User, group: Chat
) -> None:
    def keep_one(away: bool) -> None:
        keep(came=[Lease(bob.id, "elsewhere-1", away)])

    async with messenger_api(alice, statuses=True) as a:
        await in_db(keep_one, True)
        assert (await a.get(type="user_status", user_id=bob.id))["status"] == "online"
        await in_db(keep_one, False)
        await in_db(keep_one, True)
        await in_db(keep_one, False)
        assert await a.silent()
        await in_db(keep_one, True)
        # He goes out of being away.
        assert (await a.get(type="user_status", user_id=bob.id))["status"] == "offline"
        assert await a.silent()


async def test_who_goes_is_told_where_the_coming_was_though_nobody_confirmed_it(
    alice: User, bob: User, group: Chat
) -> None:
    """Words that depend on what was told before go by what was told here."""

    def say(*changes: Change) -> None:
        tell(list(changes))

    async with messenger_api(alice, statuses=True) as a:
        await in_db(say, Change(bob.id, "online", at=1.0, was="offline"))
        assert (await a.get(user_id=bob.id))["status"] == "online"
        await in_db(say, Change(bob.id, "away", at=2.0, was="offline"))
        assert await a.silent()
        await in_db(say, Change(bob.id, "offline", at=3.0, was="offline"))
        assert (await a.get(user_id=bob.id))["status"] == "offline"


# --- last seen -------------------------------------------------------------------------------


def test_when_somebody_was_last_seen_is_shown(bob: User, charlie: User, group: Chat) -> None:
    assert statuses([bob.id, charlie.id, 10**9]).keys() == {bob.id, charlie.id}
    assert statuses([charlie.id])[charlie.id].last_seen is None
    lease = [Lease(bob.id, "elsewhere-1")]
    keep(came=lease)
    assert near(statuses([bob.id])[bob.id].last_seen, timezone.now())
    # While somebody is online it is now, not when they came.
    LastSeen.objects.update(at=datetime(2020, 1, 1, tzinfo=UTC))
    assert near(statuses([bob.id])[bob.id].last_seen, timezone.now())
    keep(went=lease)
    until(lambda: status(bob) == "offline" and LastSeen.objects.get().at.year > 2020)
    went = statuses([bob.id])[bob.id].last_seen
    assert near(went, timezone.now())
    time.sleep(0.05)
    assert statuses([bob.id])[bob.id].last_seen == went


def test_who_is_away_was_last_seen_when_they_became_it(bob: User, group: Chat) -> None:
    keep(came=[Lease(bob.id, "elsewhere-1")])
    keep(here=[Lease(bob.id, "elsewhere-1", True)])
    LastSeen.objects.update(at=datetime(2020, 1, 1, tzinfo=UTC))
    found = statuses([bob.id])[bob.id]
    assert (found.status, found.last_seen) == ("away", datetime(2020, 1, 1, tzinfo=UTC))


def test_when_somebody_was_last_seen_outlasts_the_store_and_never_goes_back(
    alice: User, bob: User, group: Chat
) -> None:
    tell([Change(u.id, "offline", at=0, was="online", ago=60.0) for u in (bob, alice)])
    stores.store.forget()
    minute_ago = timezone.now() - timedelta(seconds=60)
    assert near(statuses([bob.id])[bob.id].last_seen, minute_ago)
    # Told late, of an hour ago; and twice in one go.
    late = Change(bob.id, "offline", at=0, was="online", ago=3600.0)
    tell([late])
    assert near(statuses([bob.id])[bob.id].last_seen, minute_ago)
    now = Change(bob.id, "online", at=0, was="offline")
    tell([late, now, late])
    assert near(statuses([bob.id])[bob.id].last_seen, timezone.now())
    assert LastSeen.objects.count() == 2


def test_who_is_in_no_chat_was_seen_too(charlie: User) -> None:
    heartbeat(charlie)
    assert near(LastSeen.objects.get(user=charlie).at, timezone.now())


def test_a_change_of_somebody_who_is_no_more_holds_up_nobody(bob: User, group: Chat) -> None:
    tell([Change(id, "online", at=0, was="offline") for id in (10**9, bob.id)])
    assert LastSeen.objects.get().user_id == bob.id


def test_a_crowd_is_written_and_read_in_as_many_queries_as_one(bob: User, group: Chat) -> None:
    crowd = [make_user(f"p{n}").id for n in range(services.TOGETHER)]

    def cost(ids: list[int]) -> tuple[int, int]:
        with CaptureQueriesContext(connection) as written:
            tell([Change(id, "online", at=0, was="offline") for id in ids])
        with CaptureQueriesContext(connection) as read:
            statuses(ids)
        return len(written), len(read)

    assert cost([bob.id]) == cost(crowd) == (4, 1)


# --- whom one may ask about ------------------------------------------------------------------


def test_one_may_ask_about_oneself_and_who_shares_a_chat_and_nobody_else(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    heartbeat(bob)
    for ref in (bob.id, bob.uuid):
        assert status_for(alice, ref).status == "online"
        assert status_for(bob, ref).user_id == bob.id
    assert status_for(charlie, charlie.id).status == "offline"
    for viewer, ref in ((charlie, bob.id), (charlie, bob.uuid), (bob, charlie.id), (bob, uuid4())):
        with pytest.raises(NotFound):
            status_for(viewer, ref)
    leave_chat(bob, group)
    with pytest.raises(NotFound):
        status_for(alice, bob.id)


def test_a_chat_that_was_deleted_is_shared_by_nobody(alice: User, bob: User) -> None:
    chat = create_chat(alice, kind="group", name="x", members=[bob])
    assert status_for(alice, bob.id).status == "offline"
    delete_chat(alice, chat)
    with pytest.raises(NotFound):
        status_for(alice, bob.id)


def test_who_is_banned_is_offline(alice: User, bob: User, group: Chat) -> None:
    heartbeat(bob)
    ban(bob)
    found = status_for(alice, bob.id)
    assert found.status == "offline" and near(found.last_seen, timezone.now())


def test_asking_costs_the_same_however_many_contacts_there_are(
    alice: User, bob: User, group: Chat
) -> None:
    create_chat(alice, kind="group", name="x", members=[make_user(f"p{n}") for n in range(30)])
    with CaptureQueriesContext(connection) as queries:
        status_for(alice, bob.id)
    assert len(queries) == 4


# --- typing ----------------------------------------------------------------------------------


def test_who_is_typing_is_shown_to_the_others_until_they_stop(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    assert typing_in(alice, group.id) == []
    set_typing(bob, chat=group.id, is_typing=True)
    assert typing_in(alice, group.id) == typing_in(alice, group.uuid) == [bob.id]
    assert typing_in(bob, group.id) == []
    set_typing(alice, chat=group.id, is_typing=True)
    assert typing_in(bob, group.id) == [alice.id]
    set_typing(bob, chat=group.id, is_typing=False)
    assert typing_in(alice, group.id) == []
    for chat in (group.id, group.uuid, 10**9):
        with pytest.raises(NotFound):
            typing_in(charlie, chat)
    other = create_chat(alice, kind="group", name="x", members=[bob])
    assert typing_in(bob, other.id) == []


def test_typing_ends_by_itself(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "TYPING", 0.2)
    set_typing(bob, chat=group.id, is_typing=True)
    assert typing_in(alice, group.id) == [bob.id]
    time.sleep(0.25)
    assert typing_in(alice, group.id) == []


def test_it_ends_when_the_others_are_told_so() -> None:
    assert vars(passing)["TYPING"] == events.TYPING == 10.0


def test_who_left_or_was_banned_is_not_typing(alice: User, bob: User, group: Chat) -> None:
    dora = make_user("dora")
    add_member(alice, chat=group, user=dora)
    for user in (bob, dora):
        set_typing(user, chat=group.id, is_typing=True)
    assert typing_in(alice, group.id) == [bob.id, dora.id]
    ban(dora)
    assert typing_in(alice, group.id) == [bob.id]
    leave_chat(bob, group)
    assert typing_in(alice, group.id) == []


async def test_it_is_kept_before_it_is_told(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []

    def publish(*events: Event) -> None:
        seen.append(typing_in(alice, group.id))

    monkeypatch.setattr(services, "publish", publish)
    await in_db(partial(set_typing, bob, chat=group.id, is_typing=True))
    await in_db(partial(set_typing, bob, chat=group.id, is_typing=False))
    assert seen == [[bob.id], []]
