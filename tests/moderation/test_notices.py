"""Notices: everybody concerned is told, once, and of nothing that is not theirs to know."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone, translation

from accounts.blocks import block
from accounts.models import User
from accounts.services import service_account
from chats.services import create_chat
from messaging.models import Message
from messaging.services import send_message
from messenger.errors import Undeliverable
from messenger.times import iso
from moderation import notices, reports
from moderation.models import Case, Decision, Notice, Rule, WaitingMessage
from moderation.services import (
    appeal,
    ban_person,
    claim,
    decide,
    decide_appeal,
    report_message,
    tell_notices,
    unban_person,
    undo,
)
from tests.people import make_user
from tests.races import race


def told(person: User) -> list[Message]:
    """What the service has told this person."""
    messages = Message.objects.filter(author__is_service=True, chat__memberships__user=person)
    return list(messages.order_by("id"))


def payloads(person: User) -> list[Any]:
    return [one.payload for one in told(person)]


def tomorrow() -> datetime:
    return timezone.now() + timedelta(days=1)


def test_who_reports_is_thanked_at_once(alice: User, case: Case) -> None:
    [thanks] = told(alice)
    assert (thanks.type, thanks.chat.kind) == ("notice", "private")
    assert thanks.content == "Thank you for your report. A moderator will look at it."
    [payload] = payloads(alice)
    assert (payload["notice"], payload["case_id"]) == ("report_received", case.id)
    assert Notice.objects.get().told_at is not None


@pytest.mark.parametrize(
    "action, sentence",
    [
        ("dismiss", "A moderator has looked at what you reported, and found nothing to act on."),
        ("warn", "A moderator has looked at what you reported, and has acted."),
        ("remove", "A moderator has looked at what you reported, and has acted."),
    ],
)
def test_who_reported_hears_whether_something_was_done_and_no_more(
    alice: User, mia: User, mine: Case, action: str, sentence: str
) -> None:
    decide(mia, mine, action=action, reason="Private matters of Bob's")
    said = told(alice)[-1]
    assert said.content == sentence
    assert said.payload == {
        "notice": "report_decided",
        "case_id": mine.id,
        "decision_id": None,
        "action": None,
        "chat_id": None,
        "until": None,
        "reason": None,
        "can_appeal": False,
    }


def test_the_person_hears_what_why_until_when_and_of_the_appeal(
    bob: User, mia: User, mine: Case
) -> None:
    end = tomorrow()
    [decision] = decide(mia, mine, action="mute_here", reason="Insults", until=end)
    [said] = told(bob)
    assert said.content == "\n".join(
        [
            "A moderator has muted you in a chat: you can read there but not write.",
            "Chat: Group.",
            f"Until {end:%Y-%m-%d %H:%M} UTC.",
            "Reason: Insults",
            "You can appeal once, within 30 days: another moderator will look at it.",
        ]
    )
    assert said.payload == {
        "notice": "muted",
        "case_id": mine.id,
        "decision_id": decision.id,
        "action": "mute_here",
        "chat_id": mine.chat_id,
        "until": iso(end),
        "reason": "Insults",
        "can_appeal": True,
    }


def test_each_step_is_told(bob: User, mia: User, sara: User, mine: Case) -> None:
    removal, warning = decide(mia, mine, action="warn", reason="Rude", remove=True)
    undo(mia, removal, reason="Not that rude")
    asked = appeal(bob, warning.id, text="I did not mean it")
    decide_appeal(sara, asked, grant=False, reason="You did")
    assert [(one["notice"], one["reason"], one["can_appeal"]) for one in payloads(bob)] == [
        ("message_removed", "Rude", True),
        ("warned", "Rude", True),
        ("undone", "Not that rude", False),
        ("appeal_received", None, False),
        ("appeal_decided", "You did", False),
    ]
    assert not Notice.objects.filter(told_at=None).exists()


def test_no_moderator_is_named(alice: User, bob: User, mia: User, mine: Case) -> None:
    decide(mia, mine, action="warn", reason="Rude")
    for one in (*told(alice), *told(bob)):
        assert "mia" not in f"{one.content} {one.payload}".lower()
    assert "alice" not in f"{told(bob)[0].content} {told(bob)[0].payload}".lower()


@pytest.mark.parametrize("action", Decision.Action.values)
def test_there_are_words_for_every_decision(action: str) -> None:
    if action != "dismiss":
        assert notices.KINDS[action] and notices.DECIDED[action] and notices.UNDONE[action]


def test_who_is_banned_finds_it_on_coming_back(bob: User, sara: User) -> None:
    ban_person(sara, bob, reason="Threats", until=tomorrow())
    assert [one["notice"] for one in payloads(bob)] == ["banned"]
    unban_person(sara, bob, reason="He is sorry")
    assert [one["notice"] for one in payloads(bob)] == ["banned", "undone"]


def test_the_words_are_in_the_language_of_the_place(
    alice: User, message: Message, settings: Any
) -> None:
    settings.LANGUAGE_CODE = "ru"
    with translation.override("ru"):
        expected = notices._first(Notice(kind="report_received"), None)
    report_message(alice, message=message.id, reason="abuse")
    assert told(alice)[0].content == expected


def test_a_failure_leaves_the_decision_and_is_made_good_later(
    alice: User, bob: User, mia: User, mine: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> Any:
        raise OSError("away")

    with monkeypatch.context() as patch:
        patch.setattr(notices, "send_messages", fail)
        decide(mia, mine, action="warn", reason="Rude")
    mine.refresh_from_db()
    assert mine.state == "closed" and told(bob) == []
    assert tell_notices() == 2
    assert len(told(bob)) == 1 and len(told(alice)) == 2
    assert tell_notices() == 0


def test_who_died_after_sending_sends_nothing_twice(alice: User, case: Case) -> None:
    Notice.objects.update(told_at=None)
    assert tell_notices() == 1
    assert len(told(alice)) == 1 and not Notice.objects.filter(told_at=None).exists()


def test_processes_that_send_at_once_send_each_once(bob: User, charlie: User, case: Case) -> None:
    people = [make_user(f"person{n}") for n in range(4)]
    Notice.objects.bulk_create(
        Notice(person=person, kind="report_received", case=case) for person in people * 3
    )
    assert sum(race(3, lambda n: tell_notices())) == 12
    assert [len(told(person)) for person in people] == [3] * 4


def test_many_are_sent_in_batches(
    case: Case, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "BATCH", 2)
    Notice.objects.bulk_create(
        Notice(person=person, kind="report_received", case=case) for person in [alice, bob] * 2
    )
    Notice.objects.bulk_create([Notice(person=bob, kind="report_received", case=case)])
    assert tell_notices() == 5 and len(told(bob)) == 3


def test_nobody_is_told_whose_account_is_erased(alice: User, bob: User, case: Case) -> None:
    User.objects.filter(id=bob.id).update(erased_at=timezone.now(), is_active=False)
    Notice.objects.bulk_create(
        Notice(person=person, kind="report_received", case=case) for person in (bob, alice)
    )
    assert tell_notices() == 2
    assert told(bob) == [] and len(told(alice)) == 2


def test_what_can_not_be_delivered_is_given_up(
    bob: User, mia: User, mine: Case, caplog: pytest.LogCaptureFixture
) -> None:
    block(bob, service_account().id)
    decide(mia, mine, action="warn", reason="Rude")
    assert told(bob) == [] and "was not sent: undeliverable" in caplog.text
    assert not Notice.objects.filter(told_at=None).exists()


def test_nobody_is_told_of_what_was_rolled_back(bob: User, mia: User, mine: Case) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        decide(mia, mine, action="warn", reason="Rude")
        raise ZeroDivisionError
    assert told(bob) == [] and not connection.needs_rollback


def test_nobody_answers_the_service(alice: User, case: Case) -> None:
    [thanks] = told(alice)
    with pytest.raises(Undeliverable):
        send_message(alice, chat=thanks.chat_id, content="Thanks")
    with pytest.raises(Undeliverable):
        send_message(alice, recipient=service_account().id, content="Thanks")


def test_the_author_hears_that_a_message_was_not_let_through(bob: User, mia: User) -> None:
    chat = create_chat(bob, kind="group", name="Own")
    rule = Rule.objects.create(name="Rude", kind="words", patterns="stupid")
    waiting = WaitingMessage.objects.create(author=bob, chat=chat, type="text", content="stupid")
    case = reports.wait(waiting, rule.id, "stupid")
    claim(mia, case)
    decide(mia, case, action="remove", reason="Rude")
    [said] = told(bob)
    assert (said.content or "").startswith("A moderator has not let a message of yours through.")
