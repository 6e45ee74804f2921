"""Chatroulette's socket `/ws`: commands and events, field by field."""

from functools import partial
from typing import Any

import pytest

from accounts import tickets
from accounts.models import User
from accounts.services import log_out, start_login
from accounts.tokens import read_access
from chats.models import Chat, LogEntry
from chats.services import (
    add_member,
    create_chat,
    delete_chat,
    leave_chat,
    remove_member,
    update_chat,
)
from messaging.emoji import LIKE
from messaging.events import MessageFacts
from messaging.models import Message
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    like_message,
    read_message,
    remove_reaction,
    send_message,
    unlike_message,
)
from messenger.realtime.threads import in_db
from tests.people import token
from tests.protocols.clients import rest
from tests.sockets import Socket, chatroulette, nodus, open_socket


@pytest.fixture
def message(alice: User, group: Chat) -> MessageFacts:
    """Alice's, in her group."""
    return send_message(alice, chat=group.id, content="Привет").message


def message_of(author: User, chat: Chat, **changes: Any) -> dict[str, Any]:
    """What a message looks like as it is made; ids and times are put in by the caller."""
    return {
        "chat_id": str(chat.uuid),
        "author_id": str(author.uuid),
        "type": "text",
        "content": "Hello!",
        "payload": None,
        "reply_to_id": None,
        "status": "delivered",
        "is_edited": False,
        "edited_at": None,
        "read_at": None,
        **changes,
    }


def place(chat: Chat, seq: int) -> dict[str, Any]:
    return {"chat_id": str(chat.uuid), "seq": seq, "prev_seq": seq - 1}


async def answered(socket: Socket, type: str, **more: Any) -> Any:
    """The payload that answers a command; events on the way are skipped."""
    await socket.send({"type": type, "request_id": "r", **more})
    frame = await socket.until(request_id="r")
    assert set(frame) == {"type", "payload", "request_id"} and frame["type"] == "ack", frame
    return frame["payload"]


# --- commands --------------------------------------------------------------------------------


async def test_a_sent_message_is_acknowledged_and_new_to_everybody(
    alice: User, bob: User, group: Chat
) -> None:
    async with chatroulette(alice) as a, chatroulette(bob) as b:
        payload = {"chat_id": str(group.uuid), "content": "Hello!"}
        await a.send({"type": "message.send", "payload": payload, "request_id": 1})
        new = await b.get(type="new_message")
        said = new["payload"]
        own = {name: said[name] for name in ("id", "created_at")}
        assert said["created_at"].endswith("Z") and own["id"] == str(
            (await in_db(Message.objects.get)).uuid
        )
        assert said == {**message_of(alice, group), **own, "updated_at": said["created_at"]}
        assert new == {"type": "new_message", **place(group, 2), "payload": said}
        frames = [await a.get(), await a.get()]
        assert new in frames
        assert {"type": "ack", "payload": said, "request_id": 1} in frames
        assert await a.silent() and await b.silent()


async def test_the_chat_may_stand_beside_the_payload(alice: User, bob: User, group: Chat) -> None:
    other = await in_db(partial(create_chat, alice, kind="group", name="Other"))
    async with chatroulette(alice) as a, chatroulette(bob) as b:
        for ref in (str(group.uuid), group.id, str(group.id)):
            said = await answered(a, "message.send", chat_id=ref, payload={"content": "x"})
            assert said["chat_id"] == str(group.uuid)
            assert (await b.get(type="new_message"))["payload"]["id"] == said["id"]
        up_to = {"up_to_message_id": said["id"]}
        read = await answered(b, "chat.read", chat_id=str(group.uuid), payload=up_to)
        assert read == {"chat_id": str(group.uuid), "read": 3, "unread_count": 0}
        await answered(a, "typing", chat_id=str(group.uuid), payload={"is_typing": True})
        # What the payload says counts.
        payload = {"chat_id": str(group.uuid), "content": "x"}
        said = await answered(a, "message.send", chat_id=str(other.uuid), payload=payload)
        assert said["chat_id"] == str(group.uuid)
        # Where no chat is wanted it is of no account.
        assert await answered(a, "ping", chat_id="nonsense", payload=None) == {}
        assert await answered(a, "ping", chat_id=None) == {}


