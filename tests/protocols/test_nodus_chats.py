"""The native API's chats and members, field by field, and who hears of what is done there."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.services import ban
from chats.models import Chat, Membership
from chats.services import change_role, create_chat, delete_chat, join_chat, leave_chat, update_chat
from messaging.models import Receipt
from messaging.services import add_reaction, delete_message, read_message, send_message
from messenger.realtime import limits
from messenger.realtime.threads import in_db
from messenger.times import iso
from tests.chats.helpers import log, roles
from tests.people import client, make_user, post
from tests.races import at_once
from tests.sockets import messenger_api, miniapp

CHATS = "/api/v1/chats"
Form = Callable[[Any], Any]
FORMS: list[Form] = [lambda thing: thing.id, lambda thing: f"{thing.id}", lambda t: f"{t.uuid}"]
NO_IDS: list[Any] = [None, True, 1.0, "x", [], {}]
each_form = pytest.mark.parametrize("form", FORMS, ids=["integer", "text", "UUID"])


def ask(user: User, method: str, path: str, body: Any = None) -> Any:
    content = b"" if body is None else orjson.dumps(body)
    return client(user).generic(method, f"{CHATS}{path}", content, "application/json")


def got(user: User, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    """The body of an answer of this status."""
    response = ask(user, method, path, body)
    assert response.status_code == status, response.content
    return response.json() if response.content else None


def refused(response: Any, status: int, code: str, *fields: str) -> bytes:
    """The error, of this status and code, that names these fields and no others."""
    assert response.status_code == status, response.content
    body = response.json()
    assert body["code"] == code and set(body.get("errors", ())) == set(fields), body
    return bytes(response.content)


def person(user: User) -> dict[str, Any]:
    return {"id": user.id, "uuid": str(user.uuid), "username": user.username, "name": user.name}


def member(user: User, chat: Chat, role: str = "member") -> dict[str, Any]:
    joined = Membership.objects.get(user=user, chat=chat).joined_at
    return {
        "user_id": user.id,
        "uuid": str(user.uuid),
        "username": user.username,
        "name": user.name,
        "role": role,
        "joined_at": iso(joined),
    }


def words(chat: Chat, **fields: Any) -> dict[str, Any]:
    """A group of Alice's with one other member, as its member sees it, but for these fields."""
    chat.refresh_from_db()
    return {
        "id": chat.id,
        "uuid": str(chat.uuid),
        "type": "group",
        "name": "Group",
        "description": "",
        "is_open": False,
        "slow_mode": 0,
        "created_at": iso(chat.created_at),
        "members_count": 2,
        "role": "member",
        "unread_count": 0,
        "last_message": None,
        "last_activity_at": iso(chat.last_activity_at),
        "seq": chat.last_seq,
        "partner": None,
        **fields,
    }


# --- one chat --------------------------------------------------------------------------------


@each_form
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_group_is_told_as_its_member_sees_it_with_members(
    alice: User, bob: User, group: Chat, form: Form, slash: str
) -> None:
    members = [member(alice, group, "owner"), member(bob, group)]
    expected = words(group, owner_id=alice.id, members=members)
    assert got(bob, "GET", f"/{form(group)}{slash}") == expected
    assert got(alice, "GET", f"/{form(group)}{slash}") == {**expected, "role": "owner"}


def test_a_private_chat_goes_by_the_other_one(alice: User, bob: User) -> None:
    chat = create_chat(alice, kind="private", members=[bob])
    found = got(bob, "GET", f"/{chat.id}")
    members = [member(alice, chat, "owner"), member(bob, chat)]
    assert found == words(
        chat,
        type="private",
        name="Alice",
        owner_id=alice.id,
        partner=person(alice),
        members=members,
    )
    assert got(alice, "GET", f"/{chat.id}")["partner"] == person(bob)
    ban(alice)
    assert got(bob, "GET", f"/{chat.id}")["partner"] == person(alice)


