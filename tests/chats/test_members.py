"""Who comes, who goes, and who owns what is left."""

from functools import partial
from typing import Any

import pytest

from accounts.models import User
from accounts.services import ban
from chats import members
from chats.models import Chat, Membership
from chats.services import (
    add_member,
    create_chat,
    delete_chat,
    join_chat,
    leave_chat,
    remove_member,
    update_chat,
)
from messaging.services import send_message
from messenger.errors import Forbidden, NotFound
from tests.chats.helpers import log, meanwhile, roles, told
from tests.races import at_once


@pytest.fixture
def opened(alice: User, bob: User) -> Chat:
    """Alice's open group, with Bob in it."""
    return create_chat(alice, kind="group", name="Open", members=[bob], is_open=True)


def test_anyone_joins_an_open_group_and_is_told_of_once(
    charlie: User, opened: Chat, published: list[Any]
) -> None:
    join_chat(charlie, opened)
    join_chat(charlie, opened)
    assert roles(opened) == {"alice": "owner", "bob": "member", "charlie": "member"}
    assert log(opened) == told(published, opened) == [(1, "chat_created"), (2, "member_joined")]
    event = published[-1]
    assert (event.actor_id, event.member.user_id) == (charlie.id, charlie.id)
    assert [member.user_id for member in event.chat.members][-1] == charlie.id
    assert list(event.joining()) == [charlie.id]


def test_a_closed_group_is_by_invitation(alice: User, charlie: User, group: Chat) -> None:
    with pytest.raises(Forbidden):
        join_chat(charlie, group)
    add_member(alice, chat=group, user=charlie)
    assert roles(group)["charlie"] == "member"
    # A member who joins is where they want to be.
    join_chat(charlie, group)


def test_a_private_chat_takes_nobody_in_and_lets_nobody_go(
    alice: User, bob: User, charlie: User
) -> None:
    private = create_chat(alice, kind="private", members=[bob], is_open=True)
    with pytest.raises(NotFound):
        join_chat(charlie, private)
    for forbidden in (
        lambda: add_member(alice, chat=private, user=charlie),
        lambda: remove_member(alice, chat=private, user=bob),
        lambda: leave_chat(bob, private),
        lambda: update_chat(alice, chat=private, name="x"),
    ):
        with pytest.raises(Forbidden):
            forbidden()
    assert roles(private) == {"alice": "owner", "bob": "member"}


def test_only_the_owner_adds_and_removes(alice: User, bob: User, charlie: User) -> None:
    chat = create_chat(alice, kind="group", name="x", members=[bob], is_open=True)
    with pytest.raises(Forbidden):
        add_member(bob, chat=chat, user=charlie)
    with pytest.raises(NotFound):
        add_member(charlie, chat=chat, user=charlie)
    with pytest.raises(Forbidden):
        remove_member(bob, chat=chat, user=alice)
    with pytest.raises(NotFound):
        remove_member(charlie, chat=chat, user=bob)
    with pytest.raises(NotFound):
        remove_member(alice, chat=chat, user=charlie)
    assert roles(chat) == {"alice": "owner", "bob": "member"}


def test_an_addition_and_a_removal_say_by_whom(
    alice: User, charlie: User, group: Chat, published: list[Any]
) -> None:
    add_member(alice, chat=group, user=charlie)
    add_member(alice, chat=group, user=charlie)
    remove_member(alice, chat=group, user=charlie)
    created, joined, left = published
    assert (joined.kind, joined.actor_id, joined.member.user_id) == (
        "member_joined",
        alice.id,
        charlie.id,
    )
    assert (left.kind, left.actor_id, left.user_id) == ("member_left", alice.id, charlie.id)
    assert left.leaving() == [charlie.id]
    assert [event.seq for event in published] == [1, 2, 3]


def test_removing_oneself_is_leaving(bob: User, group: Chat) -> None:
    remove_member(bob, chat=group, user=bob)
    assert roles(group) == {"alice": "owner"}


def test_a_full_group_takes_nobody_more(
    alice: User, charlie: User, opened: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "MAX_MEMBERS", 2)
    for forbidden in (
        lambda: join_chat(charlie, opened),
        lambda: add_member(alice, chat=opened, user=charlie),
    ):
        with pytest.raises(Forbidden):
            forbidden()


def test_the_member_of_longest_standing_succeeds_the_owner(
    alice: User, bob: User, charlie: User, opened: Chat, published: list[Any]
) -> None:
    # Bob comes back, so he is the younger member now.
    join_chat(charlie, opened)
    leave_chat(bob, opened)
    join_chat(bob, opened)
    published.clear()
    leave_chat(alice, opened)
    assert roles(opened) == {"charlie": "owner", "bob": "member"}
    left, changed = published
    assert (left.kind, changed.kind) == ("member_left", "role_changed")
    assert changed.seq == left.seq + 1
    assert (changed.member.user_id, changed.member.role) == (charlie.id, "owner")


def test_an_owner_beside_another_needs_no_successor(alice: User, bob: User, group: Chat) -> None:
    Membership.objects.filter(chat=group, user=bob).update(role="owner")
    leave_chat(alice, group)
    assert roles(group) == {"bob": "owner"}
    assert [kind for _, kind in log(group)] == ["chat_created", "member_left"]


