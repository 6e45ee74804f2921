"""What is unread, against a model that is too simple to be wrong."""

import random
from dataclasses import dataclass, field

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chats.models import Chat, Membership
from chats.services import create_chat, delete_chat, join_chat, leave_chat
from messaging.models import ReadRange
from messaging.reading import ReadMessage, read_message, read_messages
from messaging.services import SendMessage, Sent, delete_message, send_message, send_messages
from messaging.unread import UNREAD_LIST, unread_counts, unread_messages


def say(author: User, chat: Chat, count: int) -> list[int]:
    """Ids of so many messages, said at one go."""
    command = SendMessage(author_id=author.id, chat=chat.id, content="x")
    outcomes = send_messages([command] * count)
    return [outcome.message.id for outcome in outcomes if isinstance(outcome, Sent)]


def read(reader: User, ids: list[int]) -> None:
    read_messages([ReadMessage(reader_id=reader.id, message=id) for id in ids])


@dataclass
class Model:
    """For everybody in every chat the messages that wait for them: that is all."""

    waiting: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    messages: dict[int, list[int]] = field(default_factory=dict)

    def sent(self, message: int, author: int, chat: int) -> None:
        self.messages.setdefault(chat, []).append(message)
        for (person, where), waiting in self.waiting.items():
            if where == chat and person != author:
                waiting.append(message)

    def read(self, message: int, person: int, chat: int) -> None:
        if message in self.waiting[person, chat]:
            self.waiting[person, chat].remove(message)

    def deleted(self, message: int, chat: int) -> None:
        self.messages[chat].remove(message)
        for person, where in self.waiting:
            if where == chat:
                self.read(message, person, chat)

    def counts(self, person: int) -> dict[int, int]:
        return {chat: len(ids) for (who, chat), ids in self.waiting.items() if who == person}

    def list(self, person: int) -> list[int]:
        return sorted(id for (who, _), ids in self.waiting.items() if who == person for id in ids)


class World:
    """The real thing and the model, side by side."""

    def __init__(self, seed: int, people: list[User]) -> None:
        self.chance = random.Random(seed)
        self.people = people
        self.chats = [
            create_chat(people[0], kind="group", name=name, members=people[1:2], is_open=True)
            for name in "ab"
        ]
        self.model = Model({(p.id, c.id): [] for p in people[:2] for c in self.chats})

    def step(self) -> None:
        chat = self.chance.choice(self.chats)
        members = [person for person in self.people if (person.id, chat.id) in self.model.waiting]
        person = self.chance.choice(members)
        messages = self.model.messages.get(chat.id, [])
        # Mostly the latest, as people do; sometimes any.
        known = messages[-6:] if self.chance.random() < 0.6 else messages
        match self.chance.choices(
            ("send", "burst", "read", "read some", "delete", "join", "leave"),
            weights=(30, 4, 30, 12, 8, 6, 5),
        )[0]:
            case "send":
                self.send(person, chat, 1)
            case "burst":
                self.send(person, chat, self.chance.randrange(2, 9))
            case "read" if known:
                self.read(person, chat, [self.chance.choice(known)])
            case "read some" if known:
                self.read(person, chat, self.chance.sample(known, min(len(known), 5)))
            case "delete" if known:
                message = self.chance.choice(known)
                delete_message(None, message=message)
                self.model.deleted(message, chat.id)
            case "join":
                newcomer = self.chance.choice(self.people)
                join_chat(newcomer, chat)
                self.model.waiting.setdefault((newcomer.id, chat.id), [])
            case "leave" if len(members) > 1:
                leave_chat(person, chat)
                del self.model.waiting[person.id, chat.id]

    def send(self, author: User, chat: Chat, count: int) -> None:
        for message in say(author, chat, count):
            self.model.sent(message, author.id, chat.id)

    def read(self, reader: User, chat: Chat, messages: list[int]) -> None:
        read(reader, messages)
        for message in messages:
            self.model.read(message, reader.id, chat.id)

    def compare(self) -> None:
        for person in self.people:
            unread = unread_messages(person)
            assert [message.id for message in unread.messages] == self.model.list(person.id)
            assert unread_counts(person) == self.model.counts(person.id)
            assert set(unread.places) == set(self.model.counts(person.id))
        edges = {m.id: m.read_position for m in Membership.objects.all()}
        for piece in ReadRange.objects.order_by("membership_id", "first"):
            assert edges[piece.membership_id] + 1 < piece.first <= piece.last
            edges[piece.membership_id] = piece.last


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_people_do_what_waits_for_them_is_what_they_have_not_read(
    seed: int, alice: User, bob: User, charlie: User
) -> None:
    world = World(seed, [alice, bob, charlie])
    for _ in range(155):
        world.step()
        world.compare()


def test_what_waits_is_what_others_wrote_since_one_came(
    alice: User, bob: User, charlie: User
) -> None:
    chat = create_chat(alice, kind="group", name="x", members=[bob], is_open=True)
    first = say(alice, chat, 2)
    join_chat(charlie, chat)
    second = say(bob, chat, 2)
    assert [message.id for message in unread_messages(bob).messages] == first
    assert [message.id for message in unread_messages(charlie).messages] == second
    assert [message.id for message in unread_messages(alice).messages] == second
    assert unread_counts(charlie) == {chat.id: 2}


def test_a_deleted_chat_waits_for_nobody(alice: User, bob: User, group: Chat) -> None:
    say(alice, group, 2)
    delete_chat(alice, group)
    assert unread_counts(bob) == {} and unread_messages(bob).messages == []


