"""Who asks what is kept about them is given all of it, and nothing of others."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.utils import timezone

from accounts.blocks import block
from accounts.models import User
from accounts.services import start_login
from chats.models import Chat
from chats.mutes import mute
from chats.services import create_chat
from messaging.models import Message
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    read_message,
    send_message,
)
from moderation.export import PAGE
from moderation.models import WaitingMessage
from moderation.services import (
    appeal,
    claim,
    decide,
    export_of,
    report_message,
    report_person,
)

SUIT = {"suit": "♥"}


def export(user: User) -> Any:
    return orjson.loads(export_of(user))


def test_a_person_who_did_nothing_is_a_profile_alone(charlie: User) -> None:
    found = export(charlie)
    assert found.pop("exported_at").endswith("Z")
    profile = found.pop("profile")
    assert profile.pop("created_at").endswith("Z")
    assert profile == {
        "id": charlie.id,
        "uuid": str(charlie.uuid),
        "username": "charlie",
        "name": "Charlie",
        "email": "charlie@example.org",
        "last_seen": None,
    }
    assert set(map(str, found.values())) == {"[]"}


def test_everything_that_was_said_is_in_it_with_its_earlier_texts(
    alice: User, bob: User, group: Chat
) -> None:
    private = create_chat(bob, kind="private", members=[alice])
    first = send_message(bob, chat=group.id, content="Firts").message
    edit_message(bob, message=first.id, content="First")
    gone = send_message(bob, chat=group.id, content="Oops").message
    delete_message(bob, message=gone.id)
    card = send_message(bob, chat=private.id, type="card", content=None, payload=SUIT).message
    send_message(alice, chat=group.id, content="Said by Alice", reply_to=first.id)
    found = export(bob)
    assert [
        (one["id"], one["chat_id"], one["type"], one["content"], one["payload"])
        for one in found["messages"]
    ] == [
        (first.id, group.id, "text", "First", None),
        (gone.id, group.id, "text", None, None),
        (card.id, private.id, "card", None, SUIT),
    ]
    assert [[r["content"] for r in one["revisions"]] for one in found["messages"]] == [
        ["Firts"],
        [],
        [],
    ]
    assert [one["deleted_at"] is None for one in found["messages"]] == [True, False, True]
    assert [(one["name"], one["type"], one["role"]) for one in found["chats"]] == [
        ("Group", "group", "member"),
        ("Alice", "private", "owner"),
    ]


def test_so_is_what_was_done(alice: User, bob: User, charlie: User, group: Chat) -> None:
    said = send_message(alice, chat=group.id, content="Said by Alice").message
    read_message(bob, message=said.id)
    add_reaction(bob, message=said.id, emoji="👍")
    block(bob, charlie.id)
    start_login(bob)
    mute(bob, chat=group, until=timezone.now() + timedelta(days=1))
    report_message(bob, message=said.id, reason="spam", comment="Look at that")
    report_person(bob, user=charlie.id, reason="other")
    WaitingMessage.objects.create(author=bob, chat=group, type="text", content="Held back")
    found = export(bob)
    assert [(one["message_id"], one["emoji"]) for one in found["reactions"]] == [(said.id, "👍")]
    assert [(one["chat_id"], one["messages"]) for one in found["readings"]] == [(group.id, 1)]
    assert [one["username"] for one in found["blocks"]] == ["charlie"]
    assert [one["end_reason"] for one in found["logins"]] == [""]
    assert [one["chat_id"] for one in found["mutes"]] == [group.id]
    assert [
        (one["message_id"], one["user_id"], one["chat_id"], one["reason"], one["comment"])
        for one in found["reports"]
    ] == [
        (said.id, alice.id, group.id, "spam", "Look at that"),
        (None, charlie.id, None, "other", ""),
    ]
    assert [(one["content"], one["state"]) for one in found["waiting"]] == [
        ("Held back", "waiting")
    ]


def test_decisions_are_in_it_without_who_decided_and_who_reported(
    alice: User, bob: User, mia: User, message: Message
) -> None:
    case = report_message(alice, message=message.id, reason="abuse", comment="Ouch").case
    claim(mia, case)
    [decision] = decide(mia, case, action="warn", reason="Be kind")
    appeal(bob, decision.id, text="It was a joke")
    found = export(bob)
    [kept] = found["decisions"]
    assert (kept["action"], kept["reason"], kept["appeal"]["text"]) == (
        "warn",
        "Be kind",
        "It was a joke",
    )
    everything = export_of(bob).decode()
    for secret in ("Ouch", "mia", "Mia"):
        assert secret not in everything
    # Of what others said, and of what is for the server alone, nothing.
    send_message(alice, chat=message.chat_id, content="Said by Alice")
    start_login(bob)
    everything = export_of(bob).decode()
    for secret in ("Said by Alice", bob.password, bob.logins.latest("created_at").refresh_jti):
        assert secret not in everything


def test_who_was_reported_in_a_chat_of_others_leads_nobody_there(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    report_person(alice, user=bob.id, chat=group.id, reason="abuse")
    report_person(charlie, user=bob.id, reason="abuse")
    assert [one["chat_id"] for one in export(charlie)["reports"]] == [None]


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 1])
def test_pages_are_joined_without_a_gap(alice: User, group: Chat, count: int) -> None:
    Message.objects.bulk_create(
        Message(chat=group, author=alice, position=n, seq=n + 1, content=f"Said {n}")
        for n in range(1, count + 1)
    )
    said = [one["content"] for one in export(alice)["messages"]]
    assert said == [f"Said {n}" for n in range(1, count + 1)]
