"""A moderator closes a chat, and gives it back."""

from typing import Any

import pytest

from accounts.models import User
from chats.events import ChatCreated, ChatDeleted
from chats.models import Chat
from chats.selectors import chat_for, events_after
from chats.services import create_chat, delete_chat, restore_chat, set_slow_mode
from messaging.history import history
from messaging.services import send_message
from messenger.errors import Conflict, Forbidden, Invalid, NotFound


def test_a_chat_that_is_given_back_is_as_it_was(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    said = send_message(bob, chat=group.id, content="before").message
    delete_chat(None, group)
    with pytest.raises(NotFound):
        send_message(bob, chat=group.id, content="meanwhile")
    published.clear()
    restore_chat(group)
    [event] = published
    assert isinstance(event, ChatCreated) and event.actor_id is None
    assert set(event.joining()) == {alice.id, bob.id}
    assert chat_for(bob, group.id).chat.deleted_at is None
    assert [m.id for m in history(group.id).messages] == [said.id]
    assert send_message(bob, chat=group.id, content="after").message.position == 2
    # In the log, too: who was away hears that it went and that it came.
    kinds = [type(event) for event in events_after(group.id, said.seq, limit=10)]
    assert kinds[:2] == [ChatDeleted, ChatCreated]


def test_a_chat_that_was_not_deleted_is_left_alone(group: Chat, published: list[Any]) -> None:
    published.clear()
    restore_chat(group)
    assert published == []


def test_two_people_never_have_two_private_chats(alice: User, bob: User) -> None:
    old = create_chat(alice, kind="private", members=[bob])
    delete_chat(None, old)
    new = create_chat(alice, kind="private", members=[bob])
    with pytest.raises(Conflict):
        restore_chat(old)
    delete_chat(None, new)
    restore_chat(old)
    assert chat_for(bob, old.id).chat == old


def test_slow_mode_is_for_groups_and_has_bounds(alice: User, bob: User, group: Chat) -> None:
    for seconds in (-1, 21_601):
        with pytest.raises(Invalid):
            set_slow_mode(group, seconds)
    private = create_chat(alice, kind="private", members=[bob])
    with pytest.raises(Forbidden):
        set_slow_mode(private, 10)
    set_slow_mode(group, 21_600)
    group.refresh_from_db()
    assert group.slow_mode == 21_600
