"""The native API's messages and reactions, field by field."""

from typing import Any
from urllib.parse import quote

import pytest

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging.models import Message, Reaction
from messaging.services import edit_message, read_message, send_message
from tests.people import bearer, client, post

MESSAGES = "/api/v1/messages"
FIELDS = {
    "id", "uuid", "chat_id", "seq", "author_id", "type", "content", "payload", "status", "ts",
    "reply_to_id", "is_deleted", "deleted_at", "updated_at", "reactions",
    "is_edited", "edited_at", "read_at", "likes_count", "liked_by", "liked_at",
}  # fmt: skip


def send(user: User, chat: Chat, **fields: Any) -> Any:
    """What is answered to sending, as JSON."""
    response = post(client(user), MESSAGES, {"chat_id": chat.id, "content": "x", **fields})
    assert response.status_code == 201, response.content
    return response.json()


def test_a_message_is_sent_and_found_again(alice: User, bob: User, group: Chat) -> None:
    first = send(bob, group, content="Привет")
    sent = send(alice, group, content="Это ответ", reply_to_id=first["id"])
    assert set(sent) == FIELDS
    ts = sent.pop("ts")
    assert ts.endswith("Z") and sent == {
        "id": sent["id"],
        "uuid": sent["uuid"],
        "chat_id": group.id,
        "seq": 3,
        "author_id": alice.id,
        "type": "text",
        "content": "Это ответ",
        "payload": None,
        "status": "delivered",
        "reply_to_id": first["id"],
        "is_deleted": False,
        "deleted_at": None,
        "updated_at": None,
        "is_edited": False,
        "edited_at": None,
        "read_at": None,
        "likes_count": 0,
        "liked_by": [],
        "liked_at": None,
        "reactions": [],
    }
    for ref in (sent["id"], sent["uuid"]):
        for path in (f"{MESSAGES}/{ref}", f"{MESSAGES}/{ref}/"):
            assert client(bob).get(path).json() == {**sent, "ts": ts}


def test_a_message_may_be_of_another_type_with_a_payload(alice: User, group: Chat) -> None:
    payload = {"url": "https://example.org/a.png", "size": [1, 2.5, None], "deep": {"é": True}}
    sent = send(alice, group, type="image", content=None, payload=payload)
    assert (sent["type"], sent["content"], sent["payload"]) == ("image", None, payload)
    assert client(alice).get(f"{MESSAGES}/{sent['id']}").json() == sent


BAD: list[dict[str, Any]] = [
    {"content": ""},
    {"content": " \n"},
    {"content": None},
    {"content": 5},
    {"content": "\x00"},
    {"content": "x" * 4097},
    {"type": ""},
    {"type": "x" * 21},
    {"type": 5},
    {"type": "image", "content": None},
    {"payload": {"a": "\x00"}},
    {"payload": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]},
    {"payload": "x" * 20_000},
    {"payload": 1e300},
    {"reply_to_id": "x"},
    {"reply_to_id": []},
    {"client_message_id": ""},
    {"client_message_id": 5},
    {"chat_id": None},
    {"chat_id": True},
]


@pytest.mark.parametrize("fields", BAD, ids=lambda fields: str(fields)[:40])
def test_what_is_no_message_is_refused(alice: User, group: Chat, fields: dict[str, Any]) -> None:
    body = {"chat_id": group.id, "content": "x", **fields}
    response = post(client(alice), MESSAGES, body)
    assert response.status_code == 400 and response.json()["code"] == "invalid"
    assert not Message.objects.exists()


def test_a_reply_is_to_a_message_of_the_same_chat(alice: User, group: Chat) -> None:
    other = create_chat(alice, kind="group", name="Other")
    foreign = send(alice, other)
    answers = [
        post(client(alice), MESSAGES, {"chat_id": group.id, "content": "x", "reply_to_id": ref})
        for ref in (foreign["id"], foreign["uuid"], 10**9)
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, answers[0].content)
    }


def test_a_reply_to_a_deleted_message_stands(alice: User, group: Chat) -> None:
    first = send(alice, group)
    reply = send(alice, group, reply_to_id=first["id"])
    assert client(alice).delete(f"{MESSAGES}/{first['id']}").status_code == 204
    assert client(alice).get(f"{MESSAGES}/{reply['id']}").json()["reply_to_id"] == first["id"]