async def test_a_chat_that_is_said_nowhere_is_missing(alice: User, group: Chat) -> None:
    async with chatroulette(alice) as a:
        for frame in (
            {"payload": {"content": "x"}},
            {"chat_id": None, "payload": {"content": "x"}},
            {"chat_id": "x", "payload": {"content": "x"}},
            {"chat_id": [], "payload": {"content": "x"}},
        ):
            error = await a.ask({"type": "message.send", **frame}, type="error")
            assert error["payload"]["code"] == "invalid"
            assert set(error["payload"]["errors"]) == {"chat_id"}
        assert await in_db(Message.objects.count) == 0


async def test_a_message_has_its_type_its_payload_and_what_it_replies_to(
    alice: User, bob: User, group: Chat, message: MessageFacts
) -> None:
    async with chatroulette(bob) as b:
        payload = {
            "chat_id": group.id,
            "type": "card",
            "payload": {"a": [1, None]},
            "reply_to_id": message.id,
        }
        said = await answered(b, "message.send", payload=payload)
        assert (said["type"], said["content"], said["payload"]) == ("card", None, {"a": [1, None]})
        assert said["reply_to_id"] == message.uuid


async def test_the_same_client_message_id_is_answered_by_the_first_message(
    alice: User, bob: User, group: Chat
) -> None:
    async with chatroulette(alice) as a, chatroulette(bob) as b:
        payload = {"chat_id": str(group.uuid), "content": "x", "client_message_id": "k"}
        first = await answered(a, "message.send", payload=payload)
        # As NODUS would say it.
        again = {**payload, "chat_id": group.id}
        assert await answered(a, "message.send", payload=again) == first
        await b.get(type="new_message")
        assert await b.silent()
        frame = {"type": "message.send", "payload": {**payload, "content": "y"}, "request_id": "r"}
        await a.send(frame)
        error = await a.until(type="error", request_id="r")
        assert error["payload"]["code"] == "idempotency_key_reused"


async def test_a_read_is_acknowledged_and_told_to_all(
    alice: User, bob: User, group: Chat, message: MessageFacts
) -> None:
    async with chatroulette(alice) as a, chatroulette(bob) as b:
        ack = await answered(b, "message.read", payload={"message_id": message.uuid})
        assert ack["read_at"].endswith("Z") and ack == {
            "message_id": message.uuid,
            "status": "read",
            "read_by": [str(bob.uuid)],
            "read_at": ack["read_at"],
        }
        event = await a.get()
        assert event == {"type": "message_status_update", **place(group, 3), "payload": ack}
        # Again, and one's own: the same answer, and nobody is told.
        assert await answered(b, "message.read", payload={"message_id": message.id}) == ack
        assert await answered(a, "message.read", payload={"message_id": message.uuid}) == ack
        assert await a.silent()


async def test_a_whole_chat_is_read_message_by_message(
    alice: User, bob: User, group: Chat, message: MessageFacts
) -> None:
    more = [
        (await in_db(partial(send_message, alice, chat=group.id, content="x"))).message
        for _ in range(2)
    ]
    async with chatroulette(alice) as a, chatroulette(bob) as b:
        payload = {"chat_id": str(group.uuid), "up_to_message_id": more[0].uuid}
        done = await answered(b, "chat.read", payload=payload)
        assert done == {"chat_id": str(group.uuid), "read": 2, "unread_count": 1}
        for uuid in (message.uuid, more[0].uuid):
            event = await a.get(type="message_status_update")
            assert (event["payload"]["message_id"], event["payload"]["status"]) == (uuid, "read")
        again = await answered(b, "chat.read", payload=payload)
        assert again == {"chat_id": str(group.uuid), "read": 0, "unread_count": 1}
        assert await a.silent()


async def test_typing_is_told_to_the_others_and_stops(alice: User, bob: User, group: Chat) -> None:
    async with chatroulette(alice) as a, chatroulette(bob) as b:
        for is_typing in (True, False):
            frame = {"chat_id": str(group.uuid), "payload": {"is_typing": is_typing}}
            assert await answered(a, "typing", **frame) == {}
            assert await b.get() == {
                "type": "typing",
                "chat_id": str(group.uuid),
                "payload": {"user_id": str(alice.uuid), "is_typing": is_typing},
            }
        assert await a.silent()