def test_what_was_said_and_is_unread_shows(alice: User, bob: User, group: Chat) -> None:
    send_message(alice, chat=group.id, content="first")
    sent = send_message(alice, chat=group.id, content="second").message
    reaction, _ = add_reaction(bob, message=sent.id, emoji="👍")
    found = got(bob, "GET", f"/{group.id}")
    assert found["unread_count"] == 2 and found["seq"] == 4
    assert found["last_message"] == {
        "id": sent.id,
        "uuid": sent.uuid,
        "chat_id": group.id,
        "seq": 3,
        "author_id": alice.id,
        "type": "text",
        "content": "second",
        "payload": None,
        "status": "delivered",
        "ts": sent.created_at,
        "reply_to_id": None,
        "is_deleted": False,
        "deleted_at": None,
        "updated_at": None,
        "is_edited": False,
        "edited_at": None,
        "read_at": None,
        "likes_count": 0,
        "liked_by": [],
        "liked_at": None,
        "reactions": [
            {
                "id": reaction.id,
                "message_id": sent.id,
                "user_id": bob.id,
                "emoji": "👍",
                "created_at": iso(reaction.created_at),
            }
        ],
    }
    [listed] = got(bob, "GET", "")["chats"]
    assert listed == {name: value for name, value in found.items() if name != "members"}
    assert got(alice, "GET", f"/{group.id}")["unread_count"] == 0
    # Deleted, it is the last one no longer.
    delete_message(alice, message=sent.id)
    assert got(bob, "GET", f"/{group.id}")["last_message"]["content"] == "first"


def test_what_is_no_chat_of_ones_own_is_not_there_whatever_one_does(
    alice: User, charlie: User, group: Chat
) -> None:
    own = create_chat(charlie, kind="group", name="x")
    delete_chat(charlie, own)
    body = {"name": "x", "role": "member", "user_id": alice.id, "up_to_message_id": 1}
    answers = [
        ask(charlie, method, f"/{ref}{path}", body)
        for ref in (group.id, group.uuid, own.id, 10**9, 2**63, uuid4(), "x", "1.0", "%D9%A1")
        for method, path in (
            ("GET", ""),
            ("PUT", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/leave"),
            ("POST", "/read"),
            ("GET", "/members"),
            ("POST", "/members"),
            ("PATCH", f"/members/{alice.id}"),
            ("DELETE", f"/members/{alice.id}"),
            ("DELETE", f"/members/{charlie.id}"),
        )
    ]
    expected = refused(answers[0], 404, "not_found")
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, expected)}
    assert roles(group) == {"alice": "owner", "bob": "member"}


@pytest.fixture
def interrupted(alice: User, bob: User, group: Chat) -> Iterator[list[Any]]:
    """While a chat is being read, somebody speaks and renames it."""
    done: list[Any] = []

    def change() -> None:
        send_message(bob, chat=group.id, content="meanwhile")
        update_chat(alice, chat=Chat.objects.get(id=group.id), name="Renamed")

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found = execute(sql, params, many, context)
        # The membership has been read, and nothing else.
        if "last_activity_at" in sql and sql.startswith("SELECT") and not done:
            done.extend(at_once(change))
        return found

    with connection.execute_wrapper(watch):
        yield done


@pytest.mark.parametrize("path", ["", "/{}"])
def test_seq_and_all_beside_it_are_of_one_moment(
    alice: User, group: Chat, interrupted: list[Any], path: str
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer, who waits.")
    found = got(alice, "GET", path.format(group.id))
    chat = found if path else found["chats"][0]
    assert interrupted == [None]
    assert (chat["seq"], chat["name"], chat["unread_count"]) == (1, "Group", 0)
    assert chat["last_message"] is None
    found = got(alice, "GET", f"/{group.id}")
    assert (found["seq"], found["name"], found["unread_count"]) == (3, "Renamed", 1)


# --- the list --------------------------------------------------------------------------------


def test_the_list_is_ones_own_chats_with_the_latest_activity_first(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    private = create_chat(bob, kind="private", members=[alice])
    delete_chat(alice, create_chat(alice, kind="group", name="gone"))
    leave_chat(alice, create_chat(alice, kind="group", name="left", members=[bob]))
    create_chat(charlie, kind="group", name="not hers")
    send_message(bob, chat=group.id, content="x")
    found = got(alice, "GET", "/")
    assert set(found) == {"chats", "has_more", "next_cursor"}
    assert (found["has_more"], found["next_cursor"]) == (False, None)
    first, second = found["chats"]
    last = first["last_message"]
    assert first == words(group, owner_id=alice.id, role="owner", unread_count=1, last_message=last)
    assert (last["content"], last["reactions"]) == ("x", [])
    assert second == words(
        private, type="private", name="Bob", owner_id=bob.id, partner=person(bob)
    )
    assert got(make_user("nobody"), "GET", "")["chats"] == []


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 100])
def test_joined_pages_of_the_list_are_the_list(alice: User, limit: int) -> None:
    for n in range(7):
        create_chat(alice, kind="group", name=f"{n}")
    # At the same moment too.
    moment = Chat.objects.get(name="3").last_activity_at
    Chat.objects.filter(name__in=["1", "2"]).update(last_activity_at=moment)
    whole = got(alice, "GET", "")["chats"]
    found = got(alice, "GET", f"?limit={limit}")
    joined = list(found["chats"])
    while found["has_more"]:
        assert len(found["chats"]) == limit
        # It goes into an address as it is.
        found = got(alice, "GET", f"?limit={limit}&cursor={found['next_cursor']}")
        joined += found["chats"]
    assert found["next_cursor"] is None and len(found["chats"]) > 0
    assert joined == whole and len(whole) == 7


