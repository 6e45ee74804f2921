"""What a moderator does without a report: to chats, and at once to messages and people."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from accounts.models import User
from accounts.services import ban
from chats.models import Chat
from chats.selectors import chat_for
from messaging.models import Message
from messenger.errors import Conflict, Forbidden, Invalid, NotFound
from moderation.models import AuditEntry, Case, Notice
from moderation.services import (
    ban_person,
    close_chat,
    remove_message,
    reopen_chat,
    slow_chat,
    unban_person,
    undo,
)
from moderation.services import open_chat as open_to_read
from tests.races import at_once


def untold() -> list[tuple[str, str]]:
    """(username, kind) of all notices, but for thanks for a report."""
    rows = Notice.objects.exclude(kind="report_received").order_by("id")
    return list(rows.values_list("person__username", "kind"))


def last_entry() -> tuple[str, str, str, dict[str, Any]]:
    entry = AuditEntry.objects.first()
    assert entry is not None
    return entry.action, entry.target, entry.reason, entry.facts


def test_a_senior_closes_reopens_and_slows_a_chat_and_says_why(
    alice: User, bob: User, mia: User, sara: User, group: Chat
) -> None:
    close_chat(sara, group, reason="Complaints")
    assert last_entry() == ("chat.closed", f"chat {group.id}", "Complaints", {})
    with pytest.raises(NotFound):
        chat_for(alice, group.id)
    reopen_chat(sara, group, reason="Cleared up")
    assert last_entry()[0] == "chat.reopened" and chat_for(alice, group.id)
    with pytest.raises(Conflict):
        reopen_chat(sara, group, reason="Cleared up")
    slow_chat(sara, group, seconds=60, reason="A quarrel")
    assert last_entry() == ("chat.slowed", f"chat {group.id}", "A quarrel", {"seconds": 60})
    group.refresh_from_db()
    assert group.slow_mode == 60


def test_what_is_done_to_a_chat_needs_the_power_and_a_reason(
    alice: User, mia: User, sara: User, group: Chat
) -> None:
    slow: Any = partial(slow_chat, seconds=5)
    for act in (close_chat, reopen_chat, slow):
        for person in (alice, mia):
            with pytest.raises(Forbidden):
                act(person, group, reason="Complaints")
        for reason in ("", "x   x"[:4], "    x     ", "x" * 1001):
            with pytest.raises(Invalid):
                act(sara, group, reason=reason)
    for seconds in (-1, 21_601):
        with pytest.raises(Invalid):
            slow_chat(sara, group, seconds=seconds, reason="A quarrel")
    assert not AuditEntry.objects.exists()
    close_chat(sara, group, reason="Complaints")
    with pytest.raises(NotFound):
        close_chat(sara, group, reason="Complaints")
    assert AuditEntry.objects.count() == 1


def test_a_message_of_a_chat_that_was_opened_is_removed_at_once(
    bob: User, mia: User, sara: User, group: Chat, message: Message
) -> None:
    for person in (mia, sara):
        with pytest.raises(Forbidden):
            remove_message(person, message, reason="Addresses of others")
    open_to_read(sara, chat=group, reason="Complaints")
    [decision] = remove_message(sara, message, reason="Addresses of others")
    message.refresh_from_db()
    assert message.deleted_at is not None and untold() == [("bob", "message_removed")]
    undo(sara, decision, reason="His own address")
    message.refresh_from_db()
    assert message.content == "You are all stupid"


def test_somebody_is_banned_and_let_in_without_a_report(
    bob: User, mia: User, sara: User, adam: User
) -> None:
    with pytest.raises(Forbidden):
        ban_person(mia, bob, reason="Threats")
    with pytest.raises(Forbidden):
        ban_person(sara, adam, reason="Threats")
    assert not Case.objects.exists()
    [decision] = ban_person(sara, bob, reason="Threats")
    assert decision.case.state == "closed" and untold() == [("bob", "banned")]
    unban_person(sara, bob, reason="He is sorry")
    decision.refresh_from_db()
    assert bob.is_active and decision.undo_reason == "He is sorry"


def test_a_ban_by_hand_is_lifted_and_noted(bob: User, sara: User) -> None:
    ban(bob)
    unban_person(sara, bob, reason="He is sorry")
    assert bob.is_active and last_entry()[:2] == ("user.unbanned", f"user {bob.id}")
    unban_person(sara, bob, reason="He is sorry")
    assert AuditEntry.objects.count() == 1


def test_a_ban_with_an_end_shortens_none_without_one(bob: User, sara: User) -> None:
    ban(bob)
    [decision] = ban_person(sara, bob, reason="Threats", until=timezone.now() + timedelta(days=1))
    bob.refresh_from_db()
    assert bob.banned_at is not None and bob.banned_until is None
    undo(sara, decision, reason="A quote")
    bob.refresh_from_db()
    assert bob.banned_at is not None and not bob.is_active


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks no rows")
def test_the_end_of_the_audit_log_is_the_last_thing_that_is_locked(
    bob: User, sara: User, group: Chat, message: Message
) -> None:
    """Else two moderators who act at once could wait for each other."""
    open_to_read(sara, chat=group, reason="Complaints")
    remove = partial(remove_message, sara, message, reason="Advertising")
    assert free_at_the_first_entry(remove, [bob, group]) == []
    ban_him = partial(ban_person, sara, bob, reason="Advertising")
    assert free_at_the_first_entry(ban_him, [bob]) == []
    ban_him()
    let_in = partial(unban_person, sara, bob, reason="He is sorry")
    bans = Case.objects.filter(decisions__action="ban")
    assert bans.count() == 2 and free_at_the_first_entry(let_in, [bob, *bans]) == []


def free_at_the_first_entry(act: Callable[[], Any], needed: Iterable[Model]) -> list[Model]:
    """Those of these rows that `act` has not locked when it first writes to the audit log."""
    free: list[Model] = []
    written: list[str] = []

    def can_be_had(row: Model) -> None:
        with transaction.atomic():
            rows = type(row)._default_manager.select_for_update(nowait=True, no_key=True)
            rows.get(pk=row.pk)

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith('INSERT INTO "moderation_auditentry"') and not written:
            written.append(sql)
            for row in needed:
                [outcome] = at_once(partial(can_be_had, row))
                if not isinstance(outcome, OperationalError):
                    free.append(row)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        act()
    assert written
    return free
