"""The Messenger API's messages over REST: sending, pages of history, editing, deleting."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat, leave_chat
from messaging.models import Message
from messaging.services import SendMessage, delete_message, send_message, send_messages
from tests.people import client, post
from tests.protocols.test_messenger_api_chats import JSON, MESSAGE, refused
from tests.races import at_once


def send(by: Client, chat: Chat, text: Any = "x", key: str = "", **fields: Any) -> Any:
    """The answer to sending; `key` goes into the header."""
    headers = {"Idempotency-Key": key} if key else {}
    return post(by, "/messages/send", {"chat_id": chat.id, "text": text, **fields}, headers)


def edit(by: Client, message: Any, text: Any) -> Any:
    return by.put(f"/messages/edit/{message}", {"text": text}, JSON)


def delete(by: Client, message: Any) -> Any:
    return by.delete(f"/messages/delete/{message}")


# --- sending ---------------------------------------------------------------------------------


def test_a_message_is_told_in_full(alice: User, group: Chat) -> None:
    response = send(client(alice), group, " Привет\n👋🏽 ")
    assert response.status_code == 201 and "Idempotent-Replayed" not in response
    message = Message.objects.get()
    assert response.json() == {
        "id": message.id,
        "text": " Привет\n👋🏽 ",
        "chat_id": group.id,
        "author_id": alice.id,
        "created_at": message.created_at.isoformat().replace("+00:00", "Z"),
        "is_edited": False,
    }


@pytest.mark.parametrize("form", [lambda c: c.id, lambda c: f"{c.id}", lambda c: f"{c.uuid}"])
def test_the_chat_is_named_by_any_form_of_its_id(
    alice: User, group: Chat, form: Callable[[Chat], Any]
) -> None:
    response = post(client(alice), "/messages/send", {"chat_id": form(group), "text": "x"})
    assert (response.status_code, response.json()["chat_id"]) == (201, group.id)


def test_without_a_key_the_same_text_again_is_another_message(alice: User, group: Chat) -> None:
    for key in (None, None):
        assert send(client(alice), group, client_message_id=key).status_code == 201
    assert Message.objects.count() == 2


HEADER: dict[str, Any] = {"key": "k-1"}
BODY: dict[str, Any] = {"client_message_id": "k-1"}


@pytest.mark.parametrize("again", [HEADER, BODY])
@pytest.mark.parametrize("first", [HEADER, BODY])
def test_what_was_sent_already_gets_its_first_answer(
    alice: User, bob: User, group: Chat, first: dict[str, Any], again: dict[str, Any]
) -> None:
    by = client(alice)
    answer = send(by, group, **first)
    assert answer.status_code == 201

    def replayed() -> None:
        response = send(by, group, **again)
        assert (response.status_code, response.content) == (200, answer.content)
        assert response["Idempotent-Replayed"] == "true"
        assert Message.objects.count() == 1

    replayed()
    refused(send(by, group, "y", **again), 422, "idempotency_key_reused")
    other = create_chat(alice, kind="group", name="x")
    refused(send(by, other, **again), 422, "idempotency_key_reused")
    replayed()
    # Whatever has become of it since.
    assert edit(by, answer.json()["id"], "edited").status_code == 200
    replayed()
    delete(by, answer.json()["id"])
    replayed()
    # A key is its author's own.
    assert send(client(bob), group, **again).status_code == 201


def test_the_header_counts_before_the_body(alice: User, group: Chat) -> None:
    by = client(alice)
    first = send(by, group, key="a", client_message_id="b")
    assert send(by, group, key="a", client_message_id="c").content == first.content
    assert send(by, group, client_message_id="b").status_code == 201


def test_the_same_key_many_times_at_once_is_one_message(alice: User, group: Chat) -> None:
    clients = [client(alice) for _ in range(4)]
    answers = at_once(*(partial(send, by, group, key="k") for by in clients))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.content for answer in answers}) == 1 and Message.objects.count() == 1


@pytest.mark.parametrize("key", ["x" * 256, "x" * 5000, "a\x00b"])
def test_a_key_that_can_not_be_is_named_as_the_client_says_it(
    alice: User, group: Chat, key: str
) -> None:
    by = client(alice)
    refused(send(by, group, key=key), 400, "invalid", "Idempotency-Key")
    refused(send(by, group, client_message_id=key), 400, "invalid", "client_message_id")
    assert not Message.objects.exists()


@pytest.mark.parametrize("key", ["x" * 255, "\xff\xfe", "¹²", "' OR 1=1 --"])
def test_any_other_key_is_as_good(alice: User, group: Chat, key: str) -> None:
    by = client(alice)
    assert send(by, group, key=key).status_code == 201
    assert send(by, group, key=key).status_code == 200


@pytest.mark.parametrize("key", ["", 5, 10**18, 1.5, True, [], {}])
def test_a_key_in_the_body_is_a_text(alice: User, group: Chat, key: Any) -> None:
    response = send(client(alice), group, client_message_id=key)
    refused(response, 400, "invalid", "client_message_id")
    assert not Message.objects.exists()


NO_TEXTS = [None, "", " \n\t", "a\x00", "x" * 4097, 5, 1.5, True, [], ["x"], {}, {"text": "x"}]


@pytest.mark.parametrize("text", NO_TEXTS, ids=repr)
def test_what_is_no_text_is_told_by_the_clients_name_for_it(
    alice: User, group: Chat, text: Any
) -> None:
    by = client(alice)
    message = send(by, group, "sound").json()
    refused(send(by, group, text), 400, "invalid", "text")
    refused(edit(by, message["id"], text), 400, "invalid", "text")
    assert by.get(f"/messages/chat/{group.id}").json() == [message]


def test_what_is_missing_is_named(alice: User, group: Chat) -> None:
    by = client(alice)
    refused(post(by, "/messages/send", {}), 400, "invalid", "chat_id", "text")
    refused(post(by, "/messages/send", {"chat_id": group.id}), 400, "invalid", "text")
    refused(by.put("/messages/edit/1", {}, JSON), 400, "invalid", "text")


@pytest.mark.parametrize("ref", [None, True, 1.0, 1.5, "", "1.0", " 1", "+1", "١", [], {}, "x"])
def test_what_is_no_id_is_told(alice: User, group: Chat, ref: Any) -> None:
    response = post(client(alice), "/messages/send", {"chat_id": ref, "text": "x"})
    refused(response, 400, "invalid", "chat_id")


def test_nobody_sends_where_they_are_not(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    leave_chat(bob, group)
    for ref in (group.id, f"{group.uuid}", 0, -1, 10**9, 2**63, f"{10**30}", f"{uuid4()}"):
        for user in (bob, charlie):
            response = post(client(user), "/messages/send", {"chat_id": ref, "text": "x"})
            refused(response, 404, "not_found")
    assert not Message.objects.exists()


# --- history ---------------------------------------------------------------------------------


@pytest.fixture
def told(alice: User, bob: User, group: Chat) -> list[int]:
    """Ids of what is told of 23 messages, oldest first: every third was deleted."""
    commands = [
        SendMessage(author_id=(alice, bob)[n % 2].id, chat=group.id, content=f"{n}")
        for n in range(23)
    ]
    ids = [sent.message.id for sent in send_messages(commands)]  # type: ignore[union-attr]
    for id in ids[::3]:
        delete_message(None, message=id)
    return [id for number, id in enumerate(ids) if number % 3]


@pytest.fixture
def page(bob: User, group: Chat) -> Callable[..., list[int]]:
    """The ids of one page of the group's history, as Bob gets it."""
    by = client(bob)

    def get(**query: Any) -> list[int]:
        response = by.get(f"/messages/chat/{group.id}", query)
        assert response.status_code == 200, response.content
        return [message["id"] for message in response.json()]

    return get