def test_a_page_of_the_list_goes_to_fifty(alice: User) -> None:
    chats = Chat.objects.bulk_create(Chat(kind="group", name="x") for _ in range(51))
    Membership.objects.bulk_create(Membership(chat=chat, user=alice) for chat in chats)
    found = got(alice, "GET", "")
    assert len(found["chats"]) == 50 and found["has_more"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("cursor", [
            "", "x", "1", "-", "1-", "-1", "1-1-1", "1_0-1", "%2B1-1", " 1-1", "1-1%0A", "١-1",
            "1.5-1", "1-x", "1-" + "9" * 19, "9" * 17 + "-1", "9" * 5000, "1-%00", "null",
            "2026-01-01T00:00:00Z-1", "[]",
        ]),
        ("limit", ["0", "101", "x", "-1", "1.0", "1e1", "%2B1", "9" * 400]),
    ],
)  # fmt: skip
def test_what_is_no_page_is_refused_and_not_the_first_one(
    alice: User, group: Chat, name: str, values: list[str]
) -> None:
    for value in values:
        refused(ask(alice, "GET", f"?{name}={value}"), 400, "invalid", name)
    refused(ask(alice, "GET", "?cursor"), 400, "invalid", "cursor")


def test_the_list_costs_as_many_queries_for_fifty_chats_as_for_one(alice: User, bob: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_alice.get(CHATS).status_code == 200
        return len(captured)

    as_alice = client(alice)
    private = create_chat(bob, kind="private", members=[alice])
    sent = send_message(bob, chat=private.id, content="x").message
    add_reaction(alice, message=sent.id, emoji="👍")
    few = queries()
    for n in range(49):
        kind = "private" if n % 3 == 0 else "group"
        other = make_user(f"other{n}")
        chat = create_chat(other, kind=kind, name=f"{n}", members=[alice])
        for text in ("x", "y"):
            sent = send_message(other, chat=chat.id, content=text).message
            add_reaction(alice, message=sent.id, emoji="👍")
    # Who asks; beginning, isolation and end; the page, two overviews, unread, two of last messages
    # and their reactions.
    assert queries() == few <= 11
    assert len(got(alice, "GET", "")["chats"]) == 50
    with CaptureQueriesContext(connection) as captured:
        assert as_alice.get(f"{CHATS}/{private.id}").status_code == 200
    assert len(captured) <= few + 1


# --- creating --------------------------------------------------------------------------------


def test_a_new_group_is_told_in_full(alice: User, bob: User, charlie: User) -> None:
    body = {
        "type": "group",
        "name": " Кухня ",
        "description": "Чай",
        "is_open": True,
        "user_ids": [bob.id, f"{charlie.id}", str(bob.uuid), alice.id],
    }
    found = got(alice, "POST", "", body, 201)
    chat = Chat.objects.get()
    members = [member(alice, chat, "owner"), member(bob, chat), member(charlie, chat)]
    assert found == words(
        chat,
        name="Кухня",
        description="Чай",
        is_open=True,
        owner_id=alice.id,
        members_count=3,
        role="owner",
        members=members,
    )
    assert got(bob, "GET", f"/{chat.uuid}") == {**found, "role": "member"}


def test_a_chat_is_a_closed_group_of_ones_own_unless_told(alice: User) -> None:
    for fields in ({}, {"description": None, "user_ids": None}):
        found = got(alice, "POST", "/", {"name": "x", **fields}, 201)
        assert (found["type"], found["is_open"], found["description"]) == ("group", False, "")
        assert found["members_count"] == 1 and found["role"] == "owner"


@each_form
def test_the_private_chat_of_two_is_new_once(alice: User, bob: User, form: Form) -> None:
    body = {"type": "private", "user_ids": [form(bob)], "is_open": True}
    first = got(alice, "POST", "", body, 201)
    assert got(alice, "POST", "", {**body, "name": "other"}, 200) == first
    other_way = got(bob, "POST", "", {"type": "private", "user_ids": [form(alice)]}, 200)
    assert (first["name"], other_way["name"], other_way["id"]) == ("Bob", "Alice", first["id"])
    assert (first["is_open"], first["partner"]) == (False, person(bob))
    delete_chat(bob, Chat.objects.get())
    assert got(alice, "POST", "", body, 201)["id"] != first["id"]


def test_two_who_open_their_private_chat_at_once_have_one_that_is_new_to_one(
    alice: User, bob: User
) -> None:
    bodies = [{"type": "private", "user_ids": [user.id]} for user in (bob, alice)]
    answers = at_once(
        partial(ask, alice, "POST", "", bodies[0]), partial(ask, bob, "POST", "", bodies[1])
    )
    assert sorted(answer.status_code for answer in answers) == [200, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]


def test_a_private_chat_is_with_exactly_one_other_person(
    alice: User, bob: User, charlie: User
) -> None:
    for ids in ([], [alice.id], [bob.id, charlie.id], None):
        body = {"type": "private", "user_ids": ids}
        refused(ask(alice, "POST", "", body), 400, "invalid", "user_ids")
    refused(ask(alice, "POST", "", {"type": "private"}), 400, "invalid", "user_ids")
    assert not Chat.objects.exists()


def test_people_who_are_not_there_are_named_and_nothing_is_created(alice: User, bob: User) -> None:
    gone = make_user("gone")
    ban(gone)
    for nobody in (10**9, f"{10**9}", str(uuid4()), 0, gone.id, str(gone.uuid)):
        for type in ("group", "private"):
            body = {"type": type, "name": "x", "user_ids": [bob.id, nobody]}
            answer = refused(ask(alice, "POST", "", body), 400, "unknown_users", "user_ids")
            assert str(nobody).encode() in answer
    assert not Chat.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": " \n"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x", "type": "channel"}, "type"),
        ({"name": "x", "type": ""}, "type"),
        ({"name": "x", "type": None}, "type"),
        ({"name": "x", "type": 5}, "type"),
        ({"name": "x", "type": ["group"]}, "type"),
        ({"name": "x", "description": "x" * 1001}, "description"),
        ({"name": "x", "description": 5}, "description"),
        ({"name": "x", "is_open": "true"}, "is_open"),
        ({"name": "x", "is_open": 1}, "is_open"),
        ({"name": "x", "is_open": None}, "is_open"),
        ({"name": "x", "user_ids": 5}, "user_ids"),
        ({"name": "x", "user_ids": {"0": 1}}, "user_ids"),
        ({"name": "x", "user_ids": "1"}, "user_ids"),
        ({"name": "x", "user_ids": [True]}, "user_ids.0"),
        ({"name": "x", "user_ids": [1, 1.0]}, "user_ids.1"),
        ({"name": "x", "user_ids": [1] * 1001}, "user_ids"),
    ],
)
def test_what_is_wrong_with_a_new_chat_is_named(
    alice: User, fields: dict[str, Any], field: str
) -> None:
    refused(ask(alice, "POST", "", fields), 400, "invalid", field)
    assert not Chat.objects.exists()


