"""Messages that wait: the same one again, let through, refused, and what comes in between."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.blocks import block
from accounts.models import User
from accounts.services import ban
from chats.models import Chat
from chats.mutes import mute
from chats.services import delete_chat, leave_chat, set_slow_mode
from messaging.content import key_digest
from messaging.models import Message
from messaging.services import SendMessage, send_message, send_messages
from messenger.errors import AwaitingReview, Conflict, ContentRejected, KeyReused
from moderation.models import Case, Rule, WaitingMessage
from moderation.rules import screen
from moderation.services import claim, decide, undo
from moderation.waiting import refuse_message, release_message
from tests.moderation.test_rules import make
from tests.races import at_once


@pytest.fixture
def waiting(bob: User, group: Chat) -> WaitingMessage:
    """Bob's, held back by a rule, sent with the key "k"."""
    make("hold")
    with pytest.raises(AwaitingReview):
        send_message(bob, chat=group.id, content="спам", payload={"a": 1}, key="k")
    return WaitingMessage.objects.get()


@pytest.fixture
def again(bob: User, group: Chat) -> Any:
    """The very same message, sent again."""
    return partial(send_message, bob, chat=group.id, content="спам", payload={"a": 1}, key="k")


def test_the_same_again_waits_once(bob: User, waiting: WaitingMessage, again: Any) -> None:
    for _time in range(2):
        with pytest.raises(AwaitingReview):
            again()
    with pytest.raises(KeyReused):
        send_message(bob, chat=waiting.chat_id, content="другой спам", key="k")
    assert WaitingMessage.objects.count() == Case.objects.count() == 1


def test_the_same_twice_in_one_batch_waits_once(bob: User, group: Chat) -> None:
    make("hold")
    one = SendMessage(author_id=bob.id, chat=group.id, content="спам", key="k")
    outcomes = send_messages([one, one])
    assert [type(outcome) for outcome in outcomes] == [AwaitingReview] * 2
    assert WaitingMessage.objects.count() == Case.objects.count() == 1


def test_the_same_from_several_places_at_once_waits_once(bob: User, group: Chat) -> None:
    make("hold")
    outcomes = at_once(*[partial(send_message, bob, chat=group.id, content="спам", key="k")] * 4)
    assert [type(outcome) for outcome in outcomes] == [AwaitingReview] * 4
    assert WaitingMessage.objects.count() == Case.objects.count() == 1


def test_without_a_key_each_waits(bob: User, group: Chat) -> None:
    make("hold")
    for _time in range(2):
        with pytest.raises(AwaitingReview):
            send_message(bob, chat=group.id, content="спам")
    assert WaitingMessage.objects.count() == Case.objects.count() == 2


def test_what_is_let_through_is_sent_in_its_authors_name(
    mia: User, bob: User, waiting: WaitingMessage, again: Any, published: list[Any]
) -> None:
    published.clear()
    release_message(mia, waiting)
    assert waiting.state == "released"
    message = Message.objects.get()
    assert (message.author_id, message.content, message.payload) == (bob.id, "спам", {"a": 1})
    assert message.key_digest == key_digest(bob.id, "k")
    assert [event.kind for event in published] == ["message_sent"]
    # From now on the message answers for its key.
    answer = again()
    assert answer.replayed and answer.message.id == message.id
    with pytest.raises(Conflict):
        release_message(mia, waiting)
    assert Message.objects.count() == 1


def test_a_reply_that_is_let_through_is_a_reply(
    mia: User, alice: User, bob: User, group: Chat
) -> None:
    first = send_message(alice, chat=group.id, content="привет")
    make("hold")
    with pytest.raises(AwaitingReview):
        send_message(bob, chat=group.id, content="спам", reply_to=UUID(first.message.uuid), key="k")
    release_message(mia, WaitingMessage.objects.get())
    assert Message.objects.get(content="спам").reply_to_id == first.message.id
    assert send_message(
        bob, chat=group.id, content="спам", reply_to=first.message.id, key="k"
    ).replayed


