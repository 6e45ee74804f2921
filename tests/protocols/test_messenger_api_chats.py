"""The Messenger API's chats over REST, and who is online in them."""

import asyncio
from collections.abc import Callable
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
from chats.services import create_chat, delete_chat, leave_chat
from messaging.services import delete_message, read_message, send_message
from messenger.realtime.threads import in_db
from tests.chats.helpers import roles
from tests.people import client, make_user, post
from tests.races import at_once
from tests.sockets import connected, messenger_api, miniapp

JSON = "application/json"
CHAT = {
    "id", "name", "description", "is_group", "created_at", "owner_id", "role", "members_count",
    "unread_count", "last_message",
}  # fmt: skip
MESSAGE = {"id", "text", "chat_id", "author_id", "created_at", "is_edited"}


def create(user: User, **fields: Any) -> Any:
    """The answer to creating a chat."""
    return post(client(user), "/chats/create", fields)


def open_group(owner: User, *members: User) -> Chat:
    return create_chat(owner, kind="group", name="Open", members=members, is_open=True)


def refused(response: Any, status: int, code: str, *fields: str) -> Any:
    """The error, of this status and code, that names these fields and no others."""
    assert response.status_code == status, response.content
    body = response.json()
    assert set(body) == {"detail", "code"} | ({"errors"} if fields else set())
    assert body["code"] == code and set(body.get("errors", ())) == set(fields), body
    return body


# --- creating --------------------------------------------------------------------------------


def test_a_new_group_is_told_in_full(alice: User, bob: User) -> None:
    response = create(
        alice, name="Кухня", description="Чай", is_group=True, user_ids=[bob.id, str(bob.uuid)]
    )
    assert response.status_code == 201
    chat = Chat.objects.get()
    assert response.json() == {
        "id": chat.id,
        "name": "Кухня",
        "description": "Чай",
        "is_group": True,
        "created_at": chat.created_at.isoformat().replace("+00:00", "Z"),
        "owner_id": alice.id,
        "role": "owner",
        "members_count": 2,
        "unread_count": 0,
        "last_message": None,
    }
    assert roles(chat) == {"alice": "owner", "bob": "member"}


def test_a_chat_is_a_group_without_description_and_others_unless_told(alice: User) -> None:
    for fields in ({}, {"description": None, "user_ids": None}):
        chat = create(alice, name="x", **fields).json()
        assert (chat["is_group"], chat["description"], chat["members_count"]) == (True, "", 1)


@pytest.mark.parametrize("form", [lambda u: u.id, lambda u: f"{u.id}", lambda u: f"{u.uuid}"])
def test_a_person_is_named_by_any_form_of_their_id(
    alice: User, bob: User, form: Callable[[User], Any]
) -> None:
    assert create(alice, name="x", user_ids=[form(bob)]).json()["members_count"] == 2
    assert create(alice, is_group=False, user_ids=[form(bob)]).status_code == 201


def test_a_private_chat_is_with_exactly_one_other_person(
    alice: User, bob: User, charlie: User
) -> None:
    for ids in ([], [alice.id], [bob.id, charlie.id], [alice.id, bob.id, charlie.id]):
        for fields in ({}, {"name": "x"}):
            response = create(alice, is_group=False, user_ids=ids, **fields)
            refused(response, 400, "invalid", "user_ids")
    refused(create(alice, is_group=False), 400, "invalid", "user_ids")
    assert not Chat.objects.exists()


def test_the_private_chat_of_two_is_one_and_goes_by_the_other_ones_name(
    alice: User, bob: User
) -> None:
    first = create(alice, is_group=False, user_ids=[bob.id]).json()
    again = create(alice, is_group=False, user_ids=[bob.id], name="other").json()
    other_way = create(bob, is_group=False, user_ids=[alice.id]).json()
    assert set(first) == CHAT and first["is_group"] is False
    assert first["id"] == again["id"] == other_way["id"] and Chat.objects.count() == 1
    assert (first["name"], again["name"], other_way["name"]) == ("Bob", "Bob", "Alice")
    assert client(bob).get("/chats/").json()[0]["name"] == "Alice"


