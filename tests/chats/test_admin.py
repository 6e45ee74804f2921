"""Chats in the admin: looked at in a few queries, closed, slowed and opened for a reason."""

from functools import partial
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chats.models import Chat, Membership
from chats.services import create_chat, delete_chat
from messaging.services import send_message
from moderation.models import AuditEntry, Opening
from tests.chats.helpers import log, meanwhile, told
from tests.people import make_user

LIST = "/admin/chats/chat/"
HOSTILE = "<script>alert('x')</script> & \"{{ 1 }}\" %s"


@pytest.fixture
def admin(client: Client) -> Client:
    """A browser in which a superuser is signed in."""
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def act(
    admin: Client, action: str, *chats: Chat, reason: str = "Against the rules", **more: Any
) -> Any:
    chosen = {"action": action, "_selected_action": [chat.id for chat in chats]}
    return admin.post(LIST, {**chosen, "reason": reason, **more}, follow=True)


def close(admin: Client, *chats: Chat) -> Any:
    return act(admin, "close", *chats)


def audited() -> list[tuple[str, str, str]]:
    """(action, target, reason) of what is in the audit log."""
    entries = AuditEntry.objects.order_by("number")
    return list(entries.values_list("action", "target", "reason"))


def test_a_moderator_closes_chats_and_their_members_hear_of_it(
    admin: Client, alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    private = create_chat(alice, kind="private", members=[bob])
    gone = create_chat(alice, kind="group", name="Gone")
    delete_chat(alice, gone)
    published.clear()
    page = close(admin, group, private, gone).content.decode()
    assert "2 chats closed." in page and "Gone: Not found." in page
    for chat in (group, private):
        chat.refresh_from_db()
        assert chat.deleted_at is not None
        assert told(published, chat) == log(chat)[1:] == [(2, "chat_deleted")]
    assert len(published) == 2 and {event.actor_id for event in published} == {None}
    assert set(audited()) == {
        ("chat.closed", f"chat {chat.id}", "Against the rules") for chat in (group, private)
    }


def test_a_moderator_gives_a_closed_chat_back_to_its_members(
    admin: Client, alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    private = create_chat(alice, kind="private", members=[bob])
    close(admin, group, private)
    # By now the two of them talk in another one.
    create_chat(alice, kind="private", members=[bob])
    published.clear()
    page = act(admin, "reopen", group, private).content.decode()
    assert "1 chat given back." in page and "another private chat" in page
    assert Chat.objects.get(id=group.id).deleted_at is None
    assert [event.kind for event in published] == ["chat_created"]
    assert audited()[-1] == ("chat.reopened", f"chat {group.id}", "Against the rules")


def test_a_moderator_slows_a_group_down(admin: Client, group: Chat, published: list[Any]) -> None:
    published.clear()
    act(admin, "slow", group, seconds="30")
    assert Chat.objects.get(id=group.id).slow_mode == 30
    assert [event.kind for event in published] == ["chat_updated"]
    for seconds in ("", "-1", "x", "99999", "9" * 30, "1.5", "٣"):
        assert act(admin, "slow", group, seconds=seconds).status_code == 200
    assert Chat.objects.get(id=group.id).slow_mode == 30
    assert [action for action, _, _ in audited()] == ["chat.slowed"]


@pytest.mark.parametrize("reason", ["", "  ", "x", "x" * 1001])
def test_nothing_is_done_to_a_chat_without_a_reason(
    admin: Client, group: Chat, reason: str
) -> None:
    for action in ("close", "slow"):
        answer = act(admin, action, group, reason=reason, seconds="30")
        assert len(answer.context["messages"]) == 1
    now = Chat.objects.get(id=group.id)
    assert (now.deleted_at, now.slow_mode, audited()) == (None, 0, [])


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


def test_a_chat_is_opened_for_a_reason_and_then_read_for_an_hour(
    admin: Client, alice: User, group: Chat
) -> None:
    send_message(alice, chat=group.id, content="between us")
    page = f"{LIST}{group.id}/open/"
    assert "between us" not in admin.get(page).content.decode()
    for reason in ("", "x"):
        assert admin.post(page, {"reason": reason}).status_code == 200
        assert not Opening.objects.exists()
    answer = admin.post(page, {"reason": "Alice asked for help"}, follow=True)
    assert "between us" in answer.content.decode()
    assert audited() == [("chat.opened", f"chat {group.id}", "Alice asked for help")]
    # While it is open nobody asks again.
    assert admin.get(page).status_code == 302
    Opening.objects.update(expires_at=timezone.now())
    assert admin.get(page).status_code == 200
    assert "between us" not in admin.get("/admin/messaging/message/").content.decode()


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