async def test_the_small_commands_are_acknowledged(alice: User) -> None:
    async with chatroulette(alice) as a:
        commands: list[tuple[str, dict[str, str]]] = [
            ("ping", {}),
            ("heartbeat", {}),
            ("presence.set", {"status": "away"}),
            ("presence.set", {"status": "online"}),
        ]
        for type, payload in commands:
            assert await answered(a, type, payload=payload) == {}
        fresh = await in_db(start_login, alice)
        renewed = await answered(a, "auth.refresh", payload={"token": fresh.access})
        assert set(renewed) == {"expires_at"} and renewed["expires_at"].endswith("Z")
        # From now on it is this login that it lives and dies with.
        await in_db(log_out, read_access(fresh.access).login_id)
        assert await a.closed() == 4401


async def test_who_comes_online_is_not_told_here(alice: User, bob: User, group: Chat) -> None:
    async with chatroulette(bob) as b:
        async with chatroulette(alice) as a:
            await a.ask({"type": "presence.set", "payload": {"status": "away"}}, type="ack")
        assert await b.silent()


# --- events about messages -------------------------------------------------------------------


async def test_changes_to_a_message_are_told_field_by_field(
    alice: User, bob: User, group: Chat, message: MessageFacts
) -> None:
    uuid, bobs, alices = message.uuid, str(bob.uuid), str(alice.uuid)
    async with chatroulette(bob) as b:

        async def told(seq: int, type: str) -> Any:
            frame = await b.get()
            assert frame == {"type": type, **place(group, seq), "payload": frame["payload"]}
            return frame["payload"]

        await in_db(partial(like_message, bob, message=message.id))
        liked = await told(3, "message_liked")
        first_at = liked["liked_at"]
        # Each hears whether they like it themselves.
        mine = {"id": uuid, "message_id": uuid, "is_liked_by_user": True}
        first = {**mine, "likes_count": 1, "liked_by": [bobs], "liked_at": first_at}
        assert liked == first and first_at.endswith("Z")
        await in_db(partial(like_message, alice, message=message.id))
        liked = await told(4, "message_liked")
        assert liked["liked_at"] > first_at and liked == {
            **mine,
            "likes_count": 2,
            "liked_by": [bobs, alices],
            "liked_at": liked["liked_at"],
        }
        await in_db(partial(unlike_message, alice, message=message.id))
        assert await told(5, "message_unliked") == first
        await in_db(partial(unlike_message, bob, message=message.id))
        none = {
            **mine,
            "is_liked_by_user": False,
            "likes_count": 0,
            "liked_by": [],
            "liked_at": None,
        }
        assert await told(6, "message_unliked") == none

        # Any other emoji is no like.
        await in_db(partial(add_reaction, bob, message=message.id, emoji="👍"))
        reaction = {"message_id": uuid, "user_id": bobs, "emoji": "👍"}
        assert await told(7, "reaction_added") == reaction
        await in_db(partial(remove_reaction, bob, message=message.id, emoji="👍"))
        assert await told(8, "reaction_removed") == reaction

        await in_db(partial(read_message, bob, message=message.id))
        read = await told(9, "message_status_update")
        assert read["read_at"].endswith("Z") and read == {
            "message_id": uuid,
            "status": "read",
            "read_by": [bobs],
            "read_at": read["read_at"],
        }
        await in_db(partial(edit_message, alice, message=message.id, content="Пока"))
        edited = await told(10, "message_edited")
        assert edited["edited_at"] > read["read_at"] and edited == {
            "id": uuid,
            "content": "Пока",
            "status": "edited",
            "is_edited": True,
            "edited_at": edited["edited_at"],
        }
        await in_db(partial(delete_message, alice, message=message.id))
        deleted = await told(11, "message_deleted")
        assert deleted["deleted_at"] > edited["edited_at"] and deleted == {
            "message_id": uuid,
            "status": "deleted",
            "deleted_at": deleted["deleted_at"],
        }
        assert await b.silent()


async def test_each_reader_is_told_with_all_before_them(
    alice: User, bob: User, charlie: User
) -> None:
    chat = await in_db(partial(create_chat, alice, kind="group", name="3", members=[bob, charlie]))
    sent = (await in_db(partial(send_message, alice, chat=chat.id, content="x"))).message
    async with chatroulette(alice) as a:
        await in_db(partial(read_message, charlie, message=sent.id))
        first = (await a.get(type="message_status_update"))["payload"]
        assert first["read_by"] == [str(charlie.uuid)]
        await in_db(partial(read_message, bob, message=sent.id))
        second = (await a.get(type="message_status_update"))["payload"]
        assert second == {**first, "read_by": [str(charlie.uuid), str(bob.uuid)]}


