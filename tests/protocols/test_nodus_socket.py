"""`/api/v1/ws`: commands and events, field by field as its document has them."""

from functools import partial
from typing import Any

import pytest

from accounts import tickets
from accounts.models import User
from accounts.services import ban, log_out, start_login
from accounts.tokens import read_access
from chats.models import Chat
from chats.services import add_member, create_chat, delete_chat, leave_chat, update_chat
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    read_message,
    remove_reaction,
    send_message,
)
from messenger.realtime.threads import in_db
from tests.people import token
from tests.sockets import nodus, open_socket


def message_of(author: User, chat: Chat, **changes: Any) -> dict[str, Any]:
    """What a message looks like as it is made; ids and times are put in by the caller."""
    return {
        "chat_id": chat.id,
        "author_id": author.id,
        "type": "text",
        "content": "Hello!",
        "payload": None,
        "status": "delivered",
        "reply_to_id": None,
        "is_deleted": False,
        "deleted_at": None,
        "updated_at": None,
        "is_edited": False,
        "edited_at": None,
        "read_at": None,
        **changes,
    }


async def test_a_sent_message_is_acknowledged_and_created_for_everybody(
    alice: User, bob: User, group: Chat
) -> None:
    async with nodus(alice) as a, nodus(bob) as b:
        data = {"chat_id": group.id, "content": "Hello!"}
        await a.send({"event": "message.send", "data": data, "request_id": 1})
        created = await b.get(event="message.created")
        message = created["data"]
        own = {name: message[name] for name in ("id", "uuid", "ts")}
        assert message == {**message_of(alice, group), **own, "seq": 2}
        place = {"chat_id": group.id, "seq": 2, "prev_seq": 1}
        assert created == {"event": "message.created", **place, "data": message}
        # The author's own socket hears of it as well, in its place in the stream.
        frames = [await a.get(), await a.get()]
        assert created in frames
        bare = {"reactions": [], "likes_count": 0, "liked_by": [], "liked_at": None}
        ack = {"event": "ack", "data": {**message, **bare}, "request_id": 1}
        assert ack in frames


async def test_a_message_has_its_type_its_payload_and_what_it_replies_to(
    alice: User, bob: User, group: Chat
) -> None:
    first = (await in_db(partial(send_message, bob, chat=group.id, content="x"))).message
    async with nodus(alice) as a:
        data = {
            "chat_id": str(group.uuid),
            "type": "card",
            "payload": {"a": [1, None]},
            "reply_to_id": first.uuid,
        }
        await a.send({"event": "message.send", "data": data})
        message = (await a.until(event="ack"))["data"]
        assert message["type"] == "card" and message["content"] is None
        assert message["payload"] == {"a": [1, None]} and message["reply_to_id"] == first.id


async def test_the_same_client_message_id_is_answered_by_the_first_message(
    alice: User, bob: User, group: Chat
) -> None:
    async with nodus(alice) as a, nodus(bob) as b:
        data = {"chat_id": group.id, "content": "x", "client_message_id": "k"}
        frame = {"event": "message.send", "data": data, "request_id": "r"}
        await a.send(frame)
        first = await a.until(event="ack")
        await a.send(frame)
        assert await a.until(event="ack") == first
        await b.get(event="message.created")
        assert await b.silent()
        changed = {**frame, "data": {**data, "content": "y"}}
        error = await a.ask(changed, event="error", request_id="r")
        assert error["data"]["code"] == "idempotency_key_reused"


async def test_a_read_is_acknowledged_and_told_to_all(alice: User, bob: User, group: Chat) -> None:
    sent = (await in_db(partial(send_message, alice, chat=group.id, content="x"))).message
    async with nodus(alice) as a, nodus(bob) as b:
        frame = {"event": "message.read", "data": {"message_id": sent.id}, "request_id": 2}
        await b.send(frame)
        ack = await b.until(event="ack", request_id=2)
        receipt = {
            "message_id": sent.id,
            "chat_id": group.id,
            "user_id": bob.id,
            "read_at": ack["data"]["read_at"],
            "read_by_all": True,
        }
        assert ack["data"] == receipt and receipt["read_at"].endswith("Z")
        event = await a.get(event="message.read", seq=3, prev_seq=2, chat_id=group.id)
        assert event["data"] == receipt


