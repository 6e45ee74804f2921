"""The chats of a person, what a list says of them, and with whom they are shared."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.services import ban
from chats.models import Chat
from chats.selectors import (
    Overview,
    chat_facts,
    chats_of,
    contacts,
    member_facts,
    members_of,
    overviews,
)
from chats.services import add_member, create_chat, delete_chat, leave_chat
from messaging.services import send_message


def test_the_chat_with_the_latest_activity_comes_first(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    other = create_chat(alice, kind="group", name="Other")
    private = create_chat(alice, kind="private", members=[bob])
    gone = create_chat(alice, kind="group", name="Gone")
    delete_chat(alice, gone)
    create_chat(charlie, kind="group", name="Not hers")
    assert [m.chat for m in chats_of(alice)] == [private, other, group]
    send_message(bob, chat=group.id, content="x")
    assert [m.chat for m in chats_of(alice)] == [group, private, other]
    assert [m.chat for m in chats_of(alice, skip=1)] == [private, other]
    assert [m.chat for m in chats_of(alice, skip=1, limit=1)] == [private]
    assert [m.chat for m in chats_of(bob)] == [group, private]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_a_list_goes_on_behind_any_of_its_chats(alice: User, bob: User, limit: int) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for n in range(7):
        chat = create_chat(alice, kind="group", name=f"{n}", members=[bob])
        # Some at the same moment, and some a microsecond apart.
        moment = noon + timedelta(microseconds=n % 3)
        Chat.objects.filter(id=chat.id).update(last_activity_at=moment)
    whole = chats_of(alice)
    page = chats_of(alice, limit=limit)
    joined = [*page]
    while page:
        last = page[-1].chat
        with CaptureQueriesContext(connection) as queries:
            page = chats_of(alice, limit=limit, before=(last.last_activity_at, last.id))
        assert len(queries) == 1
        joined += page
    assert joined == whole and len(whole) == 7
    # What has come to the top meanwhile does not come again.
    send_message(bob, chat=whole[6].chat_id, content="x")
    mark = whole[2].chat
    assert chats_of(alice, before=(mark.last_activity_at, mark.id)) == whole[3:6]


def test_members_come_by_the_time_of_joining(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    add_member(alice, chat=group, user=charlie)
    leave_chat(bob, group)
    add_member(alice, chat=group, user=bob)
    with CaptureQueriesContext(connection) as queries:
        facts = member_facts(group)
    assert len(queries) == 1
    assert [member.username for member in facts] == ["alice", "charlie", "bob"]
    assert facts == chat_facts([group])[group.id].members


def test_an_overview_tells_the_owner_the_number_of_members_and_the_partner(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    add_member(alice, chat=group, user=charlie)
    private = create_chat(bob, kind="private", members=[alice])
    expected = {group.id: Overview(alice.id, 3, None), private.id: Overview(bob.id, 2, bob)}
    with CaptureQueriesContext(connection) as queries:
        assert overviews(alice, [group, private]) == expected
    assert len(queries) == 2
    assert overviews(bob, [private])[private.id].partner_name == "Alice"


def test_contacts_are_the_active_people_with_whom_a_chat_is_shared(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    assert list(contacts(alice)) == [bob] and list(contacts(charlie)) == []
    private = create_chat(charlie, kind="private", members=[alice])
    gone = create_chat(charlie, kind="group", name="Gone", members=[bob])
    assert list(contacts(alice)) == [bob, charlie]
    assert list(contacts(charlie)) == [alice, bob]
    delete_chat(charlie, gone)
    assert list(contacts(charlie)) == [alice]
    ban(charlie)
    assert list(contacts(alice)) == [bob]
    assert list(members_of(private)) == [alice]
    leave_chat(bob, group)
    assert list(contacts(alice)) == []