async def test_what_is_done_over_rest_is_told_as_it_was_answered(
    alice: User, bob: User, group: Chat, message: MessageFacts
) -> None:
    path = f"/api/v1/messages/{message.uuid}"
    async with chatroulette(alice) as a:
        for user, method, what, body, type in (
            (bob, "PUT", "read", None, "message_status_update"),
            (alice, "PUT", "edit", {"content": "y"}, "message_edited"),
            (bob, "POST", "like", None, "message_liked"),
            (bob, "DELETE", "like", None, "message_unliked"),
        ):
            answer = await rest(user, method, f"{path}/{what}", body)
            told = (await a.get(type=type))["payload"]
            if what == "like":
                # What is each one's own: alice does not like it.
                assert (told.pop("id"), told.pop("is_liked_by_user")) == (message.uuid, False)
            assert answer.items() >= told.items(), type
            assert set(answer) - set(told) <= {"status_text", "is_liked"}
            # Again: nothing happens.
            await rest(user, method, f"{path}/{what}", body)
            assert await a.silent()


@pytest.mark.parametrize("heart", ["❤", "❤️"])
async def test_a_heart_of_the_native_api_is_heard_as_a_like_and_the_other_way_round(
    alice: User, bob: User, group: Chat, message: MessageFacts, heart: str
) -> None:
    path = f"/api/v1/messages/{message.id}"
    async with chatroulette(alice) as a, nodus(alice) as n:
        await rest(bob, "POST", f"{path}/reactions", {"emoji": heart})
        liked = await a.get(type="message_liked", seq=3)
        assert liked["payload"]["liked_by"] == [str(bob.uuid)]
        added = await n.get(event="reaction.added", seq=3)
        assert added["data"]["emoji"] == LIKE
        await rest(bob, "DELETE", f"{path}/like")
        removed = await n.get(event="reaction.removed", seq=4)
        assert (removed["data"]["user_id"], removed["data"]["emoji"]) == (bob.id, LIKE)
        await a.get(type="message_unliked", seq=4)
        await rest(bob, "POST", f"{path}/like")
        added = await n.get(event="reaction.added", seq=5)
        assert added["data"]["emoji"] == LIKE
        await a.get(type="message_liked", seq=5)
        await rest(bob, "DELETE", f"{path}/reactions/{heart}")
        await a.get(type="message_unliked", seq=6)


# --- events about chats ----------------------------------------------------------------------


async def test_changes_to_a_chat_are_told_field_by_field(
    alice: User, bob: User, charlie: User
) -> None:
    async with chatroulette(bob) as b, chatroulette(charlie) as c:
        group = await in_db(
            partial(create_chat, alice, kind="group", name="Tea", description="d", members=[bob])
        )

        async def told(seq: int, type: str) -> Any:
            frame = await b.get()
            assert frame == {"type": type, **place(group, seq), "payload": frame["payload"]}
            return frame["payload"]

        def member(user: User, role: str = "member") -> dict[str, Any]:
            names = {"username": user.username, "name": user.name}
            return {"user_id": str(user.uuid), **names, "role": role}

        created = await told(1, "chat_created")
        assert created["created_at"].endswith("Z") and created == {
            "id": str(group.uuid),
            "type": "group",
            "name": "Tea",
            "description": "d",
            "is_open": False,
            "created_at": created["created_at"],
            "members": [member(alice, "owner"), member(bob)],
        }
        await in_db(partial(update_chat, alice, chat=group, name="Coffee", is_open=True))
        updated = await told(2, "chat_updated")
        assert updated == {**created, "name": "Coffee", "is_open": True}

        await in_db(partial(add_member, alice, chat=group, user=charlie))
        assert await told(3, "member_joined") == member(charlie)
        # For who comes into it, it is new.
        theirs = await c.get()
        members = [*updated["members"], member(charlie)]
        payload = {**updated, "members": members}
        assert theirs == {"type": "chat_created", **place(group, 3), "payload": payload}

        await in_db(leave_chat, alice, group)
        assert await told(4, "member_left") == {"user_id": str(alice.uuid)}
        assert await told(5, "member_updated") == member(bob, "owner")
        await in_db(delete_chat, bob, group)
        assert await told(6, "chat_deleted") == {"chat_id": str(group.uuid)}
        assert await b.silent()


