"""
The audit log: what was done with powers, each entry holding the hash of the one before it.

Who can write to the database can still write the whole log anew. So each entry's number and hash
are logged, too, and `manage.py verify_audit --expect` holds the log against what was noted of it.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from accounts.models import User
from messenger.snapshot import snapshot
from moderation.models import AuditEntry, AuditHead

logger = logging.getLogger("messenger.audit")

# Before the first entry.
START = "0" * 64
PAGE = 1000


def record(
    actor: User | None, action: str, target: Model | str, /, *, reason: str = "", **facts: Any
) -> AuditEntry:
    """
    Add to the log what `actor` (None for the server and its commands) has just done to `target`.
    The last thing in the caller's transaction: the end of the log stays locked until its commit.
    """
    with transaction.atomic():
        head, _ = AuditHead.objects.select_for_update().get_or_create(id=1)
        entry = AuditEntry(
            number=head.number + 1,
            at=timezone.now(),
            actor_id=actor.id if actor else None,
            action=action,
            target=target if isinstance(target, str) else name_of(target),
            reason=reason,
            # As they will be read: times as text.
            facts=orjson.loads(orjson.dumps(facts)),
            previous=head.hash,
        )
        entry.hash = hash_of(entry)
        entry.save(force_insert=True)
        AuditHead.objects.filter(id=1).update(number=entry.number, hash=entry.hash)

        # A def, not a partial: when a robust callback fails, Django logs its __qualname__.
        def note() -> None:
            logger.info("audit %s %s", entry.number, entry.hash)

        transaction.on_commit(note, robust=True)
    return entry


def name_of(target: Model) -> str:
    """ "case 5": what the log calls a row."""
    return f"{target._meta.model_name} {target.pk}"


def hash_of(entry: AuditEntry) -> str:
    """Of all that the entry says, and so of all before it: SHA-256 of canonical JSON."""
    said = {
        "number": entry.number,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_id": entry.actor_id,
        "action": entry.action,
        "target": entry.target,
        "reason": entry.reason,
        "facts": entry.facts,
        "previous": entry.previous,
    }
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True)
class Soundness:
    """The last entry that was looked at, its hash, and the first thing that is wrong, in words."""

    number: int
    hash: str
    wrong: str | None


def verify(
    expect: tuple[int, str] | None = None, looked_at: Callable[[int], None] | None = None
) -> Soundness:
    """
    Go through the whole log, as it is at one moment, in bounded memory. `expect` is the number and
    the hash of an entry as they were noted; `looked_at` is told after each page how far it has got.
    """
    with snapshot():
        return _verify(expect, looked_at or (lambda number: None))


def _verify(expect: tuple[int, str] | None, looked_at: Callable[[int], None]) -> Soundness:
    head = AuditHead.objects.filter(id=1).first() or AuditHead()
    number, last = 0, START
    for entry in _entries(looked_at):
        wrong = _wrong(entry, number, last)
        if wrong is None and expect is not None and entry.number == expect[0]:
            wrong = _unexpected(entry, expect[1])
        if wrong is not None:
            return Soundness(number, last, wrong)
        number, last = entry.number, entry.hash
    return Soundness(number, last, _wrong_end(number, last, head, expect))


def _entries(looked_at: Callable[[int], None]) -> Iterator[AuditEntry]:
    rows = AuditEntry.objects.order_by("number")
    page = list(rows[:PAGE])
    while page:
        yield from page
        looked_at(page[-1].number)
        page = list(rows.filter(number__gt=page[-1].number)[:PAGE])


def _wrong(entry: AuditEntry, before: int, last: str) -> str | None:
    if entry.number < 1:
        return f"Entry {entry.number} was put in before the first one."
    if entry.number > before + 1:
        return f"{_between(before + 1, entry.number - 1)} missing."
    if not _readable(entry) or hash_of(entry) != entry.hash:
        return f"Entry {entry.number} was changed: it does not have its own hash."
    if entry.previous != last:
        return (
            f"Entry {entry.number} does not follow on the one before it: it was put in, or that"
            " one was exchanged."
        )
    return None


def _readable(entry: AuditEntry) -> bool:
    """Whether it holds what an entry can hold; by hand anything can be put into a column."""
    try:
        orjson.dumps(entry.facts)
    except (TypeError, ValueError):
        return False
    return isinstance(entry.at, datetime)


def _wrong_end(
    number: int, last: str, head: AuditHead, expect: tuple[int, str] | None
) -> str | None:
    if head.number > number:
        return f"{_between(number + 1, head.number)} missing at the end."
    if head.number < number:
        return f"{_between(head.number + 1, number)} put in after the end of the log."
    if head.hash != last:
        return f"The end of the log was changed: it does not have the hash of entry {number}."
    if expect is not None and expect[0] > number:
        return f"Entry {expect[0]} was noted once, and the log ends with {number}."
    return None


def _unexpected(entry: AuditEntry, noted: str) -> str | None:
    if entry.hash == noted:
        return None
    return f"Entry {entry.number} does not have the hash that was noted: the log was written anew."


def _between(first: int, last: int) -> str:
    if first == last:
        return f"Entry {first} is"
    return f"Entries {first} to {last} are"
