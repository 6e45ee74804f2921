"""Mutes: who may read but not say anything for a while."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from chats import mutes
from chats.models import Chat, Mute
from chats.services import add_member, create_chat, leave_chat, update_chat
from messaging.services import add_reaction, edit_message, read_message, send_message
from messaging.unread import unread_counts
from messenger.errors import Muted
from presence.services import set_typing

LATER = timezone.now() + timedelta(days=1)


def test_who_is_muted_in_a_chat_can_read_there_and_write_elsewhere(
    alice: User, bob: User, group: Chat
) -> None:
    elsewhere = create_chat(bob, kind="group", name="Elsewhere")
    own = send_message(bob, chat=group.id, content="before").message
    mutes.mute(bob, chat=group, until=LATER)
    with pytest.raises(Muted) as refused:
        send_message(bob, chat=group.id, content="after")
    assert refused.value.until == LATER
    assert refused.value.facts()["code"] == "muted"
    assert f"{LATER:%Y-%m-%d %H:%M} UTC" in refused.value.facts()["detail"]
    with pytest.raises(Muted):
        edit_message(bob, message=own.id, content="after")
    said = send_message(alice, chat=group.id, content="hm").message
    with pytest.raises(Muted):
        add_reaction(bob, message=said.id, emoji="👍")
    with pytest.raises(Muted):
        set_typing(bob, chat=group.id, is_typing=True)
    set_typing(bob, chat=group.id, is_typing=False)
    read_message(bob, message=said.id)
    assert not unread_counts(bob, [group.id]).get(group.id)
    assert send_message(bob, chat=elsewhere.id, content="here").message


def test_who_is_muted_everywhere_says_nothing_anywhere(alice: User, bob: User, group: Chat) -> None:
    den = create_chat(bob, kind="group", name="Den")
    mutes.mute(bob, chat=None, until=LATER)
    for chat in (group, den):
        with pytest.raises(Muted):
            send_message(bob, chat=chat.id, content="x")
    # The name of a chat is read by others, too.
    with pytest.raises(Muted):
        create_chat(bob, kind="private", name="Read my name", members=[alice])
    assert create_chat(bob, kind="private", members=[alice])
    with pytest.raises(Muted):
        create_chat(bob, kind="group", name="Read my name")
    with pytest.raises(Muted):
        update_chat(bob, chat=den, name="Read my name")
    with pytest.raises(Muted):
        add_member(bob, chat=den, user=alice)
    with pytest.raises(Muted):
        send_message(bob, recipient=alice.id, content="x")


def test_what_was_sent_before_the_mute_is_still_answered(bob: User, group: Chat) -> None:
    first = send_message(bob, chat=group.id, content="x", key="k")
    mutes.mute(bob, chat=None, until=LATER)
    again = send_message(bob, chat=group.id, content="x", key="k")
    assert again.replayed and again.message == first.message


def test_leaving_and_coming_back_does_not_end_a_mute(alice: User, bob: User, group: Chat) -> None:
    mutes.mute(bob, chat=group, until=LATER)
    leave_chat(bob, group)
    add_member(alice, chat=group, user=bob)
    with pytest.raises(Muted):
        send_message(bob, chat=group.id, content="x")


def test_a_mute_ends_by_itself_or_when_it_is_lifted(bob: User, group: Chat) -> None:
    mutes.mute(bob, chat=group, until=LATER)
    mutes.mute(bob, chat=None, until=LATER + timedelta(days=1))
    # The later end counts.
    with pytest.raises(Muted) as refused:
        send_message(bob, chat=group.id, content="x")
    assert refused.value.until == LATER + timedelta(days=1)
    mutes.mute(bob, chat=None, until=None)
    with pytest.raises(Muted):
        send_message(bob, chat=group.id, content="x")
    mutes.mute(bob, chat=group, until=timezone.now())
    assert send_message(bob, chat=group.id, content="x").message
    assert mutes.mutes_of([bob.id]) == {}
    assert mutes.forget_old() == 1 and not Mute.objects.exists()


def test_a_new_mute_takes_the_place_of_the_old_one(bob: User, group: Chat) -> None:
    for chat in (group, None):
        for days in (2, 1):
            mutes.mute(bob, chat=chat, until=LATER + timedelta(days=days))
    ends = mutes.mutes_of([bob.id])
    assert ends == {(bob.id, where): LATER + timedelta(days=1) for where in (group.id, None)}


def test_a_crowd_of_authors_is_looked_up_as_one_is(bob: User, group: Chat) -> None:
    mutes.mute(bob, chat=group, until=LATER)
    for crowd in ([bob.id], range(bob.id, bob.id + mutes.PREPARED + 10)):
        assert mutes.mutes_of(crowd) == {(bob.id, group.id): LATER}
    assert mutes.mutes_of([]) == {}
