"""What a message is: by whatever is done to it, and by what was stored before there were words."""

import random
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging import services
from messaging.models import Message, Receipt, Revision
from messaging.selectors import status_of
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    read_message,
    read_up_to,
    send_message,
)
from messaging.status import Status
from messenger.errors import NotFound
from messenger.times import iso
from tests.people import make_user


@pytest.fixture
def three(alice: User, bob: User, charlie: User) -> Chat:
    """Alice's group, with Bob and Charlie in it."""
    return create_chat(alice, kind="group", name="Three", members=[bob, charlie])


def statuses() -> dict[int, str]:
    return dict(Message.objects.order_by("id").values_list("id", "status"))


def test_what_is_sent_is_delivered_and_the_answer_says_so(
    alice: User, group: Chat, published: list[Any]
) -> None:
    sent = send_message(alice, chat=group.id, content="x", key="k").message
    assert sent.status == published[-1].message.status == Message.objects.get().status
    assert sent.status == Status.DELIVERED
    edit_message(alice, message=sent.id, content="y")
    # The first answer, for ever.
    assert send_message(alice, chat=group.id, content="x", key="k").message == sent


def test_each_event_says_what_the_message_became(
    alice: User, bob: User, charlie: User, three: Chat, published: list[Any]
) -> None:
    sent = send_message(alice, chat=three.id, content="x").message
    read_message(bob, message=sent.id)
    edit_message(alice, message=sent.id, content="y")
    read_message(bob, message=sent.id)
    add_reaction(bob, message=sent.id, emoji="👍")
    read_message(charlie, message=sent.id)
    add_reaction(alice, message=sent.id, emoji="👍")
    delete_message(alice, message=sent.id)
    assert [(event.kind, event.message.status) for event in published[1:]] == [
        ("message_sent", "delivered"),
        ("message_read", "read"),
        ("message_edited", "edited"),
        ("reaction_added", "edited"),
        ("message_read", "read"),
        ("reaction_added", "read"),
        ("message_deleted", "deleted"),
    ]


def test_reading_everything_up_to_a_message_reads_each(alice: User, bob: User, group: Chat) -> None:
    ids = [send_message(alice, chat=group.id, content=f"{n}").message.id for n in range(4)]
    own = send_message(bob, chat=group.id, content="own").message.id
    edit_message(alice, message=ids[0], content="y")
    delete_message(alice, message=ids[1])
    read_up_to(bob, chat=group.id, message=ids[2])
    assert statuses() == {
        ids[0]: "read",
        ids[1]: "deleted",
        ids[2]: "read",
        ids[3]: "delivered",
        own: "delivered",
    }


def test_of_a_batch_each_is_read_once_and_an_edit_before_it_is_read_again(
    alice: User, bob: User, charlie: User, three: Chat
) -> None:
    ids = [send_message(alice, chat=three.id, content=f"{n}").message.id for n in range(3)]
    read_message(bob, message=ids[0])
    read_message(bob, message=ids[1])
    edit_message(alice, message=ids[1], content="y")
    edit_message(alice, message=ids[2], content="y")
    assert list(statuses().values()) == ["read", "edited", "edited"]
    read_up_to(bob, chat=three.id, message=ids[1])
    assert list(statuses().values()) == ["read", "edited", "edited"]
    read_up_to(charlie, chat=three.id, message=ids[2])
    assert list(statuses().values()) == ["read", "read", "read"]


def test_what_all_that_changed_is_the_latest_of_it(
    alice: User, bob: User, charlie: User, three: Chat
) -> None:
    sent = send_message(alice, chat=three.id, content="x").message
    assert status_of(bob, sent.id).updated_at == sent.created_at
    edited = edit_message(alice, message=sent.id, content="y")
    assert status_of(bob, sent.id).updated_at == edited.edited_at
    for reader in (charlie, bob):
        read_message(reader, message=sent.id)
        found = status_of(bob, sent.id)
        assert found.updated_at == iso(Receipt.objects.get(user=reader).read_at)
    assert found.read_by == [str(charlie.uuid), str(bob.uuid)]
    first = Receipt.objects.get(user=charlie)
    assert found.message.first_read_at == iso(first.read_at)
    with pytest.raises(NotFound):
        status_of(make_user("nobody"), sent.id)


