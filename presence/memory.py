"""Presence in this process, for itself alone."""

import threading
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from presence import leases as stores
from presence.leases import AWAY, OFFLINE, ONLINE, Change, Lease, StatusName

# Chats in which it is remembered who was typing, until those are dropped in which nobody is.
CHATS = 10_000


class MemoryStore:
    """Leases in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Of people who have not been said to have gone, when each lease ends and whether it is
        # away, and what was said of them; and when the others went.
        self._held: dict[int, dict[str, tuple[float, bool]]] = {}
        self._said: dict[int, StatusName] = {}
        self._gone: dict[int, float] = {}
        # Who was restored as away, until when they may turn out to have been online all along.
        self._unsure: dict[int, float] = {}
        # What has not been confirmed yet: since when, and after which status, last here when.
        self._telling: dict[int, float] = {}
        self._was: dict[int, tuple[StatusName, float]] = {}
        # By chat, until when each person is typing.
        self._typing: dict[int, dict[int, float]] = {}

    def take(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        with self._lock:
            before = {lease.user_id: self._status(lease.user_id) for lease in leases}
            for lease in leases:
                self._hold(lease, seconds)
            return [
                self._tell(user_id, was or OFFLINE)
                for user_id, was in before.items()
                if self._said[user_id] != was
            ]

    def renew(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        changes = []
        with self._lock:
            before = {lease.user_id: self._status(lease.user_id) for lease in leases}
            for lease in leases:
                self._hold(lease, seconds)
            now = time.monotonic()
            for user_id, was in before.items():
                if was is None:
                    if self._said[user_id] == AWAY:
                        # Another lease, that is not away, may not have been restored yet.
                        self._unsure[user_id] = now + seconds
                elif self._said[user_id] != was:
                    restored = was == AWAY and self._unsure.pop(user_id, 0.0) > now
                    if not restored:
                        changes.append(self._tell(user_id, was))
        return changes

    def release(self, leases: Sequence[Lease], seconds: float) -> None:
        latest = time.monotonic() + seconds
        with self._lock:
            for lease in leases:
                held = self._held.get(lease.user_id, {})
                if lease.connection in held:
                    ends, away = held[lease.connection]
                    held[lease.connection] = min(ends, latest), away

    def lapsed(self) -> list[Change]:
        with self._lock:
            now = time.monotonic()
            self._gone = {u: at for u, at in self._gone.items() if at > now - stores.REMEMBERED}
            self._unsure = {u: until for u, until in self._unsure.items() if until > now}
            changes = {}
            for user_id, held in list(self._held.items()):
                last, awake = _ends(held.values())
                was = self._said[user_id]
                if last <= now:
                    del self._held[user_id], self._said[user_id]
                    self._gone[user_id] = now
                    changes[user_id] = self._tell(user_id, was, last)
                elif awake <= now and was == ONLINE:
                    self._said[user_id] = AWAY
                    changes[user_id] = self._tell(user_id, was, awake or now)
            untold = [u for u, at in self._telling.items() if at <= now - stores.TELLING]
            for user_id in untold:
                if user_id not in changes:
                    changes[user_id] = self._tell(user_id, None)
            return list(changes.values())

    def told(self, changes: Sequence[Change]) -> None:
        with self._lock:
            for change in changes:
                if self._telling.get(change.user_id) == change.at:
                    del self._telling[change.user_id], self._was[change.user_id]

    def statuses(self, user_ids: Collection[int]) -> dict[int, StatusName]:
        with self._lock:
            now = time.monotonic()
            ends = {u: _ends(self._held[u].values()) for u in user_ids if u in self._held}
        return {
            user_id: ONLINE if awake > now else AWAY
            for user_id, (last, awake) in ends.items()
            if last > now
        }

    def set_typing(self, chat_id: int, user_id: int, seconds: float) -> None:
        with self._lock:
            now = time.monotonic()
            if len(self._typing) > CHATS:
                self._typing = {c: p for c, p in self._typing.items() if max(p.values()) > now}
            people = {u: until for u, until in self._typing.pop(chat_id, {}).items() if until > now}
            people.pop(user_id, None)
            if seconds:
                people[user_id] = now + seconds
            if people:
                self._typing[chat_id] = people

    def typing(self, chat_id: int) -> set[int]:
        with self._lock:
            now = time.monotonic()
            return {u for u, until in self._typing.get(chat_id, {}).items() if until > now}

    def forget(self) -> None:
        with self._lock:
            known: list[dict[int, Any]] = [self._held, self._said, self._gone, self._unsure]
            for kept in (*known, self._telling, self._was, self._typing):
                kept.clear()

    def _status(self, user_id: int) -> StatusName | None:
        """What has been said of a person; None if nothing that is remembered."""
        return self._said.get(user_id, OFFLINE if user_id in self._gone else None)

    def _hold(self, lease: Lease, seconds: float) -> None:
        now = time.monotonic()
        held = {c: kept for c, kept in self._held.get(lease.user_id, {}).items() if kept[0] > now}
        _, was_away = held.get(lease.connection, (0.0, True))
        held[lease.connection] = now + seconds, lease.away
        self._held[lease.user_id] = held
        self._gone.pop(lease.user_id, None)
        if not all(away for _, away in held.values()):
            self._said[lease.user_id] = ONLINE
        elif not was_away:
            self._said[lease.user_id] = AWAY
        else:
            # Of one that ran out, `lapsed` says so.
            self._said.setdefault(lease.user_id, AWAY)

    def _tell(self, user_id: int, was: StatusName | None, seen: float | None = None) -> Change:
        """A change of this person, now; the same again, if nothing is said of what was."""
        self._telling[user_id] = now = time.monotonic()
        self._unsure.pop(user_id, None)
        status = self._status(user_id) or OFFLINE
        told, kept = self._was.get(user_id, (was or status, now))
        if was is not None:
            kept = now if seen is None else seen
        self._was[user_id] = told, kept
        return Change(user_id, status, at=now, was=told, ago=now - kept)


def _ends(leases: Iterable[tuple[float, bool]]) -> tuple[float, float]:
    """When the last of these leases ends, and the last that is not away; 0 if there is none."""
    last = awake = 0.0
    for ends, away in leases:
        last = max(last, ends)
        if not away:
            awake = max(awake, ends)
    return last, awake
