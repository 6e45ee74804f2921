"""The Messenger API's socket, frame by frame."""

from typing import Any

import pytest

from accounts.models import User
from chats.models import Chat
from chats.services import add_member, create_chat, join_chat, leave_chat, remove_member
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    read_message,
    send_message,
)
from messenger.realtime import passing
from messenger.realtime.threads import in_db
from presence.services import tell
from presence.store import Change
from tests.people import token
from tests.sockets import messenger_api, miniapp, open_socket


async def test_the_token_in_the_path_opens_it(alice: User, group: Chat) -> None:
    access = await in_db(token, alice)
    for path in (f"/ws/chat/{access}", f"/ws/chat/{access}/"):
        async with await open_socket(path) as socket:
            await socket.ask({"type": "subscribe_chat", "chat_id": group.id}, type="subscribed")


@pytest.mark.parametrize("path", ["/ws/chat/x", "/ws/chat/x/", "/ws/chat/a.b.c", "/ws/chat/%00"])
async def test_a_token_that_is_no_good_closes_it(alice: User, path: str) -> None:
    async with await open_socket(path) as socket:
        assert await socket.closed() == 4401


async def test_there_is_no_socket_without_a_token(alice: User) -> None:
    for path in ("/ws/chat", "/ws/chat/", "/ws/chat/a/b"):
        async with await open_socket(path) as socket:
            assert await socket.closed() == 4404


async def test_a_socket_hears_of_a_chat_after_subscribing_and_until_unsubscribing(
    alice: User, bob: User, group: Chat
) -> None:
    async with messenger_api(bob) as b:
        await in_db(lambda: send_message(alice, chat=group.id, content="0"))
        assert await b.silent()
        subscribed = {"type": "subscribed", "chat_id": group.id}
        assert await b.ask({"type": "subscribe_chat", "chat_id": group.id}) == subscribed
        sent = await in_db(lambda: send_message(alice, chat=group.id, content="1"))
        assert await b.get() == {
            "type": "new_message",
            "chat_id": group.id,
            "message": {
                "id": sent.message.id,
                "text": "1",
                "chat_id": group.id,
                "author_id": alice.id,
                "created_at": sent.message.created_at,
                "is_edited": False,
            },
        }
        unsubscribed = {"type": "unsubscribed", "chat_id": group.id}
        assert await b.ask({"type": "unsubscribe_chat", "chat_id": group.id}) == unsubscribed
        await in_db(lambda: send_message(alice, chat=group.id, content="2"))
        assert await b.silent()


async def test_subscribing_again_changes_nothing_and_a_chat_goes_by_either_id(
    alice: User, bob: User, group: Chat
) -> None:
    async with messenger_api(bob) as b:
        for ref in (group.id, str(group.id), str(group.uuid)):
            frame = {"type": "subscribe_chat", "chat_id": ref, "request_id": 7}
            await b.ask(frame, type="subscribed", chat_id=group.id, request_id=7)
        await in_db(lambda: send_message(alice, chat=group.id, content="once"))
        await b.get(type="new_message")
        assert await b.silent()


async def test_subscriptions_are_each_sockets_own(alice: User, bob: User, group: Chat) -> None:
    async with messenger_api(bob, group) as one, messenger_api(bob) as other:
        await in_db(lambda: send_message(alice, chat=group.id, content="x"))
        await one.get(type="new_message")
        assert await other.silent()


async def test_edits_and_deletions_reach_subscribers(alice: User, bob: User, group: Chat) -> None:
    sent = (await in_db(lambda: send_message(alice, chat=group.id, content="x"))).message
    async with messenger_api(bob, group) as b, messenger_api(bob) as quiet:
        await in_db(lambda: edit_message(alice, message=sent.id, content="y"))
        edited = await b.get(type="message_edited", chat_id=group.id)
        assert (edited["message"]["text"], edited["message"]["is_edited"]) == ("y", True)
        await in_db(lambda: delete_message(alice, message=sent.id))
        deleted = {"type": "message_deleted", "chat_id": group.id, "message_id": sent.id}
        assert await b.get() == deleted
        assert await quiet.silent()


