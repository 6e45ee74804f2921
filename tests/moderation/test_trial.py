"""The dry run of a rule: counts and fragments, never messages, and nothing happens."""

from datetime import UTC, timedelta
from functools import partial
from io import StringIO
from itertools import count
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from messaging.services import delete_message, send_message
from messenger.errors import Conflict, Forbidden
from moderation import trial as trials
from moderation.management.commands import try_rule as command
from moderation.models import AuditEntry, Case, Rule
from moderation.trial import Trial, trial, try_rule


def rule(patterns: str = "спам*", **more: Any) -> Rule:
    facts = {"name": "Spam", "kind": "words", "mode": "hold", "patterns": patterns}
    return Rule.objects.create(**{**facts, **more})


@pytest.fixture
def said(alice: User, bob: User, charlie: User, group: Chat) -> None:
    """Some spam in Alice's group: three times by Bob, once by Alice; once in a private chat."""
    for text in ("спам", "Секрет: спамить", "привет", "спам!"):
        send_message(bob, chat=group.id, content=text)
    send_message(alice, chat=group.id, content="Спам")
    send_message(alice, recipient=charlie.id, content="тайный спам")
    gone = send_message(bob, chat=group.id, content="спам")
    delete_message(bob, message=gone.message.id)


def days_ago(days: int, **which: Any) -> None:
    Message.objects.filter(**which).update(created_at=timezone.now() - timedelta(days=days))


def test_it_says_how_many_and_which_fragments_and_no_message(said: None) -> None:
    found = trial(rule())
    assert (found.looked_at, found.of, found.complete) == (5, 5, True)
    assert (found.matches, found.authors, found.chats) == (4, 2, 1)
    assert found.fragments[0] == ("спам", 2)
    assert dict(found.fragments) == {"спам": 2, "Спам": 1, "спамить": 1}
    assert "Секрет" not in repr(found) and "тайный" not in repr(found)
    assert not Case.objects.exists()


def test_private_chats_are_looked_at_only_by_a_rule_for_them(said: None) -> None:
    found = trial(rule(in_private=True))
    assert (found.looked_at, found.matches, found.chats) == (6, 5, 2)


def test_what_was_said_in_private_is_only_counted(said: None) -> None:
    found = trial(rule("*а*", in_private=True))
    # "тайный", and "спам" once more.
    assert found.matches == 5 and sum(count for _, count in found.fragments) == 4
    assert "тайный" not in repr(found)


