"""Reading everything up to a message: the same as reading each, and what waits is what is left."""

import random
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chats.models import Chat, Membership
from chats.services import create_chat, delete_chat, join_chat, leave_chat, remove_member
from messaging import read_up_to as module
from messaging.models import Message, ReadRange, Receipt
from messaging.reading import ReadMessage, read_message, read_messages
from messaging.services import (
    SendMessage,
    Sent,
    delete_message,
    read_up_to,
    send_message,
    send_messages,
)
from messaging.unread import unread_counts, unread_messages
from messenger.errors import NotFound
from tests.chats.helpers import log, meanwhile, told
from tests.races import at_once


def say(author: User, chat: Chat, count: int) -> list[int]:
    """Ids of so many messages, said at one go."""
    command = SendMessage(author_id=author.id, chat=chat.id, content="x")
    outcomes = send_messages([command] * count)
    return [outcome.message.id for outcome in outcomes if isinstance(outcome, Sent)]


def waiting(user: User) -> list[int]:
    """Ids of what is unread, and that it is counted alike."""
    ids = [message.id for message in unread_messages(user).messages]
    assert sum(unread_counts(user).values()) == len(ids)
    return ids


def position(user: User, chat: Chat) -> int:
    return Membership.objects.get(chat=chat, user=user).read_position


@pytest.fixture
def three(alice: User, bob: User, charlie: User) -> Chat:
    """Alice's group, with Bob and Charlie in it."""
    return create_chat(alice, kind="group", name="Three", members=[bob, charlie])


def test_everything_up_to_it_is_read_each_with_a_receipt_and_an_event(
    alice: User, bob: User, charlie: User, three: Chat, published: list[Any]
) -> None:
    ids = [*say(alice, three, 2), *say(charlie, three, 1), *say(alice, three, 2)]
    read_message(charlie, message=ids[0])
    published.clear()
    assert read_up_to(bob, chat=three.id, message=ids[3], origin="here:1") == 4
    assert waiting(bob) == ids[4:] and position(bob, three) == 4
    assert [event.message.id for event in published] == ids[:4]
    assert {(event.kind, event.actor_id, event.origin) for event in published} == {
        ("message_read", bob.id, "here:1")
    }
    # Charlie has read the first, and wrote the third.
    assert [event.completes for event in published] == [True, False, False, False]
    assert all(event.message.is_read for event in published)
    assert set(Receipt.objects.filter(user=bob).values_list("message_id", flat=True)) == set(
        ids[:4]
    )
    assert told(published, three) == log(three)[-4:]


def test_it_is_what_reading_each_of_them_would_have_been(alice: User, bob: User) -> None:
    def events(one_by_one: bool) -> list[Any]:
        chat = create_chat(alice, kind="group", name="x", members=[bob])
        ids = say(alice, chat, 5)
        if one_by_one:
            for id in ids:
                read_message(bob, message=id)
        else:
            assert read_up_to(bob, chat=chat.id, message=ids[-1]) == 5
        rows = chat.log.order_by("seq").values_list("seq", "kind", "actor_id", "facts")
        first = Message.objects.filter(chat=chat, first_read_at=None)
        return [*rows, position(bob, chat), first.count(), Receipt.objects.count() % 5]

    assert events(True) == events(False)


