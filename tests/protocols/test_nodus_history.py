"""A chat of 100,000 messages: its deepest page costs what its newest does."""

import statistics
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chats.models import Chat
from messaging.models import Message, Reaction, Receipt
from tests.people import client

LENGTH = 100_000
PAGE = 50


@pytest.fixture
def long_chat(alice: User, bob: User, group: Chat) -> list[int]:
    """Ids of its messages, oldest first; those at its ends were read and carry many reactions."""
    made_up = "gen_random_uuid()" if connection.vendor == "postgresql" else "hex(randomblob(16))"
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < %s)"
            " INSERT INTO messaging_message"
            " (uuid, chat_id, author_id, position, seq, type, content, created_at)"
            f" SELECT {made_up}, %s, %s, n, n + 1, 'text', 'said', CURRENT_TIMESTAMP FROM n",
            [LENGTH, group.id, alice.id],
        )
        cursor.execute("ANALYZE")
    Chat.objects.filter(id=group.id).update(last_position=LENGTH, last_seq=LENGTH + 1)
    ids = list(Message.objects.order_by("position").values_list("id", flat=True))
    ends = ids[: 2 * PAGE] + ids[-2 * PAGE :]
    Receipt.objects.bulk_create(Receipt(message_id=id, user=bob) for id in ends)
    Reaction.objects.bulk_create(
        Reaction(message_id=id, user=user, emoji=emoji)
        for id in ends
        for user in (alice, bob)
        for emoji in ("👍", "🔥", "🎉")
    )
    return ids


def page(client: Client, chat: Chat, query: str = "") -> Any:
    response = client.get(f"/api/v1/messages?chat_id={chat.id}&limit={PAGE}{query}")
    assert response.status_code == 200
    return response.json()


def test_the_deepest_page_costs_what_the_newest_does_and_any_is_four_queries(
    bob: User, group: Chat, long_chat: list[int]
) -> None:
    reader = client(bob)
    deep = f"&before_id={long_chat[PAGE]}"
    assert [m["id"] for m in page(reader, group)["messages"]] == long_chat[: -PAGE - 1 : -1]
    deepest = page(reader, group, deep)
    assert [m["id"] for m in deepest["messages"]] == long_chat[PAGE - 1 :: -1]
    assert not deepest["has_more"] and deepest["next_cursor"] is None

    def seconds(query: str) -> float:
        begun = time.perf_counter()
        page(reader, group, query)
        return time.perf_counter() - begun

    pages = [(seconds(deep), seconds("")) for _ in range(40)]
    # Of pairs taken one after the other: somebody else may be busy on this machine.
    assert statistics.median(d / n for d, n in pages) < 1.5

    # Who asks, whether the chat is theirs, the messages, their reactions: whatever they carry.
    for query in ("", deep, f"&after_id={long_chat[PAGE - 1]}"):
        with CaptureQueriesContext(connection) as queries:
            found = page(reader, group, query)
        assert len(found["messages"]) == PAGE
        assert sum(len(message["reactions"]) for message in found["messages"]) == PAGE * 6
        assert len(queries) <= 4, query