def test_new_chats_are_limited(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NEW_CHATS", limits.Limit("new-chats", 2, 60.0, "open"))
    for _ in range(2):
        got(alice, "POST", "", {"name": "x"}, 201)
    response = ask(alice, "POST", "", {"name": "x"})
    assert response.status_code == 429 and response.json()["code"] == "rate_limited"
    assert Chat.objects.count() == 2


# --- changing, joining, leaving, deleting ----------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_is_named_is_changed_and_nothing_else(
    alice: User, bob: User, group: Chat, method: str
) -> None:
    path = f"/{group.id}"
    changed = got(alice, method, path, {"name": " New ", "is_open": True})
    members = [member(alice, group, "owner"), member(bob, group)]
    assert changed == words(
        group, name="New", is_open=True, owner_id=alice.id, role="owner", members=members
    )
    assert changed["seq"] == 2
    described = got(alice, method, path, {"description": "words"})
    assert (described["name"], described["is_open"]) == ("New", True)
    assert described["description"] == "words"
    # Null, absent or the same as before: nothing happens.
    for body in ({}, {"name": None, "description": None, "is_open": None}, {"is_open": True}):
        assert got(alice, method, path, body) == described
    assert len(log(group)) == 3
    assert got(alice, method, path, {"description": "", "is_open": False})["is_open"] is False
    wrong: dict[str, list[Any]] = {
        "name": ["", "  ", "x" * 101, 5, "\x00", []],
        "description": ["x" * 1001, 5, "\x00", []],
        "is_open": ["true", 1, 0, []],
        "slow_mode": ["30", -1, 21_601, 0.5, 30.0, True, []],
    }
    for field, values in wrong.items():
        for value in values:
            refused(ask(alice, method, path, {field: value}), 400, "invalid", field)
    refused(ask(bob, method, path, {"name": "Bob's"}), 403, "forbidden")


