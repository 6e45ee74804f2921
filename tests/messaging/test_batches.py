"""Many commands in one transaction: in order, each with its own outcome."""

import random
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.services import ban
from chats.changes import changes_to
from chats.models import Chat
from chats.services import create_chat
from messaging import content as contents
from messaging.models import Message, Receipt
from messaging.reading import Read, ReadMessage, read_messages
from messaging.services import SendMessage, Sent, send_messages
from messenger.batches import carry_out
from messenger.errors import Banned, Forbidden, Internal, Invalid, NotFound, Unavailable
from messenger.held import Held
from messenger.ids import Ref
from tests.chats.helpers import log, told
from tests.people import make_user
from tests.races import at_once


def say(author: User, chat: Chat, *texts: str) -> list[SendMessage]:
    return [SendMessage(author_id=author.id, chat=chat.id, content=text) for text in texts]


def test_a_batch_is_stored_and_told_in_its_order(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    other = create_chat(bob, kind="group", name="Other", members=[alice])
    commands = [
        command
        for n in range(10)
        for command in (*say(alice, group, f"{n}"), *say(bob, other, f"{n}"))
    ]
    published.clear()
    outcomes = send_messages(commands)
    assert [outcome.message.content for outcome in outcomes if isinstance(outcome, Sent)] == [
        command.content for command in commands
    ]
    assert [event.message for event in published] == [
        outcome.message for outcome in outcomes if isinstance(outcome, Sent)
    ]
    for chat in (group, other):
        assert (
            told(published, chat) == log(chat)[1:] == [(2 + n, "message_sent") for n in range(10)]
        )


def test_each_bad_command_fails_alone_and_in_its_place(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    ban(bob)
    [good] = say(alice, group, "x")
    commands = [
        good,
        replace(good, author_id=charlie.id),
        replace(good, content=" "),
        good,
        replace(good, chat=-1),
        replace(good, reply_to=-1),
        replace(good, author_id=bob.id),
        replace(good, key=""),
        good,
    ]
    expected = [Sent, NotFound, Invalid, Sent, NotFound, NotFound, Banned, Invalid, Sent]
    assert [type(outcome) for outcome in send_messages(commands)] == expected
    assert [seq for seq, _ in log(group)] == [1, 2, 3, 4]


def test_a_command_that_the_database_refuses_fails_alone(
    alice: User, group: Chat, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # This is no JSON for either database; were the check ever to let it through:
    monkeypatch.setattr(contents, "check", lambda **message: None)
    commands = say(alice, group, *map(str, range(20)))
    for poisoned in (3, 11, 12):
        commands[poisoned] = replace(commands[poisoned], payload=object())
    outcomes = send_messages(commands)
    failed = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Internal)]
    assert failed == [3, 11, 12]
    stored = list(Message.objects.order_by("position").values_list("position", "content"))
    said = [command.content for n, command in enumerate(commands) if n not in failed]
    assert stored == list(enumerate(said, start=1))
    assert told(published, group) == log(group) and len(published) == 18


def test_a_nul_that_slips_through_fails_alone(
    alice: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "check", lambda **message: None)
    outcomes = send_messages(say(alice, group, "a", "\x00", "b"))
    # SQLite has no objection to it.
    second = Internal if connection.vendor == "postgresql" else Sent
    assert [type(outcome) for outcome in outcomes] == [Sent, second, Sent]


def test_the_halves_go_down_to_the_one_to_blame() -> None:
    tried: list[list[int]] = []

    def together(commands: Any) -> list[Any]:
        tried.append(list(commands))
        if 5 in commands:
            raise RuntimeError
        if 6 in commands:
            raise Forbidden
        return [f"done {command}" for command in commands]

    outcomes = carry_out(range(8), together)
    assert outcomes[:5] == [f"done {n}" for n in range(5)] and outcomes[7] == "done 7"
    assert [type(outcome) for outcome in outcomes[5:7]] == [Internal, Forbidden]
    assert tried[0] == list(range(8)) and len(tried) <= 2 * 8
    assert carry_out([], together) == []


def test_a_database_that_is_away_is_asked_once(alice: User) -> None:
    asked = 0

    def together(commands: Any) -> list[Any]:
        nonlocal asked
        asked += 1
        connection.close()
        raise OperationalError("away")

    outcomes = carry_out(range(8), together)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert asked == 1 and [outcome.retry_after for outcome in refused] == [1] * 8


def test_a_batch_of_fifty_asks_the_database_no_more_than_one_of_five(
    alice: User, bob: User, group: Chat
) -> None:
    people = [alice, bob]
    chats: list[Ref] = [group.id, group.uuid]
    counts = []
    for size in (5, 50):
        commands = [
            SendMessage(
                author_id=people[n % 2].id,
                chat=chats[n % 3 % 2],
                content="x",
                key=f"{size} {n}",
                reply_to=Message.objects.values_list("id", flat=True).first(),
            )
            for n in range(size)
        ]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert all(isinstance(outcome, Sent) for outcome in send_messages(commands))
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 1 and counts[1] <= 14


def test_fifty_readers_ask_the_database_no_more_than_five(alice: User) -> None:
    counts = []
    for size in (5, 50):
        people = [make_user(f"reader{size}x{n}") for n in range(size)]
        chat = create_chat(alice, kind="group", name="x", members=people)
        sent = [o for o in send_messages(say(alice, chat, "1", "2")) if isinstance(o, Sent)]
        commands = [
            ReadMessage(reader_id=person.id, message=outcome.message.id)
            for outcome in sent
            for person in people
        ]
        with CaptureQueriesContext(connection) as queries:
            assert all(isinstance(outcome, Read) for outcome in read_messages(commands))
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 2 and counts[1] <= 14
    assert Receipt.objects.count() == 2 * (5 + 50)


def test_a_chat_that_somebody_holds_holds_up_no_other_and_no_stranger(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer, for whom everybody waits.")
    other = create_chat(alice, kind="group", name="Other", members=[bob])
    mixed = [*say(alice, group, "1"), *say(alice, other, "2"), *say(alice, group, "3")]
    [read] = [o.message.id for o in send_messages(say(alice, group, "0")) if isinstance(o, Sent)]
    reads = [ReadMessage(reader_id=bob.id, message=ref) for ref in (read, -1)]
    with changes_to(group.id):
        sent, refused, unread = at_once(
            partial(send_messages, mixed, False),
            partial(send_messages, say(charlie, group, "x")),
            partial(read_messages, reads, False),
        )
    assert [type(outcome) for outcome in sent] == [Held, Sent, Held]
    assert [type(outcome) for outcome in refused] == [NotFound]
    assert [type(outcome) for outcome in unread] == [Held, NotFound]
    assert all(isinstance(outcome, Sent) for outcome in send_messages(mixed, False))


def test_batches_of_any_mixture_and_order_have_their_outcomes_in_place(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    chance = random.Random(7)
    chats: list[Ref] = [group.id, group.uuid, -1]
    for _ in range(10):
        commands = [
            SendMessage(
                author_id=chance.choice([alice, bob, charlie]).id,
                chat=chance.choice(chats),
                content=chance.choice(["x", f"{n}", ""]),
                key=chance.choice([None, "k", "l"]),
            )
            for n in range(chance.randrange(1, 12))
        ]
        for command, outcome in zip(commands, send_messages(commands), strict=True):
            if isinstance(outcome, Sent):
                assert outcome.message.author_id == command.author_id != charlie.id
                assert outcome.message.content == command.content != ""
            elif command.content == "":
                assert isinstance(outcome, Invalid)
    assert [seq for seq, _ in log(group)] == list(range(1, 2 + Message.objects.count()))