async def test_changes_to_a_message_are_told_field_by_field(
    alice: User, bob: User, group: Chat
) -> None:
    sent = (await in_db(partial(send_message, alice, chat=group.id, content="Hello!"))).message
    base = message_of(alice, group, id=sent.id, uuid=sent.uuid, ts=sent.created_at, seq=2)
    async with nodus(bob) as b:
        await in_db(partial(add_reaction, bob, message=sent.id, emoji="👍"))
        added = await b.get(event="reaction.added", seq=3)
        assert added["data"] == {
            "id": added["data"]["id"],
            "message_id": sent.id,
            "user_id": bob.id,
            "emoji": "👍",
            "created_at": added["data"]["created_at"],
        }
        await in_db(partial(remove_reaction, bob, message=sent.id, emoji="👍"))
        removed = await b.get(event="reaction.removed", seq=4)
        assert removed["data"] == {"message_id": sent.id, "user_id": bob.id, "emoji": "👍"}

        await in_db(partial(read_message, bob, message=sent.id))
        read = await b.get(event="message.read", seq=5)
        await in_db(partial(edit_message, alice, message=sent.id, content="Hi!"))
        updated = (await b.get(event="message.updated", seq=6, prev_seq=5))["data"]
        at = updated["updated_at"]
        edited = {"content": "Hi!", "updated_at": at, "edited_at": at, "is_edited": True}
        seen = {"status": "read", "read_at": read["data"]["read_at"]}
        assert at and updated == {**base, **edited, **seen}

        await in_db(partial(delete_message, alice, message=sent.id))
        deleted = (await b.get(event="message.deleted", seq=7, prev_seq=6))["data"]
        gone = {"content": None, "is_deleted": True, "deleted_at": deleted["deleted_at"]}
        assert deleted == {**updated, **gone} and deleted["deleted_at"]


async def test_changes_to_a_chat_are_told_field_by_field(
    alice: User, bob: User, charlie: User
) -> None:
    async with nodus(bob) as b, nodus(charlie) as c:
        group = await in_db(
            partial(create_chat, alice, kind="group", name="Tea", description="d", members=[bob])
        )
        created = await b.get(event="chat.created", chat_id=group.id, seq=1, prev_seq=0)
        members = created["data"].pop("members")
        assert [(m["user_id"], m["role"]) for m in members] == [
            (alice.id, "owner"),
            (bob.id, "member"),
        ]
        assert members[1] == {
            "user_id": bob.id,
            "uuid": str(bob.uuid),
            "username": "bob",
            "name": "Bob",
            "role": "member",
            "joined_at": members[1]["joined_at"],
        }
        chat = {
            "id": group.id,
            "uuid": str(group.uuid),
            "type": "group",
            "name": "Tea",
            "description": "d",
            "is_open": False,
            "slow_mode": 0,
            "created_at": created["data"]["created_at"],
            "owner_id": alice.id,
            "members_count": 2,
        }
        assert created["data"] == chat

        await in_db(partial(update_chat, alice, chat=group, name="Coffee", is_open=True))
        updated = await b.get(event="chat.updated", seq=2, prev_seq=1)
        assert updated["data"] == {**chat, "name": "Coffee", "is_open": True}

        await in_db(partial(add_member, alice, chat=group, user=charlie))
        joined = (await b.get(event="member.joined", seq=3, prev_seq=2))["data"]
        assert (joined["chat_id"], joined["added_by"]) == (group.id, alice.id)
        assert joined["member"]["user_id"] == charlie.id
        # For who comes into it, it is new.
        theirs = await c.get(event="chat.created", chat_id=group.id, seq=3, prev_seq=2)
        assert theirs["data"]["members_count"] == 3

        await in_db(leave_chat, alice, group)
        left = await b.get(event="member.left", seq=4, prev_seq=3)
        assert left["data"] == {"chat_id": group.id, "user_id": alice.id, "removed_by": None}
        promoted = await b.get(event="member.updated", seq=5, prev_seq=4)
        assert promoted["data"]["chat_id"] == group.id
        assert (promoted["data"]["member"]["user_id"], promoted["data"]["member"]["role"]) == (
            bob.id,
            "owner",
        )
        await in_db(delete_chat, bob, group)
        deleted = await b.get(event="chat.deleted", seq=6, prev_seq=5)
        assert deleted["data"] == {"id": group.id, "deleted_by": bob.id}


async def test_who_is_removed_hears_it_and_nothing_more(
    alice: User, bob: User, group: Chat
) -> None:
    async with nodus(bob) as b:
        await in_db(leave_chat, bob, group)
        await b.get(event="member.left", chat_id=group.id)
        await in_db(partial(send_message, alice, chat=group.id, content="x"))
        assert await b.silent()


async def test_typing_is_told_to_the_others_and_stops(alice: User, bob: User, group: Chat) -> None:
    async with nodus(alice) as a, nodus(bob) as b:
        for is_typing in (True, False):
            data = {"chat_id": group.id, "is_typing": is_typing}
            await a.ask({"event": "typing", "data": data, "request_id": 1}, event="ack", data={})
            told = {"chat_id": group.id, "user_id": alice.id, "is_typing": is_typing}
            assert await b.get() == {"event": "user.typing", "data": told}
        assert await a.silent()


