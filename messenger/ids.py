"""Identifiers: every user, chat and message has an integer and a UUID, and either form finds it."""

import os
import time
from typing import Any
from uuid import UUID

# The largest integer that PostgreSQL's bigint holds.
MAX_ID = 2**63 - 1

Ref = int | UUID


def uuid7() -> UUID:
    """A UUID that sorts by its time of making, in milliseconds (RFC 9562, section 5.7)."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def parse_ref(value: Any) -> Ref | None:
    """
    What a client sent as an id: an integer, an integer as plain ASCII digits, or a UUID as text.
    None for anything else. An integer that no row can have (over 2^63) comes back as -1, so that
    it is looked up and not found, as any other id that nobody has.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value <= MAX_ID else -1
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or len(value) > 100 or not value.isascii():
        return None
    if value.isdecimal():
        number = int(value)
        return number if number <= MAX_ID else -1
    if len(value) in (32, 36):
        try:
            return UUID(value)
        except ValueError:
            return None
    return None


def lookup(ref: Ref, prefix: str = "") -> dict[str, Ref]:
    """The filter that finds the row of `ref`: {"id": 5} or {"uuid": UUID(…)}, with a prefix."""
    return {f"{prefix}{'uuid' if isinstance(ref, UUID) else 'id'}": ref}