class Model:
    """The life of one message, as its contract says it."""

    def __init__(self) -> None:
        self.status = "delivered"
        self.content = "0"
        self.readers: set[int] = set()
        self.edits: list[str] = []

    def read(self, reader: int, author: int) -> None:
        if reader != author and reader not in self.readers:
            self.readers.add(reader)
            self.status = "read"

    def edit(self, content: str) -> None:
        if content != self.content:
            self.edits.append(self.content)
            self.status, self.content = "edited", content

    def delete(self) -> None:
        self.status = "deleted"
        self.edits.clear()


def live(chance: random.Random, chat: Chat, people: list[User], steps: int) -> dict[int, Model]:
    """Messages to which anything may have happened, and what must have come of it."""
    author = people[0]
    models: dict[int, Model] = {}
    for _ in range(steps):
        if len(models) < 6:
            models[send_message(author, chat=chat.id, content="0").message.id] = Model()
        id, model = chance.choice(list(models.items()))
        act = chance.choices(("read", "edit", "delete", "react"), (8, 6, 1, 2))[0]
        person, text = chance.choice(people), f"{chance.randrange(3)}"
        acts: dict[str, Callable[[], object]] = {
            "read": partial(read_message, person, message=id),
            "edit": partial(edit_message, author, message=id, content=text),
            "delete": partial(delete_message, author, message=id),
            "react": partial(add_reaction, person, message=id, emoji="👍"),
        }
        if model.status == "deleted" and act != "delete":
            with pytest.raises(NotFound):
                acts[act]()
            continue
        acts[act]()
        if act == "read":
            model.read(person.id, author.id)
        elif act == "edit":
            model.edit(text)
        elif act == "delete":
            model.delete()
    return models


def unlabelled() -> None:
    """As rows were before there was a status: what is added with the column is its default."""
    Message.objects.update(status=Status.DELIVERED)


def labelled() -> None:
    """What the migration does to them."""
    with connection.cursor() as cursor:
        cursor.execute(import_module("messaging.migrations.0004_fill_status").STATUS, [0, 2**62])


@pytest.mark.parametrize("seed", range(4))
def test_any_life_ends_as_its_contract_says_and_so_does_what_was_stored_before(
    alice: User, bob: User, charlie: User, three: Chat, seed: int
) -> None:
    models = live(random.Random(seed), three, [alice, bob, charlie], 70)
    expected = {id: model.status for id, model in models.items()}
    assert statuses() == expected
    for id, model in models.items():
        kept = Revision.objects.filter(message_id=id).values_list("content", flat=True)
        assert list(kept) == model.edits
        receipts = Receipt.objects.filter(message_id=id)
        assert set(receipts.values_list("user_id", flat=True)) == model.readers
    # From the times alone, the migration finds the same.
    unlabelled()
    labelled()
    assert statuses() == expected
    labelled()
    assert statuses() == expected


def test_what_was_stored_before_is_what_its_times_say(
    alice: User, bob: User, charlie: User, three: Chat
) -> None:
    def sent() -> int:
        return send_message(alice, chat=three.id, content="x").message.id

    fresh, own, read, edited, read_then_edited, edited_then_read, both, deleted = (
        sent() for _ in range(8)
    )
    read_message(alice, message=own)
    read_message(bob, message=read)
    edit_message(alice, message=edited, content="y")
    read_message(bob, message=read_then_edited)
    edit_message(alice, message=read_then_edited, content="y")
    edit_message(alice, message=edited_then_read, content="y")
    read_message(bob, message=edited_then_read)
    read_message(bob, message=both)
    edit_message(alice, message=both, content="y")
    read_message(charlie, message=both)
    read_message(bob, message=deleted)
    edit_message(alice, message=deleted, content="y")
    delete_message(alice, message=deleted)
    unlabelled()
    labelled()
    assert statuses() == {
        fresh: "delivered",
        own: "delivered",
        read: "read",
        edited: "edited",
        read_then_edited: "edited",
        edited_then_read: "read",
        both: "read",
        deleted: "deleted",
    }


def test_of_very_many_edits_the_first_text_and_the_latest_are_kept(
    alice: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_REVISIONS", 3)
    sent = send_message(alice, chat=group.id, content="0").message
    for number in range(1, 8):
        edit_message(alice, message=sent.id, content=f"{number}")
    kept = Revision.objects.filter(message_id=sent.id).values_list("content", flat=True)
    assert list(kept) == ["0", "5", "6"]