def test_an_owner_slows_a_group_down_and_whoever_is_too_quick_waits(
    alice: User, bob: User, group: Chat
) -> None:
    path = f"/{group.id}"
    assert got(alice, "PATCH", path, {"slow_mode": 30})["slow_mode"] == 30
    assert got(alice, "PATCH", path, {"slow_mode": None})["slow_mode"] == 30
    refused(ask(bob, "PATCH", path, {"slow_mode": 0}), 403, "forbidden")
    phone, body = client(bob), {"chat_id": group.id, "content": "Hello"}
    assert post(phone, "/api/v1/messages", body).status_code == 201
    second = post(phone, "/api/v1/messages", body)
    assert (second.status_code, second.json()["code"]) == (429, "slow_mode")
    assert 25 <= int(second["Retry-After"]) <= 30
    assert got(alice, "PATCH", path, {"slow_mode": 0})["slow_mode"] == 0
    assert post(phone, "/api/v1/messages", body).status_code == 201


def test_a_private_chat_has_nothing_to_change_to_leave_or_to_add_to(
    alice: User, bob: User, charlie: User
) -> None:
    chat = create_chat(alice, kind="private", members=[bob])
    for user, other in ((alice, bob), (bob, alice)):
        for method, path, body in (
            ("PATCH", "", {"name": "x"}),
            ("POST", "/leave", None),
            ("POST", "/members", {"user_id": charlie.id}),
            ("PATCH", f"/members/{other.id}", {"role": "owner"}),
            ("DELETE", f"/members/{other.id}", None),
            ("DELETE", f"/members/{user.id}", None),
        ):
            refused(ask(user, method, f"/{chat.id}{path}", body), 403, "forbidden")
        refused(ask(user, "POST", f"/{chat.id}/join"), 404, "not_found")
    assert roles(chat) == {"alice": "owner", "bob": "member"}
    # Either side deletes it.
    assert got(bob, "DELETE", f"/{chat.id}", status=204) is None
    refused(ask(alice, "GET", f"/{chat.id}"), 404, "not_found")


@each_form
def test_an_open_group_is_joined_and_left(
    alice: User, bob: User, charlie: User, form: Form
) -> None:
    chat = create_chat(alice, kind="group", name="Group", members=[bob], is_open=True)
    send_message(alice, chat=chat.id, content="before")
    found = got(charlie, "POST", f"/{form(chat)}/join")
    members = [member(alice, chat, "owner"), member(bob, chat), member(charlie, chat)]
    assert found == words(
        chat,
        is_open=True,
        owner_id=alice.id,
        members_count=3,
        last_message=found["last_message"],
        members=members,
    )
    assert found["last_message"]["content"] == "before"
    assert got(charlie, "POST", f"/{form(chat)}/join/") == found
    assert len(log(chat)) == 3
    assert got(charlie, "POST", f"/{form(chat)}/leave", status=204) is None
    refused(ask(charlie, "POST", f"/{form(chat)}/leave"), 404, "not_found")
    assert roles(chat) == {"alice": "owner", "bob": "member"}


