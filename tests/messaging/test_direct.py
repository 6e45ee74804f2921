"""A message to a person: the private chat is opened if need be, once."""

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.services import ban
from chats.models import Chat
from chats.selectors import events_after
from chats.services import create_chat, delete_chat
from messaging.services import SendMessage, Sent, send_message, send_messages
from messenger import screening
from messenger.errors import Banned, Invalid, KeyReused, MessengerError, NotFound
from messenger.realtime import limits
from tests.races import at_once


def test_the_first_message_to_a_person_opens_their_private_chat(
    alice: User, bob: User, published: list[Any]
) -> None:
    sent = send_message(alice, recipient=bob.id, content="hi")
    answer = send_message(bob, recipient=alice.uuid, content="ho")
    [chat] = Chat.objects.all()
    assert (chat.kind, chat.id) == ("private", sent.message.chat_id)
    assert answer.message.chat_id == chat.id
    kinds = [(event.kind, event.seq) for event in published]
    assert kinds == [("chat_created", 1), ("message_sent", 2), ("message_sent", 3)]
    assert published[1].direct and published[2].direct


def test_the_log_remembers_that_it_was_sent_to_a_person(
    alice: User, bob: User, published: list[Any]
) -> None:
    chat = create_chat(alice, kind="private", members=[bob])
    send_message(alice, recipient=bob.id, content="to you")
    send_message(alice, chat=chat.id, content="into the chat")
    assert [event.direct for event in published[1:]] == [True, False]
    assert events_after(chat.id, 1) == published[1:]


def test_many_first_messages_at_once_open_one_chat(alice: User, bob: User) -> None:
    sends = [partial(send_message, alice, recipient=bob.id, content=f"{n}") for n in range(6)]
    sends += [partial(send_message, bob, recipient=alice.id, content=f"{n}") for n in range(6)]
    outcomes = at_once(*sends)
    assert len({outcome.message.chat_id for outcome in outcomes}) == 1
    assert Chat.objects.count() == 1


def test_a_deleted_private_chat_is_not_written_to_a_new_one_is_opened(
    alice: User, bob: User
) -> None:
    first = send_message(alice, recipient=bob.id, content="x").message.chat_id
    delete_chat(bob, Chat.objects.get(id=first))
    assert send_message(alice, recipient=bob.id, content="y").message.chat_id != first


def test_nobody_is_reached_who_is_not_there(alice: User, bob: User, charlie: User) -> None:
    ban(bob)
    for ref in (bob.id, bob.uuid, -1, 0, uuid4()):
        with pytest.raises(NotFound):
            send_message(alice, recipient=ref, content="x")
    with pytest.raises(Invalid):
        send_message(alice, recipient=alice.id, content="to myself")
    with pytest.raises(Banned):
        send_message(bob, recipient=charlie.id, content="x")
    with pytest.raises(Invalid):
        send_message(alice, recipient=charlie.id, content="")
    assert not Chat.objects.exists()


def test_the_same_key_again_answers_with_the_first_message(alice: User, bob: User) -> None:
    first = send_message(alice, recipient=bob.id, content="x", key="k")
    again = send_message(alice, recipient=bob.uuid, content="x", key="k")
    there = send_message(alice, chat=first.message.chat_id, content="x", key="k")
    assert again.message == there.message == first.message
    assert again.replayed and there.replayed
    with pytest.raises(KeyReused):
        send_message(alice, recipient=bob.id, content="y", key="k")


def test_in_a_batch_each_goes_its_way_and_a_bad_one_fails_alone(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    send = partial(SendMessage, author_id=alice.id, content="x")
    commands = [
        send(recipient=bob.id),
        send(chat=group.id),
        send(recipient=-1),
        send(recipient=charlie.uuid),
        send(recipient=bob.uuid),
        send(),
    ]
    outcomes = send_messages(commands)
    sent = [outcome.message.chat_id for outcome in outcomes if isinstance(outcome, Sent)]
    assert sent[1] == group.id and sent[0] == sent[3] and len(set(sent)) == 3
    failed = [o.code for o in outcomes if isinstance(o, MessengerError)]
    assert failed == ["not_found", "not_found"]


def test_opening_costs_two_queries_for_a_whole_batch(
    alice: User, bob: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The rules of words are read again now and then.
    monkeypatch.setattr(screening, "_screen", screening.Nothing())
    for other in (bob, charlie):
        create_chat(alice, kind="private", members=[other])
    chats = list(Chat.objects.values_list("id", flat=True))

    def queries(*commands: SendMessage) -> int:
        with CaptureQueriesContext(connection) as captured:
            send_messages(commands * 5)
        return len(captured)

    send = partial(SendMessage, author_id=alice.id, content="x")
    direct = queries(send(recipient=bob.id), send(recipient=charlie.id))
    assert direct == 2 + queries(*(send(chat=chat) for chat in chats))


def test_a_retry_is_answered_with_the_first_message_whatever_became_of_the_chat_and_the_person(
    alice: User, bob: User, published: list[Any]
) -> None:
    first = send_message(alice, recipient=bob.id, content="x", key="k").message
    delete_chat(bob, Chat.objects.get(id=first.chat_id))
    ban(bob)
    published.clear()
    for ref in (bob.id, bob.uuid):
        again = send_message(alice, recipient=ref, content="x", key="k")
        assert again.message == first and again.replayed
    with pytest.raises(KeyReused):
        send_message(alice, recipient=bob.id, content="other", key="k")
    assert Chat.objects.count() == 1 and not published


def test_a_key_of_a_message_to_another_opens_nothing(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    send_message(alice, recipient=bob.id, content="x", key="k")
    send_message(alice, chat=group.id, content="x", key="g")
    for key in ("k", "g"):
        with pytest.raises(KeyReused):
            send_message(alice, recipient=charlie.id, content="x", key=key)
    with pytest.raises(KeyReused):
        send_message(alice, recipient=10**9, content="x", key="k")
    assert Chat.objects.count() == 2


def test_who_opens_too_many_chats_is_stopped_and_may_go_on_in_those_there_are(
    alice: User, bob: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "NEW_CHATS", replace(limits.NEW_CHATS, burst=1, every=60))
    send = partial(SendMessage, author_id=alice.id, content="x")
    outcomes = send_messages([send(recipient=bob.id), send(recipient=charlie.id)])
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["RateLimited", "Sent"]
    [chat] = Chat.objects.all()
    other = chat.memberships.exclude(user=alice).get().user
    assert send_message(alice, recipient=other.id, content="y").message.chat_id == chat.id