def test_the_same_key_again_is_answered_with_the_first_message(alice: User, group: Chat) -> None:
    headers = {**bearer(alice), "Idempotency-Key": "2b1c"}
    body = {"chat_id": group.id, "content": "x"}
    first = post(client(alice), MESSAGES, body, headers)
    again = post(client(alice), f"{MESSAGES}/", {**body, "chat_id": str(group.uuid)}, headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first
    other = post(client(alice), MESSAGES, {**body, "content": "y"}, headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Message.objects.count() == 1


def test_a_deletion_leaves_a_place_without_content(alice: User, bob: User, group: Chat) -> None:
    sent = send(alice, group, type="image", payload={"a": 1})
    for _ in range(2):
        assert client(alice).delete(f"{MESSAGES}/{sent['id']}").status_code == 204
    [left] = client(bob).get(MESSAGES, {"chat_id": group.id}).json()["messages"]
    assert left == {
        **sent,
        "content": None,
        "payload": None,
        "is_deleted": True,
        "deleted_at": left["deleted_at"],
    }
    assert left["deleted_at"].endswith("Z")


def test_an_edit_and_a_reading_show(alice: User, bob: User, group: Chat) -> None:
    sent = send(alice, group)
    read_message(bob, message=sent["id"])
    edit_message(alice, message=sent["id"], content="y")
    seen = client(alice).get(f"{MESSAGES}/{sent['id']}").json()
    assert (seen["content"], seen["status"]) == ("y", "read")
    assert seen["updated_at"].endswith("Z")


# --- pages -----------------------------------------------------------------------------------


def page(user: User, chat: Chat, **query: Any) -> Any:
    response = client(user).get(MESSAGES, {"chat_id": chat.id, **query})
    assert response.status_code == 200, response.content
    return response.json()


@pytest.fixture
def nine(alice: User, group: Chat) -> list[int]:
    """Ids of nine messages, newest first."""
    ids = [send_message(alice, chat=group.id, content=f"{n}").message.id for n in range(9)]
    return ids[::-1]


@pytest.mark.parametrize("limit", [1, 2, 4, 8, 9, 10])
def test_joined_pages_are_the_whole_history_in_both_directions(
    alice: User, group: Chat, nine: list[int], limit: int
) -> None:
    found = page(alice, group, limit=limit)
    joined = [message["id"] for message in found["messages"]]
    while found["has_more"]:
        found = page(alice, group, limit=limit, before_id=found["next_cursor"])
        joined += [message["id"] for message in found["messages"]]
    assert joined == nine and found["next_cursor"] is None
    found = page(alice, group, limit=limit, after_id=0)
    joined = [message["id"] for message in found["messages"]]
    while found["has_more"]:
        found = page(alice, group, limit=limit, after_id=found["next_cursor"])
        joined = [message["id"] for message in found["messages"]] + joined
    assert joined == nine and found["next_cursor"] is None


def test_a_page_around_a_message_has_it_in_its_middle(
    alice: User, group: Chat, nine: list[int]
) -> None:
    for limit, at, expected in (
        (5, 4, nine[2:7]),
        (1, 4, nine[4:5]),
        (2, 4, nine[3:5]),
        (4, 0, nine[:4]),
        (4, 8, nine[6:]),
        (100, 3, nine),
    ):
        found = page(alice, group, limit=limit, around_id=nine[at])
        assert [message["id"] for message in found["messages"]] == expected
        assert found["has_more"] == (expected[-1] != nine[-1])
        assert found["next_cursor"] == (expected[-1] if found["has_more"] else None)


def test_around_a_message_is_said_alone_and_of_this_chat(
    alice: User, group: Chat, nine: list[int]
) -> None:
    other = create_chat(alice, kind="group", name="Other")
    foreign = send_message(alice, chat=other.id, content="x").message.id
    asked = {"chat_id": group.id, "around_id": foreign}
    assert client(alice).get(MESSAGES, asked).status_code == 404
    asked = {"chat_id": group.id, "around_id": nine[0], "before_id": nine[1]}
    assert client(alice).get(MESSAGES, asked).status_code == 400


# --- reactions -------------------------------------------------------------------------------


def test_a_reaction_comes_shows_and_goes(alice: User, bob: User, group: Chat) -> None:
    sent = send(alice, group)
    path = f"{MESSAGES}/{sent['id']}/reactions"
    first = post(client(bob), path, {"emoji": "👍"})
    assert first.status_code == 201
    reaction = first.json()
    assert reaction == {
        "id": reaction["id"],
        "message_id": sent["id"],
        "user_id": bob.id,
        "emoji": "👍",
        "created_at": reaction["created_at"],
    }
    again = post(client(bob), f"{path}/", {"emoji": "👍"})
    assert (again.status_code, again.json()) == (200, reaction)
    assert client(alice).get(f"{MESSAGES}/{sent['id']}").json()["reactions"] == [reaction]
    like = post(client(alice), path, {"emoji": "❤"}).json()
    liked = {"likes_count": 1, "liked_by": [alice.id], "liked_at": like["created_at"]}
    shown = page(alice, group)["messages"][0]
    assert {name: shown[name] for name in liked} == liked
    assert client(alice).delete(f"{path}/{quote('❤')}").status_code == 204
    assert page(alice, group)["messages"][0]["reactions"] == [reaction]
    # One's own, not another's.
    assert client(alice).delete(f"{path}/{quote('👍')}").status_code == 404
    assert client(bob).delete(f"{path}/{quote('👍')}").status_code == 204
    assert client(bob).delete(f"{path}/{quote('👍')}/").status_code == 404
    assert not Reaction.objects.exists()


def test_a_reaction_is_one_emoji_with_or_without_its_selector(alice: User, group: Chat) -> None:
    sent = send(alice, group)
    path = f"{MESSAGES}/{sent['id']}/reactions"
    assert post(client(alice), path, {"emoji": "❤"}).json()["emoji"] == "❤️"
    assert client(alice).delete(f"{path}/{quote('❤')}").status_code == 204
    for emoji in ("", "a", "👍👍", "<b>", "\x00", None, 5, ["👍"], "x" * 1000):
        response = post(client(alice), path, {"emoji": emoji})
        assert response.status_code == 400, emoji
        assert "emoji" in response.json()["errors"]
    for emoji in ("a", "👍👍", "%00", "<b>"):
        assert client(alice).delete(f"{path}/{quote(emoji)}").status_code == 404