def test_what_was_refused_is_refused_again(
    mia: User, waiting: WaitingMessage, again: Any, published: list[Any]
) -> None:
    refuse_message(mia, waiting)
    assert waiting.state == "refused"
    with pytest.raises(ContentRejected):
        again()
    with pytest.raises(Conflict):
        refuse_message(mia, waiting)
    assert not Message.objects.exists() and Case.objects.count() == 1
    # It can still be let through, where the refusal is undone.
    release_message(mia, waiting)
    assert again().replayed


@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [
        (lambda bob, group: leave_chat(bob, group), "left the chat"),
        (lambda bob, group: delete_chat(None, group), "left the chat"),
        (lambda bob, group: ban(bob), "banned"),
        (
            lambda bob, group: mute(bob, chat=group, until=timezone.now() + timedelta(days=1)),
            "muted",
        ),
    ],
    ids=["left", "chat gone", "banned", "muted"],
)
def test_what_can_not_be_sent_any_more_waits_on(
    mia: User, bob: User, group: Chat, waiting: WaitingMessage, meanwhile: Any, told: str
) -> None:
    meanwhile(bob, group)
    with pytest.raises(Conflict, match=told):
        release_message(mia, waiting)
    waiting.refresh_from_db()
    assert waiting.state == "waiting" and not Message.objects.exists()


def test_slow_mode_and_blocks_hold_for_what_is_let_through(
    mia: User, alice: User, bob: User, group: Chat, waiting: WaitingMessage
) -> None:
    set_slow_mode(group, 3600)
    send_message(bob, chat=group.id, content="привет")
    with pytest.raises(Conflict, match="slow mode"):
        release_message(mia, waiting)
    make("hold", "кит", in_private=True)
    with pytest.raises(AwaitingReview):
        send_message(bob, recipient=alice.id, content="кит")
    block(alice, bob.id)
    private = WaitingMessage.objects.get(content="кит")
    with pytest.raises(Conflict, match="gets nothing"):
        release_message(mia, private)
    assert WaitingMessage.objects.filter(state="waiting").count() == 2


def test_what_is_not_kept_any_more_is_not_sent(mia: User, waiting: WaitingMessage) -> None:
    refuse_message(mia, waiting)
    WaitingMessage.objects.update(content=None, payload=None)
    with pytest.raises(Conflict, match="not kept"):
        release_message(mia, waiting)
    WaitingMessage.objects.all().delete()
    with pytest.raises(Conflict):
        release_message(mia, waiting)


def test_two_who_let_it_through_at_once_send_it_once(
    mia: User, max: User, waiting: WaitingMessage
) -> None:
    outcomes = at_once(
        *[
            partial(release_message, moderator, WaitingMessage.objects.get(id=waiting.id))
            for moderator in (mia, max)
        ]
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "NoneType"]
    assert Message.objects.count() == 1


def test_its_case_is_decided_either_way_and_the_other_way_after_all(
    mia: User, sara: User, waiting: WaitingMessage, again: Any
) -> None:
    case = waiting.case
    claim(mia, case)
    [decision] = decide(mia, case, action="remove", reason="It is spam.")
    with pytest.raises(ContentRejected):
        again()
    undo(sara, decision, reason="It is not.")
    assert again().replayed


def test_a_dismissed_case_lets_its_message_through(
    mia: User, waiting: WaitingMessage, again: Any
) -> None:
    claim(mia, waiting.case)
    decide(mia, waiting.case, action="dismiss", reason="Nothing wrong.")
    assert again().replayed


def test_nobody_says_that_it_was_refused_when_it_was_sent_meanwhile(
    mia: User, waiting: WaitingMessage, again: Any
) -> None:
    Rule.objects.update(is_on=False)
    screen.forget()
    sent = again()
    with pytest.raises(Conflict):
        refuse_message(mia, waiting)
    release_message(mia, waiting)
    assert [message.id for message in Message.objects.all()] == [sent.message.id]
