"""Roles: a group may have several owners, and is never without one."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from accounts.services import ban
from chats.models import Chat, Membership
from chats.selectors import events_after, member_facts
from chats.services import (
    add_member,
    change_role,
    create_chat,
    delete_chat,
    leave_chat,
    remove_member,
    update_chat,
)
from messenger.errors import Conflict, Forbidden, Invalid, MessengerError, NotFound, UnknownUsers
from messenger.ids import Ref
from tests.chats.helpers import log, meanwhile, roles, told
from tests.races import at_once


@pytest.fixture
def two(alice: User, bob: User, charlie: User) -> Chat:
    """A group that Alice and Bob own, with Charlie in it."""
    chat = create_chat(alice, kind="group", name="Two", members=[bob, charlie])
    change_role(alice, chat=chat, user=bob, role="owner")
    return chat


def test_an_owner_makes_owners_and_unmakes_them_and_all_hear_of_it(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    published.clear()
    given = change_role(alice, chat=group, user=bob.id, role="owner")
    assert roles(group) == {"alice": "owner", "bob": "owner"}
    taken = change_role(bob, chat=group, user=alice.uuid, role="member")
    assert roles(group) == {"alice": "member", "bob": "owner"}
    assert [(event.kind, event.seq, event.actor_id) for event in published] == [
        ("role_changed", 2, alice.id),
        ("role_changed", 3, bob.id),
    ]
    assert [event.member for event in published] == [given, taken]
    assert (given.user_id, given.username, given.role) == (bob.id, "bob", "owner")
    assert (taken.user_id, taken.username, taken.role) == (alice.id, "alice", "member")
    assert given.joined_at == member_facts(group)[1].joined_at
    assert told(published, group) == log(group)[1:]
    # And it is in the log as it was told.
    found = events_after(group.id, 1)
    assert [(event.seq, event.member) for event in found] == [  # type: ignore[attr-defined]
        (2, given),
        (3, taken),
    ]


def test_the_same_role_again_is_told_to_nobody(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    published.clear()
    assert change_role(alice, chat=group, user=bob, role="member").role == "member"
    assert change_role(alice, chat=group, user=alice, role="owner").role == "owner"
    assert not published and len(log(group)) == 1


def test_the_last_owner_stays_one(alice: User, bob: User, group: Chat, two: Chat) -> None:
    for ref in (alice.id, alice.uuid):
        with pytest.raises(Conflict):
            change_role(alice, chat=group, user=ref, role="member")
    change_role(alice, chat=two, user=alice, role="member")
    with pytest.raises(Conflict):
        change_role(bob, chat=two, user=bob, role="member")
    assert roles(group) == {"alice": "owner", "bob": "member"}
    assert roles(two) == {"alice": "member", "bob": "owner", "charlie": "member"}


@pytest.mark.parametrize("role", ["", "admin", "OWNER", "member ", "owner\x00"])
def test_there_are_two_roles(alice: User, bob: User, group: Chat, role: str) -> None:
    with pytest.raises(Invalid) as caught:
        change_role(alice, chat=group, user=bob, role=role)
    assert set(caught.value.errors) == {"role"}


def test_roles_are_for_an_owner_to_give_to_who_is_in_the_group(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    den = create_chat(charlie, kind="group", name="Den")
    private = create_chat(alice, kind="private", members=[bob])
    gone = create_chat(alice, kind="group", name="Gone", members=[bob])
    delete_chat(alice, gone)
    refusals: list[tuple[type[MessengerError], User, Chat, User | Ref]] = [
        (Forbidden, bob, group, alice),
        (Forbidden, bob, group, bob),
        (Forbidden, bob, group, charlie),
        (Forbidden, alice, private, bob),
        (Forbidden, bob, private, bob),
        (NotFound, alice, group, charlie),
        (NotFound, alice, group, -1),
        (NotFound, alice, group, uuid4()),
        (NotFound, charlie, group, alice),
        (NotFound, alice, den, charlie),
        (NotFound, alice, gone, bob),
    ]
    for error, actor, chat, user in refusals:
        for role in ("owner", "member"):
            with pytest.raises(error):
                change_role(actor, chat=chat, user=user, role=role)
    assert roles(group) == {"alice": "owner", "bob": "member"}


def test_any_owner_does_what_owners_do(alice: User, bob: User, charlie: User, two: Chat) -> None:
    assert update_chat(bob, chat=two, name="Bob's").name == "Bob's"
    remove_member(bob, chat=two, user=charlie)
    assert add_member(bob, chat=two, user=charlie)[1]
    # Also to the other owner.
    remove_member(bob, chat=two, user=alice)
    assert roles(two) == {"bob": "owner", "charlie": "member"}
    delete_chat(bob, two)


def test_one_of_two_owners_leaves_and_nobody_has_another_role(
    alice: User, two: Chat, published: list[Any]
) -> None:
    published.clear()
    leave_chat(alice, two)
    assert roles(two) == {"bob": "owner", "charlie": "member"}
    assert [event.kind for event in published] == ["member_left"]


def test_who_is_banned_can_lose_a_role(alice: User, bob: User, two: Chat) -> None:
    ban(bob)
    change_role(alice, chat=two, user=bob.id, role="member")
    assert roles(two)["bob"] == "member"


@pytest.mark.parametrize("first", ["step down", "leave", "take the other's"])
@pytest.mark.parametrize("second", ["step down", "leave", "take the other's"])
def test_two_owners_who_go_at_once_leave_an_owner(
    alice: User, bob: User, charlie: User, first: str, second: str, published: list[Any]
) -> None:
    def go(way: str, me: User, other: User, chat: Chat) -> Any:
        if way == "leave":
            return partial(leave_chat, me, chat)
        user = me if way == "step down" else other
        return partial(change_role, me, chat=chat, user=user, role="member")

    for _ in range(4):
        chat = create_chat(alice, kind="group", name="x", members=[bob, charlie])
        change_role(alice, chat=chat, user=bob, role="owner")
        mine = Chat.objects.get(id=chat.id)
        outcomes = at_once(go(first, alice, bob, chat), go(second, bob, alice, mine))
        assert "owner" in roles(chat).values(), outcomes
        refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert len(refused) <= 1 and all(isinstance(e, MessengerError) for e in refused)
        if first == second == "step down":
            assert [type(error) for error in refused] == [Conflict]
            assert sorted(roles(chat).values()) == ["member", "member", "owner"]
        assert sorted(told(published, chat)) == log(chat)


def test_who_loses_the_group_on_the_way_gives_no_roles(
    alice: User, bob: User, charlie: User, two: Chat
) -> None:
    lose = partial(change_role, alice, chat=Chat.objects.get(id=two.id), user=bob, role="member")
    with pytest.raises(Forbidden), meanwhile(lose):
        change_role(bob, chat=two, user=charlie, role="owner")
    go = partial(remove_member, alice, chat=Chat.objects.get(id=two.id), user=charlie)
    with pytest.raises(NotFound), meanwhile(go):
        change_role(alice, chat=two, user=charlie, role="owner")
    assert roles(two) == {"alice": "owner", "bob": "member"}


# --- adding ----------------------------------------------------------------------------------


def test_who_is_added_is_named_by_any_id_and_is_new_once(
    alice: User, charlie: User, group: Chat, published: list[Any]
) -> None:
    published.clear()
    added, new = add_member(alice, chat=group, user=charlie.uuid)
    assert new and (added.user_id, added.role) == (charlie.id, "member")
    for ref in (charlie, charlie.id, charlie.uuid):
        assert add_member(alice, chat=group, user=ref) == (added, False)
    assert added == member_facts(group)[-1] == published[0].member
    assert len(published) == 1


def test_nobody_and_who_is_banned_are_not_added(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    ban(charlie)
    refs: list[User | Ref] = [-1, 0, uuid4(), charlie, charlie.id, charlie.uuid]
    for ref in refs:
        with pytest.raises(UnknownUsers) as caught:
            add_member(alice, chat=group, user=ref)
        assert set(caught.value.errors) == {"user_id"}
    # Who was banned inside is inside.
    ban(bob)
    assert add_member(alice, chat=group, user=bob.id)[1] is False
    # Who may add nobody is not told who there is.
    Membership.objects.filter(chat=group, user=alice).update(role="member")
    for ref in refs:
        with pytest.raises(Forbidden):
            add_member(alice, chat=group, user=ref)