Page = Callable[..., list[int]]
LIMITS = [1, 2, 5, 14, 15, 16, 100]


def test_history_is_the_newest_page_with_the_oldest_first(
    alice: User, bob: User, group: Chat
) -> None:
    by = client(bob)
    assert by.get(f"/messages/chat/{group.id}").json() == []
    sent = [send(client(alice), group, f"{n}").json() for n in range(3)]
    edited = edit(client(alice), sent[0]["id"], "edited").json()
    for ref in (group.id, f"00{group.id}", group.uuid, group.uuid.hex):
        assert by.get(f"/messages/chat/{ref}").json() == [edited, *sent[1:]]
    assert by.get(f"/messages/chat/{group.id}?limit=2").json() == sent[1:]


def test_a_page_is_fifty_unless_told(alice: User, group: Chat, page: Page) -> None:
    send_messages([SendMessage(author_id=alice.id, chat=group.id, content="x")] * 120)
    assert (len(page()), len(page(limit=100))) == (50, 100)
    assert page() == page(limit=100)[50:]


def test_deleted_messages_are_not_told_and_pages_are_full(page: Page, told: list[int]) -> None:
    assert page() == page(after_id=0) == told
    for limit in LIMITS:
        assert page(limit=limit) == told[-limit:]
        assert page(limit=limit, after_id=0) == told[:limit]
        assert page(limit=limit, before_id=told[-1]) == told[:-1][-limit:]