def test_a_group_that_the_last_one_leaves_is_deleted(
    alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    leave_chat(bob, group)
    leave_chat(alice, group)
    group.refresh_from_db()
    assert group.deleted_at is not None and roles(group) == {}
    assert [kind for _, kind in log(group)] == [
        "chat_created",
        "member_left",
        "member_left",
        "chat_deleted",
    ]
    assert told(published, group) == log(group)


def test_who_left_is_no_member_any_more(bob: User, charlie: User, group: Chat) -> None:
    leave_chat(bob, group)
    for person in (bob, charlie):
        with pytest.raises(NotFound):
            leave_chat(person, group)


def test_many_joins_at_once_are_one(charlie: User, opened: Chat, published: list[Any]) -> None:
    assert at_once(*[partial(join_chat, charlie, opened)] * 24) == [opened] * 24
    assert roles(opened) == {"alice": "owner", "bob": "member", "charlie": "member"}
    assert told(published, opened) == log(opened) == [(1, "chat_created"), (2, "member_joined")]


def test_the_last_two_leaving_at_once_leave_no_living_chat(alice: User, bob: User) -> None:
    for second_role in ("member", "owner") * 4:
        chat = create_chat(alice, kind="group", name="x", members=[bob])
        Membership.objects.filter(chat=chat, user=bob).update(role=second_role)
        outcomes = at_once(partial(leave_chat, alice, chat), partial(leave_chat, bob, chat))
        chat.refresh_from_db()
        assert outcomes == [None, None]
        assert roles(chat) == {} and chat.deleted_at is not None
        assert [kind for _, kind in log(chat)].count("chat_deleted") == 1


def test_two_owners_leaving_at_once_leave_an_owner(alice: User, bob: User, charlie: User) -> None:
    for _ in range(6):
        chat = create_chat(alice, kind="group", name="x", members=[bob, charlie])
        Membership.objects.filter(chat=chat, user=bob).update(role="owner")
        at_once(partial(leave_chat, alice, chat), partial(leave_chat, bob, chat))
        assert roles(chat) == {"charlie": "owner"}


def test_the_last_one_leaving_while_another_joins_leaves_an_owner_or_nothing(
    alice: User, charlie: User
) -> None:
    for _ in range(6):
        chat = create_chat(alice, kind="group", name="x", is_open=True)
        _, joined = at_once(partial(leave_chat, alice, chat), partial(join_chat, charlie, chat))
        chat.refresh_from_db()
        if chat.deleted_at is None:
            assert joined == chat and roles(chat) == {"charlie": "owner"}
        else:
            assert isinstance(joined, NotFound) and roles(chat) == {}


def test_the_owner_removes_who_is_banned_by_either_id(
    alice: User, bob: User, charlie: User
) -> None:
    chat = create_chat(alice, kind="group", name="x", members=[bob, charlie])
    for person, ref in ((bob, bob.id), (charlie, charlie.uuid)):
        ban(person)
        remove_member(alice, chat=chat, user=ref)
    assert roles(chat) == {"alice": "owner"}


def test_leaving_and_being_removed_at_once_is_one_departure(
    alice: User, bob: User, published: list[Any]
) -> None:
    for _ in range(6):
        chat = create_chat(alice, kind="group", name="x", members=[bob])
        outcomes = at_once(
            partial(leave_chat, bob, chat), partial(remove_member, alice, chat=chat, user=bob)
        )
        assert sorted(str(outcome) for outcome in outcomes) == ["None", "Not found."]
        assert told(published, chat) == [(1, "chat_created"), (2, "member_left")]


def test_who_joins_as_the_group_closes_stays_outside(
    alice: User, charlie: User, opened: Chat
) -> None:
    close = partial(update_chat, alice, chat=opened, is_open=False)
    with pytest.raises(Forbidden), meanwhile(close):
        join_chat(charlie, Chat.objects.get(id=opened.id))


def test_who_loses_the_group_on_the_way_changes_nothing(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    with pytest.raises(NotFound), meanwhile(partial(leave_chat, alice, group)):
        add_member(alice, chat=group, user=charlie)
    with pytest.raises(NotFound), meanwhile(partial(delete_chat, bob, group)):
        add_member(bob, chat=group, user=charlie)
    assert [kind for _, kind in log(group)][-1] == "chat_deleted"


def test_who_is_added_as_the_group_is_renamed_comes_into_the_renamed_one(
    alice: User, charlie: User, group: Chat, published: list[Any]
) -> None:
    other = Chat.objects.get(id=group.id)
    with meanwhile(partial(update_chat, alice, chat=other, name="Renamed")):
        add_member(alice, chat=group, user=charlie)
    assert [(event.kind, event.chat.name) for event in published[1:]] == [
        ("chat_updated", "Renamed"),
        ("member_joined", "Renamed"),
    ]


def test_nothing_follows_the_deletion_of_a_chat(
    alice: User, bob: User, charlie: User, published: list[Any]
) -> None:
    for _ in range(5):
        chat = create_chat(alice, kind="group", name="x", members=[bob], is_open=True)
        at_once(
            partial(send_message, bob, chat=chat.id, content="x"),
            partial(join_chat, charlie, chat),
            partial(delete_chat, alice, chat),
            partial(leave_chat, bob, chat),
            partial(update_chat, alice, chat=chat, name="y"),
        )
        kinds = [kind for _, kind in log(chat)]
        assert kinds.index("chat_deleted") == len(kinds) - 1
        assert sorted(told(published, chat)) == log(chat)
