"""The native API's presence, field by field."""

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chats.models import Chat
from messenger.realtime import passing
from messenger.realtime.threads import in_db
from presence import events
from presence.services import keep
from tests.people import client, post
from tests.sockets import nodus

PRESENCE = "/api/v1/presence"


def put(client: Client, body: Any) -> Any:
    return client.put(f"{PRESENCE}/me", body, content_type="application/json")


def status(viewer: User, of: User) -> Any:
    response = client(viewer).get(f"{PRESENCE}/{of.id}")
    assert response.status_code == 200, response.content
    return response.json()


def recent(moment: str) -> bool:
    return moment.endswith("Z") and abs(
        datetime.fromisoformat(moment) - timezone.now()
    ) < timedelta(seconds=5)


def test_who_comes_in_is_online_and_offline_when_their_heartbeats_stop(
    alice: User, bob: User, group: Chat, settings: Any
) -> None:
    settings.PRESENCE_HEARTBEAT = 0.8
    assert status(alice, bob) == {"user_id": bob.id, "status": "offline", "last_seen": None}
    response = client(bob).post(f"{PRESENCE}/heartbeat")
    assert (response.status_code, response.content) == (204, b"")
    found = status(alice, bob)
    assert recent(found.pop("last_seen"))
    assert found == {"user_id": bob.id, "status": "online"}
    started = time.monotonic()
    # The application was closed: nothing is said any more.
    while status(alice, bob)["status"] == "online":
        assert time.monotonic() < started + 5
        time.sleep(0.05)
    keep()
    found = status(alice, bob)
    assert found["status"] == "offline" and recent(found["last_seen"])


def test_a_heartbeat_lasts_five_minutes(settings: Any) -> None:
    assert settings.PRESENCE_HEARTBEAT == 300


def test_one_says_that_one_is_away_and_back(alice: User, bob: User, group: Chat) -> None:
    phone = client(bob)
    for path in (f"{PRESENCE}/me", f"{PRESENCE}/me/", f"{PRESENCE}/{bob.uuid}"):
        assert phone.get(path).json() == {
            "user_id": bob.id,
            "status": "offline",
            "last_seen": None,
        }
    for word in ("away", "online"):
        response = put(phone, {"status": word})
        assert response.status_code == 200
        found = response.json()
        assert recent(found.pop("last_seen"))
        assert found == {"user_id": bob.id, "status": word}
        assert phone.get(f"{PRESENCE}/me").json()["status"] == word
        assert status(alice, bob)["status"] == word


NO_STATUSES: list[Any] = ["offline", "", None, 1, [], {}]


@pytest.mark.parametrize("body", [{}, *({"status": word} for word in NO_STATUSES)])
def test_a_status_that_there_is_not_is_refused(bob: User, body: Any) -> None:
    response = put(client(bob), body)
    assert response.status_code == 400
    assert set(response.json()["errors"]) == {"status"}
    assert client(bob).get(f"{PRESENCE}/me").json()["status"] == "offline"


def test_of_strangers_nothing_is_said_as_of_who_does_not_exist(
    bob: User, charlie: User, group: Chat
) -> None:
    client(bob).post(f"{PRESENCE}/heartbeat")
    answers = {
        (response.status_code, response.content)
        for ref in (bob.id, bob.uuid, 10**9, uuid4(), "nobody", "-1")
        for response in [client(charlie).get(f"{PRESENCE}/{ref}")]
    }
    assert len(answers) == 1 and answers.pop()[0] == 404


@pytest.mark.parametrize("way", ["rest", "socket"])
async def test_who_types_is_shown_to_the_other_until_they_stop(
    alice: User, bob: User, group: Chat, way: str
) -> None:
    async with nodus(alice) as a, nodus(bob) as b:
        for is_typing in (True, False):
            said = {"chat_id": group.id, "is_typing": is_typing}
            if way == "rest":
                response = await in_db(post, await in_db(client, bob), f"{PRESENCE}/typing", said)
                assert (response.status_code, response.content) == (204, b"")
            else:
                await b.ask({"event": "typing", "data": said}, event="ack", data={})
            heard = await a.get(event="user.typing")
            assert heard["data"] == {**said, "user_id": bob.id}
            for ref in (group.id, group.uuid):
                shown = await in_db((await in_db(client, alice)).get, f"{PRESENCE}/typing/{ref}")
                assert shown.json() == ([bob.id] if is_typing else [])
            own = await in_db((await in_db(client, bob)).get, f"{PRESENCE}/typing/{group.id}")
            assert own.json() == []
        assert await b.silent()


async def test_typing_ends_by_itself_and_the_other_hears_of_it(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (events, passing):
        monkeypatch.setattr(module, "TYPING", 0.5)
    said = {"chat_id": group.id, "is_typing": True}
    async with nodus(alice) as a:
        await in_db(post, await in_db(client, bob), f"{PRESENCE}/typing", said)
        await a.get(event="user.typing", data={**said, "user_id": bob.id})
        over = await a.get(event="user.typing")
        assert over["data"] == {"chat_id": group.id, "user_id": bob.id, "is_typing": False}
        phone = await in_db(client, alice)
        async with asyncio.timeout(5):
            while (await in_db(phone.get, f"{PRESENCE}/typing/{group.id}")).json():
                await asyncio.sleep(0.05)


def test_who_is_not_in_a_chat_neither_types_nor_sees_who_does(
    bob: User, charlie: User, group: Chat
) -> None:
    for chat in (group.id, str(group.uuid), 10**9):
        said = {"chat_id": chat, "is_typing": True}
        assert post(client(charlie), f"{PRESENCE}/typing", said).status_code == 404
        assert client(charlie).get(f"{PRESENCE}/typing/{chat}").status_code == 404


def test_what_is_wrong_with_saying_that_one_types_is_named(bob: User, group: Chat) -> None:
    for body, wrong in (
        ({}, {"chat_id", "is_typing"}),
        ({"chat_id": group.id, "is_typing": "yes"}, {"is_typing"}),
        ({"chat_id": "x", "is_typing": True}, {"chat_id"}),
    ):
        response = post(client(bob), f"{PRESENCE}/typing", body)
        assert response.status_code == 400
        assert set(response.json()["errors"]) == wrong


def test_saying_all_the_time_that_one_types_is_refused(bob: User, group: Chat) -> None:
    phone = client(bob)
    said = {"chat_id": group.id, "is_typing": True}
    codes = [post(phone, f"{PRESENCE}/typing", said).status_code for _ in range(24)]
    assert codes[:20] == [204] * 20
    assert 429 in codes[20:]


async def test_the_native_socket_tells_of_each_status(alice: User, bob: User, group: Chat) -> None:
    async with nodus(alice, statuses=True) as a:
        phone = await in_db(client, bob)
        for word in ("online", "away", "online"):
            await in_db(put, phone, {"status": word})
            heard = await a.get(event="user.presence")
            assert recent(heard["data"].pop("timestamp"))
            assert heard == {
                "event": "user.presence",
                "data": {"user_id": bob.id, "status": word},
            }
        await in_db(put, phone, {"status": "online"})
        assert await a.silent()