@pytest.mark.parametrize("limit", LIMITS)
def test_pages_joined_backwards_are_the_whole_history(
    page: Page, told: list[int], limit: int
) -> None:
    joined = found = page(limit=limit)
    while found:
        found = page(limit=limit, before_id=found[0])
        joined = found + joined
    assert joined == told


@pytest.mark.parametrize("limit", LIMITS)
def test_pages_joined_forwards_are_the_whole_history(
    page: Page, told: list[int], limit: int
) -> None:
    joined = found = page(limit=limit, after_id=0)
    while found:
        found = page(limit=limit, after_id=found[-1])
        joined = joined + found
    assert joined == told


@pytest.mark.parametrize("limit", LIMITS)
def test_pages_that_skip_are_the_whole_history(page: Page, told: list[int], limit: int) -> None:
    back: list[int] = []
    forth: list[int] = []
    for skip in range(0, len(told) + limit, limit):
        back[:0] = page(limit=limit, skip=skip)
        forth += page(limit=limit, skip=skip, after_id=0)
    assert back == forth == told
    assert page(skip=10**9) == page(skip=len(told), after_id=0) == []


def test_a_mark_may_be_a_deleted_message_or_a_uuid(
    group: Chat, page: Page, told: list[int]
) -> None:
    marks = list(Message.objects.filter(chat=group).order_by("position"))
    for mark in marks[::4]:
        for ref in (mark.id, f"0{mark.id}", mark.uuid):
            assert page(before_id=ref) == [id for id in told if id < mark.id]
            assert page(after_id=ref) == [id for id in told if id > mark.id]


def test_between_two_marks_is_what_is_between_them(page: Page, told: list[int]) -> None:
    assert page(after_id=told[2], before_id=told[9]) == told[3:9]
    assert page(after_id=told[2], before_id=told[9], limit=2) == told[3:5]
    assert page(after_id=told[2], before_id=told[9], limit=2, skip=2) == told[5:7]
    assert page(after_id=told[2], before_id=told[3]) == page(after_id=told[-1]) == []


def test_a_page_that_was_read_does_not_shift_when_more_is_said(
    alice: User, group: Chat, page: Page, told: list[int]
) -> None:
    newest = page(limit=5)
    new = send_message(alice, chat=group.id, content="new").message
    assert page(limit=5, before_id=newest[0]) == told[-10:-5]
    assert page(after_id=newest[-1]) == [new.id]


def test_a_mark_that_is_not_in_the_chat_is_not_found(
    alice: User, bob: User, group: Chat, told: list[int]
) -> None:
    own = create_chat(bob, kind="group", name="Bob's")
    elsewhere = send_message(bob, chat=own.id, content="x").message
    by = client(bob)
    for ref in (elsewhere.id, elsewhere.uuid, 10**9, 2**63, 10**30, uuid4()):
        for name, other in (("before_id", "after_id"), ("after_id", "before_id")):
            for more in ({}, {"skip": 1}, {"limit": 1}, {other: told[3]}):
                query: dict[str, Any] = {name: ref, **more}
                refused(by.get(f"/messages/chat/{group.id}", query), 404, "not_found")
    refused(by.get(f"/messages/chat/{group.id}?before_id=0"), 404, "not_found")