def test_a_private_chat_with_a_name_goes_by_it(alice: User, bob: User) -> None:
    chat = create(alice, is_group=False, user_ids=[bob.id], name="Us").json()
    assert chat["name"] == "Us"
    assert client(bob).get(f"/chats/{chat['id']}").json()["name"] == "Us"


def test_two_who_open_their_private_chat_at_once_have_one(alice: User, bob: User) -> None:
    for person, other in ((alice, bob), (bob, alice)):
        answers = at_once(
            partial(create, alice, is_group=False, user_ids=[bob.id]),
            partial(create, person, is_group=False, user_ids=[other.id]),
        )
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json()["id"] == answers[1].json()["id"]
        Chat.objects.update(pair=None, deleted_at="2026-01-01T00:00:00Z")


@pytest.mark.parametrize("is_group", [True, False])
def test_people_who_are_not_there_are_named_and_nothing_is_created(
    alice: User, bob: User, is_group: bool
) -> None:
    gone = make_user("gone")
    ban(gone)
    for nobody in (10**9, f"{10**9}", str(uuid4()), 0, gone.id, str(gone.uuid)):
        for ids in ([nobody], [bob.id, nobody]):
            response = create(alice, name="x", is_group=is_group, user_ids=ids)
            assert str(nobody) in refused(response, 400, "unknown_users", "user_ids")["detail"]
    assert not Chat.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": " \n"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"name": 5}, "name"),
        ({"name": ["x"]}, "name"),
        ({"name": "x", "description": "x" * 1001}, "description"),
        ({"name": "x", "description": "\x00"}, "description"),
        ({"name": "x", "description": 10**15}, "description"),
        ({"name": "x", "is_group": "yes"}, "is_group"),
        ({"name": "x", "is_group": 1}, "is_group"),
        ({"name": "x", "is_group": None}, "is_group"),
        ({"name": "x", "user_ids": 5}, "user_ids"),
        ({"name": "x", "user_ids": {"0": 1}}, "user_ids"),
        ({"name": "x", "user_ids": "1"}, "user_ids"),
        ({"name": "x", "user_ids": [True]}, "user_ids.0"),
        ({"name": "x", "user_ids": [1, 1.0]}, "user_ids.1"),
        ({"name": "x", "user_ids": [None]}, "user_ids.0"),
        ({"name": "x", "user_ids": [1] * 1001}, "user_ids"),
    ],
)
def test_what_is_wrong_with_a_new_chat_is_named(
    alice: User, fields: dict[str, Any], field: str
) -> None:
    refused(create(alice, **fields), 400, "invalid", field)
    assert not Chat.objects.exists()


# --- the list --------------------------------------------------------------------------------


def listed(user: User, query: str = "") -> list[Any]:
    response = client(user).get(f"/chats/{query}")
    assert response.status_code == 200, response.content
    return list(response.json())


def test_the_list_is_ones_own_chats_with_the_latest_activity_first(
    alice: User, bob: User, charlie: User
) -> None:
    chats = [create_chat(alice, kind="group", name=f"{n}", members=[bob]) for n in range(4)]
    create_chat(bob, kind="group", name="Bob's")
    delete_chat(alice, create_chat(alice, kind="group", name="gone"))
    leave_chat(alice, create_chat(alice, kind="group", name="left", members=[bob]))
    assert [chat["name"] for chat in listed(alice)] == ["3", "2", "1", "0"]
    send_message(bob, chat=chats[1].id, content="x")
    assert [chat["name"] for chat in listed(alice)] == ["1", "3", "2", "0"]
    assert listed(charlie) == []
    assert all(set(chat) == CHAT for chat in listed(alice))


def test_pages_of_the_list_joined_are_the_list(alice: User) -> None:
    for n in range(7):
        create_chat(alice, kind="group", name=f"{n}")
    whole = listed(alice)
    for limit in (1, 2, 3, 7, 100):
        pages = [listed(alice, f"?skip={skip}&limit={limit}") for skip in range(0, 9, limit)]
        assert [chat for page in pages for chat in page] == whole
    assert listed(alice, "?skip=5") == whole[5:] and listed(alice, "?skip=1000000000") == []


