"""The native API's blocks: over REST, and as commands of both native protocols."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Block, User
from accounts.services import ban, service_account
from chats.models import Chat
from chats.services import create_chat
from messenger.realtime import limits
from messenger.realtime.threads import in_db
from presence.services import heartbeat
from tests.people import client, make_user, post
from tests.sockets import chatroulette, nodus

BLOCKS = "/api/v1/blocks"


def blocks(user: User, **query: Any) -> Any:
    response = client(user).get(BLOCKS, query)
    assert response.status_code == 200, response.content
    return response.json()


def block(user: User, other: User) -> int:
    return int(post(client(user), BLOCKS, {"user_id": other.id}).status_code)


def words(user: User) -> dict[str, Any]:
    return {"id": user.id, "uuid": str(user.uuid), "username": user.username, "name": user.name}


@pytest.mark.parametrize("slash", ["", "/"])
def test_somebody_is_blocked_and_unblocked(alice: User, bob: User, slash: str) -> None:
    phone = client(alice)
    made = post(phone, BLOCKS + slash, {"user_id": str(bob.uuid)})
    assert (made.status_code, made.json()["user"]) == (201, words(bob))
    again = post(phone, BLOCKS + slash, {"user_id": bob.id})
    assert (again.status_code, again.json()) == (200, made.json())
    assert blocks(alice) == {"blocks": [made.json()], "has_more": False, "next_cursor": None}
    # Whom they blocked is theirs to know.
    assert blocks(bob)["blocks"] == []
    for _ in range(2):
        response = phone.delete(f"{BLOCKS}/{bob.id}{slash}")
        assert (response.status_code, response.content) == (204, b"")
    assert not Block.objects.exists()


def test_pages_are_the_latest_first(alice: User) -> None:
    others = [make_user(f"person{number}") for number in range(5)]
    for other in others:
        block(alice, other)
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = blocks(alice, limit=2, **cursor)
        seen += [one["user"]["id"] for one in page["blocks"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [other.id for other in others[::-1]]


def test_nobody_and_oneself_are_not_blocked(alice: User, bob: User) -> None:
    ban(bob)
    phone = client(alice)
    nobody = (bob.id, 2**63, str(uuid4()), service_account().id)
    answers = [post(phone, BLOCKS, {"user_id": ref}) for ref in nobody]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, answers[0].content)
    }
    for ref in (2**63, uuid4()):
        assert phone.delete(f"{BLOCKS}/{ref}").status_code == 404
    assert post(phone, BLOCKS, {"user_id": alice.id}).status_code == 400
    assert post(phone, BLOCKS, {}).status_code == 400
    assert not Block.objects.exists()


def test_who_is_banned_can_be_unblocked(alice: User, bob: User) -> None:
    block(alice, bob)
    ban(bob)
    assert client(alice).delete(f"{BLOCKS}/{bob.uuid}").status_code == 204
    assert not Block.objects.exists()


def test_between_the_two_nothing_private_is_said_and_the_group_goes_on(
    alice: User, bob: User, group: Chat
) -> None:
    private = create_chat(bob, kind="private", members=[alice])
    block(alice, bob)
    for user in (alice, bob):
        phone = client(user)
        body = {"chat_id": private.id, "content": "Hello"}
        refused = post(phone, "/api/v1/messages", body)
        assert (refused.status_code, refused.json()["code"]) == (403, "undeliverable")
        assert post(phone, "/api/v1/messages", {**body, "chat_id": group.id}).status_code == 201
    client(alice).delete(f"{BLOCKS}/{bob.id}")
    assert post(client(bob), "/api/v1/messages", body).status_code == 201


def status(viewer: User, of: User) -> str:
    return str(client(viewer).get(f"/api/v1/presence/{of.id}").json()["status"])


def test_each_looks_offline_to_the_other(alice: User, bob: User, group: Chat) -> None:
    heartbeat(alice)
    heartbeat(bob)
    assert (status(alice, bob), status(bob, alice)) == ("online", "online")
    block(alice, bob)
    assert (status(alice, bob), status(bob, alice)) == ("offline", "offline")
    block(bob, alice)
    client(alice).delete(f"{BLOCKS}/{bob.id}")
    # Bob's own block is still there.
    assert (status(alice, bob), status(bob, alice)) == ("offline", "offline")
    client(bob).delete(f"{BLOCKS}/{alice.id}")
    assert (status(alice, bob), status(bob, alice)) == ("online", "online")


async def test_both_native_sockets_block_and_each_hears_that_the_other_is_gone(
    alice: User, bob: User, group: Chat
) -> None:
    data = {"user_id": bob.id}
    async with nodus(bob, statuses=True) as his, nodus(alice) as hers:
        await his.until(event="user.presence")
        await hers.send({"event": "user.block", "data": data, "request_id": 1})
        ack = await hers.until(event="ack", request_id=1)
        assert ack["data"]["user"] == words(bob)
        gone = await his.until(event="user.presence")
        assert (gone["data"]["user_id"], gone["data"]["status"]) == (alice.id, "offline")
        async with chatroulette(alice) as roulette:
            again = await roulette.ask({"type": "user.block", "payload": data}, type="ack")
            assert again["payload"] == {
                "user_id": str(bob.uuid),
                "username": "bob",
                "name": "Bob",
                "created_at": ack["data"]["created_at"],
            }
            done = await roulette.ask({"type": "user.unblock", "payload": data}, type="ack")
            assert done["payload"] == {}
        back = await his.until(event="user.presence")
        assert (back["data"]["user_id"], back["data"]["status"]) == (alice.id, "online")
        await hers.send({"event": "user.unblock", "data": data, "request_id": 2})
        assert (await hers.until(event="ack", request_id=2))["data"] == {}
    assert not await in_db(Block.objects.exists)


def test_who_has_blocked_sixty_in_a_row_waits(alice: User, bob: User) -> None:
    phone = client(alice)
    for _ in range(limits.BLOCKS.burst):
        limits.check(limits.BLOCKS, f"user {alice.id}")
    for refused in (post(phone, BLOCKS, {"user_id": bob.id}), phone.delete(f"{BLOCKS}/{bob.id}")):
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert not Block.objects.exists()
