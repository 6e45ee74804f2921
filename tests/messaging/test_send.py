"""Sending: what is stored, who is told, and who may not."""

from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from accounts.models import User
from accounts.services import ban
from chats.models import Chat
from chats.services import create_chat, delete_chat, leave_chat, remove_member
from messaging.models import Message
from messaging.services import delete_message, send_message
from messenger.errors import Banned, NotFound
from tests.chats.helpers import log, meanwhile, told


def test_a_message_is_stored_and_everybody_is_told_what_the_sender_is(
    alice: User, group: Chat, published: list[Any]
) -> None:
    sent = send_message(
        alice, chat=group.id, content="x", type="card", payload={"a": 1}, origin="here:1"
    )
    row = Message.objects.get()
    event = published[-1]
    assert event.message == sent.message
    assert (event.kind, event.seq, event.actor_id) == ("message_sent", 2, alice.id)
    assert (event.origin, sent.seq, sent.replayed) == ("here:1", 2, False)
    assert (sent.message.id, sent.message.uuid) == (row.id, str(row.uuid))
    assert (sent.message.chat_id, sent.message.chat_uuid) == (group.id, str(group.uuid))
    assert (sent.message.author_id, sent.message.author_uuid) == (alice.id, str(alice.uuid))
    assert (row.type, row.content, row.payload, row.position) == ("card", "x", {"a": 1}, 1)
    assert event.created_at == sent.message.created_at
    assert sent.message.created_at.endswith("Z") and not sent.message.is_read


def test_messages_take_positions_without_gaps_and_ids_in_the_same_order(
    alice: User, bob: User, group: Chat
) -> None:
    other = create_chat(bob, kind="group", name="Other", members=[alice])
    for n in range(6):
        send_message((alice, bob)[n % 2], chat=(group, other)[n % 3 == 0].id, content=f"{n}")
    for chat, count in ((group, 4), (other, 2)):
        rows = Message.objects.filter(chat=chat).order_by("id")
        assert list(rows.values_list("position", flat=True)) == list(range(1, count + 1))
        chat.refresh_from_db()
        assert chat.last_position == count


def test_a_chat_is_found_by_its_uuid(alice: User, group: Chat) -> None:
    assert send_message(alice, chat=group.uuid, content="x").message.chat_id == group.id


@pytest.mark.parametrize("form", [int, UUID])
def test_a_reply_names_a_message_of_its_chat(
    alice: User, bob: User, group: Chat, form: Any
) -> None:
    first = send_message(alice, chat=group.id, content="x").message
    ref = first.id if form is int else UUID(first.uuid)
    reply = send_message(bob, chat=group.id, content="y", reply_to=ref).message
    assert reply.reply_to_id == first.id


def test_a_reply_to_a_deleted_message_stands(alice: User, bob: User, group: Chat) -> None:
    first = send_message(alice, chat=group.id, content="x").message
    reply = send_message(bob, chat=group.id, content="y", reply_to=first.id).message
    delete_message(alice, message=first.id)
    late = send_message(bob, chat=group.id, content="z", reply_to=first.id).message
    rows = Message.objects.filter(id__in=[reply.id, late.id])
    assert set(rows.values_list("reply_to_id", flat=True)) == {first.id}


def test_a_reply_out_of_its_chat_is_refused(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    other = create_chat(alice, kind="group", name="Other", members=[bob])
    foreign = send_message(alice, chat=other.id, content="x").message
    published.clear()
    for ref in (foreign.id, UUID(foreign.uuid), 0, -1, uuid4()):
        with pytest.raises(NotFound):
            send_message(bob, chat=group.id, content="y", reply_to=ref)
    assert not published and Message.objects.count() == 1


def test_who_is_outside_sends_nothing(
    charlie: User, bob: User, group: Chat, published: list[Any]
) -> None:
    leave_chat(bob, group)
    published.clear()
    for person in (charlie, bob):
        with pytest.raises(NotFound):
            send_message(person, chat=group.id, content="x")
    assert not Message.objects.exists() and not published


def test_who_is_removed_on_the_way_sends_nothing(alice: User, bob: User, group: Chat) -> None:
    removal = partial(remove_member, alice, chat=group, user=bob)
    with pytest.raises(NotFound), meanwhile(removal):
        send_message(bob, chat=group.id, content="x")
    assert log(group) == [(1, "chat_created"), (2, "member_left")]


def test_a_chat_that_is_deleted_on_the_way_takes_nothing(alice: User, group: Chat) -> None:
    with pytest.raises(NotFound), meanwhile(partial(delete_chat, None, group)):
        send_message(alice, chat=group.uuid, content="x")
    assert not Message.objects.exists()


def test_who_is_banned_sends_nothing_also_when_it_happens_on_the_way(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    with pytest.raises(Banned), meanwhile(partial(ban, alice)):
        send_message(alice, chat=group.id, content="x")
    with pytest.raises(Banned):
        send_message(alice, chat=group.id, content="x")
    assert send_message(bob, chat=group.id, content="y").seq == 2
    chats = [event for event in published if hasattr(event, "chat_id")]
    assert told(chats, group) == log(group)
