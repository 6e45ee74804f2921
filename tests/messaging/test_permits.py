"""Who may write where just now: blocks, slow mode, what may be said."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.blocks import block, unblock
from accounts.models import User
from accounts.services import service_account
from chats.models import Chat
from chats.services import add_member, create_chat, set_slow_mode, update_chat
from messaging.events import MessageEdited
from messaging.models import Message, Receipt
from messaging.services import (
    SendMessage,
    Sent,
    add_reaction,
    delete_message,
    edit_message,
    read_message,
    restore_message,
    send_message,
    send_messages,
)
from messaging.unread import unread_counts
from messenger import screening
from messenger.errors import (
    AwaitingReview,
    ContentRejected,
    Invalid,
    KeyReused,
    MessengerError,
    SlowMode,
    Undeliverable,
)
from messenger.screening import Flagged, Held, Known, Verdict
from tests.people import make_user

# --- blocks ----------------------------------------------------------------------------------


def refusal(author: User, other: User) -> MessengerError:
    with pytest.raises(Undeliverable) as refused:
        send_message(author, recipient=other.id, content="x")
    return refused.value


def test_a_block_stops_private_messages_both_ways(alice: User, bob: User) -> None:
    chat = create_chat(alice, kind="private", members=[bob])
    own = send_message(bob, chat=chat.id, content="before").message
    block(alice, bob.id)
    for author in (alice, bob):
        with pytest.raises(Undeliverable):
            send_message(author, chat=chat.id, content="x")
    with pytest.raises(Undeliverable):
        edit_message(bob, message=own.id, content="after")
    with pytest.raises(Undeliverable):
        add_reaction(bob, message=own.id, emoji="👍")
    unblock(alice, bob.id)
    assert send_message(bob, chat=chat.id, content="x").message


def test_reading_tells_nothing_across_a_block(alice: User, bob: User, published: list[Any]) -> None:
    said = send_message(bob, recipient=alice.id, content="x").message
    block(alice, bob.id)
    published.clear()
    assert unread_counts(alice, [said.chat_id]) == {said.chat_id: 1}
    assert read_message(alice, message=said.id).read_at is not None
    assert unread_counts(alice, [said.chat_id]).get(said.chat_id, 0) == 0
    assert published == [] and not Receipt.objects.exists()


def test_who_is_blocked_is_told_what_anybody_is_told_who_writes_to_nobody(
    alice: User, bob: User, charlie: User
) -> None:
    block(alice, bob.id)
    erased = make_user("erased", erased_at=timezone.now())
    told = {
        str(refusal(bob, alice).facts()),
        str(refusal(bob, erased).facts()) if erased.is_active else "",
        str(refusal(bob, service_account()).facts()),
    }
    assert len(told) == 1
    chat = create_chat(charlie, kind="private", members=[bob])
    User.objects.filter(id=charlie.id).update(erased_at=timezone.now(), is_active=False)
    with pytest.raises(Undeliverable) as gone:
        send_message(bob, chat=chat.id, content="x")
    assert {str(gone.value.facts())} == told
    # Only who blocks is told that it is because of that.
    assert str(refusal(alice, bob).facts()) not in told


def test_a_block_is_not_got_around_by_a_new_chat(alice: User, bob: User, charlie: User) -> None:
    block(alice, bob.id)
    for kind, members in (("private", [alice]), ("group", [alice, charlie])):
        with pytest.raises(Undeliverable):
            create_chat(bob, kind=kind, name="x", members=members)
    den = create_chat(bob, kind="group", name="Den", members=[charlie])
    with pytest.raises(Undeliverable):
        add_member(bob, chat=den, user=alice)
    assert not Chat.objects.exclude(id=den.id).exists()


def test_in_a_group_the_two_go_on(alice: User, bob: User, group: Chat) -> None:
    block(alice, bob.id)
    assert send_message(bob, chat=group.id, content="x").message


def test_the_service_writes_to_everybody_and_nobody_to_it(alice: User, bob: User) -> None:
    service = service_account()
    told = send_message(service, recipient=alice.id, content="x").message
    with pytest.raises(Undeliverable):
        send_message(alice, chat=told.chat_id, content="y")
    with pytest.raises(Undeliverable):
        create_chat(alice, kind="group", name="x", members=[bob, service])


def test_nobody_else_sends_what_looks_like_a_notice(alice: User, bob: User) -> None:
    with pytest.raises(Invalid):
        send_message(bob, recipient=alice.id, type="notice", content="You are banned.")


def test_a_batch_asks_as_many_questions_for_many_as_for_one(
    alice: User, bob: User, charlie: User, words: "Words"
) -> None:
    chats = [create_chat(alice, kind="private", members=[other]) for other in (bob, charlie)]

    def cost(commands: list[SendMessage]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert all(isinstance(outcome, Sent) for outcome in send_messages(commands))
        return len(queries)

    one = [SendMessage(author_id=alice.id, chat=chats[0].id, content="x")]
    many = [
        SendMessage(author_id=author.id, chat=chat.id, content="x")
        for _ in range(20)
        for chat, other in zip(chats, (bob, charlie), strict=True)
        for author in (alice, other)
    ]
    # One more for those who stay caught up by writing.
    few, lots = cost(one), cost(many)
    assert lots <= few + 1


# --- slow mode -------------------------------------------------------------------------------


def test_in_slow_mode_a_member_waits_and_an_owner_does_not(
    alice: User, bob: User, group: Chat
) -> None:
    update_chat(alice, chat=group, slow_mode=60)
    first = send_message(bob, chat=group.id, content="1", key="k")
    with pytest.raises(SlowMode) as refused:
        send_message(bob, chat=group.id, content="2")
    assert refused.value.retry_after is not None and 58 < refused.value.retry_after <= 61
    assert send_message(bob, chat=group.id, content="1", key="k").message == first.message
    for _ in range(2):
        send_message(alice, chat=group.id, content="x")
    Message.objects.filter(author=bob).update(created_at=timezone.now() - timedelta(seconds=61))
    assert send_message(bob, chat=group.id, content="2").message
    set_slow_mode(group, 0)
    assert send_message(bob, chat=group.id, content="3").message


def test_slow_mode_counts_within_a_batch_and_a_deleted_message_counts(
    alice: User, bob: User, group: Chat
) -> None:
    set_slow_mode(group, 60)
    command = SendMessage(author_id=bob.id, chat=group.id, content="x", key="k")
    twin, quick = command, SendMessage(author_id=bob.id, chat=group.id, content="y")
    first, again, refused = send_messages([command, twin, quick])
    assert isinstance(first, Sent) and isinstance(again, Sent) and again.replayed
    assert isinstance(refused, SlowMode)
    delete_message(bob, message=first.message.id)
    with pytest.raises(SlowMode):
        send_message(bob, chat=group.id, content="z")


# --- the rules of words ----------------------------------------------------------------------


class Words:
    """A screen for these tests: a word for each mode."""

    def __init__(self) -> None:
        self.flagged_: list[Flagged] = []
        self.held: list[Held] = []
        self.before: dict[UUID, Known] = {}

    def judge(self, text: str) -> Sequence[Verdict]:
        return [
            Verdict(mode, number, mode, in_private="always" in text)
            for number, mode in enumerate(screening.MODES)
            if mode in text
        ]

    def flagged(self, messages: Sequence[Flagged]) -> None:
        assert connection.in_atomic_block
        self.flagged_ += messages

    def hold(self, messages: Sequence[Held]) -> None:
        assert connection.in_atomic_block
        self.held += messages
        self.before.update(
            {m.key_digest: Known(m.fingerprint, False) for m in messages if m.key_digest}
        )

    def waiting(self, author_ids: Collection[int]) -> dict[int, int]:
        found = Counter(held.command.author_id for held in self.held)
        return {author_id: found[author_id] for author_id in author_ids}

    def known(self, digests: Sequence[UUID]) -> dict[UUID, Known]:
        return {digest: self.before[digest] for digest in digests if digest in self.before}


@pytest.fixture
def words() -> Iterator[Words]:
    before, words = screening.screen(), Words()
    screening.register(words)
    yield words
    screening.register(before)


def test_what_is_flagged_is_sent_and_what_is_rejected_is_not(
    bob: User, group: Chat, words: Words
) -> None:
    sent = send_message(bob, chat=group.id, content="please flag this").message
    assert words.flagged_ == [Flagged(sent.id, bob.id, group.id, Verdict("flag", 0, "flag"))]
    with pytest.raises(ContentRejected):
        send_message(bob, chat=group.id, content="flag and reject")
    with pytest.raises(ContentRejected):
        send_message(bob, chat=group.id, content="hold and reject")
    assert Message.objects.count() == 1 and not words.held
    assert send_message(bob, chat=group.id, content="reject", judged=False).message


def test_what_is_held_is_held_once(bob: User, group: Chat, words: Words) -> None:
    for _ in range(2):
        with pytest.raises(AwaitingReview):
            send_message(bob, chat=group.id, content="hold", key="k")
    [held] = words.held
    assert (held.command.content, held.chat_id) == ("hold", group.id)
    with pytest.raises(KeyReused):
        send_message(bob, chat=group.id, content="hold on", key="k")
    assert held.key_digest is not None
    words.before[held.key_digest] = Known(held.fingerprint, refused=True)
    with pytest.raises(ContentRejected):
        send_message(bob, chat=group.id, content="hold", key="k")
    assert not Message.objects.exists()


def test_twins_in_one_batch_are_held_once(bob: User, group: Chat, words: Words) -> None:
    command = SendMessage(author_id=bob.id, chat=group.id, content="hold", key="k")
    other = SendMessage(author_id=bob.id, chat=group.id, content="fine")
    outcomes = send_messages([command, other, command])
    assert [type(outcome) for outcome in outcomes] == [AwaitingReview, Sent, AwaitingReview]
    assert len(words.held) == 1


def test_nobody_buries_the_moderators_under_messages_that_wait(
    bob: User, group: Chat, words: Words
) -> None:
    command = SendMessage(author_id=bob.id, chat=group.id, content="hold")
    outcomes = send_messages([command] * (screening.MOST_WAITING + 1))
    assert [type(outcome) for outcome in outcomes[:-1]] == [AwaitingReview] * len(outcomes[:-1])
    assert isinstance(outcomes[-1], ContentRejected)
    with pytest.raises(ContentRejected):
        send_message(bob, chat=group.id, content="hold")
    assert len(words.held) == screening.MOST_WAITING


def test_what_a_payload_says_is_looked_at_too(bob: User, group: Chat, words: Words) -> None:
    for payload in ("reject", ["x", {"caption": "please reject"}], {"reject": 1}):
        with pytest.raises(ContentRejected):
            send_message(bob, chat=group.id, type="card", content=None, payload=payload)
    said = send_message(bob, chat=group.id, type="card", content=None, payload={"a": [1, None]})
    assert said.message.payload == {"a": [1, None]}


def test_private_chats_are_left_alone_unless_the_rule_says_otherwise(
    alice: User, bob: User, words: Words
) -> None:
    assert create_chat(bob, kind="private", name="reject", members=[alice])
    assert send_message(bob, recipient=alice.id, content="reject").message
    with pytest.raises(ContentRejected):
        send_message(bob, recipient=alice.id, content="always reject")


def test_an_edit_and_a_name_go_by_the_rules_of_a_message(
    alice: User, bob: User, group: Chat, words: Words
) -> None:
    own = send_message(bob, chat=group.id, content="fine").message
    for content in ("hold", "reject"):
        with pytest.raises(ContentRejected):
            edit_message(bob, message=own.id, content=content)
        with pytest.raises(ContentRejected):
            create_chat(bob, kind="group", name=content)
        with pytest.raises(ContentRejected):
            update_chat(alice, chat=group, description=content)
    edit_message(bob, message=own.id, content="flag")
    assert [flagged.message_id for flagged in words.flagged_] == [own.id]
    assert update_chat(alice, chat=group, name="flag").name == "flag"


# --- a removal that is taken back ------------------------------------------------------------


def test_a_removed_message_that_is_given_back_says_what_it_said(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    said = send_message(bob, chat=group.id, content="x", payload={"a": 1}).message
    row = Message.objects.get(id=said.id)
    delete_message(None, message=row)
    published.clear()
    restore_message(row, content="x", payload={"a": 1})
    [event] = published
    assert isinstance(event, MessageEdited) and event.actor_id is None
    assert (event.message.content, event.message.payload) == ("x", {"a": 1})
    assert (event.message.deleted_at, event.message.status) == (None, "delivered")
    restore_message(row, content="y", payload=None)
    assert len(published) == 1
