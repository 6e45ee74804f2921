"""The hub: whatever happens to the news of an event, the sockets hear it once and in order."""

import asyncio
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.services import end_logins
from chats.models import Chat, Membership
from chats.selectors import events_after
from chats.services import create_chat, delete_chat, join_chat, leave_chat, remove_member
from messaging.services import send_message
from messenger.events import Event
from messenger.realtime import doorbell, watch
from messenger.realtime import hub as hubs
from messenger.realtime.threads import in_db
from tests.sockets import Socket, messenger_api, miniapp


async def texts(socket: Socket, count: int) -> list[str]:
    return [(await socket.get(action="new_message"))["data"]["text"] for _ in range(count)]


async def say(author: User, chat: Chat, *lines: str) -> None:
    for line in lines:
        await in_db(lambda line=line: send_message(author, chat=chat.id, content=line))


class Snatched:
    """The doorbell rings, and we decide what the hub hears."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[Event] = []
        monkeypatch.setattr(doorbell, "ring", self.ring)

    def ring(self, events: Sequence[Event]) -> None:
        self.events += events


async def test_doubled_events_are_heard_once(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    snatched = Snatched(monkeypatch)
    async with miniapp(bob) as b:
        await say(alice, group, "1", "2")
        for events in (snatched.events, snatched.events[:1], snatched.events[1:]):
            hubs.get().hear(events)
        assert await texts(b, 2) == ["1", "2"]
        assert await b.silent()


async def test_events_out_of_order_are_heard_in_order(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    snatched = Snatched(monkeypatch)
    async with miniapp(bob) as b:
        await say(alice, group, "1", "2", "3")
        for event in reversed(snatched.events):
            hubs.get().hear([event])
        assert await texts(b, 3) == ["1", "2", "3"]
        assert await b.silent()


async def test_a_gap_is_filled_from_the_log_before_anybody_sees_it(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    snatched = Snatched(monkeypatch)
    async with miniapp(bob) as b:
        await say(alice, group, *(f"{n}" for n in range(8)))
        hubs.get().hear(snatched.events[-1:])
        assert await texts(b, 8) == [f"{n}" for n in range(8)]
        assert await b.silent()


async def test_a_last_event_that_was_lost_is_found_by_comparing_with_the_log(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "COMPARE", 0.05)
    Snatched(monkeypatch)
    async with miniapp(bob) as b:
        await say(alice, group, "1", "2")
        assert await texts(b, 2) == ["1", "2"]
        assert await b.silent()


async def test_a_long_absence_is_made_good_page_by_page(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "PAGE", 3)
    snatched = Snatched(monkeypatch)
    async with miniapp(bob) as b:
        await say(alice, group, *(f"{n}" for n in range(11)))
        hubs.get().hear(snatched.events[-1:])
        assert await texts(b, 11) == [f"{n}" for n in range(11)]


async def test_without_the_layer_ones_own_events_arrive_at_once(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        layer = get_channel_layer()
        monkeypatch.setattr(type(layer), "group_send", _away, raising=False)
        monkeypatch.setattr(type(layer), "group_send_many", _away, raising=False)
        await a.ask({"action": "send_message", "chat_id": group.id, "text": "x"})
        assert await texts(b, 1) == ["x"]


async def _away(*args: Any) -> None:
    raise ConnectionError("the layer is away")


async def test_a_new_chat_reaches_members_though_the_news_was_lost(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "COMPARE", 0.05)
    monkeypatch.setattr(watch, "RECHECK", 0.1)
    Snatched(monkeypatch)
    async with miniapp(bob) as b:
        chat = await in_db(lambda: create_chat(alice, kind="private", members=[bob]))
        await say(alice, chat, "hello")
        # From the beginning, though it was noticed late.
        await b.get(action="chat_created")
        assert await texts(b, 1) == ["hello"]


async def test_who_is_removed_hears_nothing_more(alice: User, bob: User, group: Chat) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        await in_db(lambda: remove_member(alice, chat=group, user=bob))
        await a.ask({"action": "send_message", "chat_id": group.id, "text": "x"})
        assert await b.silent()
        assert all(socket.user_id != bob.id for socket in _followers(group))


async def test_who_leaves_in_the_middle_of_a_burst_hears_what_came_before(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    snatched = Snatched(monkeypatch)
    async with miniapp(bob) as b:
        await say(alice, group, "before")
        await in_db(lambda: leave_chat(bob, group))
        await say(alice, group, "after")
        hubs.get().hear(snatched.events)
        assert await texts(b, 1) == ["before"]
        assert await b.silent()


async def test_who_is_removed_while_arriving_hears_nothing_after_it(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with miniapp(alice) as a:
        openings = hubs.get().openings
        carry_out = openings.carry_out

        async def slow(claims: Any) -> Any:
            opening = await carry_out(claims)
            await in_db(lambda: remove_member(alice, chat=group, user=bob))
            await say(alice, group, "secret")
            return opening

        monkeypatch.setattr(openings, "carry_out", slow)
        async with miniapp(bob) as b:
            await a.ask({"action": "nothing"}, action="new_message")
            await a.get(action="error")
            await say(alice, group, "more")
            assert await b.silent()
            assert all(socket.user_id != bob.id for socket in _followers(group))


async def test_who_leaves_and_comes_back_in_one_go_hears_what_follows(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = await in_db(lambda: create_chat(alice, kind="group", name="g", is_open=True))
    await in_db(join_chat, bob, chat)
    snatched = Snatched(monkeypatch)
    async with miniapp(bob) as b:
        await in_db(leave_chat, bob, chat)
        await in_db(join_chat, bob, chat)
        await say(alice, chat, "back")
        hubs.get().hear(snatched.events)
        await b.get(action="chat_created")
        assert await texts(b, 1) == ["back"]


@pytest.mark.skipif(
    "sqlite" in settings.DATABASES["default"]["ENGINE"],
    reason="SQLite has one writer, for whom everybody waits",
)
async def test_a_private_chat_that_somebody_holds_holds_up_no_other(
    alice: User, bob: User, group: Chat
) -> None:
    opened = await in_db(partial(send_message, alice, recipient=bob.id, content="x"))
    holding, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Chat.objects.select_for_update().get(id=opened.message.chat_id)
            holding.set()
            enough.wait(5)

    holder = asyncio.create_task(in_db(hold))
    await in_db(holding.wait, 5)
    async with messenger_api(alice) as a, miniapp(bob) as b:
        await a.send({"type": "private_message", "user_id": bob.id, "text": "1"})
        await a.send({"type": "private_message", "user_id": bob.id, "text": "2"})
        started = time.monotonic()
        frame = {"action": "send_message", "chat_id": group.id, "text": "other"}
        await b.ask(frame, action="message_sent")
        assert time.monotonic() - started < 1
        enough.set()
        texts = [(await a.get(type="new_message"))["message"]["text"] for _ in range(2)]
        assert texts == ["1", "2"]
    await holder


async def test_a_logout_whose_news_was_lost_closes_the_socket_all_the_same(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "COMPARE", 0.05)
    async with miniapp(alice) as a:
        Snatched(monkeypatch)
        await in_db(lambda: end_logins(alice.id, reason="logout"))
        assert await a.closed() == 4401


async def test_a_deleted_chat_has_no_stream(alice: User, bob: User, group: Chat) -> None:
    async with miniapp(alice), miniapp(bob):
        assert group.id in hubs.get().streams
        await in_db(delete_chat, alice, group)
        while group.id in hubs.get().streams:
            await asyncio.sleep(0.01)


async def test_a_hub_without_sockets_keeps_nothing(alice: User, group: Chat) -> None:
    async with miniapp(alice):
        pass
    hub = hubs.get()
    while hub.sockets:
        await asyncio.sleep(0.01)
    assert not hub.streams and not hub.people


async def test_a_membership_that_is_gone_from_the_database_is_noticed(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "COMPARE", 0.05)
    monkeypatch.setattr(watch, "RECHECK", 0.1)
    async with miniapp(bob):
        Snatched(monkeypatch)
        await in_db(lambda: remove_member(alice, chat=group, user=bob))
        assert not await in_db(Membership.objects.filter(user=bob).exists)
        while any(socket.user_id == bob.id for socket in _followers(group)):
            await asyncio.sleep(0.01)


async def test_the_log_tells_what_was_told(alice: User, bob: User, group: Chat) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        for n in range(5):
            await a.ask({"action": "send_message", "chat_id": group.id, "text": f"{n}"})
        told = await texts(b, 5)
    events = await in_db(lambda: events_after(group.id, 1))
    assert [event.message.content for event in events] == told  # type: ignore[attr-defined]


def _followers(chat: Chat) -> list[Any]:
    stream = hubs.get().streams.get(chat.id)
    return list(stream.followers()) if stream else []
