"""The audit log: a chain in which no entry can be changed, left out or put in unseen."""

import logging
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from chats.models import Chat
from messenger.errors import Forbidden
from moderation import audit
from moderation.audit import START, hash_of, record, verify
from moderation.models import AuditEntry, AuditHead
from tests.races import race


@pytest.fixture
def ten(alice: User) -> list[AuditEntry]:
    """Ten entries of Alice's."""
    return [record(alice, "case.claimed", f"case {n}", reason=f"Grund {n}", n=n) for n in range(10)]


def by_hand(sql: str, *values: Any) -> None:
    """As somebody who owns the database."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql.replace("LOG", "moderation_auditentry"), values)


def write(entry: AuditEntry) -> None:
    columns = [field.column for field in AuditEntry._meta.concrete_fields]
    fields = AuditEntry._meta.concrete_fields
    values = [field.get_db_prep_save(getattr(entry, field.attname), connection) for field in fields]
    names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join(["%s"] * len(columns))
    by_hand(f"INSERT INTO LOG ({names}) VALUES ({marks})", *values)


def test_an_entry_says_who_did_what_to_what_and_why(alice: User, group: Chat) -> None:
    before = timezone.now()
    entry = record(alice, "chat.closed", group, reason="Spam", seconds=5)
    assert AuditEntry.objects.get() == entry
    kept = AuditEntry.objects.get()
    assert (kept.number, kept.actor_id, kept.action) == (1, alice.id, "chat.closed")
    assert (kept.target, kept.reason, kept.facts) == (f"chat {group.id}", "Spam", {"seconds": 5})
    assert before <= kept.at <= timezone.now()
    assert (kept.previous, kept.hash) == (START, hash_of(kept))
    following = record(None, "user.erased", alice)
    assert (following.number, following.previous, following.actor_id) == (2, entry.hash, None)
    assert following.target == f"user {alice.id}"


def test_a_log_that_nobody_touched_is_sound(ten: list[AuditEntry]) -> None:
    found = verify()
    assert (found.number, found.hash, found.wrong) == (10, ten[-1].hash, None)


def test_an_empty_log_is_sound() -> None:
    assert verify().wrong is None and verify().hash == START


def test_what_is_rolled_back_leaves_no_gap(ten: list[AuditEntry], alice: User) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record(alice, "case.claimed", "case 11")
        raise ZeroDivisionError
    assert record(alice, "case.claimed", "case 12").number == 11
    assert verify().wrong is None


@pytest.mark.parametrize(
    "column, value",
    [
        ("reason", "nothing"),
        ("actor_id", 99),
        ("action", "case.released"),
        ("target", "case 99"),
        ("facts", "{}"),
        ("at", "2020-01-01 00:00:00+00:00"),
        ("hash", "f" * 64),
        ("previous", "f" * 64),
    ],
)
def test_a_changed_entry_is_found(ten: list[AuditEntry], column: str, value: Any) -> None:
    by_hand(f"UPDATE LOG SET {column} = %s WHERE number = 4", value)
    wrong = verify().wrong
    assert wrong is not None and wrong.startswith("Entry 4 was changed")


def test_an_entry_that_was_changed_with_its_hash_is_found(ten: list[AuditEntry]) -> None:
    ten[3].reason = "nothing"
    by_hand("UPDATE LOG SET reason = 'nothing', hash = %s WHERE number = 4", hash_of(ten[3]))
    wrong = verify().wrong
    assert wrong is not None and wrong.startswith("Entry 5 does not follow on the one before it")


def test_missing_entries_are_found(ten: list[AuditEntry]) -> None:
    by_hand("DELETE FROM LOG WHERE number = 4")
    assert verify().wrong == "Entry 4 is missing."
    by_hand("DELETE FROM LOG WHERE number IN (5, 6)")
    assert verify().wrong == "Entries 4 to 6 are missing."
    by_hand("DELETE FROM LOG WHERE number < 4")
    assert verify().wrong == "Entries 1 to 6 are missing."


def test_entries_missing_at_the_end_are_found(ten: list[AuditEntry]) -> None:
    by_hand("DELETE FROM LOG WHERE number = 10")
    assert verify().wrong == "Entry 10 is missing at the end."
    by_hand("DELETE FROM LOG WHERE number > 7")
    assert verify().wrong == "Entries 8 to 10 are missing at the end."
    by_hand("DELETE FROM LOG")
    assert verify().wrong == "Entries 1 to 10 are missing at the end."


def test_an_inserted_entry_is_found(ten: list[AuditEntry]) -> None:
    forged = AuditEntry(
        number=11, at=timezone.now(), action="x", target="y", facts={}, previous=ten[-1].hash
    )
    forged.hash = hash_of(forged)
    write(forged)
    assert verify().wrong == "Entry 11 is put in after the end of the log."
    by_hand("DELETE FROM LOG WHERE number = 11")
    forged.number = 0
    write(forged)
    assert verify().wrong == "Entry 0 was put in before the first one."
    by_hand("DELETE FROM LOG WHERE number = 0")
    # In the middle, where the others make room.
    by_hand("UPDATE LOG SET number = number + 100 WHERE number > 4")
    by_hand("UPDATE LOG SET number = number - 99 WHERE number > 100")
    forged.number, forged.previous = 5, ten[3].hash
    forged.hash = hash_of(forged)
    write(forged)
    assert (verify().wrong or "").startswith("Entry 6 was changed")


def test_entries_in_another_order_are_found(ten: list[AuditEntry]) -> None:
    by_hand("UPDATE LOG SET number = 99 WHERE number = 4")
    by_hand("UPDATE LOG SET number = 4 WHERE number = 5")
    by_hand("UPDATE LOG SET number = 5 WHERE number = 99")
    assert (verify().wrong or "").startswith("Entry 4 was changed")


def test_a_changed_end_is_found(ten: list[AuditEntry]) -> None:
    AuditHead.objects.update(hash="f" * 64)
    assert (verify().wrong or "").startswith("The end of the log was changed")
    AuditHead.objects.update(hash=ten[8].hash, number=9)
    assert verify().wrong == "Entry 10 is put in after the end of the log."
    AuditHead.objects.all().delete()
    assert verify().wrong == "Entries 1 to 10 are put in after the end of the log."


def test_a_log_that_was_written_anew_is_found_by_what_was_noted(ten: list[AuditEntry]) -> None:
    noted = (7, ten[6].hash)
    assert verify(noted).wrong is None
    assert verify((11, "f" * 64)).wrong == "Entry 11 was noted once, and the log ends with 10."
    last = START
    for entry in ten:
        entry.actor_id, entry.previous = 99, last
        last = entry.hash = hash_of(entry)
        by_hand(
            "UPDATE LOG SET actor_id = 99, previous = %s, hash = %s WHERE number = %s",
            entry.previous,
            entry.hash,
            entry.number,
        )
    AuditHead.objects.update(hash=last)
    assert verify().wrong is None
    assert (verify(noted).wrong or "").startswith("Entry 7 does not have the hash that was noted")


def test_the_models_refuse_to_change_or_delete_an_entry(ten: list[AuditEntry]) -> None:
    entry = AuditEntry.objects.get(number=4)
    entry.reason = "nothing"
    with pytest.raises(Forbidden):
        entry.save()
    with pytest.raises(Forbidden):
        entry.delete()
    with pytest.raises(Forbidden):
        AuditEntry.objects.filter(number=4).update(reason="nothing")
    with pytest.raises(Forbidden):
        AuditEntry.objects.all().delete()
    with pytest.raises(Forbidden):
        AuditEntry.objects.bulk_update([entry], ["reason"])
    assert verify().number == 10 and verify().wrong is None


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no such trigger")
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE moderation_auditentry SET reason = '' WHERE number = 4",
        "DELETE FROM moderation_auditentry WHERE number = 10",
        "INSERT INTO moderation_auditentry SELECT * FROM moderation_auditentry WHERE number = 4"
        " ON CONFLICT (number) DO UPDATE SET reason = ''",
    ],
)
def test_the_database_refuses_to_change_or_delete_an_entry(ten: list[AuditEntry], sql: str) -> None:
    with (
        pytest.raises(IntegrityError, match="only added to"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert verify().wrong is None


def test_many_at_once_make_one_chain(alice: User) -> None:
    race(6, lambda n: [record(alice, "x", f"case {n}.{k}") for k in range(3)])
    found = verify()
    assert (found.number, found.wrong) == (18, None)


def test_the_log_is_read_in_pages(ten: list[AuditEntry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE", 3)
    told: list[int] = []
    with CaptureQueriesContext(connection) as queries:
        assert verify(looked_at=told.append).wrong is None
    assert told == [3, 6, 9, 10]
    pages = [one["sql"] for one in queries if "LIMIT 3" in one["sql"]]
    assert len(pages) == 5


def test_what_is_committed_is_noted_in_the_servers_log_without_a_name_or_a_reason(
    alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "messenger.audit"):
        with transaction.atomic():
            entry = record(alice, "chat.closed", "chat 5", reason="Nonsense of Bob's")
            assert not caplog.messages
        assert caplog.messages == [f"audit 1 {entry.hash}"]
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            record(alice, "chat.closed", "chat 6")
            raise ZeroDivisionError
    assert len(caplog.messages) == 1


def test_the_command_says_that_all_is_sound_and_what_to_note(ten: list[AuditEntry]) -> None:
    out = StringIO()
    call_command("verify_audit", stdout=out)
    last = f"10:{ten[-1].hash}"
    assert out.getvalue() == f"10 entries, all sound. The last one: {last}\n"
    call_command("verify_audit", "--expect", last, stdout=out)
    AuditHead.objects.update(number=F("number") + 1)
    with pytest.raises(CommandError, match="Entry 11 is missing at the end"):
        call_command("verify_audit", stdout=out)


@pytest.mark.parametrize("noted", ["", "10", "x:y", "1:" + "f" * 63, "-1:" + "f" * 64])
def test_the_command_takes_only_what_it_printed(noted: str) -> None:
    with pytest.raises(CommandError, match="NUMBER:HASH"):
        call_command("verify_audit", f"--expect={noted}")
