"""`GET /api/v1/chats/{id}/stats`, field by field."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from chats.models import Chat
from chats.services import delete_chat, leave_chat
from messaging.emoji import LIKE
from messaging.models import Message
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    read_message,
    send_message,
)
from messenger.protocols.nodus.rest import stats as endpoint
from messenger.realtime import limits
from messenger.realtime.limits import Limit
from messenger.times import iso
from tests.people import client

# A Wednesday.
NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
PERIODS = ["day", "week", "month", "year", "all"]


def ask(user: User, chat: Chat, query: str = "", form: str = "id") -> Any:
    return client(user).get(f"/api/v1/chats/{getattr(chat, form)}/stats{query}")


def got(user: User, chat: Chat, query: str = "", form: str = "id") -> Any:
    response = ask(user, chat, query, form)
    assert response.status_code == 200, response.content
    return response.json()


def person(user: User) -> dict[str, Any]:
    return {"id": user.id, "uuid": str(user.uuid), "username": user.username, "name": user.name}


def test_the_statistics_of_a_chat_field_by_field(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    Chat.objects.update(created_at=NOW - timedelta(days=3))
    sent = [send_message(alice, chat=group.id, content="Secret words").message for _ in range(3)]
    sent.append(send_message(bob, chat=group.id, content="Secret words").message)
    gone = send_message(bob, chat=group.id, content="Secret words").message
    for message in sent[:2]:
        read_message(bob, message=message.id)
        add_reaction(bob, message=message.id, emoji=LIKE)
    add_reaction(alice, message=sent[1].id, emoji=LIKE)
    add_reaction(alice, message=sent[2].id, emoji="👍")
    delete_message(bob, message=gone.id)
    edit_message(alice, message=sent[0].id, content="Other secret words")
    yesterday = datetime(2026, 11, 17, 23, tzinfo=UTC)
    Message.objects.update(created_at=yesterday, first_read_at=None)
    for number, message in enumerate(sent[:2]):
        read_at = yesterday + timedelta(hours=2 * number, seconds=30)
        Message.objects.filter(id=message.id).update(first_read_at=read_at)
        for reaction in Message.objects.get(id=message.id).reactions.all():
            reaction.created_at = yesterday + timedelta(hours=3)
            reaction.save()

    asking = client(alice)
    monkeypatch.setattr(endpoint, "timezone", SimpleNamespace(now=lambda: NOW))
    response = asking.get(f"/api/v1/chats/{group.id}/stats?period=week")
    assert b"ecret words" not in response.content
    found = response.json()
    points = found["series"].pop("points")
    assert found == {
        "chat_id": group.id,
        "period": "week",
        "since": "2026-11-12T00:00:00Z",
        "until": "2026-11-18T15:30:00Z",
        "messages": 4,
        "people": 2,
        "share_read": 0.5,
        "median_seconds_to_read": 3630.0,
        "reactions": 4,
        "most_liked": [
            {
                "message_id": message.id,
                "uuid": str(message.uuid),
                "author_id": alice.id,
                "likes": likes,
            }
            for message, likes in ((sent[1], 2), (sent[0], 1))
        ],
        "most_active": [{**person(alice), "messages": 3}, {**person(bob), "messages": 1}],
        "series": {"unit": "day"},
    }
    assert points == [
        {"at": f"2026-11-{day}T00:00:00Z", "messages": messages, "reads": reads, "likes": likes}
        for day, messages, reads, likes in (
            *((day, 0, 0, 0) for day in range(12, 17)),
            (17, 4, 1, 0),
            (18, 0, 1, 3),
        )
    ]


def test_a_new_chat_has_nothing_to_tell_of(alice: User, group: Chat) -> None:
    before = timezone.now()
    found = got(alice, group)
    assert found["period"] == "month" and found["series"]["unit"] == "day"
    assert len(found["series"]["points"]) == 30
    assert found["share_read"] is None and found["median_seconds_to_read"] is None
    assert not found["most_liked"] and not found["most_active"]
    assert iso(before) <= found["until"] <= iso(timezone.now())


@pytest.mark.parametrize(
    ("period", "unit", "count"),
    [("day", "hour", 24), ("week", "day", 7), ("month", "day", 30), ("year", "week", 53)],
)
def test_a_period_has_so_many_points(
    alice: User, group: Chat, period: str, unit: str, count: int
) -> None:
    found = got(alice, group, f"?period={period}")
    series = found["series"]
    assert (found["period"], series["unit"], len(series["points"])) == (period, unit, count)
    assert series["points"][0]["at"] == found["since"]
    assert series["points"][-1]["at"] <= found["until"]


def test_all_begins_with_the_chat(alice: User, group: Chat) -> None:
    found = got(alice, group, "?period=all")
    assert (found["since"], found["series"]["unit"]) == (iso(group.created_at), "hour")
    Chat.objects.update(created_at=timezone.now() - timedelta(days=50))
    assert got(alice, group, "?period=all")["series"]["unit"] == "day"


def test_either_id_finds_it_and_a_slash_is_no_matter(alice: User, group: Chat) -> None:
    assert got(alice, group, form="uuid")["chat_id"] == group.id
    assert got(alice, group, "/?period=day")["chat_id"] == group.id


def test_who_is_not_in_the_chat_is_told_that_there_is_none(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    leave_chat(bob, group)
    for user in (bob, charlie):
        for query in ("", *(f"?period={period}" for period in PERIODS)):
            response = ask(user, group, query)
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
    delete_chat(alice, group)
    assert ask(alice, group).status_code == 404


@pytest.mark.parametrize(
    "period", ["", "days", "DAY", "month ", "1", "null", "day,week", "день", "%00", "x" * 9999]
)
def test_another_period_is_a_mistake(alice: User, group: Chat, period: str) -> None:
    response = ask(alice, group, f"?period={period}")
    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["period"]


def test_it_is_a_dozen_queries_however_much_there_is(alice: User, bob: User, group: Chat) -> None:
    asking = client(alice)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert asking.get(f"/api/v1/chats/{group.id}/stats?period=all").status_code == 200
        return len(captured)

    for author in (alice, bob):
        for _ in range(3):
            id = send_message(author, chat=group.id, content="x").message.id
            for user in (alice, bob):
                read_message(user, message=id)
                add_reaction(user, message=id, emoji=LIKE)
    # Who asks, whether it is theirs, the beginning; the eight; and what opens and ends a snapshot.
    assert queries() <= 14
    before = queries()
    for _ in range(12):
        id = send_message(bob, chat=group.id, content="x").message.id
        read_message(alice, message=id)
        add_reaction(alice, message=id, emoji=LIKE)
    assert queries() == before


def test_one_who_asks_all_the_time_is_told_to_wait(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STATS", Limit("stats", 2, 60.0, "closed"))
    asking = client(alice)
    statuses = [asking.get(f"/api/v1/chats/{group.id}/stats").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    # Others, and other requests, do not wait.
    assert ask(bob, group).status_code == 200
    assert asking.get(f"/api/v1/chats/{group.id}").status_code == 200