async def test_a_private_chat_is_told_to_both(alice: User, bob: User) -> None:
    async with chatroulette(alice) as a, chatroulette(bob) as b:
        chat = await in_db(partial(create_chat, alice, kind="private", members=[bob]))
        told = await a.get(type="chat_created", chat_id=str(chat.uuid), seq=1, prev_seq=0)
        assert await b.get() == told
        assert told["payload"]["type"] == "private"
        assert {m["user_id"] for m in told["payload"]["members"]} == {
            str(alice.uuid),
            str(bob.uuid),
        }


async def test_who_is_removed_hears_it_and_nothing_more(
    alice: User, bob: User, group: Chat
) -> None:
    async with chatroulette(bob) as b:
        await in_db(partial(remove_member, alice, chat=group, user=bob))
        await b.get(type="member_left", payload={"user_id": str(bob.uuid)})
        await in_db(partial(send_message, alice, chat=group.id, content="x"))
        assert await b.silent()


async def test_the_stream_has_no_holes(alice: User, bob: User, charlie: User) -> None:
    chat = await in_db(partial(create_chat, alice, kind="group", name="x", members=[bob]))
    async with chatroulette(bob) as b:
        sent = (await in_db(partial(send_message, alice, chat=chat.id, content="x"))).message
        for act in (
            partial(add_reaction, bob, message=sent.id, emoji="👍"),
            partial(like_message, bob, message=sent.id),
            partial(read_message, bob, message=sent.id),
            partial(add_member, alice, chat=chat, user=charlie),
            partial(edit_message, alice, message=sent.id, content="y"),
            partial(unlike_message, bob, message=sent.id),
            partial(remove_reaction, bob, message=sent.id, emoji="👍"),
            partial(update_chat, alice, chat=chat, name="y"),
            partial(remove_member, alice, chat=chat, user=charlie),
            partial(delete_message, alice, message=sent.id),
            partial(delete_chat, alice, chat),
        ):
            await in_db(act)
        last = await in_db(LogEntry.objects.filter(chat_id=chat.id).count)
        for seq in range(2, last + 1):
            await b.get(chat_id=str(chat.uuid), seq=seq, prev_seq=seq - 1)
        assert last == 13 and await b.silent()


# --- resume ----------------------------------------------------------------------------------


async def resumed(socket: Socket, chats: dict[str, int]) -> list[Any]:
    """All frames up to the answer, and it."""
    await socket.send({"type": "resume", "payload": {"chats": chats}, "request_id": "r"})
    frames = [await socket.get()]
    while frames[-1]["type"] != "resumed":
        frames.append(await socket.get())
    return frames


async def test_a_resume_is_in_uuids_and_told_as_if_one_had_been_there(
    alice: User, bob: User, group: Chat
) -> None:
    other = await in_db(partial(create_chat, alice, kind="group", name="Other", members=[bob]))
    sent = (await in_db(partial(send_message, alice, chat=group.id, content="x"))).message
    async with chatroulette(bob) as b:
        for act in (
            partial(like_message, bob, message=sent.id),
            partial(read_message, bob, message=sent.id),
            partial(add_reaction, bob, message=sent.id, emoji="👍"),
        ):
            await in_db(act)
        live = [await b.get(seq=seq) for seq in (3, 4, 5)]
    async with chatroulette(bob) as b:
        for ref in (str(group.uuid), str(group.id), group.uuid.hex):
            frames = await resumed(b, {ref: 2})
            assert frames[:-1] == live
            assert frames[-1] == {
                "type": "resumed",
                "payload": {"chats": {str(group.uuid): 5}, "new": [str(other.uuid)]},
                "request_id": "r",
            }
        assert (await resumed(b, {}))[-1]["payload"]["chats"] == {}


