"""The log is kept for a while; what is pruned leaves no holes behind."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import tickets
from accounts.models import Login, Ticket, User
from accounts.services import start_login
from accounts.tokens import read_access
from chats import log
from chats.models import Chat, LogEntry
from chats.services import create_chat
from messaging.models import Message
from messaging.services import send_message

OLD = timezone.now() - timedelta(days=40)


def say(author: User, chat: Chat, count: int) -> None:
    for number in range(count):
        send_message(author, chat=chat.id, content=f"{number}")


def prune(*arguments: str) -> str:
    out = StringIO()
    call_command("prune", *arguments, stdout=out)
    return out.getvalue()


def kept(chat: Chat) -> list[int]:
    return list(LogEntry.objects.filter(chat=chat).order_by("seq").values_list("seq", flat=True))


def age(chat: Chat, *seqs: int) -> None:
    LogEntry.objects.filter(chat=chat, seq__in=seqs).update(created_at=OLD)


def test_rows_older_than_the_days_go_and_messages_stay(alice: User, bob: User, group: Chat) -> None:
    other = create_chat(alice, kind="group", name="Other")
    say(alice, group, 4)
    say(alice, other, 2)
    age(group, 1, 2, 3)
    assert prune().startswith("3 rows of the log deleted")
    assert (kept(group), kept(other)) == ([4, 5], [1, 2, 3])
    assert Message.objects.count() == 6


def test_a_dry_run_deletes_nothing(alice: User, group: Chat) -> None:
    say(alice, group, 2)
    age(group, 1, 2)
    assert prune("--dry-run").startswith("2 rows of the log would be deleted")
    assert kept(group) == [1, 2, 3]


def test_clocks_that_differ_leave_no_hole(alice: User, group: Chat) -> None:
    say(alice, group, 4)
    age(group, 1, 3)
    prune()
    assert kept(group) == [4, 5]


def test_many_rows_go_in_steps(alice: User, group: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    say(alice, group, 9)
    age(group, *range(1, 10))
    monkeypatch.setattr(log, "ROWS", 2)
    assert prune("--log-days", "7").startswith("9 rows")
    assert kept(group) == [10]


def test_old_logins_unused_tickets_and_old_sessions_go_too(alice: User) -> None:
    old, fresh = start_login(alice), start_login(alice)
    Login.objects.filter(id=read_access(old.access).login_id).update(expires_at=OLD)
    tickets.issue(read_access(fresh.access))
    tickets.issue(read_access(fresh.access))
    Ticket.objects.filter(pk=Ticket.objects.values("pk")[:1]).update(expires_at=OLD)
    Session.objects.create(session_key="x" * 32, session_data="x", expire_date=OLD)
    said = prune()
    assert "1 old logins" in said and "1 unused tickets" in said and "1 old sessions" in said
    assert (Login.objects.count(), Ticket.objects.count()) == (1, 1)
    assert not Session.objects.exists()


@pytest.mark.parametrize("days", ["0", "-1", "x", "1e3"])
def test_days_that_make_no_sense_are_refused(days: str) -> None:
    with pytest.raises(CommandError):
        prune(f"--log-days={days}")


def test_it_is_known_how_far_the_log_reaches_back(alice: User, group: Chat) -> None:
    say(alice, group, 3)
    assert all(log.reach_back({group.id: seq}) for seq in range(5))
    LogEntry.objects.filter(seq__lt=3).delete()
    assert [bool(log.reach_back({group.id: seq})) for seq in range(5)] == [
        False,
        False,
        True,
        True,
        True,
    ]
    LogEntry.objects.all().delete()
    assert [bool(log.reach_back({group.id: seq})) for seq in (3, 4)] == [False, True]
