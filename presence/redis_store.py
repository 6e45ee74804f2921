"""Presence in Redis, for all processes together; while it is away, each answers for itself."""

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings

from messenger.redis import PATIENCE, PAUSE, Away, Redis, Script
from presence import leases as stores
from presence import scripts
from presence.leases import AWAY, OFFLINE, ONLINE, Change, Lease, StatusName
from presence.memory import MemoryStore

# Leases, people who have gone, and people asked for, in one script: Redis does nothing else while
# it runs.
LEASES = 500
GONE = 500
ASKED = 1000
# The words of the scripts.
SAID: dict[bytes, StatusName] = {b"online": ONLINE, b"away": AWAY, b"offline": OFFLINE}


class RedisStore:
    """
    Leases in Redis; those of this process also here. While Redis is away, who comes, who is away
    and who is online is answered from here, and nobody is said to have gone. Nor is anybody for the
    length of a lease after that, in which all processes renew whoever is still there; then `lapsed`
    tells of those who went meanwhile, unless somebody else has.
    """

    def __init__(self, url: str, *, patience: float = PATIENCE, pause: float = PAUSE) -> None:
        self._redis = Redis(url, patience=patience, pause=pause)
        self._take = self._redis.script(scripts.TAKE)
        self._renew = self._redis.script(scripts.RENEW)
        self._release = self._redis.script(scripts.RELEASE)
        self._lapsed = self._redis.script(scripts.LAPSED)
        self._told = self._redis.script(scripts.TOLD)
        self._claim = self._redis.script(scripts.CLAIM)
        self._statuses = self._redis.script(scripts.STATUSES)
        self._set_typing = self._redis.script(scripts.SET_TYPING)
        self._typing = self._redis.script(scripts.TYPING)
        self._keys = f"{settings.REDIS_PREFIX}:presence"
        self._local = MemoryStore()
        self._lock = threading.Lock()
        # People who are not here any more, or only away, what they were and until when: Redis may
        # not know it.
        self._gone: dict[int, tuple[StatusName, float]] = {}
        # Of whom something was told while Redis was away, and when: that they went before that is
        # not news of them.
        self._came: dict[int, float] = {}
        self._length = 0.0
        self._quiet_until = 0.0

    def take(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        changes: list[Change] = []
        for batch in _batches(leases, LEASES):
            here = self._here(self._local.take(batch, seconds))
            answer = self._ask(self._take, seconds, stores.REMEMBERED, *_flat(batch))
            changes += self._alone(here) if answer is None else _changes(answer)
        return changes

    def renew(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        # As long as it takes until everybody has been renewed by their process.
        self._length = seconds
        changes: list[Change] = []
        for batch in _batches(leases, LEASES):
            here = self._here(self._local.renew(batch, seconds))
            answer = self._ask(self._renew, seconds, stores.REMEMBERED, *_flat(batch))
            # That those had gone who are back was not told.
            back = [change for change in here if change.was != OFFLINE]
            changes += self._alone(back) if answer is None else _changes(answer)
        return changes

    def release(self, leases: Sequence[Lease], seconds: float) -> None:
        for batch in _batches(leases, LEASES):
            self._local.release(batch, seconds)
            names = (part for lease in batch for part in (lease.user_id, lease.connection))
            self._ask(self._release, seconds, *names)

    def lapsed(self) -> list[Change]:
        with self._lock:
            now = time.monotonic()
            for change in self._here(self._local.lapsed()):
                was, _ = self._gone.get(change.user_id, (change.was, 0.0))
                self._gone[change.user_id] = was, now - change.ago
            if now < self._quiet_until:
                return []
            unsure, self._gone = self._gone, {}
        changes: list[Change] = []
        while found := _changes(self._ask(self._lapsed, GONE, stores.REMEMBERED, stores.TELLING)):
            changes += found
            if len(found) < GONE:
                break
        for batch in _batches(sorted(unsure.items()), GONE):
            changes += self._claimed(dict(batch))
        return changes

    def told(self, changes: Sequence[Change]) -> None:
        for batch in _batches(changes, GONE):
            self._ask(self._told, *(part for c in batch for part in (c.user_id, f"{c.at:.6f}")))

    def statuses(self, user_ids: Collection[int]) -> dict[int, StatusName]:
        # Who is here is here, even if Redis was emptied and has not heard of them again yet.
        there = self._local.statuses(user_ids)
        for batch in _batches(list(user_ids), ASKED):
            answer = iter(self._ask(self._statuses, *batch) or ())
            there.update((int(u), SAID[said]) for u, said in zip(answer, answer, strict=True))
        return there

    def set_typing(self, chat_id: int, user_id: int, seconds: float) -> None:
        self._local.set_typing(chat_id, user_id, seconds)
        self._ask(self._set_typing, chat_id, user_id, seconds)

    def typing(self, chat_id: int) -> set[int]:
        answer = self._ask(self._typing, chat_id)
        return self._local.typing(chat_id) if answer is None else {int(u) for u in answer}

    def forget(self) -> None:
        self._local.forget()
        with self._lock:
            self._gone.clear()
            self._came.clear()
        self._redis.delete(f"{self._keys}:*")

    def _here(self, changes: Sequence[Change]) -> list[Change]:
        """What the local store says, for which nobody but this process answers."""
        self._local.told(changes)
        return [replace(change, at=0.0) for change in changes]

    def _alone(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Changes that are told from here, because Redis is away."""
        now = time.monotonic()
        with self._lock:
            self._came.update((change.user_id, now) for change in changes)
        return changes

    def _claimed(self, people: dict[int, tuple[StatusName, float]]) -> list[Change]:
        """
        Those of `people`, who were here or online until the times given, of whom only this process
        knows that they went or are only away.
        """
        here = self._local.statuses(people)
        # Who has come back will be in `_local.lapsed()` again.
        people = {u: before for u, before in people.items() if here.get(u) != ONLINE}
        now = time.monotonic()
        parts: list[Any] = []
        for user_id, (was, went) in people.items():
            came = self._came.get(user_id, now - 2 * stores.REMEMBERED)
            parts += [user_id, was, int(user_id in here), now - came, now - went]
        answer = self._ask(self._claim, stores.REMEMBERED, *parts) if parts else []
        with self._lock:
            if answer is None:
                self._gone = {**people, **self._gone}
                return []
            for user_id in people:
                self._came.pop(user_id, None)
        return _changes(answer)

    def _ask(self, script: Script, *args: Any) -> list[Any] | None:
        """What a script answers, or None if Redis is away."""
        try:
            return list(script([self._keys], args))
        except Away:
            self._quiet_until = time.monotonic() + self._length
            return None


def _changes(answer: list[Any] | None) -> list[Change]:
    parts = iter(answer or ())
    return [
        Change(int(person), SAID[status], at=float(at), was=SAID[was], ago=float(ago))
        for person, status, was, ago, at in zip(parts, parts, parts, parts, parts, strict=True)
    ]


def _batches(items: Sequence[Any], size: int) -> Iterator[Any]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _flat(leases: Sequence[Lease]) -> list[Any]:
    return [part for s in leases for part in (s.user_id, s.connection, int(s.away))]
