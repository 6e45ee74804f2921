"""Messages in the admin: looked at in a few queries, removed through the service."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils.html import escape

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat, delete_chat
from messaging.admin import MessageAdmin
from messaging.models import Message
from messaging.services import (
    SendMessage,
    delete_message,
    edit_message,
    send_message,
    send_messages,
)
from tests.chats.helpers import log, meanwhile, told
from tests.people import make_user

LIST = "/admin/messaging/message/"
HOSTILE = "<script>alert('x')</script> & \"{{ 1 }}\" %s"


@pytest.fixture
def admin(client: Client) -> Client:
    """A browser in which a superuser is signed in."""
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def remove(admin: Client, *ids: int) -> Any:
    return admin.post(LIST, {"action": "remove", "_selected_action": ids}, follow=True)


def test_a_moderator_removes_messages_and_the_chat_hears_of_it(
    admin: Client, alice: User, bob: User, group: Chat, published: list[Any]
) -> None:
    first, second, gone = (
        send_message(author, chat=group.id, content="x").message for author in (alice, bob, bob)
    )
    delete_message(bob, message=gone.id)
    published.clear()
    page = remove(admin, first.id, second.id, gone.id).content.decode()
    assert "2 messages removed." in page
    assert {event.message.id for event in published} == {first.id, second.id}
    assert {(event.kind, event.actor_id) for event in published} == {("message_deleted", None)}
    assert told(published, group) == log(group)[-2:]
    assert set(Message.objects.values_list("content", flat=True)) == {None}


def test_messages_of_a_deleted_chat_are_nobodys_to_remove_and_no_error(
    admin: Client, alice: User, group: Chat, published: list[Any]
) -> None:
    lost = send_message(alice, chat=group.id, content="x").message
    other = create_chat(alice, kind="group", name="Other")
    kept = send_message(alice, chat=other.id, content="x").message
    delete_chat(alice, group)
    published.clear()
    answer = remove(admin, lost.id, kept.id)
    assert answer.status_code == 200 and "1 message removed." in answer.content.decode()
    assert told(published, other) == [(3, "message_deleted")] and len(published) == 1


def test_nothing_is_added_removed_or_written_by_hand(
    admin: Client, alice: User, group: Chat, published: list[Any]
) -> None:
    sent = send_message(alice, chat=group.id, content="x").message
    published.clear()
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}{sent.id}/delete/", {"post": "yes"}).status_code == 403
    admin.post(f"{LIST}{sent.id}/change/", {"content": "y", "type": "card"})
    row = Message.objects.get()
    assert (row.content, row.type) == ("x", "text") and not published


def test_who_is_no_administrator_sees_and_removes_nothing(
    client: Client, alice: User, group: Chat
) -> None:
    sent = send_message(alice, chat=group.id, content="x").message
    client.force_login(alice)
    assert client.get(LIST).status_code == 302
    remove(client, sent.id)
    assert Message.objects.get().content == "x"


def test_a_list_of_200_messages_takes_a_few_queries(
    admin: Client, alice: User, group: Chat, django_assert_max_num_queries: Any
) -> None:
    people = [make_user(f"writer{n}") for n in range(10)]
    for person in people:
        chat = create_chat(person, kind="group", name=f"Of {person}")
        command = SendMessage(author_id=person.id, chat=chat.id, content="x")
        sent = send_messages([command] * 20)
    assert Message.objects.count() == 200 == 10 * len(sent)
    last = Message.objects.latest("id")
    for path in (LIST, f"{LIST}?all=&q=writer3", f"{LIST}{last.id}/change/"):
        with django_assert_max_num_queries(12):
            assert admin.get(path).status_code == 200


def test_hostile_texts_are_only_text(admin: Client, group: Chat) -> None:
    person = make_user("mallory")
    User.objects.filter(id=person.id).update(name=HOSTILE[:100])
    chat = create_chat(person, kind="group", name=HOSTILE[:100])
    sent = send_message(person, chat=chat.id, content=HOSTILE, payload={HOSTILE: HOSTILE}).message
    for path in (LIST, f"{LIST}{sent.id}/change/"):
        page = admin.get(path).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;{{ 1 }}&quot;" in page


def test_any_search_is_answered(admin: Client, alice: User, group: Chat) -> None:
    send_message(alice, chat=group.id, content="x")
    for query in (HOSTILE, "\x00", "%", "'", "9" * 40, "-1", "1.5", "a" * 5000):
        assert admin.get(LIST, {"q": query}).status_code == 200, query


def test_messages_are_found_by_id_chat_and_author(
    admin: Client, alice: User, bob: User, group: Chat
) -> None:
    one = send_message(alice, chat=group.id, content="of alice").message
    send_message(bob, chat=group.id, content="of bob")
    for query, found in ((f"{one.id}", ["of alice"]), ("BOB", ["of bob"]), ("nobody", [])):
        page = admin.get(LIST, {"q": query}).content.decode()
        shown = [text for text in ("of alice", "of bob") if text in page]
        # The numbers of a chat and of a message may be the same.
        assert shown == found or (query.isdecimal() and set(found) <= set(shown)), query


def test_a_deletion_by_its_author_meanwhile_is_told_once(
    admin: Client, alice: User, group: Chat
) -> None:
    sent = send_message(alice, chat=group.id, content="x").message
    with meanwhile(partial(delete_message, alice, message=sent.id)):
        assert remove(admin, sent.id).status_code == 200
    assert [kind for _, kind in log(group)].count("message_deleted") == 1


def test_a_moderator_sees_what_a_message_said_before_its_edits(
    client: Client, alice: User, group: Chat
) -> None:
    moderator = make_user("moderator", is_staff=True)
    moderator.user_permissions.add(Permission.objects.get(codename="view_message"))
    client.force_login(moderator)
    sent = send_message(alice, chat=group.id, content="what I said first").message
    for text in (HOSTILE, "what I say now"):
        edit_message(alice, message=sent.id, content=text)
    page = client.get(f"{LIST}{sent.id}/change/").content.decode()
    assert "what I said first" in page and "what I say now" in page
    assert escape(HOSTILE) in page and HOSTILE not in page
    delete_message(alice, message=sent.id)
    page = client.get(f"{LIST}{sent.id}/change/").content.decode()
    assert "what I said first" not in page and "what I say now" not in page


def test_saving_a_message_in_the_admin_writes_nothing_back(
    admin: Client, alice: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the loading of the page's row and its saving, somebody deletes the message."""
    sent = send_message(alice, chat=group.id, content="secret").message
    load = MessageAdmin.get_object

    def slowly(*args: Any, **options: Any) -> Any:
        found = load(*args, **options)
        delete_message(alice, message=sent.id)
        return found

    monkeypatch.setattr(MessageAdmin, "get_object", slowly)
    forms = {f"revisions-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
    assert admin.post(f"{LIST}{sent.id}/change/", forms).status_code == 302
    assert Message.objects.get(id=sent.id).content is None