def test_again_it_is_nothing_and_nobody_hears_of_it(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    ids = say(alice, group, 5)
    assert read_up_to(bob, chat=group.uuid, message=ids[3]) == 4
    published.clear()
    for mark in (ids[3], ids[0]):
        assert read_up_to(bob, chat=group.id, message=mark) == 0
    # Nor does who wrote them.
    assert read_up_to(alice, chat=group.id, message=ids[4]) == 0
    assert not published and waiting(bob) == ids[4:]
    assert read_up_to(bob, chat=group.id, message=uuid_of(ids[4])) == 1


def uuid_of(message: int) -> UUID:
    return Message.objects.get(id=message).uuid


def test_ones_own_messages_and_deleted_ones_need_no_receipt(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    ids = [id for _ in range(4) for id in (*say(alice, group, 2), *say(bob, group, 1))]
    for id in (ids[0], ids[4], ids[9]):
        delete_message(None, message=id)
    published.clear()
    # Up to a deleted message, and up to one's own.
    assert read_up_to(bob, chat=group.id, message=ids[4]) == 2
    assert read_up_to(bob, chat=group.id, message=ids[11]) == 3
    assert waiting(bob) == [] and not ReadRange.objects.exists()
    assert [event.message.id for event in published] == [ids[1], ids[3], ids[6], ids[7], ids[10]]


def test_what_was_read_here_and_there_is_passed_over_and_joined(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    ids = say(alice, group, 20)
    read_messages([ReadMessage(reader_id=bob.id, message=id) for id in (*ids[2:5], *ids[9:12])])
    read_messages([ReadMessage(reader_id=bob.id, message=ids[14])])
    assert ReadRange.objects.count() == 3
    published.clear()
    # In the middle of a range.
    assert read_up_to(bob, chat=group.id, message=ids[10]) == 6
    assert [event.message.id for event in published] == [*ids[:2], *ids[5:9]]
    assert waiting(bob) == [*ids[12:14], *ids[15:]]
    assert position(bob, group) == 12 and ReadRange.objects.count() == 1
    # Right before a range.
    assert read_up_to(bob, chat=group.id, message=ids[13]) == 2
    assert position(bob, group) == 15 and not ReadRange.objects.exists()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_was_read_before_what_waits_after_it_is_what_is_later(
    seed: int, alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(module, "BATCH", 3)
    ids: list[int] = []
    for _ in range(12):
        ids += say(chance.choice([alice, bob]), group, chance.randrange(1, 6))
        some = chance.sample(ids, min(len(ids), 3))
        read_messages([ReadMessage(reader_id=bob.id, message=id) for id in some])
        if chance.random() < 0.3:
            delete_message(None, message=chance.choice(ids))
        before, mark = waiting(bob), chance.choice(ids)
        due = [id for id in before if id <= mark]
        assert read_up_to(bob, chat=group.id, message=mark) == len(due)
        assert waiting(bob) == before[len(due) :]
        edge = position(bob, group)
        for piece in ReadRange.objects.order_by("first"):
            assert edge + 1 < piece.first <= piece.last
            edge = piece.last


def test_what_is_not_in_the_chat_is_no_mark(
    alice: User, bob: User, charlie: User, group: Chat, published: list[Any]
) -> None:
    [own] = say(alice, group, 1)
    other = create_chat(alice, kind="private", members=[bob])
    [foreign] = say(alice, other, 1)
    gone = create_chat(alice, kind="group", name="Gone", members=[bob])
    [lost] = say(alice, gone, 1)
    delete_chat(alice, gone)
    published.clear()
    for reader, chat, message in (
        (bob, group.id, foreign),
        (bob, group.id, uuid4()),
        (bob, group.id, -1),
        (bob, -1, own),
        (bob, gone.id, lost),
        (charlie, group.id, own),
    ):
        with pytest.raises(NotFound):
            read_up_to(reader, chat=chat, message=message)
    assert not published and not Receipt.objects.exists()


def test_what_was_said_before_one_came_is_not_read_by_it(alice: User, charlie: User) -> None:
    chat = create_chat(alice, kind="group", name="x", is_open=True)
    old = say(alice, chat, 3)
    join_chat(charlie, chat)
    new = say(alice, chat, 2)
    assert read_up_to(charlie, chat=chat.id, message=old[2]) == 0
    assert read_up_to(charlie, chat=chat.id, message=new[1]) == 2
    assert set(Receipt.objects.values_list("message_id", flat=True)) == set(new)


def test_what_happens_on_the_way_counts(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    ids = say(alice, group, 4)
    with meanwhile(partial(delete_message, alice, message=ids[0])):
        assert read_up_to(bob, chat=group.id, message=ids[1]) == 1
    with meanwhile(partial(read_message, bob, message=ids[3])):
        assert read_up_to(bob, chat=group.id, message=ids[3]) == 1
    assert waiting(bob) == [] and position(bob, group) == 4 and not ReadRange.objects.exists()
    ids = say(alice, group, 2)
    with meanwhile(partial(send_message, alice, chat=group.id, content="later")):
        assert read_up_to(bob, chat=group.id, message=ids[1]) == 2
    assert len(waiting(bob)) == 1
    removal = partial(remove_member, alice, chat=group, user=bob)
    [last] = say(alice, group, 1)
    with pytest.raises(NotFound), meanwhile(removal):
        read_up_to(bob, chat=group.id, message=last)
    assert told(published, group) == log(group)


def test_who_left_and_came_back_on_the_way_goes_back_by_nothing(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = create_chat(alice, kind="group", name="x", members=[bob], is_open=True)
    ids = say(alice, chat, 4)

    def come_back() -> None:
        leave_chat(bob, chat)
        join_chat(bob, chat)

    with meanwhile(come_back):
        read_up_to(bob, chat=chat.id, message=ids[1])
    assert position(bob, chat) == 4 and waiting(bob) == []


def test_on_many_devices_at_once_each_is_read_once(
    alice: User, bob: User, group: Chat, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 7)
    ids = say(alice, group, 60)
    published.clear()
    counts = at_once(
        *[partial(read_up_to, bob, chat=group.id, message=ids[-1])] * 3,
        partial(read_up_to, bob, chat=group.id, message=ids[30]),
        *(partial(read_message, bob, message=id) for id in ids[40:44]),
    )
    reads = [event for event in published if event.kind == "message_read"]
    assert sorted(event.message.id for event in reads) == ids
    assert all(event.completes for event in reads)
    assert 56 <= sum(count for count in counts if isinstance(count, int)) <= 60
    assert position(bob, group) == 60 and not ReadRange.objects.exists() and waiting(bob) == []


def test_the_two_last_readers_at_once_complete_each_message_once(
    alice: User, bob: User, charlie: User, three: Chat, published: list[Any]
) -> None:
    ids = say(alice, three, 30)
    published.clear()
    counts = at_once(
        *(partial(read_up_to, user, chat=three.id, message=ids[-1]) for user in (bob, charlie))
    )
    assert counts == [30, 30]
    assert sorted(event.message.id for event in published if event.completes) == ids
    assert sorted(told(published, three)) == log(three)[-60:]


def test_the_chat_is_not_held_for_longer_than_a_batch(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 10)
    ids = say(alice, group, 35)
    with CaptureQueriesContext(connection) as captured:
        read_up_to(bob, chat=group.id, message=ids[-1])
    sql = [query["sql"] for query in captured]
    assert sum(text.startswith("BEGIN") for text in sql) == 4
    # And what a batch costs, whatever is in it.
    assert len(sql) <= 4 + 4 * 18


def test_it_costs_the_same_however_much_was_read_and_whoever_spoke_between(
    alice: User, bob: User, group: Chat
) -> None:
    def queries(mark: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            read_up_to(bob, chat=group.id, message=mark)
        return len(captured)

    few = queries(say(alice, group, 2)[-1])
    say(alice, group, 50)
    talk = [id for _ in range(20) for id in (*say(alice, group, 1), *say(bob, group, 1))]
    assert queries(talk[-1]) <= few + 2 and waiting(bob) == []
    # One old message unread, then many that were read.
    old, *later = say(alice, group, 60)
    read_messages([ReadMessage(reader_id=bob.id, message=id) for id in later])
    assert queries(say(alice, group, 1)[0]) <= few + 6
    assert old not in waiting(bob) == []
