"""Editing, deleting and reacting: by whom, once, and what everybody hears of it."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat, delete_chat, leave_chat
from messaging.events import MessageFacts
from messaging.models import Message, Reaction
from messaging.reading import read_message
from messaging.selectors import reactions_to
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    remove_reaction,
    send_message,
)
from messenger.errors import Forbidden, NotFound
from tests.chats.helpers import log, meanwhile, told
from tests.races import at_once


@pytest.fixture
def message(bob: User, group: Chat) -> MessageFacts:
    """Bob's, in Alice's group."""
    return send_message(bob, chat=group.id, content="x", type="card", payload={"a": 1}).message


def test_an_edit_changes_the_text_and_says_when(
    bob: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    facts = edit_message(bob, message=UUID(message.uuid), content="y", origin="here:1")
    event = published[-1]
    assert (event.kind, event.seq, event.actor_id) == ("message_edited", 3, bob.id)
    assert (event.message, event.origin) == (facts, "here:1")
    assert (facts.content, facts.payload, facts.edited_at) == ("y", {"a": 1}, event.created_at)
    assert (facts.created_at, facts.position) == (message.created_at, message.position)
    assert Message.objects.get().content == "y" and log(group) == told(published, group)


def test_an_edit_says_who_has_read_it(
    alice: User, bob: User, charlie: User, published: list[Any]
) -> None:
    chat = create_chat(alice, kind="group", name="x", members=[bob, charlie])
    sent = send_message(alice, chat=chat.id, content="0").message
    expected: list[tuple[list[int], bool]] = [([], False)]
    edit_message(alice, message=sent.id, content="1")
    for n, reader in enumerate((charlie, bob), start=2):
        read_message(reader, message=sent.id)
        facts = edit_message(alice, message=sent.id, content=f"{n}")
        expected.append(([*expected[-1][0], reader.id], n == 3))
        assert facts.is_read
    edits = [event for event in published if event.kind == "message_edited"]
    assert [(event.readers, event.read_by_all) for event in edits] == expected


def test_the_same_text_again_is_no_edit(
    bob: User, message: MessageFacts, published: list[Any]
) -> None:
    published.clear()
    assert edit_message(bob, message=message.id, content="x") == message
    assert not published and Message.objects.get().edited_at is None


def test_only_its_author_edits_a_message(
    alice: User, charlie: User, message: MessageFacts, published: list[Any]
) -> None:
    published.clear()
    for person, error in ((alice, Forbidden), (charlie, NotFound)):
        with pytest.raises(error):
            edit_message(person, message=message.id, content="y")
    assert not published and Message.objects.get().content == "x"


def test_a_deleted_message_keeps_its_place_and_nothing_else(
    bob: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    delete_message(bob, message=UUID(message.uuid), origin="here:1")
    event = published[-1]
    assert (event.kind, event.seq, event.actor_id) == ("message_deleted", 3, bob.id)
    assert (event.message.content, event.message.payload) == (None, None)
    assert (event.message.deleted_at, event.origin) == (event.created_at, "here:1")
    row = Message.objects.get()
    assert (row.content, row.payload, row.position) == (None, None, 1)
    assert log(group) == told(published, group)


def test_a_deletion_again_is_told_to_nobody(
    alice: User, bob: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    for person in (bob, bob, alice, None):
        delete_message(person, message=message.id)
    assert told(published, group) == log(group)
    assert [kind for _, kind in log(group)].count("message_deleted") == 1


def test_the_owner_of_the_group_deletes_anybodys_message(
    alice: User, message: MessageFacts, published: list[Any]
) -> None:
    delete_message(alice, message=message.id)
    assert published[-1].actor_id == alice.id and Message.objects.get().content is None


def test_a_moderator_deletes_anybodys_message_and_is_not_named(
    message: MessageFacts, published: list[Any]
) -> None:
    delete_message(None, message=Message.objects.select_related("chat").get(id=message.id))
    assert (published[-1].kind, published[-1].actor_id) == ("message_deleted", None)
    assert Message.objects.get().content is None


def test_a_message_that_is_not_there_is_not_found_by_a_moderator_either(group: Chat) -> None:
    with pytest.raises(NotFound):
        delete_message(None, message=-1)


def test_others_delete_nothing(
    alice: User, bob: User, charlie: User, group: Chat, published: list[Any]
) -> None:
    alices = send_message(alice, chat=group.id, content="x").message
    private = create_chat(alice, kind="private", members=[bob])
    bobs = send_message(bob, chat=private.id, content="x").message
    published.clear()
    refused: list[tuple[User, MessageFacts, type[Exception]]] = [
        (bob, alices, Forbidden),
        (charlie, alices, NotFound),
        (charlie, bobs, NotFound),
        # Who opened a private chat rules over nothing in it.
        (alice, bobs, Forbidden),
    ]
    for person, message, error in refused:
        with pytest.raises(error):
            delete_message(person, message=message.id)
    assert not published and set(Message.objects.values_list("content", flat=True)) == {"x"}


def test_a_deleted_message_is_not_there_to_edit_or_react_to(
    bob: User, message: MessageFacts, published: list[Any]
) -> None:
    add_reaction(bob, message=message.id, emoji="👍")
    delete_message(bob, message=message.id)
    published.clear()
    for change in (
        partial(edit_message, bob, content="y"),
        partial(add_reaction, bob, emoji="❤️"),
        partial(remove_reaction, bob, emoji="👍"),
    ):
        with pytest.raises(NotFound):
            change(message=message.id)
    assert not published and Message.objects.get().content is None


@pytest.mark.parametrize("happening", ["deleted", "left", "closed"])
def test_what_happens_on_the_way_counts(
    bob: User, group: Chat, message: MessageFacts, happening: str
) -> None:
    happenings = {
        "deleted": partial(delete_message, None, message=message.id),
        "left": partial(leave_chat, bob, group),
        "closed": partial(delete_chat, None, group),
    }
    with pytest.raises(NotFound), meanwhile(happenings[happening]):
        edit_message(bob, message=message.id, content="y")
    assert len(log(group)) == 3
    if happening != "deleted":
        with pytest.raises(NotFound):
            delete_message(bob, message=message.id)
    assert Message.objects.get().content == (None if happening == "deleted" else "x")


def test_who_leaves_on_the_way_deletes_nothing(
    bob: User, group: Chat, message: MessageFacts
) -> None:
    with pytest.raises(NotFound), meanwhile(partial(leave_chat, bob, group)):
        delete_message(bob, message=message.id)
    assert Message.objects.get().content == "x"


def test_an_edit_and_a_deletion_at_once_leave_no_text(bob: User, group: Chat) -> None:
    for _ in range(6):
        sent = send_message(bob, chat=group.id, content="x").message
        at_once(
            partial(edit_message, bob, message=sent.id, content="y"),
            partial(delete_message, bob, message=sent.id),
            partial(add_reaction, bob, message=sent.id, emoji="👍"),
        )
        assert Message.objects.get(id=sent.id).content is None
        assert log(group)[-1][1] == "message_deleted"


def test_a_reaction_is_put_on_once_and_taken_off_once(
    alice: User, bob: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    reaction, new = add_reaction(alice, message=UUID(message.uuid), emoji="👍")
    again, new_again = add_reaction(alice, message=message.id, emoji="👍")
    assert (new, new_again, again.id) == (True, False, reaction.id)
    assert remove_reaction(alice, message=message.id, emoji="👍")
    assert not remove_reaction(alice, message=message.id, emoji="👍")
    added, removed = published[-2:]
    assert (added.kind, added.reaction_id, added.emoji) == ("reaction_added", reaction.id, "👍")
    assert (removed.kind, removed.emoji) == ("reaction_removed", "👍")
    for event in (added, removed):
        assert (event.user_id, event.user_uuid) == (alice.id, str(alice.uuid))
    assert told(published, group) == log(group) and len(log(group)) == 4


def test_reactions_are_ones_own(alice: User, bob: User, message: MessageFacts) -> None:
    for person, emoji in ((bob, "👍"), (alice, "👍"), (alice, "👨‍👩‍👧‍👦")):
        add_reaction(person, message=message.id, emoji=emoji)
    assert remove_reaction(alice, message=message.id, emoji="👍")
    found = reactions_to([message.id, -1])
    assert [(row["user_id"], row["emoji"]) for row in found[message.id]] == [
        (bob.id, "👍"),
        (alice.id, "👨‍👩‍👧‍👦"),
    ]


def test_one_reaction_from_24_sides_at_once_is_one(
    alice: User, group: Chat, message: MessageFacts, published: list[Any]
) -> None:
    published.clear()
    outcomes = at_once(*[partial(add_reaction, alice, message=message.id, emoji="❤️")] * 24)
    assert [new for _, new in outcomes].count(True) == 1
    assert Reaction.objects.count() == len(published) == 1


def test_reactions_put_on_and_taken_off_at_once_end_as_the_log_says(
    alice: User, group: Chat, message: MessageFacts
) -> None:
    for _ in range(6):
        at_once(
            partial(add_reaction, alice, message=message.id, emoji="❤️"),
            partial(remove_reaction, alice, message=message.id, emoji="❤️"),
        )
        kinds = [kind for _, kind in log(group) if kind.startswith("reaction")]
        assert kinds == ["reaction_added", "reaction_removed"] * (len(kinds) // 2) + (
            ["reaction_added"] * (len(kinds) % 2)
        )
        assert Reaction.objects.count() == len(kinds) % 2