def test_a_closed_group_is_by_invitation(bob: User, charlie: User, group: Chat) -> None:
    refused(ask(charlie, "POST", f"/{group.id}/join"), 403, "forbidden")
    assert got(bob, "POST", f"/{group.id}/join")["role"] == "member"
    for ref in (10**9, 2**63, uuid4(), "x"):
        refused(ask(bob, "POST", f"/{ref}/join"), 404, "not_found")


def test_when_the_last_owner_leaves_the_member_of_longest_standing_owns(
    alice: User, bob: User, group: Chat
) -> None:
    got(alice, "POST", f"/{group.id}/leave", status=204)
    found = got(bob, "GET", f"/{group.id}")
    assert (found["role"], found["owner_id"], found["members_count"]) == ("owner", bob.id, 1)
    got(bob, "POST", f"/{group.id}/leave", status=204)
    refused(ask(bob, "GET", f"/{group.id}"), 404, "not_found")


@each_form
def test_an_owner_deletes_a_group_once(alice: User, bob: User, group: Chat, form: Form) -> None:
    refused(ask(bob, "DELETE", f"/{form(group)}"), 403, "forbidden")
    assert got(alice, "DELETE", f"/{form(group)}", status=204) is None
    for user in (alice, bob):
        refused(ask(user, "DELETE", f"/{form(group)}"), 404, "not_found")
        assert got(user, "GET", "")["chats"] == []


# --- members ---------------------------------------------------------------------------------


@each_form
def test_members_are_listed_by_the_time_of_joining(
    alice: User, bob: User, charlie: User, group: Chat, form: Form
) -> None:
    got(alice, "POST", f"/{group.id}/members", {"user_id": form(charlie)}, 201)
    expected = [member(alice, group, "owner"), member(bob, group), member(charlie, group)]
    for path in ("/members", "/members/"):
        assert got(charlie, "GET", f"/{form(group)}{path}") == {"members": expected}


@each_form
def test_somebody_is_added_once_by_an_owner(
    alice: User, bob: User, charlie: User, group: Chat, form: Form
) -> None:
    body = {"user_id": form(charlie)}
    refused(ask(bob, "POST", f"/{group.id}/members", body), 403, "forbidden")
    added = got(alice, "POST", f"/{form(group)}/members", body, 201)
    assert added == member(charlie, group)
    assert got(alice, "POST", f"/{group.id}/members/", body, 200) == added
    assert got(alice, "POST", f"/{group.id}/members", {"user_id": form(alice)}) == member(
        alice, group, "owner"
    )
    assert len(log(group)) == 2


def test_nobody_is_not_added(alice: User, bob: User, charlie: User, group: Chat) -> None:
    ban(charlie)
    for nobody in (10**9, f"{10**9}", 0, str(uuid4()), charlie.id, str(charlie.uuid)):
        body = {"user_id": nobody}
        response = ask(alice, "POST", f"/{group.id}/members", body)
        refused(response, 400, "unknown_users", "user_id")
        # Who may add nobody is not told who there is.
        refused(ask(bob, "POST", f"/{group.id}/members", body), 403, "forbidden")
    for wrong in NO_IDS:
        response = ask(alice, "POST", f"/{group.id}/members", {"user_id": wrong})
        refused(response, 400, "invalid", "user_id")
    refused(ask(alice, "POST", f"/{group.id}/members", {}), 400, "invalid", "user_id")
    assert roles(group) == {"alice": "owner", "bob": "member"}


@each_form
def test_an_owner_gives_and_takes_roles(alice: User, bob: User, group: Chat, form: Form) -> None:
    path = f"/{form(group)}/members/{form(bob)}"
    for _ in range(2):
        assert got(alice, "PATCH", path, {"role": "owner"}) == member(bob, group, "owner")
    # The one of them with the smaller id.
    assert got(bob, "GET", f"/{group.id}")["owner_id"] == alice.id
    down = f"/{group.id}/members/{form(alice)}/"
    assert got(bob, "PATCH", down, {"role": "member"}) == member(alice, group)
    found = got(alice, "GET", f"/{group.id}")
    assert (found["owner_id"], found["role"], found["seq"]) == (bob.id, "member", 3)
    refused(ask(alice, "PATCH", path, {"role": "member"}), 403, "forbidden")
    refused(ask(bob, "PATCH", path, {"role": "member"}), 409, "conflict")
    assert roles(group) == {"alice": "member", "bob": "owner"}


