"""Messages in the admin: read for a reason, in a few queries, and removed as a case each."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils.html import escape

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat, delete_chat
from messaging.models import Message
from messaging.services import (
    SendMessage,
    delete_message,
    edit_message,
    send_message,
    send_messages,
)
from moderation.models import AuditEntry
from moderation.own import can_appeal
from moderation.services import open_chat
from tests.chats.helpers import log, meanwhile, told
from tests.people import make_user

LIST = "/admin/messaging/message/"
HOSTILE = "<script>alert('x')</script> & \"{{ 1 }}\" %s"


@pytest.fixture
def root() -> User:
    """A superuser."""
    return make_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def admin(client: Client, root: User, group: Chat) -> Client:
    """A browser in which the superuser is signed in, who has opened the group."""
    client.force_login(root)
    open_chat(root, chat=group, reason="Alice asked for help")
    return client


def remove(admin: Client, *ids: int, reason: str = "Against the rules") -> Any:
    chosen = {"action": "remove", "_selected_action": ids, "reason": reason}
    return admin.post(LIST, chosen, follow=True)


def test_nobody_reads_a_chat_that_they_have_not_opened(
    client: Client, root: User, alice: User, group: Chat
) -> None:
    sent = send_message(alice, chat=group.id, content="between us").message
    client.force_login(root)
    page = client.get(LIST).content.decode()
    assert "of chats that you have opened" in page and "between us" not in page
    for path in (f"{LIST}?q={sent.id}", f"{LIST}?chat__id__exact={group.id}&all="):
        assert "between us" not in client.get(path).content.decode()
    for path in (f"{LIST}{sent.id}/change/", f"{LIST}{sent.id}/history/"):
        assert "between us" not in client.get(path, follow=True).content.decode()
    remove(client, sent.id)
    assert Message.objects.get().content == "between us"
    # Somebody else's opening is nobody else's.
    other = make_user("other", is_staff=True, is_superuser=True)
    open_chat(other, chat=group, reason="Alice asked for help")
    assert "between us" not in client.get(LIST).content.decode()
    client.force_login(other)
    assert "between us" in client.get(LIST).content.decode()


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
    deleted = [event for event in published if event.kind == "message_deleted"]
    assert {event.message.id for event in deleted} == {first.id, second.id}
    assert {event.actor_id for event in deleted} == {None}
    assert told(deleted, group) == log(group)[-2:]
    assert set(Message.objects.filter(chat=group).values_list("content", flat=True)) == {None}


def test_who_wrote_what_was_removed_is_told_why_and_can_appeal(
    admin: Client, bob: User, group: Chat
) -> None:
    sent = send_message(bob, chat=group.id, content="x").message
    remove(admin, sent.id)
    decision = bob.decisions_on.get()
    assert (decision.action, decision.reason) == ("remove", "Against the rules")
    assert can_appeal(decision)
    assert AuditEntry.objects.latest("number").action == "case.decided"


@pytest.mark.parametrize("reason", ["", "  ", "x", "x" * 1001])
def test_no_message_is_removed_without_a_reason(
    admin: Client, bob: User, group: Chat, reason: str
) -> None:
    sent = send_message(bob, chat=group.id, content="x").message
    assert len(remove(admin, sent.id, reason=reason).context["messages"]) == 1
    assert Message.objects.get().content == "x" and not bob.decisions_on.exists()


def test_messages_of_a_deleted_chat_are_nobodys_to_remove_and_no_error(
    admin: Client, alice: User, root: User, group: Chat
) -> None:
    lost = send_message(alice, chat=group.id, content="x").message
    other = create_chat(alice, kind="group", name="Other")
    open_chat(root, chat=other, reason="Alice asked for help")
    kept = send_message(alice, chat=other.id, content="x").message
    delete_chat(alice, group)
    answer = remove(admin, lost.id, kept.id)
    assert answer.status_code == 200 and "1 message removed." in answer.content.decode()
    assert [kind for _, kind in log(other)].count("message_deleted") == 1


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
    admin: Client, root: User, django_assert_max_num_queries: Any
) -> None:
    people = [make_user(f"writer{n}") for n in range(10)]
    for person in people:
        chat = create_chat(person, kind="group", name=f"Of {person}")
        open_chat(root, chat=chat, reason="Somebody asked")
        command = SendMessage(author_id=person.id, chat=chat.id, content="x")
        sent = send_messages([command] * 20)
    assert Message.objects.count() == 200 == 10 * len(sent)
    last = Message.objects.latest("id")
    for path in (LIST, f"{LIST}?all=&q=writer3", f"{LIST}{last.id}/change/"):
        with django_assert_max_num_queries(15):
            assert admin.get(path).status_code == 200


def test_hostile_texts_are_only_text(admin: Client, root: User) -> None:
    person = make_user("mallory")
    User.objects.filter(id=person.id).update(name=HOSTILE[:100])
    chat = create_chat(person, kind="group", name=HOSTILE[:100])
    open_chat(root, chat=chat, reason="Somebody asked")
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
    powers = Permission.objects.filter(codename__in=["view_message", "open_chat"])
    moderator.user_permissions.set(powers)
    client.force_login(moderator)
    open_chat(User.objects.get(id=moderator.id), chat=group, reason="Alice asked for help")
    sent = send_message(alice, chat=group.id, content="what I said first").message
    for text in (HOSTILE, "what I say now"):
        edit_message(alice, message=sent.id, content=text)
    page = client.get(f"{LIST}{sent.id}/change/").content.decode()
    assert "what I said first" in page and "what I say now" in page
    assert escape(HOSTILE) in page and HOSTILE not in page
    delete_message(alice, message=sent.id)
    page = client.get(f"{LIST}{sent.id}/change/").content.decode()
    assert "what I said first" not in page and "what I say now" not in page


def test_a_message_is_not_saved_from_its_page(admin: Client, alice: User, group: Chat) -> None:
    """Saving would write back what others have changed meanwhile."""
    sent = send_message(alice, chat=group.id, content="secret").message
    forms = {f"revisions-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
    assert admin.post(f"{LIST}{sent.id}/change/", forms).status_code == 403