async def test_receipts_reactions_and_members_are_not_told(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    sent = (await in_db(lambda: send_message(alice, chat=group.id, content="x"))).message
    async with messenger_api(alice, group) as a:
        await in_db(lambda: read_message(bob, message=sent.id))
        await in_db(lambda: add_reaction(bob, message=sent.id, emoji="👍"))
        await in_db(lambda: add_member(alice, chat=group, user=charlie))
        assert await a.silent()


async def test_the_author_hears_their_own_message_where_they_subscribed(
    alice: User, group: Chat
) -> None:
    async with messenger_api(alice, group) as a:
        await in_db(lambda: send_message(alice, chat=group.id, content="by REST"))
        assert (await a.get(type="new_message"))["message"]["author_id"] == alice.id


# --- membership ------------------------------------------------------------------------------


async def test_who_was_removed_hears_nothing_more_though_subscribed(
    alice: User, bob: User, group: Chat
) -> None:
    async with messenger_api(alice, group) as a, messenger_api(bob, group) as b:
        await in_db(lambda: remove_member(alice, chat=group, user=bob))
        await in_db(lambda: send_message(alice, chat=group.id, content="x"))
        await a.get(type="new_message")
        await a.send({"type": "typing", "chat_id": group.id, "is_typing": True})
        assert await b.silent()
        await b.ask({"type": "subscribe_chat", "chat_id": group.id}, code="not_found")
        # A subscription ends with the membership.
        await in_db(lambda: add_member(alice, chat=group, user=bob))
        await in_db(lambda: send_message(alice, chat=group.id, content="y"))
        await a.get(type="new_message")
        assert await b.silent()


async def test_who_joins_while_connected_may_subscribe_at_once(alice: User, charlie: User) -> None:
    chat = await in_db(lambda: create_chat(alice, kind="group", name="x", is_open=True))
    async with messenger_api(charlie) as c:
        for _ in range(3):
            await in_db(join_chat, charlie, chat.id)
            frame = {"type": "subscribe_chat", "chat_id": chat.id}
            await c.ask(frame, type="subscribed")
            await in_db(lambda: send_message(alice, chat=chat.id, content="x"))
            await c.get(type="new_message")
            await in_db(leave_chat, charlie, chat)


async def test_nobody_subscribes_to_a_chat_that_is_not_theirs(
    alice: User, charlie: User, group: Chat
) -> None:
    async with messenger_api(charlie) as c:
        answers = []
        for ref in (group.id, str(group.uuid), 10**9, 2**63, group.id + 1):
            for type in ("subscribe_chat", "unsubscribe_chat", "typing"):
                frame = {"type": type, "chat_id": ref, "is_typing": True}
                answers.append({**await c.ask(frame), "request": ""})
        expected = {"type": "error", "code": "not_found", "detail": "Not found.", "request": ""}
        assert answers == [expected] * 15
        await in_db(lambda: send_message(alice, chat=group.id, content="x"))
        assert await c.silent()


# --- private messages ------------------------------------------------------------------------


async def test_a_private_message_opens_the_chat_and_arrives_unasked(
    alice: User, bob: User, charlie: User
) -> None:
    async with messenger_api(alice) as a, messenger_api(bob) as b, messenger_api(charlie) as c:
        frame = {"type": "private_message", "user_id": bob.id, "text": "hi", "request_id": "r1"}
        answer = await a.ask(frame, type="new_message", request_id="r1")
        heard = await b.get(type="new_message")
        assert heard == {name: answer[name] for name in ("type", "chat_id", "message")}
        assert (heard["message"]["text"], heard["message"]["author_id"]) == ("hi", alice.id)
        # The other way it is the same chat.
        frame = {"type": "private_message", "user_id": str(alice.uuid), "text": "ho"}
        await b.ask(frame, type="new_message", chat_id=heard["chat_id"])
        await a.until(type="new_message", chat_id=heard["chat_id"])
        assert await a.silent() and await b.silent() and await c.silent()


async def test_what_is_said_into_a_private_chat_is_for_subscribers(alice: User, bob: User) -> None:
    chat = await in_db(lambda: create_chat(alice, kind="private", members=[bob]))
    async with messenger_api(bob) as b, messenger_api(bob, chat) as subscribed:
        await in_db(lambda: send_message(alice, chat=chat.id, content="x"))
        await subscribed.get(type="new_message")
        assert await b.silent()


async def test_who_subscribed_to_the_private_chat_hears_a_private_message_once(
    alice: User, bob: User
) -> None:
    chat = await in_db(lambda: create_chat(alice, kind="private", members=[bob]))
    async with messenger_api(alice, chat) as a, messenger_api(bob, chat) as b:
        frame = {"type": "private_message", "user_id": bob.id, "text": "hi"}
        await a.ask(frame, type="new_message", chat_id=chat.id)
        await b.until(type="new_message", chat_id=chat.id)
        assert await a.silent() and await b.silent()


async def test_a_private_message_with_a_name_is_stored_once(alice: User, bob: User) -> None:
    async with messenger_api(alice) as a:
        frame = {
            "type": "private_message",
            "user_id": bob.id,
            "text": "hi",
            "client_message_id": "1",
        }
        assert await a.ask(frame) == await a.ask(frame, type="new_message")
        await a.ask({**frame, "text": "other"}, code="idempotency_key_reused")


async def test_a_private_message_to_nobody_is_an_error(alice: User) -> None:
    async with messenger_api(alice) as a:
        for ref in (10**9, 2**63, "01890a5d-ac96-774b-bcce-b302099a8057"):
            await a.ask({"type": "private_message", "user_id": ref, "text": "x"}, code="not_found")
        await a.ask({"type": "private_message", "user_id": alice.id, "text": "x"}, code="invalid")


# --- typing ----------------------------------------------------------------------------------


async def test_typing_reaches_the_other_subscribers(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    async with (
        messenger_api(alice, group) as a,
        messenger_api(alice, group) as tablet,
        messenger_api(bob, group) as b,
        messenger_api(bob) as quiet,
        messenger_api(charlie) as c,
    ):
        for is_typing in (True, False):
            await a.send({"type": "typing", "chat_id": group.id, "is_typing": is_typing})
            assert await b.get() == {
                "type": "typing",
                "chat_id": group.id,
                "user_id": alice.id,
                "is_typing": is_typing,
            }
        assert await a.silent() and await tablet.silent()
        assert await quiet.silent() and await c.silent()


async def test_typing_ends_by_itself_and_says_so_once(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "TYPING", 0.3)
    async with messenger_api(alice) as a, messenger_api(bob, group) as b:
        for _ in range(3):
            await a.send({"type": "typing", "chat_id": group.id, "is_typing": True})
            await b.until(type="typing", is_typing=True)
        await b.get(type="typing", user_id=alice.id, is_typing=False)
        await a.send({"type": "typing", "chat_id": group.id, "is_typing": True})
        await a.send({"type": "typing", "chat_id": group.id, "is_typing": False})
        await b.get(type="typing", is_typing=True)
        await b.get(type="typing", is_typing=False)
        assert await b.silent() and await b.silent() and await b.silent() and await b.silent()


async def test_who_types_without_end_is_stopped_and_the_others_spared(
    alice: User, bob: User, group: Chat
) -> None:
    async with messenger_api(alice) as a, messenger_api(bob, group) as b:
        for n in range(40):
            await a.send({"type": "typing", "chat_id": group.id, "is_typing": n % 2 == 0})
        await a.until(type="error", code="rate_limited", request="typing")
        frame = {"type": "private_message", "user_id": bob.id, "text": "still here"}
        await a.send(frame)
        await a.until(type="new_message")
        heard = 0
        while (await b.get())["type"] == "typing":
            heard += 1
        assert heard < 30


# --- presence --------------------------------------------------------------------------------


async def test_a_status_reaches_everybody_who_shares_a_chat_once_and_nobody_else(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    await in_db(lambda: create_chat(alice, kind="private", members=[bob]))
    async with (
        messenger_api(alice, statuses=True) as a,
        messenger_api(bob, group, statuses=True) as b,
        messenger_api(charlie, statuses=True) as c,
        miniapp(bob) as m,
    ):
        gone = [Change(u.id, "offline", at=0, was="online") for u in (alice, bob, charlie)]
        await in_db(tell, gone)
        status = {"type": "user_status", "user_id": alice.id, "status": "offline"}
        assert await b.until(status="offline") == status
        await a.until(user_id=bob.id, status="offline")
        assert await a.silent() and await b.silent()
        assert await c.silent() and await m.silent()


# --- errors ----------------------------------------------------------------------------------

BAD: list[tuple[Any, str]] = [
    ("not json", "malformed"),
    ("[]", "malformed"),
    ({}, "malformed"),
    ({"type": 5}, "malformed"),
    ({"type": "hub.events"}, "unknown_command"),
    ({"type": "websocket.disconnect"}, "unknown_command"),
    ({"type": "new_message", "chat_id": 1}, "unknown_command"),
    ({"type": "subscribe_chat"}, "invalid"),
    ({"type": "subscribe_chat", "chat_id": [1]}, "invalid"),
    ({"type": "typing", "chat_id": 1, "is_typing": "yes"}, "invalid"),
    ({"type": "private_message", "user_id": 1, "text": "  \n"}, "invalid"),
    ({"type": "private_message", "user_id": 1, "text": "\x00"}, "invalid"),
    ({"type": "private_message", "user_id": 1, "text": "x" * 4097}, "invalid"),
]


async def test_a_bad_frame_gets_an_error_and_the_socket_stays(alice: User, group: Chat) -> None:
    async with messenger_api(alice) as a:
        for frame, code in BAD:
            await a.ask(frame, type="error", code=code)
        error = await a.ask({"type": "private_message", "user_id": 1, "text": "", "request_id": 3})
        assert error == {
            "type": "error",
            "code": "invalid",
            "detail": "text: say something",
            "errors": {"text": ["say something"]},
            "request": "private_message",
            "request_id": 3,
        }
        await a.ask({"type": "subscribe_chat", "chat_id": group.id}, type="subscribed")
