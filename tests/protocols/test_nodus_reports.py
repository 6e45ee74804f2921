"""The native API's reports: over REST, and as commands of both native protocols."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging.events import MessageFacts
from messaging.services import delete_message, send_message
from messenger.realtime.threads import in_db
from moderation.models import Case, Report
from tests.people import client, post
from tests.sockets import chatroulette, nodus

REPORTS = "/api/v1/reports"


@pytest.fixture
def message(bob: User, group: Chat) -> MessageFacts:
    return send_message(bob, chat=group.id, content="You are all stupid").message


@pytest.mark.parametrize("path", [REPORTS, f"{REPORTS}/"])
def test_a_message_is_reported(
    alice: User, bob: User, group: Chat, message: MessageFacts, path: str
) -> None:
    body = {"message_id": message.uuid, "reason": "abuse", "comment": " Look at that "}
    response = post(client(alice), path, body)
    assert response.status_code == 201
    report = Report.objects.get()
    found = response.json()
    assert found.pop("created_at").endswith("Z")
    assert found == {
        "id": report.id,
        "message_id": message.id,
        "user_id": bob.id,
        "chat_id": group.id,
        "reason": "abuse",
        "comment": "Look at that",
    }
    assert (report.reporter, report.case.message_id) == (alice, message.id)


def test_reported_again_the_first_report_answers(alice: User, message: MessageFacts) -> None:
    phone = client(alice)
    first = post(phone, REPORTS, {"message_id": message.id, "reason": "abuse"})
    again = post(phone, REPORTS, {"message_id": message.id, "reason": "spam", "comment": "More"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Report.objects.count() == Case.objects.count() == 1


def test_a_person_is_reported_with_a_chat_and_without(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    body = {"user_id": bob.id, "chat_id": group.uuid.hex, "reason": "fraud"}
    inside = post(client(alice), REPORTS, body).json()
    assert (inside["user_id"], inside["chat_id"], inside["message_id"]) == (bob.id, group.id, None)
    # One case about Bob, of whose chats Charlie hears nothing.
    outside = post(client(charlie), REPORTS, {"user_id": bob.id, "reason": "other"}).json()
    assert (outside["user_id"], outside["chat_id"]) == (bob.id, None)
    assert Case.objects.get().chat == group


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "spam"}, "message_id"),
        ({"message_id": None, "user_id": None, "reason": "spam"}, "message_id"),
        ({"message_id": 1, "user_id": 1, "reason": "spam"}, "user_id"),
        ({"message_id": 1, "chat_id": 1, "reason": "spam"}, "chat_id"),
        ({"message_id": "x", "reason": "spam"}, "message_id"),
        ({"user_id": 1}, "reason"),
        ({"user_id": 1, "reason": "rule"}, "reason"),
        ({"user_id": 1, "reason": "spam", "comment": "x" * 1001}, "comment"),
        ({"user_id": 1, "reason": "spam", "comment": "\x00"}, "comment"),
        ({"user_id": 1, "reason": "spam", "comment": 5}, "comment"),
    ],
)
async def test_what_is_no_report_is_refused_on_either_way(
    alice: User, body: dict[str, Any], field: str
) -> None:
    response = await in_db(lambda: post(client(alice), REPORTS, body))
    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]
    async with nodus(alice) as socket:
        error = await socket.ask({"event": "report.create", "data": body}, event="error")
        assert error["data"]["code"] == "invalid" and list(error["data"]["errors"]) == [field]


def test_one_reports_neither_what_is_hidden_nor_oneself(
    alice: User, bob: User, charlie: User, group: Chat, message: MessageFacts
) -> None:
    gone = send_message(bob, chat=group.id, content="Oops").message
    delete_message(bob, message=gone.id)
    den = create_chat(charlie, kind="group", name="Den")
    refused = [
        post(client(charlie), REPORTS, {"message_id": message.id, "reason": "spam"}),
        post(client(alice), REPORTS, {"message_id": gone.id, "reason": "spam"}),
        post(client(alice), REPORTS, {"message_id": str(uuid4()), "reason": "spam"}),
        post(client(alice), REPORTS, {"user_id": 2**63, "reason": "spam"}),
        post(client(alice), REPORTS, {"user_id": bob.id, "chat_id": den.id, "reason": "spam"}),
    ]
    assert {(answer.status_code, answer.content) for answer in refused} == {
        (404, refused[0].content)
    }
    for body in ({"message_id": message.id}, {"user_id": bob.id}):
        assert post(client(bob), REPORTS, {**body, "reason": "spam"}).status_code == 400
    assert not Report.objects.exists()


def test_twenty_reports_go_at_once_and_the_next_one_waits(alice: User, bob: User) -> None:
    phone = client(alice)
    body = {"user_id": bob.id, "reason": "spam"}
    assert {post(phone, REPORTS, body).status_code for _ in range(20)} == {200, 201}
    refused = post(phone, REPORTS, body)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 25 <= int(refused["Retry-After"]) <= 30


async def test_both_native_sockets_report_each_in_its_own_ids(
    alice: User, bob: User, group: Chat, message: MessageFacts
) -> None:
    data = {"message_id": message.id, "reason": "hate", "comment": "Look"}
    async with nodus(alice) as socket:
        await socket.send({"event": "report.create", "data": data})
        ack = await socket.until(event="ack")
    told = {"message_id": message.id, "user_id": bob.id, "chat_id": group.id, "reason": "hate"}
    assert told.items() <= ack["data"].items()
    # The same report: she has made it.
    async with chatroulette(alice) as socket:
        await socket.send({"type": "report.create", "payload": data})
        again = await socket.until(type="ack")
    assert again["payload"] == {
        **ack["data"],
        "message_id": message.uuid,
        "user_id": str(bob.uuid),
        "chat_id": str(group.uuid),
    }
    assert await in_db(Report.objects.count) == 1


async def test_on_a_socket_reports_are_limited_too(alice: User, bob: User) -> None:
    frame = {"event": "report.create", "data": {"user_id": bob.id, "reason": "spam"}}
    await in_db(lambda: post(client(alice), REPORTS, frame["data"]))
    async with nodus(alice) as socket:
        # With that one they are twenty, and one too many.
        for _ in range(20):
            await socket.send(frame)
        error = await socket.until(event="error")
        assert error["data"]["code"] == "rate_limited"
