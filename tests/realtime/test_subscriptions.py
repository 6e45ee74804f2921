"""Sockets that hear of what they subscribed to, also when the news of a membership is late."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from accounts.models import User
from chats.models import Chat
from chats.services import add_member, create_chat, remove_member
from messaging.services import send_message
from messenger.events import Event
from messenger.realtime import doorbell, resume
from messenger.realtime import hub as hubs
from messenger.realtime.threads import in_db
from tests.sockets import messenger_api


async def test_subscribing_before_the_news_of_joining_has_come(
    alice: User, charlie: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with messenger_api(charlie) as c:
        late: list[Event] = []
        monkeypatch.setattr(doorbell, "ring", late.extend)
        await in_db(partial(add_member, alice, chat=group, user=charlie))
        await c.ask({"type": "subscribe_chat", "chat_id": group.id}, type="subscribed")
        await in_db(partial(send_message, alice, chat=group.id, content="1"))
        hubs.get().hear(late)
        assert (await c.get(type="new_message"))["message"]["text"] == "1"
        assert await c.silent()


async def test_subscribing_while_being_removed_opens_no_door(
    alice: User, bob: User, group: Chat
) -> None:
    async with messenger_api(alice, group) as a, messenger_api(bob) as b:
        hub = hubs.get()
        [socket] = hub.people[bob.id]
        # What the command read of the chat is from before the removal, which is heard before it.
        before = await in_db(lambda: Chat.objects.get(id=group.id).last_seq)
        await in_db(partial(remove_member, alice, chat=group, user=bob))
        await in_db(partial(send_message, alice, chat=group.id, content="secret"))
        await a.get(type="new_message")
        hub.subscribe(socket, group.id, before)
        await in_db(partial(send_message, alice, chat=group.id, content="more"))
        await a.get(type="new_message")
        assert await b.silent()
        assert group.id not in socket.chats


async def test_what_a_gap_is_filled_with_goes_to_subscribers_alone(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[Event] = []

    def ring(events: Sequence[Event]) -> None:
        late.extend(events)

    async with messenger_api(bob, group) as b, messenger_api(bob) as quiet:
        monkeypatch.setattr(doorbell, "ring", ring)
        for n in range(4):
            await in_db(partial(send_message, alice, chat=group.id, content=f"{n}"))
        await in_db(partial(send_message, alice, recipient=bob.id, content="to you"))
        hubs.get().hear(late[3:])
        heard = [(await b.get(type="new_message"))["message"]["text"] for _ in range(5)]
        assert sorted(heard) == ["0", "1", "2", "3", "to you"]
        assert (await quiet.get(type="new_message"))["message"]["text"] == "to you"
        assert await quiet.silent() and await b.silent()


async def test_being_removed_from_one_chat_loses_nothing_of_another(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await in_db(lambda: create_chat(alice, kind="group", name="Other", members=[bob]))
    read = asyncio.Event()

    async def slowly(function: Any, *args: Any) -> Any:
        found = await in_db(function, *args)
        await read.wait()
        return found

    async with messenger_api(alice, group, other) as a, messenger_api(bob, other) as b:
        hub = hubs.get()
        [socket] = hub.people[bob.id]
        before = hub.streams[group.id].cursor
        await in_db(partial(send_message, alice, chat=group.id, content="1"))
        await in_db(partial(remove_member, alice, chat=group, user=bob))
        await in_db(partial(send_message, alice, chat=group.id, content="secret"))
        while (await a.get())["message"]["text"] != "secret":
            pass
        # As one does who read the database before the removal.
        monkeypatch.setattr(resume, "in_db", slowly)
        hub.subscribe(socket, group.id, before)
        for chat in (other, group, other):
            await in_db(partial(send_message, alice, chat=chat.id, content=chat.name))
            await a.get(type="new_message")
        read.set()
        texts = [(await b.get(type="new_message"))["message"]["text"] for _ in range(3)]
        assert texts == ["1", "Other", "Other"] and await b.silent()
        assert group.id not in socket.chats


async def test_who_is_removed_and_comes_back_while_arriving_hears_all_but_what_was_between(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = asyncio.Event()

    async def slowly(function: Any, *args: Any) -> Any:
        found = await in_db(function, *args)
        await read.wait()
        return found

    async with messenger_api(alice, group) as a, messenger_api(bob, group) as b:
        hub = hubs.get()
        [socket] = hub.people[bob.id]
        before = hub.streams[group.id].cursor
        await in_db(partial(remove_member, alice, chat=group, user=bob))
        await in_db(partial(send_message, alice, chat=group.id, content="between"))
        await a.get(type="new_message")
        monkeypatch.setattr(resume, "in_db", slowly)
        hub.subscribe(socket, group.id, before)
        await in_db(partial(add_member, alice, chat=group, user=bob))
        await in_db(partial(send_message, alice, chat=group.id, content="after"))
        await a.get(type="new_message")
        read.set()
        assert (await b.get(type="new_message"))["message"]["text"] == "after"
        await in_db(partial(send_message, alice, chat=group.id, content="and on"))
        assert (await b.get(type="new_message"))["message"]["text"] == "and on"
        assert await b.silent()
