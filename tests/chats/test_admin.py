"""Chats in the admin: looked at in a few queries, deleted through the service."""

from functools import partial
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from chats.models import Chat, Membership
from chats.services import create_chat, delete_chat
from tests.chats.helpers import log, meanwhile, told
from tests.people import make_user

LIST = "/admin/chats/chat/"
HOSTILE = "<script>alert('x')</script> & \"{{ 1 }}\" %s"


@pytest.fixture
def admin(client: Client) -> Client:
    """A browser in which a superuser is signed in."""
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def close(admin: Client, *chats: Chat) -> Any:
    return admin.post(
        LIST, {"action": "close", "_selected_action": [chat.id for chat in chats]}, follow=True
    )


def test_a_moderator_deletes_chats_and_their_members_hear_of_it(
    admin: Client, alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    private = create_chat(alice, kind="private", members=[bob])
    gone = create_chat(alice, kind="group", name="Gone")
    delete_chat(alice, gone)
    published.clear()
    assert "2 chats deleted." in close(admin, group, private, gone).content.decode()
    for chat in (group, private):
        chat.refresh_from_db()
        assert chat.deleted_at is not None
        assert told(published, chat) == log(chat)[1:] == [(2, "chat_deleted")]
    assert len(published) == 2 and {event.actor_id for event in published} == {None}


def test_a_chat_that_somebody_else_deletes_meanwhile_is_no_error(
    admin: Client, alice: User, group: Chat
) -> None:
    other = create_chat(alice, kind="group", name="Other")
    # The newest is deleted first, as the list shows it.
    with meanwhile(partial(delete_chat, alice, other)):
        answer = close(admin, group, other)
    assert answer.status_code == 200
    assert not Chat.objects.filter(deleted_at=None).exists()
    assert [kind for _, kind in log(other)].count("chat_deleted") == 1


def test_nothing_is_added_removed_or_written_by_hand(
    admin: Client, group: Chat, published: list[Any]
) -> None:
    published.clear()
    page = f"{LIST}{group.id}/change/"
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}{group.id}/delete/", {"post": "yes"}).status_code == 403
    admin.post(
        page,
        {
            "name": "Mine",
            "is_open": "on",
            "memberships-TOTAL_FORMS": "0",
            "memberships-INITIAL_FORMS": "0",
        },
    )
    now = Chat.objects.get(id=group.id)
    assert (now.name, now.is_open, now.last_seq) == ("Group", False, 1)
    assert not published and log(group) == [(1, "chat_created")]


def test_who_is_no_administrator_sees_nothing(client: Client, alice: User, group: Chat) -> None:
    client.force_login(alice)
    for path in (LIST, f"{LIST}{group.id}/change/"):
        assert client.get(path).status_code == 302
    close(client, group)
    assert Chat.objects.filter(deleted_at=None).exists()


def test_a_moderator_who_may_only_look_deletes_nothing(client: Client, group: Chat) -> None:
    looker = make_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_chat"))
    client.force_login(looker)
    assert client.get(LIST).status_code == 200
    close(client, group)
    assert Chat.objects.filter(deleted_at=None).exists()


def test_a_list_of_200_chats_and_a_chat_of_200_members_take_a_few_queries(
    admin: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    people = User.objects.bulk_create(
        User(email=f"{n}@example.org", email_key=f"{n}", username=f"{n}", username_key=f"{n}")
        for n in range(200)
    )
    chat = create_chat(alice, kind="group", name="Large", members=people)
    Chat.objects.bulk_create(Chat(kind="group", name=f"Group {n}") for n in range(200))
    for path in (LIST, f"{LIST}?q=Group&all=", f"{LIST}{chat.id}/change/"):
        with django_assert_max_num_queries(12):
            assert admin.get(path).status_code == 200


def test_hostile_names_are_only_text(admin: Client, alice: User) -> None:
    person = make_user("mallory")
    User.objects.filter(id=person.id).update(name=HOSTILE[:100], username=HOSTILE[:64])
    chat = create_chat(
        alice, kind="group", name=HOSTILE[:100], description=HOSTILE, members=[person]
    )
    for path in (LIST, f"{LIST}{chat.id}/change/"):
        page = admin.get(path).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;{{ 1 }}&quot;" in page


def test_any_search_is_answered(admin: Client, group: Chat) -> None:
    for query in (HOSTILE, "\x00", "%", "'", "9" * 40, "a" * 5000, "\ufffe"):
        assert admin.get(LIST, {"q": query}).status_code == 200, query


def test_memberships_and_the_log_have_no_pages_of_their_own() -> None:
    assert Membership not in site._registry
