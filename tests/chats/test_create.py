"""Groups and private chats come to be."""

from functools import partial
from typing import Any

import pytest

from accounts.models import User
from chats.models import Chat, Membership
from chats.services import MAX_MEMBERS, create_chat, delete_chat, find_or_create_chat
from messenger.errors import Conflict, Invalid
from tests.chats.helpers import log, meanwhile, roles, told
from tests.people import make_user
from tests.races import at_once


def test_the_creator_of_a_group_owns_it(alice: User, bob: User, charlie: User) -> None:
    chat = create_chat(alice, kind="group", name=" Tea ", description="x", members=[bob, charlie])
    assert roles(chat) == {"alice": "owner", "bob": "member", "charlie": "member"}
    assert (chat.name, chat.description, chat.is_open, chat.pair) == ("Tea", "x", False, None)


def test_the_creator_owns_it_also_when_named_among_the_members(alice: User, bob: User) -> None:
    again = User.objects.get(id=alice.id)
    chat = create_chat(alice, kind="group", name="Tea", members=[bob, again, bob])
    assert roles(chat) == {"alice": "owner", "bob": "member"}


def test_everybody_is_told_of_it_once_and_who_is_in_it(
    alice: User, bob: User, published: list[Any]
) -> None:
    chat = create_chat(alice, kind="group", name="Tea", members=[bob], origin="socket")
    [event] = published
    assert log(chat) == told(published, chat) == [(1, "chat_created")]
    assert (event.actor_id, event.origin, event.chat.name) == (alice.id, "socket", "Tea")
    assert [(m.user_id, m.role) for m in event.chat.members] == [
        (alice.id, "owner"),
        (bob.id, "member"),
    ]
    assert list(event.joining()) == [alice.id, bob.id]


def test_two_groups_may_have_one_name(alice: User) -> None:
    one, other = (find_or_create_chat(alice, kind="group", name="Tea") for _ in range(2))
    assert one[0].id != other[0].id and one[1] and other[1]


def test_a_pair_has_one_private_chat_whoever_asks(
    alice: User, bob: User, charlie: User, published: list[Any]
) -> None:
    chat = create_chat(alice, kind="private", members=[bob])
    assert find_or_create_chat(alice, kind="private", members=[bob]) == (chat, False)
    assert create_chat(bob, kind="private", name="x", members=[alice, bob]).id == chat.id
    assert create_chat(alice, kind="private", members=[charlie]).id != chat.id
    assert told(published, chat) == [(1, "chat_created")]
    assert Chat.objects.get(id=chat.id).name == ""


def test_a_pair_whose_chat_was_deleted_gets_a_new_one(alice: User, bob: User) -> None:
    old = create_chat(alice, kind="private", members=[bob])
    delete_chat(bob, old)
    new = create_chat(alice, kind="private", members=[bob])
    assert new.id != old.id
    assert create_chat(bob, kind="private", members=[alice]).id == new.id


def test_both_sides_asking_twelve_times_at_once_get_one_chat(
    alice: User, bob: User, published: list[Any]
) -> None:
    sides = [(alice, bob), (bob, alice)] * 6
    chats = at_once(*(partial(create_chat, me, kind="private", members=[you]) for me, you in sides))
    assert len({chat.id for chat in chats}) == 1
    assert Chat.objects.count() == 1 and Membership.objects.count() == 2
    assert told(published, chats[0]) == log(chats[0]) == [(1, "chat_created")]


def test_who_comes_second_gets_the_chat_of_who_came_first(
    alice: User, bob: User, published: list[Any]
) -> None:
    first = partial(create_chat, bob, kind="private", members=[alice])
    with meanwhile(first, before="INSERT"):
        chat, new = find_or_create_chat(alice, kind="private", members=[bob])
    assert not new and roles(chat) == {"bob": "owner", "alice": "member"}
    assert told(published, chat) == [(1, "chat_created")]


def test_what_cannot_be_is_refused_and_leaves_nothing(alice: User, published: list[Any]) -> None:
    impossible: list[tuple[str, dict[str, Any]]] = [
        ("type", {"kind": "channel", "name": "x"}),
        ("type", {"kind": "", "name": "x"}),
        ("name", {"kind": "group", "name": ""}),
        ("name", {"kind": "group", "name": " \n\t"}),
        ("name", {"kind": "group", "name": "x" * 101}),
        ("name", {"kind": "group", "name": "x\x00"}),
        ("name", {"kind": "group", "name": "x\ud83d"}),
        ("description", {"kind": "group", "name": "x", "description": "x" * 1001}),
        ("description", {"kind": "group", "name": "x", "description": "\x00"}),
        ("user_ids", {"kind": "private"}),
    ]
    for field, wrong in impossible:
        with pytest.raises(Invalid) as caught:
            create_chat(alice, **wrong)
        assert list(caught.value.errors) == [field], wrong
    assert not Chat.objects.exists() and not published


def test_the_longest_name_and_description_fit(alice: User) -> None:
    name, description = "🙂" * 100, "Ж" * 1000
    chat = create_chat(alice, kind="group", name=name, description=description)
    chat.refresh_from_db()
    assert (chat.name, chat.description) == (name, description)


def test_a_private_chat_is_of_two(alice: User, bob: User, charlie: User) -> None:
    for others in ([], [alice], [bob, charlie]):
        with pytest.raises(Invalid):
            create_chat(alice, kind="private", members=others)


def test_a_thousand_members_are_enough(alice: User) -> None:
    people = [
        User(email=f"{n}@example.org", email_key=f"{n}", username=f"{n}", username_key=f"{n}")
        for n in range(MAX_MEMBERS)
    ]
    User.objects.bulk_create(people)
    with pytest.raises(Invalid):
        create_chat(alice, kind="group", name="All", members=people)
    chat = create_chat(alice, kind="group", name="All", members=people[1:])
    assert chat.memberships.count() == MAX_MEMBERS


def test_a_chat_with_somebody_who_is_gone_is_refused(
    alice: User, group: Chat, published: list[Any]
) -> None:
    ghost = make_user("ghost")
    User.objects.filter(id=ghost.id).delete()
    published.clear()
    for kind in ("group", "private"):
        with pytest.raises(Conflict):
            create_chat(alice, kind=kind, name="x", members=[ghost])
    assert Chat.objects.get() == group and not published
