"""Renaming, opening, deleting: by whom, and what everybody hears of it."""

from functools import partial
from typing import Any

import pytest

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat, delete_chat, update_chat
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    read_message,
    send_message,
)
from messenger.errors import Forbidden, Invalid, NotFound
from tests.chats.helpers import log, meanwhile, told
from tests.races import at_once


def test_the_owner_renames_describes_and_opens_a_group(
    alice: User, group: Chat, published: list[Any]
) -> None:
    chat = update_chat(alice, chat=group, name=" Tea ", description="At five", is_open=True)
    assert (chat.name, chat.description, chat.is_open) == ("Tea", "At five", True)
    event = published[-1]
    assert (event.kind, event.seq, event.actor_id) == ("chat_updated", 2, alice.id)
    assert (event.chat.name, event.chat.description, event.chat.is_open) == ("Tea", "At five", True)
    assert log(group) == told(published, group)


def test_what_is_not_named_stays_as_it_is(alice: User, group: Chat) -> None:
    update_chat(alice, chat=group, description="At five")
    update_chat(alice, chat=group, is_open=True)
    update_chat(alice, chat=group, is_open=False)
    chat = update_chat(alice, chat=group, name="Tea")
    assert (chat.name, chat.description, chat.is_open) == ("Tea", "At five", False)


def test_a_description_can_be_taken_away_and_a_name_cannot(alice: User, group: Chat) -> None:
    update_chat(alice, chat=group, description="At five")
    assert update_chat(alice, chat=group, description="").description == ""
    for name in ("", "  ", "x" * 101, "x\x00"):
        with pytest.raises(Invalid) as caught:
            update_chat(alice, chat=group, name=name)
        assert list(caught.value.errors) == ["name"]
    with pytest.raises(Invalid):
        update_chat(alice, chat=group, description="x" * 1001)
    assert Chat.objects.get(id=group.id).name == "Group"


def test_a_change_to_what_is_already_so_tells_nobody(
    alice: User, group: Chat, published: list[Any]
) -> None:
    published.clear()
    update_chat(alice, chat=group)
    update_chat(alice, chat=group, name="Group", description="", is_open=False)
    assert not published and log(group) == [(1, "chat_created")]


def test_only_the_owner_changes_and_deletes_a_group(
    bob: User, charlie: User, group: Chat, published: list[Any]
) -> None:
    published.clear()
    for person, error in ((bob, Forbidden), (charlie, NotFound)):
        with pytest.raises(error):
            update_chat(person, chat=group, name="Mine")
        with pytest.raises(error):
            delete_chat(person, group)
    assert not published and log(group) == [(1, "chat_created")]


def test_the_owner_deletes_a_group_for_everybody_once(
    alice: User, group: Chat, published: list[Any]
) -> None:
    delete_chat(alice, group)
    with pytest.raises(NotFound):
        delete_chat(alice, group)
    event = published[-1]
    assert (event.kind, event.actor_id, event.leaving()) == ("chat_deleted", alice.id, None)
    assert told(published, group) == log(group) == [(1, "chat_created"), (2, "chat_deleted")]


def test_either_side_deletes_a_private_chat(alice: User, bob: User, charlie: User) -> None:
    for person in (alice, bob):
        private = create_chat(alice, kind="private", members=[bob])
        with pytest.raises(NotFound):
            delete_chat(charlie, private)
        delete_chat(person, private)
        assert Chat.objects.get(id=private.id).deleted_at is not None


def test_a_moderator_deletes_any_chat_and_is_not_named(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    for chat in (group, create_chat(alice, kind="private", members=[bob])):
        delete_chat(None, chat)
        assert published[-1].kind == "chat_deleted" and published[-1].actor_id is None


def test_a_change_to_a_deleted_chat_is_refused(alice: User, group: Chat) -> None:
    with pytest.raises(NotFound), meanwhile(partial(delete_chat, None, group)):
        update_chat(alice, chat=group, name="x")
    assert log(group) == [(1, "chat_created"), (2, "chat_deleted")]


def test_what_is_said_brings_a_chat_up_and_what_is_read_does_not(
    alice: User, bob: User, group: Chat
) -> None:
    before = group.last_activity_at
    sent = send_message(alice, chat=group.id, content="x").message
    group.refresh_from_db()
    assert group.last_activity_at > before
    assert (group.last_seq, group.last_position) == (2, 1)
    before = group.last_activity_at
    read_message(bob, message=sent.id)
    add_reaction(bob, message=sent.id, emoji="👍")
    edit_message(alice, message=sent.id, content="y")
    delete_message(alice, message=sent.id)
    group.refresh_from_db()
    assert (group.last_activity_at, group.last_seq) == (before, 6)
    update_chat(alice, chat=group, name="Other")
    group.refresh_from_db()
    assert group.last_activity_at > before


def test_renamed_at_once_by_many_a_chat_has_the_name_that_was_told_last(
    alice: User, group: Chat, published: list[Any]
) -> None:
    at_once(*(partial(update_chat, alice, chat=group, name=f"Name {n}") for n in range(8)))
    last = max(published, key=lambda event: event.seq)
    assert Chat.objects.get(id=group.id).name == last.chat.name
    assert sorted(told(published, group)) == log(group)
    assert [seq for seq, _ in log(group)] == list(range(1, 10))