@pytest.mark.parametrize("name", ["skip", "limit"])
def test_a_page_of_the_list_is_counted_in_plain_numbers(alice: User, name: str) -> None:
    for value in ("-1", "x", "1.0", "1e3", "1_0", "%2B1", "%201", "١", "0x1", "true", f"{10**30}"):
        refused(client(alice).get(f"/chats/?{name}={value}"), 400, "invalid", name)
    for limit in (0, 1001):
        refused(client(alice).get(f"/chats/?limit={limit}"), 400, "invalid", "limit")


def test_the_list_costs_as_many_queries_for_many_chats_as_for_one(alice: User, bob: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_alice.get("/chats/").status_code == 200
        return len(captured)

    as_alice = client(alice)
    private = create_chat(bob, kind="private", members=[alice])
    send_message(bob, chat=private.id, content="x")
    few = queries()
    for n in range(12):
        chat = create_chat(alice, kind="group", name=f"{n}", members=[bob])
        for text in ("x", "y"):
            send_message(bob, chat=chat.id, content=text)
    assert queries() == few <= 8


def test_what_is_unread_is_what_others_said_and_one_has_not_read(
    alice: User, bob: User, group: Chat
) -> None:
    def unread(user: User) -> list[int]:
        inside = client(user).get(f"/chats/{group.id}").json()["unread_count"]
        return [*(chat["unread_count"] for chat in listed(user)), inside]

    said = [send_message(alice, chat=group.id, content=f"{n}").message for n in range(3)]
    assert (unread(alice), unread(bob)) == ([0, 0], [3, 3])
    read_message(bob, message=said[2].id)
    assert unread(bob) == [2, 2]
    delete_message(alice, message=said[0].id)
    assert unread(bob) == [1, 1]
    send_message(bob, chat=group.id, content="x")
    assert (unread(alice), unread(bob)) == ([1, 1], [1, 1])


async def test_reading_in_the_mini_app_lowers_what_is_unread(
    alice: User, bob: User, group: Chat
) -> None:
    sent = await in_db(lambda: send_message(alice, chat=group.id, content="x"))
    assert [chat["unread_count"] for chat in await in_db(listed, bob)] == [1]
    async with connected(bob) as b:
        await b.get(action="unread_messages")
        read = {"action": "message_read", "message_id": sent.message.id}
        await b.ask(read, action="message_read")
    assert [chat["unread_count"] for chat in await in_db(listed, bob)] == [0]


def test_the_last_message_is_the_newest_that_was_not_deleted(
    alice: User, bob: User, group: Chat
) -> None:
    def last(user: User) -> Any:
        [chat] = listed(user)
        inside = client(user).get(f"/chats/{group.id}").json()
        assert chat == {name: inside[name] for name in CHAT}
        return chat["last_message"]

    assert last(bob) is None
    first = send_message(alice, chat=group.id, content="first").message
    second = send_message(bob, chat=group.id, content="second").message
    told = last(alice)
    assert set(told) == MESSAGE and told == last(bob)
    assert (told["id"], told["text"], told["author_id"]) == (second.id, "second", bob.id)
    assert told["created_at"].endswith("Z")
    delete_message(bob, message=second.id)
    assert last(bob)["id"] == first.id
    delete_message(alice, message=first.id)
    assert last(bob) is None


@pytest.mark.parametrize(("path", "status"), [("/chats/", 200), ("/chats/{}", 404)])
def test_a_chat_that_everybody_left_meanwhile_is_not_there(
    alice: User, path: str, status: int
) -> None:
    going = open_group(alice)
    as_alice = client(alice)
    left: list[Any] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "COUNT(" in sql and not left:
            left.extend(at_once(lambda: leave_chat(alice, going)))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        response = as_alice.get(path.format(going.id))
    assert left == [None] and response.status_code == status, response.content
    assert status == 404 or response.json() == []


# --- one chat --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [lambda c: f"{c.id}", lambda c: f"00{c.id}", lambda c: c.uuid])
def test_a_chat_goes_by_any_form_of_its_id(
    bob: User, group: Chat, form: Callable[[Chat], Any]
) -> None:
    assert client(bob).get(f"/chats/{form(group)}").json()["id"] == group.id


def test_one_chat_is_told_with_its_members(alice: User, bob: User, group: Chat) -> None:
    chat = client(bob).get(f"/chats/{group.id}").json()
    assert set(chat) == CHAT | {"members"}
    assert (chat["role"], chat["owner_id"], chat["members_count"]) == ("member", alice.id, 2)
    assert chat["members"] == [
        {"user_id": alice.id, "username": "alice", "role": "owner", "is_online": False},
        {"user_id": bob.id, "username": "bob", "role": "member", "is_online": False},
    ]


def test_what_is_no_chat_of_ones_own_is_not_there_whatever_one_does(
    alice: User, charlie: User, group: Chat
) -> None:
    own = open_group(charlie)
    delete_chat(charlie, own)
    stranger = client(charlie)
    answers = []
    for ref in (group.id, group.uuid, own.id, 10**9, 2**63, uuid4(), "x", "1.0", "%D9%A1"):
        for method, path in (
            ("GET", ""),
            ("PUT", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("DELETE", "/leave"),
            ("DELETE", f"/members/{alice.id}"),
            ("DELETE", f"/members/{charlie.id}"),
        ):
            body = b'{"name": "Mine"}'
            answers.append(stranger.generic(method, f"/chats/{ref}{path}", body, JSON))
        answers.append(stranger.get(f"/messages/chat/{ref}"))
        answers.append(stranger.get(f"/ws/chat/{ref}/online-users"))
    expected = refused(answers[0], 404, "not_found")
    assert {(a.status_code, a.content) for a in answers} == {(404, answers[0].content)}, expected
    assert roles(group) == {"alice": "owner", "bob": "member"}


# --- joining and leaving ---------------------------------------------------------------------


def test_who_joins_an_open_group_is_told_the_chat_again_and_again(
    alice: User, charlie: User
) -> None:
    chat = create(alice, name="Open").json()["id"]
    send_message(alice, chat=chat, content="before")
    for ref in (chat, chat, Chat.objects.get().uuid):
        response = client(charlie).post(f"/chats/{ref}/join")
        assert response.status_code == 200
        told = response.json()
        assert set(told) == CHAT and (told["id"], told["role"]) == (chat, "member")
        assert (told["members_count"], told["unread_count"]) == (2, 0)
    assert client(alice).post(f"/chats/{chat}/join").json()["role"] == "owner"
    assert Membership.objects.count() == 2


def test_a_closed_group_is_not_joined_and_a_member_of_it_has_joined_already(
    bob: User, charlie: User, group: Chat
) -> None:
    refused(client(charlie).post(f"/chats/{group.id}/join"), 403, "forbidden")
    assert client(bob).post(f"/chats/{group.id}/join").status_code == 200
    assert roles(group) == {"alice": "owner", "bob": "member"}


async def test_a_group_made_in_the_mini_app_is_closed(
    alice: User, bob: User, charlie: User
) -> None:
    async with miniapp(alice) as a:
        frame = {"action": "create_chat", "type": "group", "name": "x", "user_ids": [bob.id]}
        chat = (await a.ask(frame, action="chat_created"))["data"]["id"]

    def join(user: User) -> Any:
        return client(user).post(f"/chats/{chat}/join")

    refused(await in_db(join, charlie), 403, "forbidden")
    assert (await in_db(join, bob)).status_code == 200


def test_a_private_chat_and_one_that_is_not_there_can_not_be_joined(
    alice: User, bob: User, charlie: User
) -> None:
    private = create_chat(alice, kind="private", members=[bob])
    gone = open_group(alice)
    delete_chat(alice, gone)
    for ref in (private.id, private.uuid, gone.id, 10**9, 2**63, uuid4(), "x"):
        for user in (bob, charlie):
            refused(client(user).post(f"/chats/{ref}/join"), 404, "not_found")


def test_a_dozen_join_at_once_and_each_is_in_once(alice: User) -> None:
    chat = open_group(alice)
    clients = [client(make_user(f"user{n}")) for n in range(6)] * 2
    answers = at_once(*(partial(each.post, f"/chats/{chat.id}/join") for each in clients))
    assert {answer.status_code for answer in answers} == {200}
    assert Membership.objects.filter(chat=chat).count() == 7


def test_who_leaves_is_gone_and_may_come_back_to_an_open_group(alice: User, bob: User) -> None:
    chat = open_group(alice, bob)
    as_bob = client(bob)
    response = as_bob.delete(f"/chats/{chat.id}/leave")
    assert (response.status_code, response.content) == (204, b"")
    refused(as_bob.delete(f"/chats/{chat.id}/leave"), 404, "not_found")
    refused(as_bob.get(f"/chats/{chat.id}"), 404, "not_found")
    refused(post(as_bob, "/messages/send", {"chat_id": chat.id, "text": "x"}), 404, "not_found")
    assert listed(bob) == []
    assert as_bob.post(f"/chats/{chat.id}/join").status_code == 200


def test_when_the_owner_leaves_the_member_of_longest_standing_owns(
    alice: User, bob: User, charlie: User
) -> None:
    chat = open_group(alice, charlie, bob)
    assert client(alice).delete(f"/chats/{chat.id}/leave").status_code == 204
    assert roles(chat) == {"charlie": "owner", "bob": "member"}
    assert client(bob).get(f"/chats/{chat.id}").json()["owner_id"] == charlie.id
    assert client(charlie).patch(f"/chats/{chat.id}", {"name": "x"}, JSON).status_code == 200


def test_when_the_owner_and_the_next_leave_at_once_the_third_owns(
    alice: User, bob: User, charlie: User
) -> None:
    for _ in range(3):
        chat = open_group(alice, bob, charlie)
        path, leavers = f"/chats/{chat.id}/leave", [client(user) for user in (alice, bob)]
        answers = at_once(*(partial(leaver.delete, path) for leaver in leavers))
        assert [answer.status_code for answer in answers] == [204, 204]
        assert roles(chat) == {"charlie": "owner"}


def test_when_the_last_one_leaves_the_chat_is_gone(alice: User) -> None:
    chat = open_group(alice)
    as_alice = client(alice)
    assert as_alice.delete(f"/chats/{chat.id}/leave").status_code == 204
    for path in (f"/chats/{chat.id}", f"/messages/chat/{chat.id}", f"/messages/chat/{chat.uuid}"):
        refused(as_alice.get(path), 404, "not_found")
    refused(as_alice.post(f"/chats/{chat.id}/join"), 404, "not_found")
    assert listed(alice) == []


def test_a_private_chat_is_not_left(alice: User, bob: User) -> None:
    chat = create_chat(alice, kind="private", members=[bob])
    for user in (alice, bob):
        refused(client(user).delete(f"/chats/{chat.id}/leave"), 403, "forbidden")
    assert Membership.objects.count() == 2


# --- what owners do --------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_the_owner_renames_and_describes_and_a_member_does_not(
    alice: User, bob: User, group: Chat, method: str
) -> None:
    def change(user: User, fields: Any) -> Any:
        body = orjson.dumps(fields)
        return client(user).generic(method, f"/chats/{group.id}", body, JSON)

    told = change(alice, {"name": "New"}).json()
    assert set(told) == CHAT and (told["name"], told["description"]) == ("New", "")
    told = change(alice, {"description": "words"}).json()
    assert (told["name"], told["description"]) == ("New", "words")
    told = change(alice, {"name": "Newer", "description": ""}).json()
    assert (told["name"], told["description"]) == ("Newer", "")
    for fields in ({}, {"name": None, "description": None}):
        assert change(alice, fields).json() == told
    refused(change(bob, {"name": "Bob's"}), 403, "forbidden")
    wrong: dict[str, list[Any]] = {
        "name": ["", "  ", "x" * 101, 5, "\x00", []],
        "description": ["x" * 1001, 5, "\x00", []],
    }
    for field, values in wrong.items():
        for value in values:
            refused(change(alice, {field: value}), 400, "invalid", field)
    assert client(bob).get(f"/chats/{group.id}").json()["name"] == "Newer"


def test_a_private_chat_is_not_renamed(alice: User, bob: User) -> None:
    chat = create_chat(alice, kind="private", members=[bob])
    for user in (alice, bob):
        response = client(user).patch(f"/chats/{chat.id}", {"name": "x"}, JSON)
        refused(response, 403, "forbidden")


def test_the_owner_deletes_a_group_and_a_member_does_not(
    alice: User, bob: User, group: Chat
) -> None:
    refused(client(bob).delete(f"/chats/{group.id}"), 403, "forbidden")
    assert client(alice).delete(f"/chats/{group.id}").status_code == 204
    for user in (alice, bob):
        refused(client(user).delete(f"/chats/{group.id}"), 404, "not_found")
        refused(client(user).get(f"/chats/{group.id}"), 404, "not_found")
        assert listed(user) == []


def test_the_owner_removes_a_member_and_a_member_removes_nobody(
    alice: User, bob: User, charlie: User
) -> None:
    chat = open_group(alice, bob, charlie)
    for user in (alice, charlie):
        refused(client(bob).delete(f"/chats/{chat.id}/members/{user.id}"), 403, "forbidden")
    for form in (bob.id, charlie.uuid):
        response = client(alice).delete(f"/chats/{chat.id}/members/{form}")
        assert (response.status_code, response.content) == (204, b"")
    for nobody in (bob.id, 10**9, 2**63, uuid4(), "x"):
        response = client(alice).delete(f"/chats/{chat.id}/members/{nobody}")
        refused(response, 404, "not_found")
    refused(client(bob).get(f"/chats/{chat.id}"), 404, "not_found")
    assert roles(chat) == {"alice": "owner"}


def test_who_removes_themselves_leaves(alice: User, bob: User, group: Chat) -> None:
    assert client(bob).delete(f"/chats/{group.id}/members/{bob.id}").status_code == 204
    assert roles(group) == {"alice": "owner"}


def test_nobody_is_removed_from_a_private_chat(alice: User, bob: User) -> None:
    chat = create_chat(alice, kind="private", members=[bob])
    for user, other in ((alice, bob), (bob, alice), (alice, alice)):
        response = client(user).delete(f"/chats/{chat.id}/members/{other.id}")
        refused(response, 403, "forbidden")


# --- who is online ---------------------------------------------------------------------------


async def seen(user: User, path: str, expected: Any, look: Callable[[Any], Any] = list) -> None:
    """That `look` at the answer comes to be what is expected: presence has a little way to go."""
    by = await in_db(client, user)
    found = None
    async with asyncio.timeout(10):
        while found != expected:
            answer = await in_db(by.get, path)
            assert answer.status_code == 200, answer.content
            found = look(answer.json())
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("open", [miniapp, messenger_api], ids=lambda open: open.__name__)
async def test_who_has_a_socket_open_in_any_protocol_is_online(
    alice: User, bob: User, group: Chat, open: Any
) -> None:
    words = {"user_id": bob.id, "username": "bob"}
    chat = f"/ws/chat/{group.id}/online-users"
    assert (await in_db(lambda: client(alice).get(chat))).json() == []
    async with open(bob):
        await seen(alice, "/ws/online-users", [words])
        await seen(alice, chat, [words])
        await seen(bob, chat, [words])
        await seen(bob, "/ws/online-users", [])
        flags = {"alice": False, "bob": True}
        for user in (alice, bob):
            await seen(
                user,
                f"/chats/{group.id}",
                flags,
                lambda found: {m["username"]: m["is_online"] for m in found["members"]},
            )


async def test_who_is_online_elsewhere_is_not_shown(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    await in_db(lambda: create_chat(charlie, kind="group", name="x"))
    async with miniapp(charlie), miniapp(alice):
        words = [{"user_id": alice.id, "username": "alice"}]
        await seen(bob, "/ws/online-users", words)
        await seen(bob, f"/ws/chat/{group.uuid}/online-users", words)
        await seen(charlie, "/ws/online-users", [])
