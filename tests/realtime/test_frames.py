"""Whatever is in a frame: an answer or an error, and the socket lives."""

from typing import Any

import pytest

from accounts.models import User
from chats.models import Chat
from messenger.realtime import consumer
from messenger.realtime.limits import FrameLimit
from tests.sockets import Socket, miniapp

DEEP: list[Any] = []
for _ in range(300):
    DEEP = [DEEP]

JUNK: list[Any] = [
    {"action": "send_message", "chat_id": 1, "text": "x", "request_id": DEEP},
    {"action": "send_message", "chat_id": 1, "text": "x", "request_id": "x" * 129},
    "not json",
    "",
    " ",
    "null",
    "1",
    '"text"',
    "[]",
    "[1, 2]",
    "{",
    '{"action": "send_message"} trailing',
    "\ufeff{}",
    "[" * 1_000,
    "[" * 30_000,
    '{"a":' * 10_000,
    '{"action": NaN}',
    '{"action": "send_message", "text": "\\ud800"}',
    "9" * 5_000,
    "x" * 65_537,
    "я" * 40_000,
    {},
    {"action": None},
    {"action": 5},
    {"action": []},
    {"action": "nothing"},
    {"action": "__init__"},
    {"action": "websocket.disconnect"},
    {"action": "chat.message"},
    {"action": "x" * 10_000},
    {"type": "websocket.disconnect"},
    {"action": "send_message"},
    {"action": "send_message", "chat_id": 1},
    {"action": "message_read", "message_id": [1]},
    {"action": "message_read", "message_id": "' OR 1=1"},
    {"action": "create_chat", "type": "group", "name": "x", "user_ids": "me"},
    {"action": "create_chat", "type": "group", "name": "\u0000", "user_ids": []},
    {"action": "create_chat", "type": "private", "user_ids": []},
    {"action": "create_chat", "type": "channel", "name": "x", "user_ids": []},
    {"action": "create_chat", "type": "group", "name": "  ", "user_ids": []},
    {"action": "create_chat", "type": "group", "name": "n" * 101, "user_ids": []},
]


async def lives(socket: Socket, chat: Chat) -> None:
    frame = {"action": "send_message", "chat_id": chat.id, "text": "still here"}
    await socket.ask(frame, action="message_sent")


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: str(junk)[:40])
async def test_junk_gets_an_error_and_the_socket_lives(
    alice: User, bob: User, group: Chat, junk: Any
) -> None:
    async with miniapp(alice) as socket, miniapp(bob) as bystander:
        error = await socket.ask(junk, action="error")
        assert error["code"] in {
            "malformed", "too_large", "unknown_command", "invalid", "unknown_users"
        }  # fmt: skip
        assert error["detail"]
        await lives(socket, group)
        await bystander.get(action="new_message")


BAD_IDS: list[Any] = [
    -1, 0, 2**31, 2**63 - 1, 2**63, 10**30, "1.0", "1e3", "1_000", "١", " 1", "+1", "0x1", "",
    True, None, [], {}, 1.0, "00000000-0000-0000-0000-000000000000", "z" * 36, "9" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_IDS, ids=lambda bad: str(bad)[:20])
@pytest.mark.parametrize("field", ["chat_id", "message_id"])
async def test_a_bad_id_is_invalid_or_not_found_and_nothing_worse(
    alice: User, group: Chat, field: str, bad: Any
) -> None:
    action = {"chat_id": "send_message", "message_id": "message_read"}[field]
    async with miniapp(alice) as socket:
        error = await socket.ask({"action": action, field: bad, "text": "x"}, action="error")
        assert error["code"] in {"invalid", "not_found", "malformed"}
        await lives(socket, group)


@pytest.mark.parametrize(
    "text", ["", "   ", "\n", "\u0000", "a\u0000b", "x" * 4_097, None, 5, ["x"]]
)
async def test_a_text_that_can_not_be_a_message_is_refused(
    alice: User, group: Chat, text: Any
) -> None:
    async with miniapp(alice) as socket:
        await socket.ask(
            {"action": "send_message", "chat_id": group.id, "text": text}, action="error"
        )
        await lives(socket, group)


@pytest.mark.parametrize(
    "text",
    ["😀" * 4_096, "👨‍👩‍👧‍👦🇷🇺", "<script>alert(1)</script>", "\u202e\u200f", "{{7*7}}", "a\r\nb"],
)
async def test_any_other_text_comes_back_as_it_went_in(
    alice: User, bob: User, group: Chat, text: str
) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        await a.ask({"action": "send_message", "chat_id": group.id, "text": text})
        assert (await b.get(action="new_message"))["data"]["text"] == text


async def test_a_binary_frame_gets_an_error(alice: User, group: Chat) -> None:
    async with miniapp(alice) as socket:
        await socket.communicator.send_to(bytes_data=b"\x00\xff")
        await socket.get(action="error", code="malformed")
        await lives(socket, group)


async def test_who_sends_nothing_but_junk_is_closed_with_4400(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "STRIKES", 5)
    async with miniapp(alice) as socket:
        for _ in range(5):
            await socket.send("junk")
        assert await socket.closed() == 4400


async def test_too_many_frames_are_refused_and_then_cut_off(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrameLimit, "BURST", 5)
    monkeypatch.setattr(FrameLimit, "RATE", 0.001)
    async with miniapp(alice) as socket:
        for _ in range(5):
            await socket.ask({"action": "x"}, action="error", code="unknown_command")
        await socket.ask({"action": "x"}, action="error", code="rate_limited")
        for _ in range(5):
            await socket.send({"action": "x"})
        assert await socket.closed() == 4429


async def test_a_stranger_can_not_tell_a_chat_from_none(charlie: User, group: Chat) -> None:
    async with miniapp(charlie) as socket:
        frame = {"action": "send_message", "text": "x"}
        there = await socket.ask({**frame, "chat_id": group.id}, action="error")
        nowhere = await socket.ask({**frame, "chat_id": 2**40}, action="error")
    assert there == nowhere
