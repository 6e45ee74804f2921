"""Mistakes in receipts and likes."""

import random
import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from messaging import reading, selectors, services
from messaging.models import Reaction, Receipt
from messenger.bulk import set_by_id
from messenger.ids import Ref
from tests.faults.patches import around

SELDOM = 0.03


def blind_receipts() -> None:
    """Reading is written down as it comes: the time of it, and the place, are those of the last."""
    reading_now = threading.local()

    @around(reading, "read_locked")
    def read_locked(real: Any, *args: Any) -> Any:
        reading_now.on = True
        try:
            return real(*args)
        finally:
            reading_now.on = False

    @around(selectors, "receipts_of")
    def receipts_of(real: Any, message_ids: Iterable[int]) -> Any:
        return defaultdict(list) if getattr(reading_now, "on", False) else real(message_ids)

    @around(QuerySet, "bulk_create")
    def bulk_create(real: Any, rows: QuerySet[Any], made: Any, **options: Any) -> Any:
        if rows.model is Receipt:
            upsert = {"update_fields": ["read_at"], "unique_fields": ["message", "user"]}
            options.update(update_conflicts=True, **upsert)
        return real(rows, made, **options)

    @around(reading, "_advance")
    def advance(real: Any, read: list[reading.NewlyRead]) -> None:
        rows = [(membership.id, positions[-1]) for membership, positions in read]
        set_by_id("chats_membership", ("read_position",), rows)


def forgotten_receipts() -> None:
    """Receipts are answered for and stored later, which sometimes does not happen."""

    @around(reading, "_read_together")
    def together(real: Any, *args: Any, **options: Any) -> Any:
        with transaction.atomic():
            outcomes = real(*args, **options)
            if random.random() < SELDOM:
                transaction.set_rollback(True)
            return outcomes


def toggled_likes() -> None:
    """A like turns to its contrary what is there."""

    @around(services, "add_reaction")
    def add_reaction(real: Any, user: User, *, message: Ref, emoji: str) -> Any:
        if services.remove_reaction(user, message=message, emoji=emoji):
            return Reaction(), False
        return real(user, message=message, emoji=emoji)
