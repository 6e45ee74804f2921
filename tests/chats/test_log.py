"""The log: one row and one event for each change, in the order of the commits, and told again."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from accounts.models import User
from chats.changes import changes_to
from chats.events import ChatUpdated
from chats.models import Chat, LogEntry
from chats.selectors import chat_facts, events_after
from chats.services import add_member, create_chat, delete_chat, leave_chat, update_chat
from messaging.events import MessageRead
from messaging.reading import read_message
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    remove_reaction,
    send_message,
)
from messenger.events import EVENTS, ChatEvent, decode, encode
from tests.chats.helpers import log, told
from tests.races import PATIENCE, at_once


@dataclass
class Scene:
    """Alice's group with Bob; she has written a message, on which he has put a cup."""

    alice: User
    bob: User
    charlie: User
    group: Chat
    message: int


@pytest.fixture
def scene(alice: User, bob: User, charlie: User, group: Chat) -> Scene:
    message = send_message(alice, chat=group.id, content="tea?", key="k").message.id
    add_reaction(bob, message=message, emoji="☕")
    return Scene(alice, bob, charlie, group, message)


# How each kind of change comes about.
CHANGES: dict[str, Callable[[Scene], Any]] = {
    "chat_created": lambda s: create_chat(s.alice, kind="group", name="New", members=[s.bob]),
    "chat_updated": lambda s: update_chat(s.alice, chat=s.group, name="Tea"),
    "chat_deleted": lambda s: delete_chat(s.alice, s.group),
    "member_joined": lambda s: add_member(s.alice, chat=s.group, user=s.charlie),
    "member_left": lambda s: leave_chat(s.bob, s.group),
    "role_changed": lambda s: leave_chat(s.alice, s.group),
    "message_sent": lambda s: send_message(
        s.bob, chat=s.group.id, content=None, type="card", payload={"a": [1]}, reply_to=s.message
    ),
    "message_edited": lambda s: edit_message(s.alice, message=s.message, content="coffee?"),
    "message_deleted": lambda s: delete_message(s.alice, message=s.message),
    "message_read": lambda s: read_message(s.bob, message=s.message),
    "reaction_added": lambda s: add_reaction(s.bob, message=s.message, emoji="👍"),
    "reaction_removed": lambda s: remove_reaction(s.bob, message=s.message, emoji="☕"),
}
KINDS = sorted(kind for kind, event in EVENTS.items() if issubclass(event, ChatEvent))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_change_is_one_row_and_one_event_and_told_again_as_it_was(
    kind: str, scene: Scene, published: list[Any]
) -> None:
    before = LogEntry.objects.count()
    published.clear()
    CHANGES[kind](scene)
    assert kind in {event.kind for event in published}
    chat = Chat.objects.get(id=published[0].chat_id)
    first = published[0].seq
    assert log(chat)[first - 1 :] == told(published, chat)
    assert [seq for seq, _ in log(chat)] == list(range(1, chat.last_seq + 1))
    assert LogEntry.objects.count() - before == len(published)
    assert events_after(chat.id, first - 1) == published
    assert decode(encode(published)) == published


def test_what_one_did_on_a_socket_is_told_again_without_the_socket(
    alice: User, group: Chat, published: list[Any]
) -> None:
    send_message(alice, chat=group.id, content="x", origin="here:1")
    assert published[-1].origin == "here:1"
    assert events_after(group.id, 1) == [replace(published[-1], origin=None)]


def test_a_second_reader_is_told_of_again_after_the_first(
    scene: Scene, published: list[Any]
) -> None:
    add_member(scene.alice, chat=scene.group, user=scene.charlie)
    message = send_message(scene.alice, chat=scene.group.id, content="x").message.id
    first, second = (read_message(reader, message=message) for reader in (scene.charlie, scene.bob))
    [again] = events_after(scene.group.id, published[-1].seq - 1)
    assert isinstance(again, MessageRead) and again == published[-1]
    assert again.first_read_at == first.read_at != second.read_at
    assert again.read_by == [str(scene.charlie.uuid), str(scene.bob.uuid)]


def test_deleted_content_is_not_told_again(scene: Scene) -> None:
    edit_message(scene.alice, message=scene.message, content="coffee?")
    read_message(scene.bob, message=scene.message)
    delete_message(scene.alice, message=scene.message)
    again = events_after(scene.group.id, 0)
    assert [(event.seq, event.kind) for event in again] == log(scene.group)
    about = [event.message for event in again if hasattr(event, "message")]
    assert len(about) == 5
    assert {(facts.content, facts.payload) for facts in about} == {(None, None)}
    assert b"tea?" not in encode(again) and b"coffee?" not in encode(again)


def test_the_log_holds_no_content(scene: Scene) -> None:
    edit_message(scene.alice, message=scene.message, content="coffee?")
    rows = str(list(LogEntry.objects.values()))
    assert "tea?" not in rows and "coffee?" not in rows


def test_the_log_is_told_from_any_place_in_pages(scene: Scene) -> None:
    whole = events_after(scene.group.id, 0)
    assert len(whole) == 3
    for seq in range(4):
        assert events_after(scene.group.id, seq) == whole[seq:]
        assert events_after(scene.group.id, seq, limit=1) == whole[seq : seq + 1]
    assert events_after(-1, 0) == []


def test_a_long_log_is_told_in_a_bounded_number_of_queries(
    scene: Scene, django_assert_max_num_queries: Any
) -> None:
    for n in range(20):
        sent = send_message(scene.alice, chat=scene.group.id, content=f"{n}")
        read_message(scene.bob, message=sent.message.id)
    with django_assert_max_num_queries(9):
        assert len(events_after(scene.group.id, 0)) == 43


def test_a_change_that_fails_writes_and_tells_nothing(
    alice: User, group: Chat, published: list[Any]
) -> None:
    published.clear()
    with pytest.raises(ZeroDivisionError), changes_to(group.id) as changes:
        Chat.objects.filter(id=group.id).update(name="x")
        facts = chat_facts([group])[group.id]
        changes.record(ChatUpdated, changes.chats[group.id], actor_id=alice.id, chat=facts)
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        send_message(alice, chat=group.id, content="x")
        update_chat(alice, chat=group, name="x")
        raise ZeroDivisionError
    assert not published and log(group) == [(1, "chat_created")]
    now = Chat.objects.get(id=group.id)
    assert (now.name, now.last_seq, now.last_position) == ("Group", 1, 0)
    assert send_message(alice, chat=group.id, content="y").seq == 2


def test_nothing_is_told_before_the_commit(alice: User, group: Chat, published: list[Any]) -> None:
    published.clear()
    with transaction.atomic():
        send_message(alice, chat=group.id, content="x")
        assert not published
    assert told(published, group) == [(2, "message_sent")]


def test_a_reader_of_the_log_meets_no_gap_while_eight_write(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    seen: list[int] = []
    writers, each = 8, 8

    def write(n: int) -> None:
        for m in range(each):
            send_message((alice, bob)[n % 2], chat=group.id, content=f"{n} {m}")

    def read() -> None:
        end = time.monotonic() + PATIENCE
        while len(seen) < 1 + writers * each and time.monotonic() < end:
            for event in events_after(group.id, seen[-1] if seen else 0, limit=7):
                seen.append(event.seq)
            # A reader that only spins would keep the interpreter from the writers.
            time.sleep(0.001)

    outcomes = at_once(read, *(partial(write, n) for n in range(writers)))
    assert outcomes == [None] * 9
    assert seen == list(range(1, 2 + writers * each))
    assert sorted(told(published, group)) == log(group)
