"""
The document's own list of scenarios, as a front end written by it would go through them: its paths,
its parameters, its field names, its status codes; what one person does, another one sees.
"""

from typing import Any

import orjson
import pytest
from django.test import Client, override_settings

from accounts.models import User
from chats.models import Chat
from messaging.services import send_message
from messenger.realtime import passing
from messenger.realtime.threads import in_db
from presence import events as presence
from tests.people import client, make_user
from tests.sockets import nodus


class Api:
    """What the document's adapter does, request by request."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.client: Client | None = None

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The status and the body."""

        def run() -> Any:
            self.client = self.client or client(self.user)
            content = b"" if body is None else orjson.dumps(body)
            response = self.client.generic(
                method, f"/api/v1{path}", content, content_type="application/json", headers=headers
            )
            return response.status_code, orjson.loads(response.content or b"null")

        return await in_db(run)

    async def messages(self, chat: Chat, before: int | None = None) -> Any:
        cursor = "" if before is None else f"&before_id={before}"
        status, page = await self.ask("GET", f"/messages?chat_id={chat.id}&limit=50{cursor}")
        assert status == 200
        return page


async def test_scrolling_up_brings_the_next_fifty(alice: User, bob: User, group: Chat) -> None:
    def fill() -> None:
        for number in range(120):
            send_message(alice, chat=group.id, content=f"{number}")

    await in_db(fill)
    api = Api(bob)
    seen: list[str] = []
    cursor, sizes = None, []
    while True:
        page = await api.messages(group, cursor)
        seen += [message["content"] for message in page["messages"]]
        sizes.append(len(page["messages"]))
        if not page["has_more"]:
            break
        assert page["next_cursor"] == page["messages"][-1]["id"]
        cursor = page["next_cursor"]
    assert page["next_cursor"] is None and sizes == [50, 50, 20]
    assert seen == [f"{number}" for number in range(119, -1, -1)]


async def test_a_deleted_message_is_shown_as_deleted_to_the_other(
    alice: User, bob: User, group: Chat
) -> None:
    mine, theirs = Api(alice), Api(bob)
    body = {"chat_id": group.id, "type": "text", "content": "oops"}
    status, sent = await mine.ask("POST", "/messages", body, **{"Idempotency-Key": "k"})
    assert status == 201 and sent["reactions"] == []
    async with nodus(bob) as b:
        assert await mine.ask("DELETE", f"/messages/{sent['id']}") == (204, None)
        event = await b.get(event="message.deleted")
        assert event["data"]["id"] == sent["id"] and event["data"]["is_deleted"]
        assert await mine.ask("DELETE", f"/messages/{sent['id']}") == (204, None)
        assert await b.silent()
    [shown] = (await theirs.messages(group))["messages"]
    assert shown["is_deleted"] and shown["deleted_at"] == event["data"]["deleted_at"]
    assert shown["content"] is None and shown["payload"] is None


async def test_reactions_of_several_people_are_counted_and_taken_off(
    alice: User, bob: User, group: Chat
) -> None:
    mine, theirs = Api(alice), Api(bob)
    _, sent = await mine.ask("POST", "/messages", {"chat_id": group.id, "content": "x"})
    path = f"/messages/{sent['id']}/reactions"
    async with nodus(alice) as a:
        status, first = await mine.ask("POST", path, {"emoji": "👍"})
        assert status == 201 and set(first) == {
            "id",
            "message_id",
            "user_id",
            "emoji",
            "created_at",
        }
        assert (await a.get(event="reaction.added"))["data"] == first
        assert (await theirs.ask("POST", path, {"emoji": "👍"}))[0] == 201
        assert (await theirs.ask("POST", path, {"emoji": "🎉"}))[0] == 201
        # The same one again is the same one.
        assert await mine.ask("POST", path, {"emoji": "👍"}) == (200, first)
        [shown] = (await mine.messages(group))["messages"]
        counts = [reaction["emoji"] for reaction in shown["reactions"]]
        assert (counts.count("👍"), counts.count("🎉")) == (2, 1)
        assert await mine.ask("DELETE", f"{path}/👍") == (204, None)
        removed = await a.until(event="reaction.removed")
        assert removed["data"] == {"message_id": sent["id"], "user_id": alice.id, "emoji": "👍"}
        assert (await mine.ask("DELETE", f"{path}/👍"))[0] == 404
    [shown] = (await mine.messages(group))["messages"]
    assert [(r["user_id"], r["emoji"]) for r in shown["reactions"]] == [
        (bob.id, "👍"),
        (bob.id, "🎉"),
    ]