async def test_who_comes_online_is_told(alice: User, bob: User, group: Chat) -> None:
    async with nodus(bob, statuses=True) as b, nodus(alice):
        told = await b.get(event="user.presence")
        at = told["data"]["timestamp"]
        data = {"user_id": alice.id, "status": "online", "timestamp": at}
        assert told == {"event": "user.presence", "data": data} and at.endswith("Z")


async def test_who_says_that_nobody_is_looking_is_away(alice: User, bob: User, group: Chat) -> None:
    async with nodus(bob, statuses=True) as b, nodus(alice) as a:
        await b.until(event="user.presence")
        for status in ("away", "online"):
            await a.ask({"event": "presence.set", "data": {"status": status}}, event="ack", data={})
            told = await b.get(event="user.presence")
            assert (told["data"]["user_id"], told["data"]["status"]) == (alice.id, status)


async def test_a_heartbeat_brings_one_back_from_being_away(
    alice: User, bob: User, group: Chat
) -> None:
    async with nodus(bob, statuses=True) as b, nodus(alice) as a:
        await b.until(event="user.presence")
        await a.ask({"event": "presence.set", "data": {"status": "away"}}, event="ack")
        await b.get(event="user.presence")
        await a.ask({"event": "heartbeat"}, event="ack", data={})
        assert (await b.get(event="user.presence"))["data"]["status"] == "online"


async def test_a_fresh_token_keeps_the_socket_open(alice: User) -> None:
    async with nodus(alice) as a:
        from messenger.realtime import doorbell

        assert doorbell.hub is not None
        [socket] = doorbell.hub.sockets.values()
        fresh = await in_db(start_login, alice)
        claims = read_access(fresh.access)
        frame = {"event": "auth.refresh", "data": {"token": fresh.access}, "request_id": 1}
        ack = await a.ask(frame, event="ack", request_id=1)
        assert ack["data"]["expires_at"].endswith("Z")
        assert (socket.session.login_id, socket.session.expires) == (
            claims.login_id,
            claims.expires,
        )
        # From now on it is this login that it lives and dies with.
        await in_db(log_out, claims.login_id)
        assert await a.closed() == 4401


async def test_only_a_good_access_token_of_the_same_person_refreshes(
    alice: User, bob: User
) -> None:
    async with nodus(alice) as a:
        from messenger.realtime import doorbell

        assert doorbell.hub is not None
        [socket] = doorbell.hub.sockets.values()
        before = (socket.session.login_id, socket.session.expires)
        ended = await in_db(start_login, alice)
        await in_db(log_out, read_access(ended.access).login_id)
        others = await in_db(token, bob)
        refresh = (await in_db(start_login, alice)).refresh
        for bad, code in (
            (others, "forbidden"),
            (ended.access, "unauthenticated"),
            (refresh, "unauthenticated"),
            ("x", "unauthenticated"),
        ):
            error = await a.ask({"event": "auth.refresh", "data": {"token": bad}}, event="error")
            assert error["data"]["code"] == code
        assert (socket.session.login_id, socket.session.expires) == before


async def test_a_ticket_opens_one_socket_once(alice: User) -> None:
    claims = read_access(await in_db(token, alice))
    ticket = await in_db(tickets.issue, claims)
    async with await open_socket(f"/api/v1/ws?ticket={ticket}") as socket:
        await socket.ask({"event": "ping"}, event="ack")
        async with await open_socket(f"/api/v1/ws?ticket={ticket}") as again:
            assert await again.closed() == 4401
        await in_db(log_out, claims.login_id)
        assert await socket.closed() == 4401


async def test_a_ticket_of_somebody_who_was_banned_opens_nothing(alice: User) -> None:
    ticket = await in_db(tickets.issue, read_access(await in_db(token, alice)))
    await in_db(ban, alice)
    async with await open_socket(f"/api/v1/ws?ticket={ticket}") as socket:
        assert await socket.closed() in (4401, 4403)


@pytest.mark.parametrize("data", ["x", [], 5, True])
async def test_data_that_is_no_object_is_an_error(alice: User, data: Any) -> None:
    async with nodus(alice) as a:
        error = await a.ask({"event": "ping", "data": data}, event="error")
        assert error["data"]["code"] == "malformed"


async def test_an_error_has_its_envelope(alice: User, group: Chat) -> None:
    async with nodus(alice) as a:
        frame = {"event": "message.send", "data": {"chat_id": "x"}, "request_id": "r"}
        assert await a.ask(frame) == {
            "event": "error",
            "data": {
                "code": "invalid",
                "detail": "chat_id: say an integer or a UUID",
                "errors": {"chat_id": ["say an integer or a UUID"]},
                "request": "message.send",
            },
            "request_id": "r",
        }
        await a.ask({"event": "ping"}, event="ack")
