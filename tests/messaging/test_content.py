"""What a message may hold, and what is refused before it comes near the database."""

import math
from typing import Any

import orjson
import pytest

from accounts.models import User
from chats.models import Chat
from messaging.content import check, fingerprint
from messaging.history import history
from messaging.models import Message
from messaging.services import edit_message, send_message
from messenger.errors import Invalid


def nested(depth: int) -> Any:
    """A list in a list in a list, `depth` of them."""
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


GOOD: list[dict[str, Any]] = [
    {"content": "x"},
    {"content": "x" * 4096},
    {"content": "🙂" * 4096},
    {"content": "👨‍👩‍👧‍👦 e\u0301 \u202e\ufeff\u200b\x01\x7f"},
    {"content": "  x\n"},
    {"content": "<script>alert(1)</script> ' \" \\ %s {} ; --"},
    {"content": "", "type": "card"},
    {"content": None, "type": "card", "payload": {}},
    {"content": None, "type": "card", "payload": 0},
    {"content": "x", "type": "т" * 20, "payload": {"a": [1, 2.5, None, True, "🙂"]}},
    {"content": "x", "payload": "x" * (16 * 1024 - 2)},
    {"content": "x", "payload": nested(32)},
    {"content": "x", "payload": {"regex": "\\u0000", "\\\\u0000": "\\"}},
    {"content": "x", "payload": [2**63, -(2**63), 2**64 - 1, 9e18, 1e-300, -0.0]},
]
BAD: list[tuple[str, dict[str, Any]]] = [
    ("content", {"content": ""}),
    ("content", {"content": " \t\n\u00a0\u2003"}),
    ("content", {"content": None}),
    ("content", {"content": None, "payload": {}}),
    ("content", {"content": None, "type": "card"}),
    ("content", {"content": "x" * 4097}),
    ("content", {"content": "🙂" * 4097}),
    ("content", {"content": "x" * 4097, "type": "card"}),
    ("content", {"content": "a\x00b"}),
    ("content", {"content": "\x00", "type": "card"}),
    ("content", {"content": "\ud83d"}),
    ("content", {"content": "\ude42\ud83d"}),
    ("content", {"content": 5}),
    ("content", {"content": ["x"]}),
    ("content", {"content": b"x"}),
    ("type", {"content": "x", "type": ""}),
    ("type", {"content": "x", "type": "t" * 21}),
    ("type", {"content": "x", "type": "a\x00"}),
    ("type", {"content": "x", "type": "a\n"}),
    ("type", {"content": "x", "type": "\ud83d"}),
    ("type", {"content": "x", "type": None}),
    ("type", {"content": "x", "type": 5}),
    ("payload", {"content": "x", "payload": "x" * (16 * 1024 - 1)}),
    ("payload", {"content": "x", "payload": "ж" * (8 * 1024)}),
    ("payload", {"content": "x", "payload": nested(33)}),
    ("payload", {"content": "x", "payload": nested(100_000)}),
    ("payload", {"content": "x", "payload": "a\x00"}),
    ("payload", {"content": "x", "payload": {"a\x00": 1}}),
    ("payload", {"content": "x", "payload": ["\\\x00"]}),
    ("payload", {"content": "x", "payload": ["\ud83d"]}),
    ("payload", {"content": "x", "payload": {"\ud83d": 1}}),
    ("payload", {"content": "x", "payload": 2**64}),
    ("payload", {"content": "x", "payload": 1e19}),
    ("payload", {"content": "x", "payload": [math.nan]}),
    ("payload", {"content": "x", "payload": {"a": -math.inf}}),
    ("payload", {"content": "x", "payload": {1: 2}}),
    ("payload", {"content": "x", "payload": {"a": {1, 2}}}),
]


def test_what_may_be_said_is_stored_as_it_was_said(alice: User, group: Chat) -> None:
    for message in GOOD:
        sent = send_message(alice, chat=group.id, **message).message
        row = Message.objects.get(id=sent.id)
        assert (row.content, row.payload) == (message["content"], message.get("payload"))
        assert (sent.content, sent.payload, sent.type) == (row.content, row.payload, row.type)
        # And whoever asks later can be told.
        orjson.dumps(history(group.id, limit=1).messages)


def test_what_may_not_be_said_is_refused_with_the_name_of_the_field(
    alice: User, group: Chat, published: list[Any]
) -> None:
    published.clear()
    for field, message in BAD:
        with pytest.raises(Invalid) as caught:
            send_message(alice, chat=group.id, **message)
        assert list(caught.value.errors) == [field], str(message)[:200]
    assert not Message.objects.exists() and not published


def test_the_field_has_the_clients_name_for_it() -> None:
    with pytest.raises(Invalid) as caught:
        check(content="", field="text")
    assert list(caught.value.errors) == ["text"]


def test_an_edit_is_held_to_the_same(alice: User, group: Chat) -> None:
    sent = send_message(alice, chat=group.id, content="x").message
    wrong: list[Any] = ["", " ", "x" * 4097, "\x00", "\ud83d", 5]
    for content in wrong:
        with pytest.raises(Invalid):
            edit_message(alice, message=sent.id, content=content)
    assert Message.objects.get().content == "x"


def test_a_key_is_a_text_of_1_to_255_characters(alice: User, group: Chat) -> None:
    wrong: list[Any] = ["", "k" * 256, "k" * 5000, "\x00", "\ud83d", 5, True, ["k"]]
    for key in wrong:
        with pytest.raises(Invalid) as caught:
            send_message(alice, chat=group.id, content="x", key=key)
        assert list(caught.value.errors) == ["client_message_id"]
    assert not send_message(alice, chat=group.id, content="x", key="🙂" * 255).replayed


def test_a_fingerprint_is_of_the_content_and_not_of_its_order() -> None:
    one = fingerprint(1, "text", "x", {"a": 1, "b": [1, 2]})
    assert one == fingerprint(1, "text", "x", {"b": [1, 2], "a": 1})
    others = [
        fingerprint(2, "text", "x", {"a": 1, "b": [1, 2]}),
        fingerprint(1, "card", "x", {"a": 1, "b": [1, 2]}),
        fingerprint(1, "text", "y", {"a": 1, "b": [1, 2]}),
        fingerprint(1, "text", "x", {"a": 1, "b": [2, 1]}),
        fingerprint(1, "text", "x", None),
    ]
    assert len({one, *others}) == 6 and len(one) == 32