async def test_a_reply_shows_what_it_replies_to(alice: User, bob: User, group: Chat) -> None:
    mine, theirs = Api(alice), Api(bob)
    _, question = await mine.ask("POST", "/messages", {"chat_id": group.id, "content": "tea?"})
    async with nodus(alice) as a:
        body = {"chat_id": group.id, "content": "yes", "reply_to_id": question["id"]}
        status, answer = await theirs.ask("POST", "/messages", body)
        assert status == 201 and answer["reply_to_id"] == question["id"]
        event = await a.get(event="message.created")
        assert event["data"]["reply_to_id"] == question["id"]
    status, quoted = await mine.ask("GET", f"/messages/{answer['reply_to_id']}")
    assert (status, quoted["content"]) == (200, "tea?")


async def test_who_types_is_shown_and_stops_being_shown(
    alice: User, bob: User, group: Chat
) -> None:
    mine, theirs = Api(alice), Api(bob)
    async with nodus(bob) as b:
        for is_typing, shown in ((True, [alice.id]), (False, [])):
            body = {"chat_id": group.id, "is_typing": is_typing}
            assert await mine.ask("POST", "/presence/typing", body) == (204, None)
            event = await b.get(event="user.typing")
            assert event["data"] == {**body, "user_id": alice.id}
            assert await theirs.ask("GET", f"/presence/typing/{group.id}") == (200, shown)


async def test_who_stops_without_a_word_is_shown_no_more_after_a_while(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ten seconds, for those who wait for them.
    for module in (passing, presence):
        monkeypatch.setattr(module, "TYPING", 0.3)
    mine, theirs = Api(alice), Api(bob)
    async with nodus(bob) as b:
        await mine.ask("POST", "/presence/typing", {"chat_id": group.id, "is_typing": True})
        assert (await b.get(event="user.typing"))["data"]["is_typing"]
        assert not (await b.get(event="user.typing"))["data"]["is_typing"]
        assert await theirs.ask("GET", f"/presence/typing/{group.id}") == (200, [])
        assert await b.silent()


async def test_who_comes_is_online_and_who_closes_is_offline_after_a_while(
    alice: User, bob: User, group: Chat
) -> None:
    mine, theirs = Api(alice), Api(bob)
    stranger = Api(await in_db(make_user, "dora"))
    path = f"/presence/{alice.id}"
    status, before = await theirs.ask("GET", path)
    assert (status, before) == (200, {"user_id": alice.id, "status": "offline", "last_seen": None})
    # Five minutes, for those who wait for them.
    with override_settings(PRESENCE_HEARTBEAT=1):
        async with nodus(bob, statuses=True) as b:
            assert await mine.ask("POST", "/presence/heartbeat") == (204, None)
            event = await b.until(event="user.presence")
            at = event["data"]["timestamp"]
            assert event["data"] == {"user_id": alice.id, "status": "online", "timestamp": at}
            _, shown = await theirs.ask("GET", path)
            assert shown["status"] == "online" and shown["last_seen"]
            assert (await mine.ask("GET", "/presence/me"))[1]["status"] == "online"
            gone = await b.until(event="user.presence")
            assert (gone["data"]["user_id"], gone["data"]["status"]) == (alice.id, "offline")
            assert await b.silent()
    _, shown = await theirs.ask("GET", path)
    assert shown["status"] == "offline" and at <= shown["last_seen"] <= gone["data"]["timestamp"]
    # Nobody else's business.
    assert (await stranger.ask("GET", path))[0] == 404