def test_a_role_is_owner_or_member_of_who_is_in_it(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    path = f"/{group.id}/members/{bob.id}"
    wrong: list[Any] = ["", "admin", "OWNER", None, 5, True, [], ["owner"], {}]
    for role in wrong:
        refused(ask(alice, "PATCH", path, {"role": role}), 400, "invalid", "role")
    refused(ask(alice, "PATCH", path, {}), 400, "invalid", "role")
    for ref in (charlie.id, charlie.uuid, 10**9, 2**63, uuid4(), "x"):
        for method, body in (("PATCH", {"role": "member"}), ("DELETE", None)):
            response = ask(alice, method, f"/{group.id}/members/{ref}", body)
            refused(response, 404, "not_found")


@each_form
def test_an_owner_takes_somebody_out_and_anybody_themselves(
    alice: User, bob: User, charlie: User, form: Form
) -> None:
    chat = create_chat(alice, kind="group", name="x", members=[bob, charlie])
    for user in (alice, charlie):
        response = ask(bob, "DELETE", f"/{chat.id}/members/{form(user)}")
        refused(response, 403, "forbidden")
    assert got(bob, "DELETE", f"/{form(chat)}/members/{form(bob)}", status=204) is None
    assert got(alice, "DELETE", f"/{form(chat)}/members/{form(charlie)}/", status=204) is None
    refused(ask(alice, "DELETE", f"/{chat.id}/members/{form(charlie)}"), 404, "not_found")
    refused(ask(charlie, "GET", f"/{chat.id}"), 404, "not_found")
    assert roles(chat) == {"alice": "owner"}


# --- reading up to a message -----------------------------------------------------------------


@each_form
def test_everything_up_to_a_message_is_read(
    alice: User, bob: User, group: Chat, form: Form
) -> None:
    said = [send_message(alice, chat=group.id, content=f"{n}").message for n in range(5)]
    read_message(bob, message=said[1].id)
    path, body = f"/{form(group)}/read", {"up_to_message_id": form(said[3])}
    assert got(bob, "POST", path, body) == {"chat_id": group.id, "read": 3, "unread_count": 1}
    assert got(bob, "GET", f"/{group.id}")["unread_count"] == 1
    # Again, and further back.
    for mark in (said[3], said[0]):
        body = {"up_to_message_id": form(mark)}
        assert got(bob, "POST", f"{path}/", body) == {
            "chat_id": group.id,
            "read": 0,
            "unread_count": 1,
        }
    assert Receipt.objects.filter(user=bob).count() == 4 and len(log(group)) == 10
    delete_message(alice, message=said[4].id)
    body = {"up_to_message_id": form(said[4])}
    assert got(bob, "POST", path, body) == {"chat_id": group.id, "read": 0, "unread_count": 0}


def test_a_message_of_another_chat_is_no_mark(alice: User, bob: User, group: Chat) -> None:
    send_message(alice, chat=group.id, content="x")
    other = create_chat(alice, kind="private", members=[bob])
    foreign = send_message(alice, chat=other.id, content="x").message
    refs: tuple[Any, ...] = (foreign.id, foreign.uuid, 0, 10**9, str(uuid4()), 2**63)
    for ref in refs:
        response = ask(bob, "POST", f"/{group.id}/read", {"up_to_message_id": ref})
        refused(response, 404, "not_found")
    for wrong in NO_IDS:
        response = ask(bob, "POST", f"/{group.id}/read", {"up_to_message_id": wrong})
        refused(response, 400, "invalid", "up_to_message_id")
    refused(ask(bob, "POST", f"/{group.id}/read", {}), 400, "invalid", "up_to_message_id")
    assert not Receipt.objects.exists()


# --- what others hear ------------------------------------------------------------------------


async def test_who_is_added_hears_of_it_in_the_mini_app_and_then_of_what_is_said(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    async with miniapp(charlie) as c, miniapp(bob) as b, messenger_api(bob, group) as m:
        body = {"user_id": charlie.id}
        await in_db(got, alice, "POST", f"/{group.id}/members", body, 201)
        heard = await c.get(action="chat_created")
        assert heard["data"]["id"] == group.id
        assert await b.silent() and await m.silent()
        # Again: nobody hears of it.
        await in_db(got, alice, "POST", f"/{group.id}/members", body, 200)
        assert await c.silent()
        await in_db(lambda: send_message(alice, chat=group.id, content="x"))
        for socket in (c, b):
            await socket.get(action="new_message")
        await m.get(type="new_message")
        # Who is taken out hears nothing any more.
        await in_db(got, alice, "DELETE", f"/{group.id}/members/{charlie.id}", None, 204)
        await in_db(lambda: send_message(alice, chat=group.id, content="y"))
        await b.get(action="new_message")
        assert await c.silent()


async def test_who_is_in_a_new_chat_hears_of_it_in_the_mini_app(alice: User, bob: User) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        body = {"name": "Tea", "user_ids": [bob.id]}
        chat = (await in_db(got, alice, "POST", "", body, 201))["id"]
        for socket in (a, b):
            assert (await socket.get(action="chat_created"))["data"]["id"] == chat
        body = {"type": "private", "user_ids": [bob.id]}
        private = (await in_db(got, alice, "POST", "", body, 201))["id"]
        for socket in (a, b):
            assert (await socket.get(action="chat_created"))["data"]["id"] == private
        # Which is there already: nobody hears of it again.
        await in_db(got, bob, "POST", "", {"type": "private", "user_ids": [alice.id]}, 200)
        assert await a.silent() and await b.silent()


async def test_who_wrote_hears_in_the_mini_app_that_each_is_read_by_all(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    await in_db(lambda: got(alice, "POST", f"/{group.id}/members", {"user_id": charlie.id}, 201))

    def say() -> list[int]:
        return [send_message(alice, chat=group.id, content="x").message.id for _ in range(3)]

    ids = await in_db(say)
    body = {"up_to_message_id": ids[1]}
    async with miniapp(alice) as a, messenger_api(alice, group) as m:
        assert (await in_db(got, charlie, "POST", f"/{group.id}/read", body))["read"] == 2
        assert await a.silent()
        assert (await in_db(got, bob, "POST", f"/{group.id}/read", body))["read"] == 2
        heard = [await a.get(action="message_read_by_all") for _ in range(2)]
        assert [frame["data"]["message_id"] for frame in heard] == ids[:2]
        assert {frame["data"]["read_by"] for frame in heard} == {str(bob.uuid)}
        await in_db(got, bob, "POST", f"/{group.id}/read", body)
        # Nor has the Messenger API a word for it.
        assert await a.silent() and await m.silent()


async def test_what_is_renamed_or_owned_by_another_goes_on(
    alice: User, bob: User, group: Chat
) -> None:
    async with miniapp(bob) as b, messenger_api(bob, group) as m:
        await in_db(got, alice, "PATCH", f"/{group.id}", {"name": "Other"})
        await in_db(got, alice, "PATCH", f"/{group.id}/members/{bob.id}", {"role": "owner"})
        await in_db(got, alice, "POST", f"/{group.id}/leave", None, 204)
        assert await b.silent() and await m.silent()
        await in_db(lambda: send_message(bob, chat=group.id, content="x"))
        await b.get(action="new_message")
        await m.get(type="new_message")
        await in_db(got, bob, "DELETE", f"/{group.id}", None, 204)
        assert await b.silent() and await m.silent()


def test_two_owners_who_step_down_at_once_are_told_apart(alice: User, bob: User) -> None:
    for _ in range(4):
        chat = create_chat(alice, kind="group", name="x", members=[bob], is_open=True)
        change_role(alice, chat=chat, user=bob, role="owner")
        join_chat(make_user(f"user{chat.id}"), chat)
        answers = at_once(
            *(
                partial(ask, user, "PATCH", f"/{chat.id}/members/{user.id}", {"role": "member"})
                for user in (alice, bob)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409], answers
        assert list(roles(chat).values()).count("owner") == 1
