"""The native API's `/api/v1/me`: decisions, appeals, the export, and the end of an account."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services import start_login
from chats.models import Chat
from messaging.models import Message
from messaging.services import send_message
from messenger.realtime import threads
from messenger.realtime.threads import in_db
from moderation.models import Case, Decision
from tests.people import PASSWORD, client, make_user, post
from tests.project.asgi import ask, signed_in
from tests.sockets import nodus

ME = "/api/v1/me"


def decided(person: User, action: str = "warn", **fields: Any) -> Decision:
    case = Case.objects.create(kind="person", person=person, state="closed")
    moderator = User.objects.filter(username="mia").first() or make_user("mia", is_staff=True)
    return Decision.objects.create(
        case=case,
        person=person,
        moderator=moderator,
        **{"action": action, "reason": "Too loud", **fields},
    )


def decisions(user: User, **query: Any) -> Any:
    response = client(user).get(f"{ME}/decisions", query)
    assert response.status_code == 200, response.content
    return response.json()


def appeal(user: User, decision: Any, text: Any = "I did not") -> Any:
    return post(client(user), f"{ME}/appeals", {"decision_id": decision, "text": text})


def leave(user: Client, **body: Any) -> Any:
    return user.delete(ME, orjson.dumps(body), content_type="application/json")


# --- decisions and appeals -------------------------------------------------------------------


def test_one_sees_what_was_decided_and_not_by_whom(alice: User, bob: User, group: Chat) -> None:
    until = timezone.now() + timedelta(days=1)
    mute = decided(bob, "mute_here", chat=group, until=until)
    decided(bob, "dismiss")
    decided(alice, "warn")
    [found] = decisions(bob)["decisions"]
    assert found.pop("created_at").endswith("Z") and found.pop("until").endswith("Z")
    assert found == {
        "id": mute.id,
        "action": "mute_here",
        "reason": "Too loud",
        "chat_id": group.id,
        "undone_at": None,
        "can_appeal": True,
        "appeal": None,
    }


def test_pages_of_decisions_are_the_latest_first(bob: User) -> None:
    made = [decided(bob).id for _ in range(5)]
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = decisions(bob, limit=2, **cursor)
        seen += [one["id"] for one in page["decisions"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == made[::-1]


def test_one_appeals_once(bob: User) -> None:
    warning = decided(bob)
    made = appeal(bob, warning.id, " I did not ")
    assert made.status_code == 201
    words = dict(made.json())
    assert words.pop("created_at").endswith("Z")
    assert words == {
        "decision_id": warning.id,
        "text": "I did not",
        "outcome": None,
        "reason": "",
        "decided_at": None,
    }
    assert appeal(bob, warning.id).status_code == 409
    [found] = decisions(bob)["decisions"]
    assert (found["can_appeal"], found["appeal"]) == (False, made.json())


def test_what_was_undone_or_is_old_can_not_be_appealed(bob: User) -> None:
    undone = decided(bob, undone_at=timezone.now())
    old = decided(bob, created_at=timezone.now() - timedelta(days=31))
    assert [one["can_appeal"] for one in decisions(bob)["decisions"]] == [False, False]
    assert (appeal(bob, undone.id).status_code, appeal(bob, old.id).status_code) == (409, 403)


def test_only_who_is_concerned_appeals(alice: User, bob: User) -> None:
    warning, nothing = decided(bob), decided(bob, "dismiss")
    answers = [appeal(alice, ref) for ref in (warning.id, 2**63, str(alice.uuid))]
    answers.append(appeal(bob, nothing.id))
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, answers[0].content)
    }
    for text in ("", " ", "x" * 1001, "\x00", 5, None):
        assert appeal(bob, warning.id, text).status_code == 400


# --- the export ------------------------------------------------------------------------------


def test_the_export_is_one_file(alice: User, group: Chat) -> None:
    send_message(alice, chat=group.id, content="Said by Alice")
    response = client(alice).get(f"{ME}/export")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response["Content-Disposition"] == 'attachment; filename="messenger.json"'
    found = response.json()
    assert found["profile"]["email"] == "alice@example.org"
    assert [one["content"] for one in found["messages"]] == ["Said by Alice"]


def test_an_export_is_for_oneself_alone(api: Client, alice: User, bob: User, group: Chat) -> None:
    send_message(alice, chat=group.id, content="Said by Alice")
    assert b"Said by Alice" not in client(bob).get(f"{ME}/export").content
    assert api.get(f"{ME}/export").status_code == 401


def test_the_next_export_is_a_minute_away(alice: User) -> None:
    phone = client(alice)
    assert phone.get(f"{ME}/export").status_code == 200
    refused = phone.get(f"{ME}/export")
    assert refused.status_code == 429
    assert 55 <= int(refused["Retry-After"]) <= 60


# --- the end of an account -------------------------------------------------------------------


@pytest.mark.parametrize("path", [ME, f"{ME}/"])
def test_who_knows_the_password_deletes_the_account(
    api: Client, bob: User, group: Chat, path: str
) -> None:
    said = send_message(bob, chat=group.id, content="Said by Bob").message
    phone = client(bob)
    response = phone.delete(
        path, orjson.dumps({"password": PASSWORD}), content_type="application/json"
    )
    assert (response.status_code, response.content) == (204, b"")
    assert phone.get("/api/v1/auth/me").status_code == 401
    body = {"username": "bob", "password": PASSWORD}
    assert post(api, "/api/v1/auth/login", body).status_code == 401
    assert Message.objects.get(id=said.id).content == "Said by Bob"


def test_what_was_said_goes_too_where_that_is_wanted(bob: User, group: Chat) -> None:
    said = send_message(bob, chat=group.id, content="Said by Bob").message
    assert leave(client(bob), password=PASSWORD, messages=True).status_code == 204
    assert Message.objects.get(id=said.id).content is None


def test_a_wrong_password_deletes_nothing(bob: User) -> None:
    phone = client(bob)
    refused = leave(phone, password="wrong")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    for body in ({}, {"password": ""}, {"password": 5}, {"password": PASSWORD, "messages": 1}):
        assert leave(phone, **body).status_code == 400
    bob.refresh_from_db()
    assert (bob.is_active, bob.erased_at) == (True, None)


def test_guesses_here_count_as_at_the_door(api: Client, bob: User) -> None:
    phone = client(bob)
    assert {leave(phone, password=f"wrong {n}").status_code for n in range(10)} == {403}
    assert leave(phone, password=PASSWORD).status_code == 429
    body = {"username": "bob", "password": PASSWORD}
    assert post(api, "/api/v1/auth/login", body).status_code == 429


async def test_the_password_waits_for_its_turn_behind_those_of_others(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await in_db(lambda: start_login(bob).access)
    hashed: list[str] = []
    submit = threads.hashers.submit

    def waits(run: Any, scope: Any, *more: Any) -> Any:
        hashed.append(f"{scope['method']} {scope['path']}")
        return submit(run, scope, *more)

    monkeypatch.setattr(threads.hashers, "submit", waits)
    headers = {**signed_in(token), "content-type": "application/json"}
    for method, path in (("GET", f"{ME}/decisions"), ("DELETE", ME), ("GET", f"{ME}/export")):
        body = b'{"password": "wrong"}' if method == "DELETE" else b""
        answer = await ask(method, path, headers=headers, body=body)
        assert answer.status == (403 if method == "DELETE" else 200)
    assert hashed == [f"DELETE {ME}"]


async def test_open_sockets_close(alice: User, bob: User, group: Chat) -> None:
    async with nodus(bob) as his, nodus(alice) as hers:
        response = await in_db(lambda: leave(client(bob), password=PASSWORD))
        assert response.status_code == 204
        left = await hers.until(event="member.left")
        assert left["data"] == {"chat_id": group.id, "user_id": bob.id, "removed_by": None}
        assert await his.closed() == 4401


def test_superusers_are_not_deleted(bob: User) -> None:
    User.objects.filter(id=bob.id).update(is_superuser=True)
    assert leave(client(bob), password=PASSWORD).status_code == 403
    assert User.objects.get(id=bob.id).is_active