@pytest.mark.parametrize("name", ["limit", "skip", "before_id", "after_id"])
def test_a_value_that_can_not_be_is_named(bob: User, group: Chat, name: str) -> None:
    by = client(bob)
    values = ["-1", "x", "1.0", "1e3", "1_0", "+1", " 1", "١", "0x1", "true", "null", "9" * 5000]
    values += {"limit": ["0", "101", f"{10**30}"], "skip": [f"{10**30}"]}.get(name, [])
    for value in values:
        response = by.get(f"/messages/chat/{group.id}", {name: value})
        refused(response, 400, "invalid", name)


def test_a_page_costs_the_same_whatever_is_on_it(
    bob: User, group: Chat, page: Page, told: list[int]
) -> None:
    for query in ({}, {"before_id": told[-1]}, {"after_id": 0}, {"skip": 3}):
        counts = set()
        for limit in (1, 100):
            with CaptureQueriesContext(connection) as captured:
                page(limit=limit, **query)
            counts.add(len(captured))
        assert len(counts) == 1 and counts.pop() <= 4


# --- editing and deleting --------------------------------------------------------------------


def test_the_author_edits_and_nobody_else(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    sent = send(client(bob), group, "first").json()
    uuid = Message.objects.get().uuid
    for ref in (sent["id"], uuid):
        response = edit(client(bob), ref, f"by {ref}")
        assert response.status_code == 200
        assert response.json() == {**sent, "text": f"by {ref}", "is_edited": True}
        assert set(response.json()) == MESSAGE
    refused(edit(client(alice), sent["id"], "owner's"), 403, "forbidden")
    refused(edit(client(charlie), sent["id"], "stranger's"), 404, "not_found")
    assert Message.objects.get().content == f"by {uuid}"


def test_the_author_and_the_owner_of_the_group_delete_and_nobody_else(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    bobs = [send(client(bob), group).json()["id"] for _ in range(2)]
    owners = send(client(alice), group).json()["id"]
    refused(delete(client(bob), owners), 403, "forbidden")
    refused(delete(client(charlie), owners), 404, "not_found")
    assert Message.objects.filter(deleted_at=None).count() == 3
    for user, id in ((bob, bobs[0]), (alice, bobs[1]), (alice, owners)):
        for _ in range(2):
            response = delete(client(user), id)
            assert (response.status_code, response.content) == (204, b"")
    assert not Message.objects.filter(deleted_at=None).exists()
    assert client(bob).get(f"/messages/chat/{group.id}").json() == []


def test_in_a_private_chat_each_deletes_what_they_said(alice: User, bob: User) -> None:
    chat = create_chat(alice, kind="private", members=[bob])
    for author, other in ((alice, bob), (bob, alice)):
        id = send(client(author), chat).json()["id"]
        refused(delete(client(other), id), 403, "forbidden")
        assert delete(client(author), id).status_code == 204


def test_a_deleted_message_is_not_edited(alice: User, bob: User, group: Chat) -> None:
    id = send(client(bob), group, "x").json()["id"]
    delete(client(bob), id)
    for user in (alice, bob):
        refused(edit(client(user), id, "back"), 404, "not_found")
    assert Message.objects.get().content is None


def test_who_has_left_changes_nothing_any_more(alice: User, bob: User, group: Chat) -> None:
    id = send(client(bob), group, "x").json()["id"]
    leave_chat(bob, group)
    refused(edit(client(bob), id, "y"), 404, "not_found")
    refused(delete(client(bob), id), 404, "not_found")
    assert Message.objects.get().content == "x"


def test_a_message_is_deleted_at_its_own_path_only(alice: User, group: Chat) -> None:
    id = send(client(alice), group).json()["id"]
    for path in (f"edit/{id}", f"chat/{id}", f"chat/{group.id}", "send"):
        refused(client(alice).delete(f"/messages/{path}"), 405, "method_not_allowed")
    refused(
        client(alice).put(f"/messages/delete/{id}", {"text": "y"}, JSON), 405, "method_not_allowed"
    )
    assert Message.objects.get().content == "x"


def test_what_is_no_message_is_not_there(alice: User, group: Chat) -> None:
    by = client(alice)
    for ref in (0, 10**9, 2**63, 10**30, uuid4(), "x", "1.0", "-1", "%D9%A1"):
        refused(edit(by, ref, "y"), 404, "not_found")
        refused(delete(by, ref), 404, "not_found")
