"""Receipts: when each has read it first, and who was the last."""

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from accounts.models import User
from chats.models import Chat
from chats.services import add_member, create_chat, leave_chat, remove_member
from messaging.models import ReadRange, Receipt
from messaging.reading import Read, ReadMessage, read_message, read_messages
from messaging.services import delete_message, edit_message, send_message
from messenger.errors import NotFound
from tests.chats.helpers import log, meanwhile, told
from tests.races import at_once


@pytest.fixture
def three(alice: User, bob: User, charlie: User) -> Chat:
    """Alice's group, with Bob and Charlie in it."""
    return create_chat(alice, kind="group", name="Three", members=[bob, charlie])


def completing(published: list[Any]) -> list[str]:
    """The UUIDs of the readers who were the last ones."""
    reads = [event for event in published if event.kind == "message_read"]
    return [event.reader_uuid for event in reads if event.completes]


def test_a_read_is_a_receipt_and_is_told(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    sent = send_message(alice, chat=group.id, content="x").message
    read = read_message(bob, message=UUID(sent.uuid), origin="here:1")
    event = published[-1]
    assert (event.kind, event.seq, event.actor_id) == ("message_read", 3, bob.id)
    assert (event.reader_id, event.reader_uuid) == (bob.id, str(bob.uuid))
    assert (event.read_by, event.first_read_at) == ([str(bob.uuid)], read.read_at)
    assert (event.origin, event.message.is_read, event.completes) == ("here:1", True, True)
    assert read == Read(
        message_id=sent.id,
        message_uuid=sent.uuid,
        chat_id=group.id,
        chat_uuid=str(group.uuid),
        reader_id=bob.id,
        reader_uuid=str(bob.uuid),
        read_at=event.created_at,
        read_by_all=True,
        read_by=(str(bob.uuid),),
        first_read_at=event.created_at,
        status="read",
    )
    assert told(published, group) == log(group)


def test_the_first_read_counts_and_a_second_tells_nobody(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    sent = send_message(alice, chat=group.id, content="x").message
    first = read_message(bob, message=sent.id)
    published.clear()
    assert read_message(bob, message=sent.id) == first
    edit_message(alice, message=sent.id, content="y")
    assert read_message(bob, message=sent.id) == replace(first, status="edited")
    assert Receipt.objects.count() == 1
    assert [event.kind for event in published] == ["message_edited"]


def test_ones_own_message_needs_no_receipt(alice: User, group: Chat, published: list[Any]) -> None:
    sent = send_message(alice, chat=group.id, content="x").message
    published.clear()
    read = read_message(alice, message=sent.id)
    assert (read.read_at, read.read_by_all) == (None, False)
    assert not Receipt.objects.exists() and not published


def test_the_last_reader_completes_the_receipt(
    alice: User, bob: User, charlie: User, three: Chat, published: list[Any]
) -> None:
    sent = send_message(alice, chat=three.id, content="x").message
    assert not read_message(charlie, message=sent.id).read_by_all
    assert read_message(bob, message=sent.id).read_by_all
    assert read_message(charlie, message=sent.id).read_by_all
    assert read_message(alice, message=sent.id).read_by_all
    assert completing(published) == [str(bob.uuid)]
    last = published[-1]
    assert last.read_by == [str(charlie.uuid), str(bob.uuid)]
    assert last.first_read_at == published[-2].created_at < last.created_at


def test_of_the_last_two_at_the_same_moment_one_completes(
    alice: User, bob: User, charlie: User, three: Chat, published: list[Any]
) -> None:
    for _ in range(15):
        sent = send_message(alice, chat=three.id, content="x").message
        published.clear()
        one, other = at_once(
            partial(read_message, bob, message=sent.id),
            partial(read_message, charlie, message=sent.id),
        )
        assert sorted([one.read_by_all, other.read_by_all]) == [False, True]
        last = bob if one.read_by_all else charlie
        assert completing(published) == [str(last.uuid)]


def test_one_reader_on_many_devices_at_once_reads_once(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    sent = send_message(alice, chat=group.id, content="x").message
    published.clear()
    reads = at_once(*[partial(read_message, bob, message=sent.id)] * 12)
    assert len(set(reads)) == 1 and completing(published) == [str(bob.uuid)]
    assert Receipt.objects.count() == len(published) == 1


def test_who_comes_later_is_not_waited_for(
    alice: User, bob: User, charlie: User, group: Chat, published: list[Any]
) -> None:
    sent = send_message(alice, chat=group.id, content="x").message
    add_member(alice, chat=group, user=charlie)
    assert not read_message(charlie, message=sent.id).read_by_all
    assert read_message(bob, message=sent.id).read_by_all
    assert completing(published) == [str(bob.uuid)]


def test_who_has_gone_is_not_waited_for(
    alice: User, bob: User, charlie: User, three: Chat, published: list[Any]
) -> None:
    sent = send_message(alice, chat=three.id, content="x").message
    leave_chat(charlie, three)
    assert read_message(bob, message=sent.id).read_by_all
    add_member(alice, chat=three, user=charlie)
    assert read_message(charlie, message=sent.id).read_by_all
    assert completing(published) == [str(bob.uuid)]


def test_what_was_read_stays_read_by_who_comes_back(
    alice: User, bob: User, charlie: User, three: Chat
) -> None:
    sent = send_message(alice, chat=three.id, content="x").message
    first = read_message(bob, message=sent.id)
    leave_chat(bob, three)
    add_member(alice, chat=three, user=bob)
    assert read_message(bob, message=sent.id) == first


def test_what_cannot_be_seen_cannot_be_read(
    alice: User, bob: User, charlie: User, group: Chat, published: list[Any]
) -> None:
    sent = send_message(alice, chat=group.id, content="x").message
    gone = send_message(alice, chat=group.id, content="y").message
    delete_message(alice, message=gone.id)
    published.clear()
    for person, ref in ((bob, gone.id), (charlie, sent.id), (bob, -1), (bob, uuid4())):
        with pytest.raises(NotFound):
            read_message(person, message=ref)
    assert not published and not Receipt.objects.exists()


def test_what_happens_on_the_way_to_a_receipt_counts(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    edited, deleted, missed = (
        send_message(alice, chat=group.id, content="before").message for _ in range(3)
    )
    with meanwhile(partial(edit_message, alice, message=edited.id, content="after")):
        read_message(bob, message=edited.id)
    assert (published[-1].kind, published[-1].message.content) == ("message_read", "after")
    with (
        pytest.raises(NotFound),
        meanwhile(partial(delete_message, alice, message=deleted.id)),
    ):
        read_message(bob, message=deleted.id)
    with (
        pytest.raises(NotFound),
        meanwhile(partial(remove_member, alice, chat=group, user=bob)),
    ):
        read_message(bob, message=missed.id)
    assert [event.kind for event in published[-2:]] == ["message_deleted", "member_left"]
    assert Receipt.objects.count() == 1 and told(published, group) == log(group)


def test_a_batch_of_reads_has_its_outcomes_in_place(
    alice: User, bob: User, charlie: User, three: Chat, published: list[Any]
) -> None:
    one, other = (send_message(alice, chat=three.id, content="x").message for _ in range(2))
    published.clear()
    outcomes = read_messages(
        [
            ReadMessage(reader_id=bob.id, message=one.id),
            ReadMessage(reader_id=bob.id, message=-1),
            ReadMessage(reader_id=charlie.id, message=UUID(one.uuid)),
            ReadMessage(reader_id=alice.id, message=one.id),
            ReadMessage(reader_id=bob.id, message=UUID(one.uuid)),
            ReadMessage(reader_id=-1, message=one.id),
            ReadMessage(reader_id=charlie.id, message=other.id),
        ]
    )
    told_of = [
        (o.message_id, o.reader_uuid, o.read_by_all) if isinstance(o, Read) else type(o)
        for o in outcomes
    ]
    a, b, c = (str(person.uuid) for person in (alice, bob, charlie))
    assert told_of == [
        (one.id, b, False),
        NotFound,
        (one.id, c, True),
        (one.id, a, True),
        (one.id, b, True),
        NotFound,
        (other.id, c, False),
    ]
    assert [(event.reader_uuid, event.read_by) for event in published] == [
        (b, [b]),
        (c, [b, c]),
        (c, [c]),
    ]
    assert completing(published) == [c]


def test_reading_at_once_what_lies_side_by_side_leaves_no_pieces(
    alice: User, bob: User, group: Chat
) -> None:
    sent = [send_message(alice, chat=group.id, content="x").message for _ in range(12)]
    at_once(*(partial(read_message, bob, message=message.id) for message in sent))
    assert not ReadRange.objects.exists()
    assert group.memberships.get(user=bob).read_position == 12