def test_the_list_is_of_all_chats_oldest_first(alice: User, bob: User, group: Chat) -> None:
    other = create_chat(alice, kind="private", members=[bob])
    ids = [id for n in range(6) for id in say(alice, (group, other)[n % 2], 1)]
    read(bob, [ids[2]])
    del ids[2]
    unread = unread_messages(bob)
    assert [message.id for message in unread.messages] == ids and not unread.truncated
    assert unread.places == {group.id: 1 + 3 + 1, other.id: 1 + 3}
    assert unread_counts(bob) == {group.id: 2, other.id: 3}


def test_the_list_ends_at_a_thousand_and_says_so(alice: User, bob: User, group: Chat) -> None:
    ids = [*say(alice, group, 400), *say(alice, group, 400), *say(alice, group, 200)]
    assert len(ids) == UNREAD_LIST
    unread = unread_messages(bob)
    assert [message.id for message in unread.messages] == ids and not unread.truncated
    say(alice, group, 1)
    unread = unread_messages(bob)
    assert [message.id for message in unread.messages] == ids and unread.truncated
    assert unread_counts(bob) == {group.id: 1001}


def test_a_short_list_is_the_oldest_of_all_chats(alice: User, bob: User, group: Chat) -> None:
    other = create_chat(alice, kind="private", members=[bob])
    ids = [id for n in range(9) for id in say(alice, (group, other)[n % 3 == 1], 2)]
    for limit in range(1, 20):
        unread = unread_messages(bob, limit=limit)
        assert [message.id for message in unread.messages] == ids[:limit]
        assert unread.truncated == (limit < 18)


def test_asking_costs_the_same_in_a_long_chat_as_in_a_short_one(alice: User, bob: User) -> None:
    counts = []
    for length in (20, 400):
        chat = create_chat(alice, kind="group", name="x", members=[bob])
        ids = say(alice, chat, length)
        read(bob, [*ids[: length // 2], *ids[-3:]])
        with CaptureQueriesContext(connection) as queries:
            assert len(unread_messages(bob).messages) == length // 2 - 3
            assert unread_counts(bob) == {chat.id: length // 2 - 3}
        counts.append(len(queries))
        leave_chat(bob, chat)
    assert counts[0] == counts[1] <= 5


def test_many_chats_are_asked_about_in_a_few_queries(alice: User, bob: User) -> None:
    chats = Chat.objects.bulk_create(Chat(kind="group", name="x") for _ in range(120))
    Membership.objects.bulk_create(
        Membership(chat=chat, user=person) for chat in chats for person in (alice, bob)
    )
    send_messages([SendMessage(author_id=alice.id, chat=c.id, content="x") for c in chats])
    with CaptureQueriesContext(connection) as queries:
        assert len(unread_messages(bob).messages) == 120
        assert sum(unread_counts(bob).values()) == 120
    assert len(queries) <= 6


def test_a_chat_that_is_read_but_for_one_old_message_is_one_row(
    alice: User, bob: User, group: Chat
) -> None:
    ids = say(alice, group, 60)
    # Some in a row, some from both ends, some one by one.
    read(bob, ids[40:])
    read(bob, ids[1:40:2])
    for id in ids[2:40:2]:
        read_message(bob, message=id)
    [piece] = ReadRange.objects.all()
    assert (piece.first, piece.last) == (2, 60)
    assert [message.id for message in unread_messages(bob).messages] == ids[:1]
    read_message(bob, message=ids[0])
    assert not ReadRange.objects.exists()
    assert group.memberships.get(user=bob).read_position == 60


def test_an_old_message_that_is_deleted_holds_up_nothing(
    alice: User, bob: User, group: Chat
) -> None:
    ids = say(alice, group, 10)
    read(bob, ids[1:])
    delete_message(alice, message=ids[0])
    assert unread_counts(bob) == {group.id: 0}
    read(bob, say(alice, group, 1))
    assert not ReadRange.objects.exists()
    assert group.memberships.get(user=bob).read_position == 11


def test_who_has_read_everything_has_still_done_so_after_speaking(
    alice: User, bob: User, group: Chat
) -> None:
    for speaker, count in ((bob, 3), (alice, 1), (bob, 2)):
        say(speaker, group, count)
        assert group.memberships.get(user=bob).read_position == 3
    assert unread_counts(bob) == {group.id: 1} and unread_counts(alice) == {group.id: 5}


def test_ones_own_messages_are_no_gap(alice: User, bob: User, group: Chat) -> None:
    for _ in range(5):
        read(bob, say(alice, group, 1))
        say(bob, group, 2)
    assert unread_counts(bob) == {group.id: 0} and unread_counts(alice) == {group.id: 10}
    assert not ReadRange.objects.exists()


def test_reading_costs_the_same_whether_little_or_much_was_read(
    alice: User, bob: User, group: Chat
) -> None:
    ids = say(alice, group, 200)
    counts = []
    for batch in (ids[190:], ids[100:190], ids[1:100]):
        with CaptureQueriesContext(connection) as queries:
            read(bob, batch)
        counts.append(len(queries))
    assert max(counts) <= min(counts) + 4


def test_reading_before_the_time_of_ones_coming_leaves_no_trace_in_what_waits(
    alice: User, charlie: User
) -> None:
    chat = create_chat(alice, kind="group", name="x", is_open=True)
    old = say(alice, chat, 3)
    join_chat(charlie, chat)
    new = say(alice, chat, 2)
    read(charlie, [old[1]])
    assert [message.id for message in unread_messages(charlie).messages] == new
    assert not ReadRange.objects.exists()
    send_message(charlie, chat=chat.id, content="x")
    read(charlie, new)
    assert unread_counts(charlie) == {chat.id: 0}
