"""The Python client, against a server that can be told to misbehave."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import httpx
import pytest
from messenger_client import (
    Api,
    Banned,
    ChatCreated,
    ChatEvent,
    ChatReset,
    Closed,
    Connected,
    Disconnected,
    Event,
    MemberLeft,
    MessageCreated,
    Messenger,
    MessengerError,
    SendFailed,
    SignedOut,
    Unknown,
    Unreachable,
    UserTyping,
)
from messenger_client.errors import from_facts
from messenger_client.line import Line
from websockets.asyncio.server import serve

from tests.clients.fake import ME, OTHER, faking, jwt, until

pytestmark = pytest.mark.once


async def hear(stream: AsyncIterator[Event], count: int, kind: Any = ChatEvent) -> list[Any]:
    """The next `count` events of a kind."""
    found: list[Any] = []
    while len(found) < count:
        event = await anext(stream)
        if isinstance(event, kind):
            found.append(event)
    return found


def texts(events: list[Any]) -> list[str]:
    return [event.message["content"] for event in events]


async def nothing_more(me: Messenger, kind: Any = ChatEvent) -> None:
    """Whatever the server has said by now is heard, and there is none of these in it."""
    await me.command("typing")
    marker = Unknown({"event": "marker"})
    me._audience.tell_now(marker)
    async for event in me.events():
        if event is marker:
            return
        assert not isinstance(event, kind), event


# --- the stream ------------------------------------------------------------------------------


async def test_frames_that_come_twice_are_told_once() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        fake.times = 2
        for number in range(20):
            await fake.tell(fake.message(5, f"{number}"))
        stream = me.events()
        assert texts(await hear(stream, 20)) == [f"{number}" for number in range(20)]
        await nothing_more(me)
        assert me.seqs == {5: 21}
        assert len(fake.said("resume")) == 1


async def test_what_is_missing_is_asked_for_before_what_follows_it_is_told() -> None:
    async with faking((5, 6)) as fake, fake.client() as me:
        await me.wait_connected()
        fake.mute = {(5, 3), (5, 4)}
        for number in range(6):
            await fake.tell(fake.message(5, f"{number}"))
        await fake.tell(fake.message(6, "other"))
        heard = await hear(me.events(), 7)
        assert texts([e for e in heard if e.chat_id == 5]) == [f"{n}" for n in range(6)]
        assert [e.seq for e in heard if e.chat_id == 5] == [2, 3, 4, 5, 6, 7]
        await nothing_more(me)
        assert fake.said("resume")[1:] == [{"chats": {"5": 2}}]


async def test_a_gap_that_does_not_fill_makes_the_chat_load_anew() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        fake.holes = {(5, 2)}
        await fake.tell(fake.message(5, "gone"))
        await fake.tell(fake.message(5, "after"))
        [reset] = await hear(me.events(), 1, ChatReset)
        assert (reset.chat_id, reset.reason, reset.chat) == (5, "gap", {"id": 5, "seq": 3})
        await fake.tell(fake.message(5, "next"))
        assert texts(await hear(me.events(), 1)) == ["next"]
        assert len(fake.said("resume")) == 4


async def test_resets_new_chats_and_those_that_are_gone_are_told_with_the_chat_as_it_is() -> None:
    async with faking((5, 6, 7)) as fake, fake.client() as me:
        stream = me.events()
        await hear(stream, 1, Connected)
        fake.resets = {5: "expired", 6: "not_found"}
        fake.chat(8)
        fake.message(5, "missed")
        fake.message(7, "told")
        del fake.logs[6]
        me.drop()
        events = [await anext(stream)]
        while not isinstance(events[-1], Connected):
            events.append(await anext(stream))
        assert isinstance(events[0], Disconnected)
        resets = {e.chat_id: (e.reason, e.chat) for e in events if isinstance(e, ChatReset)}
        assert resets == {
            5: ("expired", {"id": 5, "seq": 2}),
            6: ("not_found", None),
            8: ("new", {"id": 8, "seq": 1}),
        }
        assert texts([e for e in events if isinstance(e, ChatEvent)]) == ["told"]
        assert me.seqs == {5: 2, 7: 2, 8: 1}
        for chat_id in (5, 8):
            await fake.tell(fake.message(chat_id, f"{chat_id}"))
        assert texts(await hear(stream, 2)) == ["5", "8"]


async def test_a_chat_that_cannot_be_loaded_now_is_loaded_after_the_next_connection() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        fails = [httpx.Response(503, json={"code": "unavailable", "detail": ""})]

        def answer(request: httpx.Request) -> httpx.Response:
            return fails.pop() if fails else httpx.Response(200, json=fake.shape(5))

        fake.answers["/chats/5"] = answer
        fake.resets = {5: "expired"}
        me.drop()
        await until(lambda: fake.asked["/chats/5"])
        fake.resets = {5: "expired"}
        [reset] = await hear(me.events(), 1, ChatReset)
        assert reset.reason == "expired" and fake.asked["/chats/5"] == 2


async def test_a_chat_begins_with_its_creation_and_ends_with_leaving_it() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        stream = me.events()
        await fake.tell(fake.chat(9))
        assert [type(e) for e in await hear(stream, 1)] == [ChatCreated]
        for user_id in (OTHER, ME):
            left = fake.change(9, "member.left", {"user_id": user_id, "removed_by": None})
            await fake.tell(left)
        assert [e.user_id for e in await hear(stream, 2, MemberLeft)] == [OTHER, ME]
        assert me.seqs == {5: 1}
        # What was on its way, and then coming back into it in the middle.
        await fake.say(fake.logs[9][0])
        await fake.say(left)
        fake.message(9, "unheard")
        await fake.tell(fake.change(9, "chat.created", {"id": 9}))
        await fake.tell(fake.message(9, "heard"))
        [created, message] = await hear(stream, 2)
        assert type(created) is ChatCreated and texts([message]) == ["heard"]
        assert me.seqs == {5: 1, 9: 6}
        assert fake.asked["/chats/9"] == 0


async def test_a_frame_of_an_unknown_chat_loads_it_once() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        fake.chat(9)
        await fake.tell(fake.message(9, "a"))
        await fake.tell(fake.message(9, "b"))
        stream = me.events()
        [reset] = await hear(stream, 1, ChatReset)
        assert reset.reason == "new" and reset.chat["seq"] >= 2
        await until(lambda: me.seqs.get(9) == 3)
        # And one of a chat that is not ours, not even that.
        fake.logs[10] = [{}]
        frame = fake.message(10, "c")
        del fake.logs[10]
        await fake.say(frame)
        await fake.say(frame)
        await nothing_more(me, ChatReset)
        assert fake.asked["/chats/9"] == 1 and fake.asked["/chats/10"] == 1


async def test_what_passes_and_what_is_unknown_is_told_and_an_unknown_change_counts() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        typing = {"chat_id": 5, "user_id": 2, "is_typing": True}
        await fake.say({"event": "user.typing", "data": typing})
        await fake.say({"event": "moon.rose", "data": {}})
        await fake.tell(fake.change(5, "chat.painted", {"colour": "red"}))
        await fake.tell(fake.message(5, "next"))
        stream = me.events()
        assert await hear(stream, 1, UserTyping) == [UserTyping(5, 2, True)]
        unknown = await hear(stream, 2, Unknown)
        assert [event.frame["event"] for event in unknown] == ["moon.rose", "chat.painted"]
        assert texts(await hear(stream, 1)) == ["next"]


async def test_what_the_server_says_it_has_told_counts_also_where_no_frame_told_it() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        fake.mute = fake.holes = {(5, 3)}
        fake.change(5, "chat.painted", {})
        fake.change(5, "secret", {})
        me.drop()
        stream = me.events()
        await hear(stream, 2, Connected)
        assert me.seqs == {5: 3}
        await fake.tell(fake.message(5, "next"))
        assert texts(await hear(stream, 1, MessageCreated)) == ["next"]
        assert len(fake.said("resume")) == 2


async def test_a_chat_that_was_reset_goes_on_from_where_it_was_loaded() -> None:
    async with faking() as fake:
        fake.silent = {"resume"}
        async with fake.client() as me:
            await until(lambda: fake.said("resume"))
            fake.message(5, "in the chat as it is loaded")
            await fake.say({"event": "reset", "data": {"chat_id": 5, "reason": "expired"}})
            await until(lambda: me.seqs == {5: 2})
            fake.message(5, "a")
            told = {"event": "resumed", "data": {"chats": {"5": 3}, "new": []}, "request_id": 1}
            await fake.say(told)
            # The contract does not say whether that counts what comes after the reset.
            await fake.tell(fake.logs[5][2])
            assert texts(await hear(me.events(), 1, MessageCreated)) == ["a"]


async def test_a_resume_that_is_refused_or_never_answered_is_tried_on_another_line() -> None:
    async with faking() as fake:
        fake.errors = {"resume": [("rate_limited", 0.02, True)]}
        async with fake.client(patience=0.1) as me:
            await me.wait_connected()
            assert len(fake.said("resume")) == 2
            fake.silent = {"resume"}
            me.drop()
            await until(lambda: len(fake.said("resume")) == 4)
            fake.silent = set()
            await hear(me.events(), 2, Connected)


async def test_a_frame_that_breaks_the_contract_costs_the_connection_and_no_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        broken = fake.change(5, "message.read", {})
        await fake.tell(broken)
        broken["data"] = {"message_id": 1, "user_id": 2, "read_at": None, "read_by_all": False}
        [event] = await hear(me.events(), 1)
        assert event.message_id == 1
    assert "The connection failed" in caplog.text


# --- sending ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ack", ["first", "last"])
async def test_ones_own_message_is_told_once_with_its_key(ack: str) -> None:
    async with faking() as fake, fake.client() as me:
        fake.ack = ack
        pending = [me.send(5, "same") for _ in range(3)]
        # The same words from another device of the same person, at any time.
        await until(lambda: fake.seq(5) >= 2)
        await fake.tell(fake.message(5, "same", ME))
        stored = [await one for one in pending]
        heard = await hear(me.events(), 4)
        keys = {event.seq: event.local_key for event in heard}
        assert [event.seq for event in heard] == [2, 3, 4, 5]
        assert {m["seq"]: p.key for p, m in zip(pending, stored, strict=True)} == {
            seq: key for seq, key in keys.items() if key is not None
        }
        assert list(keys.values()).count(None) == 1
        await nothing_more(me)


@pytest.mark.parametrize("ack", ["first", "last"])
async def test_a_send_whose_answer_is_lost_is_stored_once_and_told_once(ack: str) -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        fake.ack, fake.lose = ack, 2
        one, two = me.send(5, "one"), me.send(5, "two")
        assert [(await one)["seq"], (await two)["seq"]] == [2, 3]
        heard = await hear(me.events(), 2)
        assert [event.local_key for event in heard] == [one.key, two.key]
        await nothing_more(me)
        keys = [data["client_message_id"] for data in fake.said("message.send")]
        assert sorted(keys, key=[one.key, two.key].index) == keys
        assert set(keys) == {one.key, two.key} and len(keys) > 2
        assert not any(me._gate._keys.values())


async def test_what_follows_in_the_chat_does_not_overtake_a_message_of_unknown_origin() -> None:
    async with faking((5, 6)) as fake, fake.client() as me:
        await me.wait_connected()
        fake.silent = {"message.send"}
        pending = me.send(5, "mine")
        await until(lambda: fake.said("message.send"))
        frame = await fake.tell(fake.message(5, "mine", ME))
        await fake.tell(fake.message(5, "theirs"))
        await fake.tell(fake.message(6, "elsewhere"))
        stream = me.events()
        assert texts(await hear(stream, 1)) == ["elsewhere"]
        number = fake.commands[-1]["request_id"]
        await fake.say({"event": "ack", "data": frame["data"], "request_id": number})
        heard = await hear(stream, 2)
        assert texts(heard) == ["mine", "theirs"]
        assert [event.local_key for event in heard] == [pending.key, None]


@pytest.mark.parametrize("code", ["rate_limited", "unavailable", "internal_error"])
async def test_a_passing_refusal_is_repeated_in_order(code: str) -> None:
    async with faking() as fake, fake.client() as me:
        fake.errors = {"message.send": [(code, 0.02, True)] * 2}
        pending = [me.send(5, f"{number}") for number in range(4)]
        assert [(await one)["content"] for one in pending] == ["0", "1", "2", "3"]
        assert texts(await hear(me.events(), 4)) == ["0", "1", "2", "3"]
        assert len(fake.said("message.send")) == 6


@pytest.mark.parametrize("code", ["muted", "undeliverable", "content_rejected", "awaiting_review"])
async def test_what_a_moderator_a_rule_or_a_block_refuses_does_not_come_again(code: str) -> None:
    async with faking() as fake, fake.client() as me:
        fake.errors = {"message.send": [(code, None, True)]}
        one, two = me.send(5, "one"), me.send(5, "two")
        with pytest.raises(MessengerError) as refused:
            await one
        assert (refused.value.code, refused.value.status) == (code, 403)
        assert (await two)["content"] == "two"
        assert texts(await hear(me.events(), 1)) == ["two"]
        assert len(fake.said("message.send")) == 2


async def test_in_slow_mode_a_message_waits_for_its_turn_before_those_behind_it() -> None:
    async with faking() as fake, fake.client() as me:
        fake.errors = {"message.send": [("slow_mode", 0.02, True)] * 3}
        pending = [me.send(5, f"{number}") for number in range(2)]
        assert [(await one)["content"] for one in pending] == ["0", "1"]
        assert len(fake.said("message.send")) == 5


@pytest.mark.parametrize("turns", [[0.02] * 4, [31.0]])
async def test_a_turn_that_comes_late_or_never_is_a_refusal(turns: list[float]) -> None:
    async with faking() as fake, fake.client() as me:
        fake.errors = {"message.send": [("slow_mode", seconds, True) for seconds in turns]}
        with pytest.raises(MessengerError) as refused:
            await me.send(5, "x")
        assert (refused.value.status, refused.value.retry_after) == (429, turns[-1])
        assert len(fake.said("message.send")) == len(turns)


async def test_each_method_of_moderation_asks_the_path_of_the_contract() -> None:
    asked: list[tuple[str, str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else dict(request.url.params)
        asked.append((request.method, request.url.path.removeprefix("/api/v1"), body))
        return httpx.Response(200, json={})

    transport = httpx.MockTransport(answer)
    tokens: Any = {"access_token": jwt(1), "refresh_token": "r"}
    async with Api("http://x", tokens=tokens, transport=transport) as api:
        await api.update_chat(5, slow_mode=30)
        await api.report("spam", message_id=7)
        await api.report("other", user_id=2, chat_id=5, comment="Look")
        await api.block(2)
        await api.unblock(2)
        await api.blocks(limit=3, cursor="c")
        await api.decisions()
        await api.appeal(4, "Why?")
        await api.export()
        await api.delete_account("p", messages=True)
        with pytest.raises(SignedOut):
            await api.me()
    assert asked == [
        ("PATCH", "/chats/5", {"slow_mode": 30}),
        ("POST", "/reports", {"message_id": 7, "reason": "spam", "comment": ""}),
        ("POST", "/reports", {"user_id": 2, "chat_id": 5, "reason": "other", "comment": "Look"}),
        ("POST", "/blocks", {"user_id": 2}),
        ("DELETE", "/blocks/2", {}),
        ("GET", "/blocks", {"limit": "3", "cursor": "c"}),
        ("GET", "/me/decisions", {"limit": "50"}),
        ("POST", "/me/appeals", {"decision_id": 4, "text": "Why?"}),
        ("GET", "/me/export", {}),
        ("DELETE", "/me", {"password": "p", "messages": True}),
    ]


def test_the_end_of_a_mute_is_told() -> None:
    facts = {"code": "muted", "detail": "Quiet.", "until": "2030-01-01T00:00:00Z"}
    assert from_facts(facts).until == "2030-01-01T00:00:00Z"


async def test_a_refusal_that_does_not_say_of_what_makes_the_message_go_again() -> None:
    async with faking() as fake, fake.client(patience=0.3) as me:
        fake.errors = {"message.send": [("rate_limited", 0.02, False)]}
        one, two = me.send(5, "one"), me.send(5, "two")
        assert [(await one)["seq"], (await two)["seq"]] == [2, 3]
        # What was refused in that way is not waited for.
        await asyncio.sleep(1.0)
        assert len(fake.said("message.send")) == 3 and len(fake.said("resume")) == 1


async def test_while_a_message_waits_for_its_next_try_nothing_is_held_back_for_it() -> None:
    async with faking() as fake, fake.client() as me:
        stream = me.events()
        await hear(stream, 1, Connected)
        fake.silent = {"message.send"}
        one, two = me.send(5, "one"), me.send(5, "two")
        await until(lambda: fake.said("message.send"))
        await fake.tell(fake.message(5, "elsewhere", ME))
        await fake.tell(fake.message(5, "theirs"))
        await nothing_more(me)
        number = fake.commands[-2]["request_id"]
        error = {"code": "rate_limited", "detail": "", "retry_after": 0.2}
        await fake.say({"event": "error", "data": error, "request_id": number})
        assert texts(await hear(stream, 2)) == ["elsewhere", "theirs"]
        fake.silent = set()
        await fake.tell(fake.message(5, "again elsewhere", ME))
        three = me.send(5, "three")
        await nothing_more(me, SendFailed)
        assert len(fake.said("message.send")) == 1
        assert [(await pending)["seq"] for pending in (one, two, three)] == [5, 6, 7]
        assert len(fake.said("message.send")) == 4


async def test_a_late_answer_counts_and_a_second_one_does_not() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        for retry_after in (30.0, 0.01):
            fake.silent = {"message.send"}
            before = len(fake.said("message.send"))
            pending = me.send(5, f"{retry_after}")
            await until(lambda: len(fake.said("message.send")) > before)  # noqa: B023
            number = fake.commands[-1]["request_id"]
            error = {"code": "rate_limited", "detail": "", "retry_after": retry_after}
            await fake.say({"event": "error", "data": error})
            fake.silent = set()
            if retry_after < 1:
                await pending
            frame = fake.keys.get(pending.key) or await fake.tell(fake.message(5, "x", ME))
            await fake.say({"event": "ack", "data": frame["data"], "request_id": number})
            assert (await pending)["seq"] == frame["seq"]
        await me.send(5, "after")
        assert [event.seq for event in await hear(me.events(), 3)] == [2, 3, 4]
        assert me.state == "connected" and len(fake.said("resume")) == 1


async def test_a_refusal_for_good_tells_what_was_held_for_it_and_then_of_itself() -> None:
    async with faking() as fake, fake.client() as me:
        stream = me.events()
        await hear(stream, 1, Connected)
        fake.silent = {"message.send"}
        me.send(5, "mine")
        await until(lambda: fake.said("message.send"))
        number = fake.commands[-1]["request_id"]
        await fake.tell(fake.message(5, "elsewhere", ME))
        error = {"code": "forbidden", "detail": ""}
        await fake.say({"event": "error", "data": error, "request_id": number})
        told = [await anext(stream), await anext(stream)]
        assert [type(event) for event in told] == [MessageCreated, SendFailed]


async def test_what_was_held_for_a_message_is_told_when_the_client_ends_for_good() -> None:
    async with faking() as fake, fake.client() as me:
        stream = me.events()
        await hear(stream, 1, Connected)
        fake.silent = {"message.send"}
        me.send(5, "mine")
        await until(lambda: fake.said("message.send"))
        await fake.tell(fake.message(5, "elsewhere", ME))
        await fake.close(4403)
        with pytest.raises(Banned):
            told = []
            async for event in stream:
                told.append(type(event))
        assert told == [Disconnected, MessageCreated, SendFailed]


async def test_a_message_of_known_origin_keeps_its_key_behind_one_of_unknown_origin() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        fake.mute = {(5, 2), (5, 3)}
        await fake.tell(fake.message(5, "elsewhere", ME))
        one = me.send(5, "one")
        assert (await one)["seq"] == 3
        fake.silent = {"message.send"}
        two = me.send(5, "two")
        await until(lambda: len(fake.said("message.send")) == 2)
        # Both come by the resume, while nobody knows what became of the second.
        await fake.tell(fake.message(5, "theirs"))
        await until(lambda: me.seqs == {5: 4})
        fake.silent = set()
        me.drop()
        assert (await two)["seq"] == 5
        heard = await hear(me.events(), 4)
        assert [event.local_key for event in heard] == [None, one.key, None, two.key]


async def test_many_messages_go_one_after_the_other_each_once() -> None:
    async with faking((5, 6)) as fake, fake.client() as me:
        await me.wait_connected()
        for number in range(40):
            me.send(5 + number % 2, f"{number}")
        await me.flush()
        assert [data["content"] for data in fake.said("message.send")] == [
            f"{n}" for n in range(40)
        ]
        await hear(me.events(), 40)
        assert not me._gate._keys.get(5) and not me._gate._held


async def test_what_the_server_cannot_even_read_fails_in_the_end_and_alone() -> None:
    async with faking((5, 6)) as fake, fake.client(patience=30.0) as me:
        await me.wait_connected()
        fake.errors = {"message.send": [("malformed", None, False)] * 5}
        one = me.send(5, "one")
        with pytest.raises(MessengerError) as refusal:
            await one
        assert refusal.value.code == "malformed"
        assert (await hear(me.events(), 1, SendFailed))[0].key == one.key
        assert (await me.send(5, "two"))["seq"] == 2
        with pytest.raises(MessengerError):
            await me.command("typing", {"x": "y" * 70_000})


@pytest.mark.parametrize(("code", "times"), [("not_found", 1), ("internal_error", 5)])
async def test_a_refusal_for_good_fails_that_message_alone(code: str, times: int) -> None:
    async with faking() as fake, fake.client() as me:
        fake.errors = {"message.send": [(code, None, True)] * times}
        one, two = me.send(5, "one"), me.send(5, "two")
        with pytest.raises(MessengerError) as refusal:
            await one
        assert refusal.value.code == code
        [failed] = await hear(me.events(), 1, SendFailed)
        assert (failed.chat_id, failed.key, failed.error) == (5, one.key, refusal.value)
        assert (await two)["seq"] == 2
        assert len(fake.said("message.send")) == times + 1


async def test_what_can_be_no_message_is_refused_at_once() -> None:
    async with faking() as fake, fake.client() as me:
        for wrong in ({"payload": object()}, {"payload": float("nan")}, {"content": "\ud800"}):
            with pytest.raises((TypeError, ValueError)):
                me.send(5, **{"content": "x", **wrong})  # type: ignore[arg-type]
        with pytest.raises(MessengerError):
            me.send(5, "x", payload="y" * 70_000)
        payload = {"n": 1}
        pending = me.send(5, "ok", payload=payload, reply_to=7, type="note", key="k")
        payload["n"] = 2
        await pending
        assert fake.said("message.send") == [
            {
                "chat_id": 5,
                "type": "note",
                "content": "ok",
                "payload": {"n": 1},
                "reply_to_id": 7,
                "client_message_id": "k",
            }
        ]


async def test_who_stops_waiting_for_a_message_does_not_stop_it() -> None:
    async with faking() as fake, fake.client() as me:
        fake.errors = {"message.send": [("rate_limited", 0.05, True)]}
        pending = me.send(5, "x")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await pending
        await me.flush()
        assert pending.done and (await pending)["seq"] == 2


async def test_closing_fails_what_is_not_sent_and_leaves_no_task() -> None:
    async with faking() as fake:
        before = asyncio.all_tasks()
        async with fake.client() as me:
            me.on(Event, lambda event: None)
            await me.wait_connected()
            fake.silent = {"message.send"}
            pending = me.send(5, "x")
            fake.silent.add("typing")
            asking = asyncio.create_task(me.command("typing"))
            await until(lambda: fake.said("typing"))
        with pytest.raises(Closed):
            await pending
        with pytest.raises(Closed):
            await asking
        with pytest.raises(Closed):
            me.send(5, "y")
        with pytest.raises(Closed):
            await me.wait_connected()
        assert me.state == "closed"
        assert [event async for event in me.events()] == [Connected()]
        await until(lambda: not fake.sockets)
        left = {task for task in asyncio.all_tasks() - before if "conn_handler" not in repr(task)}
        assert not left, left


# --- the application -------------------------------------------------------------------------


async def test_a_slow_application_holds_up_the_reading_and_misses_nothing() -> None:
    async with faking() as fake, fake.client(buffer=3, patience=0.2, silence=0.1) as me:
        stream = me.events()
        await hear(stream, 1, Connected)
        for number in range(50):
            await fake.tell(fake.message(5, f"{number}"))
        # Much longer than the server may be silent: it is not the server who is slow.
        await asyncio.sleep(0.6)
        assert me.seqs == {5: 1 + 4} and me.state == "connected"
        assert texts(await hear(stream, 50)) == [f"{number}" for number in range(50)]
        await nothing_more(me, Event)


async def test_an_application_that_waits_for_an_answer_is_not_waited_for() -> None:
    async with faking() as fake, fake.client(buffer=2) as me:
        heard = []
        me.on(MessageCreated, lambda event: heard.append(event))
        stream = me.events()
        await hear(stream, 1, Connected)
        for number in range(20):
            await fake.tell(fake.message(5, f"{number}"))
        await until(lambda: me.seqs == {5: 1 + 3})
        await asyncio.sleep(0.02)
        assert me.seqs == {5: 1 + 3}
        assert (await me.send(5, "answer"))["seq"] == 22
        assert await me.command("typing") == {}
        assert len(await hear(stream, 21)) == 21
        await until(lambda: len(heard) == 21)


async def test_without_listeners_a_client_goes_on_and_who_comes_too_late_is_told_so() -> None:
    async with faking() as fake, fake.client(buffer=5) as me:
        for number in range(10):
            await me.send(5, f"{number}")
        await until(lambda: me.seqs == {5: 11})
        with pytest.raises(RuntimeError, match="listened"):
            me.events()


async def test_handlers_hear_their_kind_and_a_failing_one_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with faking() as fake:
        me = fake.client()
        heard: list[Any] = []

        def fails(event: Event) -> None:
            raise ZeroDivisionError

        async def answer(event: MessageCreated) -> None:
            heard.append((event.message["content"], (await me.send(5, "answer"))["seq"]))

        me.on(Event, fails)
        off = me.on(MessageCreated, answer)
        async with me:
            await me.wait_connected()
            await fake.tell(fake.message(5, "question"))
            await until(lambda: heard)
            off()
            await until(lambda: me.seqs == {5: fake.seq(5)} and fake.seq(5) >= 3)
        assert heard[0] == ("question", 3)
    assert "ZeroDivisionError" in caplog.text


# --- the line --------------------------------------------------------------------------------


async def test_a_lost_connection_is_told_and_comes_back_with_what_was_missed() -> None:
    async with faking() as fake, fake.client() as me:
        stream = me.events()
        await hear(stream, 1, Connected)
        me.drop()
        fake.message(5, "meanwhile")
        events = [await anext(stream) for _ in range(3)]
        assert [type(event) for event in events] == [Disconnected, MessageCreated, Connected]
        assert events[0].code == 1006  # type: ignore[attr-defined]
        await fake.close(1012, "server restart")
        [lost] = await hear(stream, 1, Disconnected)
        assert lost == Disconnected(1012, "server restart")
        await hear(stream, 1, Connected)
        assert fake.said("resume") == [{"chats": {"5": seq}} for seq in (1, 1, 2)]


async def test_a_server_that_says_nothing_is_asked_and_then_left() -> None:
    async with faking() as fake, fake.client(silence=0.1, patience=0.2) as me:
        stream = me.events()
        await hear(stream, 1, Connected)
        await until(lambda: len(fake.said("ping")) >= 2)
        assert len(fake.said("resume")) == 1
        fake.silent = {"ping"}
        assert (await hear(stream, 1, Disconnected))[0].code == 1006
        await hear(stream, 1, Connected)


async def test_a_send_that_is_never_answered_costs_the_connection_also_of_a_talkative_server() -> (
    None
):
    async with faking() as fake, fake.client(patience=0.1) as me:
        stream = me.events()
        await hear(stream, 1, Connected)
        fake.silent = {"message.send"}
        pending = me.send(5, "x")

        async def talk() -> None:
            while True:
                await fake.say({"event": "moon.rose", "data": {}})
                await asyncio.sleep(0.01)

        talking = asyncio.create_task(talk())
        await hear(stream, 1, Disconnected)
        talking.cancel()
        fake.silent = set()
        assert (await pending)["seq"] == 2


def test_pauses_grow_by_chance_and_with_the_code_of_the_close() -> None:
    class Most(Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    line = Messenger("http://x", random=Most())._line

    def pauses(code: int) -> list[float]:
        return [Line._pause(line, code, failures) for failures in (0, 1, 3, 10, 10_000)]

    assert pauses(1006)[:4] == [0.5, 1.0, 4.0, 30.0]
    assert pauses(1012) == pauses(4408) == [0.5] * 5
    assert pauses(4401)[:2] == [0.0, 1.0]
    assert pauses(4429) == [30.0] * 5
    line = Messenger("http://x", random=Random(1))._line
    some = [Line._pause(line, 1006, 3) for _ in range(1000)]
    assert min(some) < 0.1 and max(some) > 3.9


async def test_where_no_server_is_the_client_waits_for_one() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        assert fake.server is not None
        port = fake.server.sockets[0].getsockname()[1]
        fake.server.close()
        await fake.server.wait_closed()
        pending = me.send(5, "offline")
        await until(lambda: me.state == "waiting")
        async with serve(fake.serve, "127.0.0.1", port, ping_interval=None):
            assert (await pending)["seq"] == 2
            assert (await hear(me.events(), 1))[0].local_key == pending.key
            await me.close()


# --- tokens ----------------------------------------------------------------------------------


async def test_a_fresh_token_is_fetched_in_time_by_one_request_and_shown_to_the_socket() -> None:
    kept: list[Any] = []
    async with faking() as fake:
        fake.life = 3
        async with fake.client(refresh_margin=2.8, on_tokens=kept.append) as me:
            await me.wait_connected()
            await until(lambda: fake.said("auth.refresh"))
            assert fake.asked["/auth/refresh"] == 1
            assert fake.said("auth.refresh") == [{"token": me.api.tokens.access}]
            assert [pair["refresh_token"] for pair in kept] == ["refresh-1", "refresh-2"]
            assert len(fake.said("resume")) == 1


async def test_many_requests_that_are_refused_make_one_exchange_and_go_again() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        old = me.api.tokens.access

        def answer(request: httpx.Request) -> httpx.Response:
            if request.headers["Authorization"] == f"Bearer {old}":
                return httpx.Response(401, json={"code": "unauthenticated", "detail": ""})
            return httpx.Response(200, json=[1])

        fake.answers["/presence/typing/5"] = answer
        assert await asyncio.gather(*(me.api.typing(5) for _ in range(5))) == [[1]] * 5
        assert await me.api.tokens.renew(old) == me.api.tokens.access != old
        assert fake.asked["/auth/refresh"] == 1
        # Refused again with the fresh one: that is the answer.
        fake.answers["/presence/typing/5"] = lambda request: httpx.Response(401, json={})
        with pytest.raises(MessengerError) as refusal:
            await me.api.typing(5)
        assert refusal.value.status == 401 and fake.asked["/auth/refresh"] == 2


async def test_an_exchange_goes_on_when_who_asked_for_it_does_not_wait() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await me.api.tokens.renew(me.api.tokens.access)
        await until(lambda: fake.tokens == 2)
        await me.api.tokens.settled()
        assert me.api.tokens.tokens is not None
        assert me.api.tokens.tokens["refresh_token"] == "refresh-2"


async def test_a_socket_that_was_closed_for_its_token_comes_back_with_another() -> None:
    async with faking() as fake:
        fake.refuse = [(4401, "unauthenticated")]
        async with fake.client() as me:
            await me.wait_connected()
            assert fake.asked["/auth/refresh"] == 1
            assert fake.commands[0]["by"] == f"Bearer {me.api.tokens.access}"
            await fake.close(4401)
            await until(lambda: len(fake.said("resume")) == 2)
            assert fake.asked["/auth/refresh"] == 2


@pytest.mark.parametrize("status", [401, 400])
async def test_a_refused_exchange_signs_out(status: int) -> None:
    async with faking() as fake, fake.client() as me:
        stream = me.events()
        await hear(stream, 1, Connected)
        refusal = {"code": "token_reused", "detail": ""}
        fake.answers["/auth/refresh"] = lambda request: httpx.Response(status, json=refusal)
        fake.silent = {"message.send"}
        pending = me.send(5, "x")
        await fake.close(4401)
        with pytest.raises(SignedOut):
            await pending
        assert (await hear(stream, 1, SendFailed))[0].key == pending.key
        with pytest.raises(SignedOut):
            await anext(stream)
        with pytest.raises(SignedOut):
            await me.wait_connected()
        with pytest.raises(SignedOut):
            await me.api.chat(5)
        assert me.state == "closed" and fake.asked["/auth/refresh"] == 1


async def test_an_exchange_that_fails_for_a_moment_does_not_sign_out() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        answers = [
            httpx.Response(503, json={"code": "unavailable", "detail": ""}),
            httpx.Response(429, json={"code": "rate_limited", "detail": "", "retry_after": 0.02}),
        ]

        def answer(request: httpx.Request) -> httpx.Response:
            return answers.pop() if answers else httpx.Response(200, json=fake.pair())

        fake.answers["/auth/refresh"] = answer
        await fake.close(4401)
        await until(lambda: len(fake.said("resume")) == 2)
        assert fake.asked["/auth/refresh"] == 3


async def test_a_ban_ends_it() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        await fake.close(4403, "banned")
        with pytest.raises(Banned):
            async for _ in me.events():
                pass
        with pytest.raises(Banned):
            me.send(5, "x")


async def test_signing_out_ends_it() -> None:
    async with faking() as fake, fake.client() as me:
        await me.wait_connected()
        fake.answers["/auth/logout"] = lambda request: httpx.Response(204)
        await me.api.logout()
        with pytest.raises(SignedOut):
            async for _ in me.events():
                pass


async def test_what_ends_it_ends_the_waiting_for_the_next_try() -> None:
    async with faking() as fake:
        fake.refuse = [(4429, "rate_limited")]
        async with fake.client(too_many=60.0) as me:
            await until(lambda: me.state == "waiting")
            fake.answers["/auth/logout"] = lambda request: httpx.Response(204)
            await me.api.logout()
            with pytest.raises(SignedOut):
                await me.wait_connected()


async def test_a_ticket_opens_the_socket_where_that_is_wanted() -> None:
    async with faking() as fake, fake.client(ticket=True) as me:
        await me.wait_connected()
        assert fake.commands[0]["by"] == "/api/v1/ws?ticket=T1"


async def test_a_token_that_is_new_by_the_time_the_socket_opens_is_shown_to_it() -> None:
    async with faking() as fake:
        me = fake.client(ticket=True)

        def answer(request: httpx.Request) -> httpx.Response:
            me.api.tokens.take(fake.pair())  # type: ignore[arg-type]
            return httpx.Response(201, json={"ticket": "T2", "expires_in": 30})

        fake.answers["/auth/ws-ticket"] = answer
        async with me:
            await me.wait_connected()
            assert fake.said("auth.refresh") == [{"token": me.api.tokens.access}]


async def test_a_server_that_is_not_there_or_refuses_is_an_error_at_once() -> None:
    with pytest.raises(Unreachable):
        async with Messenger("http://127.0.0.1:1", username="a", password="b"):
            pass
    async with faking() as fake:
        refusal = {"code": "wrong_credentials", "detail": "No."}
        fake.answers["/auth/login"] = lambda request: httpx.Response(401, json=refusal)
        with pytest.raises(MessengerError) as wrong:
            async with fake.client():
                pass
        assert (wrong.value.code, wrong.value.status) == ("wrong_credentials", 401)
        tokens: Any = {"access_token": jwt(1), "refresh_token": "r"}
        async with fake.client(username=None, tokens=tokens) as me:
            await me.wait_connected()
            assert fake.commands[0]["by"] == f"Bearer {tokens['access_token']}"


# --- chance ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_to_the_line_everything_is_told_once_and_in_order(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    chance = Random(seed)
    async with faking((5, 6)) as fake, fake.client(patience=0.3, random=Random(seed)) as me:
        heard: dict[int, list[ChatEvent]] = {5: [], 6: []}
        me.on(ChatEvent, lambda event: heard[event.chat_id].append(event))
        pending = []
        for number in range(120):
            chat_id = chance.choice((5, 6))
            fake.ack = chance.choice(("first", "last"))
            fake.times = chance.choice((1, 1, 2))
            match chance.randrange(10):
                case 0:
                    me.drop()
                case 1:
                    fake.lose += 1
                case 2:
                    fake.mute.add((chat_id, fake.seq(chat_id) + 1))
                case 3:
                    fake.errors.setdefault("message.send", []).append(
                        ("rate_limited", 0.01, chance.random() < 0.5)
                    )
                case 4:
                    await fake.close(chance.choice((1012, 4408, 4401, 4429, 1013)))
                case 5:
                    await asyncio.sleep(0.02)
            if chance.random() < 0.5:
                pending.append(me.send(chat_id, f"mine {number}"))
            else:
                await fake.tell(fake.message(chat_id, f"{number}", chance.choice((ME, OTHER))))
            if chance.random() < 0.3:
                await asyncio.sleep(0)
        stored = [await one for one in pending]
        # The last word of each chat is told, so that nothing before it is still on its way.
        await me.wait_connected()
        for chat_id in (5, 6):
            await fake.tell(fake.message(chat_id, "end"))
        await until(lambda: me.seqs == {5: fake.seq(5), 6: fake.seq(6)})
        await until(lambda: sum(map(len, heard.values())) == fake.seq(5) + fake.seq(6) - 2)
    for chat_id, events in heard.items():
        assert [event.seq for event in events] == list(range(2, fake.seq(chat_id) + 1))
        mine = [one for one in pending if one.chat_id == chat_id]
        keys = [e.local_key for e in events if isinstance(e, MessageCreated) and e.local_key]
        assert keys == [one.key for one in mine]
    assert [message["content"] for message in stored] == [
        fake.keys[one.key]["data"]["content"] for one in pending
    ]
    assert len(fake.keys) == len(pending)
    assert "The connection failed" not in caplog.text