async def test_what_was_missed_is_told_as_it_is_now(
    alice: User, bob: User, group: Chat, message: MessageFacts
) -> None:
    for act in (
        partial(like_message, bob, message=message.id),
        partial(read_message, bob, message=message.id),
        partial(edit_message, alice, message=message.id, content="y"),
        partial(like_message, alice, message=message.id),
        partial(unlike_message, bob, message=message.id),
    ):
        await in_db(act)
    async with chatroulette(bob) as b:
        frames = await resumed(b, {str(group.uuid): 1})
        said, liked, read, edited, again, unliked, _ = (frame["payload"] for frame in frames)
        assert [frame["type"] for frame in frames[:-1]] == [
            "new_message",
            "message_liked",
            "message_status_update",
            "message_edited",
            "message_liked",
            "message_unliked",
        ]
        assert (said["content"], said["status"], said["is_edited"]) == ("y", "edited", True)
        assert said["read_at"] == read["read_at"]
        assert (read["status"], read["read_by"]) == ("edited", [str(bob.uuid)])
        assert (edited["content"], edited["status"]) == ("y", "edited")
        assert liked == again == unliked and liked["liked_by"] == [str(alice.uuid)]

        await in_db(partial(delete_message, alice, message=message.id))
        await b.get(type="message_deleted")
        frames = await resumed(b, {str(group.uuid): 1})
        assert frames[0]["payload"]["content"] is None
        told = [frame["payload"].get("status", "deleted") for frame in frames[:-1]]
        assert told == ["deleted"] * 7


async def test_a_chat_that_cannot_be_told_on_is_reset(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    den = await in_db(partial(create_chat, charlie, kind="group", name="Den"))
    async with chatroulette(bob) as b:
        ahead, answer = await resumed(b, {str(group.uuid): 99})
        facts = {"reason": "ahead", "seq": 1}
        assert ahead == {"type": "reset", "chat_id": str(group.uuid), "payload": facts}
        assert answer["payload"] == {"chats": {}, "new": []}
        # What is not theirs is called what they call it, and nothing more is said of it.
        facts = {"reason": "not_found", "seq": None}
        for ref in (str(den.uuid), str(den.id), "9" * 12):
            lost, answer = await resumed(b, {ref: 1})
            assert lost == {"type": "reset", "chat_id": ref, "payload": facts}
            assert answer["payload"] == {"chats": {}, "new": [str(group.uuid)]}


# --- errors and the handshake ----------------------------------------------------------------


async def test_an_error_has_its_envelope(alice: User, group: Chat) -> None:
    async with chatroulette(alice) as a:
        frame = {"type": "message.send", "payload": {"chat_id": "x"}, "request_id": "r"}
        assert await a.ask(frame) == {
            "type": "error",
            "payload": {
                "code": "invalid",
                "detail": "chat_id: say an integer or a UUID",
                "errors": {"chat_id": ["say an integer or a UUID"]},
                "request": "message.send",
            },
            "request_id": "r",
        }
        no_objects: list[Any] = ["x", [], 5, True]
        for payload in no_objects:
            error = await a.ask({"type": "ping", "payload": payload}, type="error")
            assert error["payload"]["code"] == "malformed"
        error = await a.ask({"type": "like", "payload": {}}, type="error")
        assert (error["payload"]["code"], error["payload"]["request"]) == (
            "unknown_command",
            "like",
        )
        error = await a.ask({"payload": {}}, type="error")
        assert error["payload"]["code"] == "malformed"
        await a.ask({"type": "ping"}, type="ack", payload={})


@pytest.mark.parametrize("command", ["message.send", "message.read", "chat.read", "typing"])
async def test_what_is_not_ones_own_is_not_there(
    alice: User, charlie: User, group: Chat, message: MessageFacts, command: str
) -> None:
    payload = {
        "chat_id": str(group.uuid),
        "content": "x",
        "message_id": message.uuid,
        "up_to_message_id": message.uuid,
        "is_typing": True,
    }
    async with chatroulette(charlie) as c:
        error = await c.ask({"type": command, "payload": payload}, type="error")
        assert error["payload"]["code"] == "not_found"


async def test_the_token_comes_in_each_way_and_a_ticket_opens_one_socket(alice: User) -> None:
    access = await in_db(token, alice)
    ping = {"type": "ping"}
    async with await open_socket("/ws", headers={"Authorization": f"Bearer {access}"}) as socket:
        await socket.ask(ping, type="ack")
    async with await open_socket("/ws", subprotocols=["bearer", access]) as socket:
        await socket.ask(ping, type="ack")
    ticket = await in_db(tickets.issue, read_access(access))
    async with await open_socket(f"/ws?ticket={ticket}") as socket:
        await socket.ask(ping, type="ack")
    for path in (f"/ws?ticket={ticket}", "/ws", "/ws/"):
        async with await open_socket(path) as socket:
            assert await socket.closed() == 4401