def test_it_stops_when_its_time_is_over_and_says_how_far_it_got(
    said: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A second for each message; the newest one is deleted.
    monkeypatch.setattr(trials, "monotonic", partial(next, count()))
    found = trial(rule(in_private=True), seconds=4)
    assert (found.looked_at, found.of, found.stopped, found.complete) == (2, 6, True, False)
    assert not trial(rule(in_private=True), seconds=1000).stopped


def test_its_time_is_over_also_where_there_is_nothing_to_look_at(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_message(bob, chat=group.id, content="спам")
    for _ in range(3):
        send_message(alice, recipient=bob.id, content="between us")
    monkeypatch.setattr(trials, "monotonic", partial(next, count()))
    found = trial(rule(), seconds=3)
    assert (found.looked_at, found.of, found.stopped) == (0, 1, True)


def test_a_process_tries_one_rule_at_a_time(said: None) -> None:
    tried = rule()

    def meanwhile(looked_at: int) -> None:
        with pytest.raises(Conflict, match="at this moment"):
            try_rule(None, tried, days=7)
        heard.append(looked_at)

    heard: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "PAGE", 2)
        try_rule(None, tried, days=7, progress=meanwhile)
    assert heard and AuditEntry.objects.count() == 1
    # One that fails is no hindrance to the next.
    with pytest.raises(ZeroDivisionError), pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "PAGE", 2)
        try_rule(None, tried, days=7, progress=lambda looked_at: print(1 // 0))
    assert try_rule(None, tried, days=7).complete


def test_the_audit_log_tells_who_tried_a_rule(said: None, sara: User, mia: User) -> None:
    tried = rule(in_private=True)
    try_rule(sara, tried, days=30)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target, entry.actor_id) == (
        "rule.tried",
        f"rule {tried.pk}",
        sara.id,
    )
    assert entry.facts == {"days": 30, "looked_at": 6, "matches": 5, "in_private": True}
    with pytest.raises(Forbidden):
        try_rule(mia, tried, days=30)
    assert AuditEntry.objects.count() == 1


def test_every_day_is_there_the_oldest_first(said: None) -> None:
    days_ago(3, content="Спам")
    days_ago(8, content="спам")
    found = trial(rule(), days=7)
    today = timezone.now().astimezone(UTC).date()
    assert [day for day, _ in found.by_day] == [
        today - timedelta(days=back) for back in range(7, -1, -1)
    ]
    counts = dict(found.by_day)
    assert counts.pop(today) == 2 and counts.pop(today - timedelta(days=3)) == 1
    assert set(counts.values()) == {0} and found.looked_at == 4


def test_too_many_are_not_all_looked_at_and_it_says_so(said: None) -> None:
    found = trial(rule(), most=2)
    # The newest: Alice's, and the last one of Bob's.
    assert (found.looked_at, found.of, found.complete, found.matches) == (2, 5, False, 2)
    assert trial(rule(), most=5).complete
    assert not trial(rule(), most=4).complete


def test_it_goes_page_by_page(said: None, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trial(rule())
    monkeypatch.setattr(trials, "PAGE", 2)
    heard: list[int] = []
    paged = trial(rule(), progress=heard.append)
    assert _without_time(paged) == _without_time(whole)
    assert heard == [2, 4]


def test_of_very_many_fragments_the_commonest_are_kept(
    bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "COUNTED", 2)
    for ending in ("", "", "", "а", "б", "в", "г", "д"):
        send_message(bob, chat=group.id, content=f"спам{ending}")
    found = trial(rule())
    assert found.matches == 8 and ("спам", 3) in found.fragments
    assert len(found.fragments) <= 4


def test_where_nothing_was_said_nothing_is_found() -> None:
    found = trial(rule(), days=1)
    assert (found.looked_at, found.of, found.matches, found.fragments) == (0, 0, 0, [])
    assert [number for _, number in found.by_day] == [0, 0] and found.complete


def test_a_rule_is_tried_before_it_is_saved(said: None) -> None:
    assert trial(Rule(name="x", kind="words", mode="flag", patterns="привет")).matches == 1


def test_the_command_looks_at_all_of_them(said: None) -> None:
    tried = rule()
    out = StringIO()
    call_command("try_rule", tried.id, "--days", "2", stdout=out)
    assert out.getvalue().startswith("Spam: 4 of 5 messages since ")
    assert "of 2 people in 1 chats." in out.getvalue()
    assert "  спамить\n" in out.getvalue() and "Секрет" not in out.getvalue()
    tried.refresh_from_db()
    assert not tried.is_on and not Case.objects.exists()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.facts["matches"]) == ("rule.tried", None, 4)


def test_the_command_says_how_far_it_has_got(said: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "PAGE", 2)
    monkeypatch.setattr(command, "PAUSE", -1.0)
    error = StringIO()
    call_command("try_rule", rule().id, stdout=StringIO(), stderr=error)
    assert error.getvalue() == "2 messages\n4 messages\n"


def test_the_command_says_what_it_can_not_do() -> None:
    with pytest.raises(CommandError, match="There is no rule 5"):
        call_command("try_rule", 5)
    with pytest.raises(CommandError, match="days"):
        call_command("try_rule", "5", "--days", "0")


def _without_time(found: Trial) -> dict[str, Any]:
    facts = {**vars(found), "fragments": dict(found.fragments)}
    del facts["since"]
    return facts
