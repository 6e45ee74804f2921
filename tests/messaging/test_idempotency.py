"""A key is the client's name for one message, for ever."""

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat, delete_chat, leave_chat
from messaging.content import key_digest
from messaging.models import Message
from messaging.reading import read_message
from messaging.services import (
    SendMessage,
    Sent,
    delete_message,
    edit_message,
    send_message,
    send_messages,
)
from messenger.errors import KeyReused, NotFound
from tests.chats.helpers import log, meanwhile, told
from tests.races import at_once


def test_the_same_again_is_the_first_answer_and_nothing_new(
    alice: User, group: Chat, published: list[Any]
) -> None:
    first = send_message(alice, chat=group.id, content="x", payload={"a": 1, "b": 2}, key="k")
    send_message(alice, chat=group.id, content="between")
    for chat in (group.id, group.uuid):
        again = send_message(alice, chat=chat, content="x", payload={"b": 2, "a": 1}, key="k")
        assert again == replace(first, replayed=True)
    assert Message.objects.count() == 2
    assert told(published, group) == log(group) and len(published) == 3


def test_the_first_answer_comes_again_whatever_has_become_of_the_message(
    alice: User, bob: User, group: Chat
) -> None:
    send = partial(send_message, alice, chat=group.id, content="x", key="k")
    first = send()
    read_message(bob, message=first.message.id)
    assert send() == replace(first, replayed=True)
    edit_message(alice, message=first.message.id, content="y")
    assert send() == replace(first, replayed=True)
    delete_message(alice, message=first.message.id)
    assert send() == replace(first, replayed=True)
    assert Message.objects.get().content is None


def test_the_first_answer_comes_again_also_to_who_has_left_and_when_the_chat_is_gone(
    alice: User, bob: User, group: Chat
) -> None:
    send = partial(send_message, bob, content="x", key="k")
    first = send(chat=group.id)
    leave_chat(bob, group)
    assert send(chat=group.id) == replace(first, replayed=True)
    delete_chat(alice, group)
    assert send(chat=group.uuid) == replace(first, replayed=True)
    with pytest.raises(NotFound):
        send(chat=group.id, key="new")


def test_the_same_key_with_anything_else_is_refused(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    other = create_chat(alice, kind="group", name="Other")
    target = send_message(bob, chat=group.id, content="?").message
    body: dict[str, Any] = {"chat": group.id, "content": "x", "type": "card", "payload": {"a": 1}}
    send_message(alice, **body, key="k")
    published.clear()
    for change in (
        {"chat": other.id},
        {"content": "y"},
        {"content": None},
        {"type": "text"},
        {"payload": {"a": 2}},
        {"payload": None},
        {"reply_to": target.id},
    ):
        with pytest.raises(KeyReused):
            send_message(alice, **{**body, **change}, key="k")
    assert not published and Message.objects.count() == 2


def test_a_reply_is_the_same_reply_in_either_form_of_its_id(alice: User, group: Chat) -> None:
    target = send_message(alice, chat=group.id, content="?").message
    send = partial(send_message, alice, chat=group.id, content="x", key="k")
    first = send(reply_to=target.id)
    assert send(reply_to=UUID(target.uuid)) == replace(first, replayed=True)
    for another in (None, first.message.id, -1):
        with pytest.raises(KeyReused):
            send(reply_to=another)


def test_keys_of_two_people_are_two_keys(alice: User, bob: User, group: Chat) -> None:
    one = send_message(alice, chat=group.id, content="x", key="k")
    other = send_message(bob, chat=group.id, content="y", key="k")
    assert one.message.id != other.message.id and not other.replayed


def test_a_key_that_was_refused_is_still_free(alice: User, bob: User, group: Chat) -> None:
    leave_chat(bob, group)
    with pytest.raises(NotFound):
        send_message(bob, chat=group.id, content="x", key="k")
    mine = create_chat(bob, kind="group", name="Mine")
    assert not send_message(bob, chat=mine.id, content="y", key="k").replayed


def test_twins_in_one_batch_are_one_message(alice: User, bob: User, group: Chat) -> None:
    twin = SendMessage(author_id=alice.id, chat=group.id, content="x", key="k")
    outcomes = send_messages(
        [
            twin,
            replace(twin, chat=group.uuid),
            replace(twin, content="y"),
            replace(twin, author_id=bob.id),
            twin,
        ]
    )
    first, second, wrong, bobs, third = outcomes
    assert isinstance(first, Sent) and not first.replayed
    assert second == third == replace(first, replayed=True)
    assert isinstance(wrong, KeyReused)
    assert isinstance(bobs, Sent) and bobs.message.id != first.message.id
    assert Message.objects.count() == 2 and len(log(group)) == 3


def test_one_key_from_24_sides_at_once_is_one_message_and_24_equal_answers(
    alice: User, group: Chat, published: list[Any]
) -> None:
    for key in ("a", "b"):
        published.clear()
        send = partial(send_message, alice, chat=group.id, content="x", key=key)
        answers = at_once(*[send] * 24)
        assert {replace(answer, replayed=True) for answer in answers} == {
            replace(answers[0], replayed=True)
        }
        assert [answer.replayed for answer in answers].count(False) == 1
        assert (
            Message.objects.filter(key_digest=key_digest(alice.id, key)).count()
            == len(published)
            == 1
        )


def test_one_key_with_many_texts_at_once_is_one_message(alice: User, group: Chat) -> None:
    send = partial(send_message, alice, chat=group.id, key="k")
    answers = at_once(*(partial(send, content=f"{n}") for n in range(8)))
    refused = [answer for answer in answers if isinstance(answer, KeyReused)]
    assert len(refused) == 7 and Message.objects.count() == 1


def test_one_key_in_two_chats_at_once_is_one_message(
    alice: User, group: Chat, published: list[Any]
) -> None:
    # The two chats have two locks: here it is the unique key that decides.
    other = create_chat(alice, kind="group", name="Other")
    for key in "abcde":
        answers = at_once(
            *(partial(send_message, alice, chat=c.id, content="x", key=key) for c in (group, other))
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["KeyReused", "Sent"]
    assert Message.objects.count() == 5 and len(published) == 2 + 5


def test_a_key_that_another_chat_takes_on_the_way_spoils_nobody_elses_message(
    alice: User, bob: User, group: Chat
) -> None:
    other = create_chat(alice, kind="group", name="Other")
    taken = partial(send_message, alice, chat=other.id, content="x", key="k")
    commands = [
        SendMessage(author_id=bob.id, chat=group.id, content="1"),
        SendMessage(author_id=alice.id, chat=group.id, content="x", key="k"),
        SendMessage(author_id=bob.id, chat=group.id, content="2"),
    ]
    with meanwhile(taken, before='INSERT INTO "messaging_message"'):
        first, second, third = send_messages(commands)
    assert isinstance(first, Sent) and isinstance(third, Sent)
    assert isinstance(second, KeyReused)
    assert (first.seq, third.seq) == (2, 3)
