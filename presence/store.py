"""
Who is online: a person is while any of their connections holds a lease that has not run out.

A process that dies says nothing, so nothing depends on anybody saying that they go: a lease that is
not renewed runs out. With Redis the leases are there, for all processes together; without it, in
this process.
"""

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from django.conf import settings

from messenger.redis import PATIENCE, PAUSE, Away, Redis, Script
from presence import scripts

# Seconds for which it is known of somebody that they have gone; seconds that there are for telling
# of a change, until the next who asks is given it.
REMEMBERED = 600
TELLING = 2.0
# Leases, people who have gone, and people asked for, in one script: Redis does nothing else while
# it runs.
LEASES = 500
GONE = 500
ASKED = 1000


@dataclass(frozen=True)
class Lease:
    """One connection of one person. `connection` is unique among all processes."""

    user_id: int
    connection: str


@dataclass(frozen=True)
class Change:
    """
    A person came online, or went. `at` orders the changes of a person: seconds by the clock of the
    store, or 0 where it is away and nobody knows.
    """

    user_id: int
    online: bool
    at: float


class Store(Protocol):
    """
    The leases. Whose last one has run out is online no more, but has gone only when `lapsed` has
    said so: until then they may come back, and never went.

    Who is given a change is to tell everybody, and then to confirm it by `told`. What is not
    confirmed, because they died say, `lapsed` gives to the next who asks after two seconds.
    """

    def take(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        """
        Hold the leases of new connections for `seconds` from now. The people who came online by it,
        each once.
        """

    def renew(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        """
        Hold on to leases for `seconds` from now, also to those that were lost. The people whom
        `lapsed` had said to have gone, in the last ten minutes or so, and who had not: they are
        online again. Who is merely missing, because Redis was emptied, is restored and not among
        them. Call it before `lapsed`, so that a process that was held up keeps its own people.
        """

    def release(self, leases: Sequence[Lease], seconds: float) -> None:
        """
        Connections that ended: their leases end `seconds` from now, or earlier if they would have.
        Who comes back in time never went.
        """

    def lapsed(self) -> list[Change]:
        """
        The people who have gone since anybody asked: of all calls in all processes, one is given
        each. And what has been given out before and was not confirmed in time. To be called every
        now and then: what is remembered of them goes with it.
        """

    def told(self, changes: Sequence[Change]) -> None:
        """Everybody has been told of these changes."""

    def online(self, user_ids: Collection[int]) -> set[int]:
        """Those of `user_ids` who are online."""

    def forget(self) -> None:
        """Start over: nobody has ever been here. For tests."""


class MemoryStore:
    """Leases in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # When each lease ends, of people who have not been said to have gone; when the others went;
        # and what has not been confirmed yet.
        self._held: dict[int, dict[str, float]] = {}
        self._gone: dict[int, float] = {}
        self._telling: dict[int, float] = {}

    def take(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        came = []
        with self._lock:
            for lease in leases:
                new = lease.user_id not in self._held
                self._gone.pop(lease.user_id, None)
                self._hold(lease, seconds)
                if new:
                    came.append(self._tell(lease.user_id))
        return came

    def renew(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        back = []
        with self._lock:
            for lease in leases:
                went = self._gone.pop(lease.user_id, None) is not None
                self._hold(lease, seconds)
                if went:
                    back.append(self._tell(lease.user_id))
        return back

    def release(self, leases: Sequence[Lease], seconds: float) -> None:
        latest = time.monotonic() + seconds
        with self._lock:
            for lease in leases:
                held = self._held.get(lease.user_id, {})
                if lease.connection in held:
                    held[lease.connection] = min(held[lease.connection], latest)

    def lapsed(self) -> list[Change]:
        with self._lock:
            now = time.monotonic()
            self._gone = {u: at for u, at in self._gone.items() if at > now - REMEMBERED}
            went = [u for u, held in self._held.items() if max(held.values()) <= now]
            for user_id in went:
                del self._held[user_id]
                self._gone[user_id] = now
            untold = [u for u, at in self._telling.items() if at <= now - TELLING]
            return [self._tell(user_id) for user_id in dict.fromkeys(went + untold)]

    def told(self, changes: Sequence[Change]) -> None:
        with self._lock:
            for change in changes:
                if self._telling.get(change.user_id) == change.at:
                    del self._telling[change.user_id]

    def online(self, user_ids: Collection[int]) -> set[int]:
        with self._lock:
            now = time.monotonic()
            here = [u for u in user_ids if u in self._held]
            return {u for u in here if max(self._held[u].values()) > now}

    def forget(self) -> None:
        with self._lock:
            self._held.clear()
            self._gone.clear()
            self._telling.clear()

    def _hold(self, lease: Lease, seconds: float) -> None:
        now = time.monotonic()
        held = {c: ends for c, ends in self._held.get(lease.user_id, {}).items() if ends > now}
        self._held[lease.user_id] = held | {lease.connection: now + seconds}

    def _tell(self, user_id: int) -> Change:
        self._telling[user_id] = now = time.monotonic()
        return Change(user_id, online=user_id in self._held, at=now)


class RedisStore:
    """
    Leases in Redis; those of this process also here. While Redis is away, who comes and who is
    online is answered from here, and nobody is said to have gone. Nor is anybody for the length of
    a lease after that, in which all processes renew whoever is still there; then `lapsed` tells of
    those who went meanwhile, unless somebody else has.
    """

    def __init__(self, url: str, *, patience: float = PATIENCE, pause: float = PAUSE) -> None:
        self._redis = Redis(url, patience=patience, pause=pause)
        self._take = self._redis.script(scripts.TAKE)
        self._renew = self._redis.script(scripts.RENEW)
        self._release = self._redis.script(scripts.RELEASE)
        self._lapsed = self._redis.script(scripts.LAPSED)
        self._told = self._redis.script(scripts.TOLD)
        self._claim = self._redis.script(scripts.CLAIM)
        self._online = self._redis.script(scripts.ONLINE)
        self._keys = f"{settings.REDIS_PREFIX}:presence"
        self._local = MemoryStore()
        self._lock = threading.Lock()
        # People without a lease here, whom Redis may not know to have gone.
        self._gone: set[int] = set()
        # Who came while Redis was away, and when: that they went before that is not news of them.
        self._came: dict[int, float] = {}
        self._length = 0.0
        self._quiet_until = 0.0

    def take(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        self._length = seconds
        came: list[Change] = []
        for batch in _batches(leases, LEASES):
            here = self._here(self._local.take(batch, seconds))
            answer = self._ask(self._take, seconds, REMEMBERED, *_flat(batch))
            if answer is None:
                now = time.monotonic()
                with self._lock:
                    self._came.update((change.user_id, now) for change in here)
            came += here if answer is None else _changes(answer)
        return came

    def renew(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        self._length = seconds
        back: list[Change] = []
        for batch in _batches(leases, LEASES):
            self._here(self._local.renew(batch, seconds))
            back += _changes(self._ask(self._renew, seconds, REMEMBERED, *_flat(batch)))
        return back

    def release(self, leases: Sequence[Lease], seconds: float) -> None:
        for batch in _batches(leases, LEASES):
            self._local.release(batch, seconds)
            self._ask(self._release, seconds, *_flat(batch))

    def lapsed(self) -> list[Change]:
        with self._lock:
            self._gone.update(change.user_id for change in self._here(self._local.lapsed()))
            if time.monotonic() < self._quiet_until:
                return []
            # Who has come back will be in `_local.lapsed()` again.
            unsure, self._gone = self._gone - self._local.online(self._gone), set()
        changes: list[Change] = []
        while found := _changes(self._ask(self._lapsed, GONE, REMEMBERED, TELLING)):
            changes += found
            if len(found) < GONE:
                break
        for batch in _batches(sorted(unsure), GONE):
            changes += self._claimed(batch)
        return changes

    def told(self, changes: Sequence[Change]) -> None:
        for batch in _batches(changes, GONE):
            self._ask(self._told, *(part for c in batch for part in (c.user_id, f"{c.at:.6f}")))

    def online(self, user_ids: Collection[int]) -> set[int]:
        # Who is here is online, even if Redis was emptied and has not heard of them again yet.
        there = self._local.online(user_ids)
        for batch in _batches(list(user_ids), ASKED):
            there.update(int(person) for person in self._ask(self._online, *batch) or ())
        return there

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

    def _claimed(self, people: Sequence[int]) -> list[Change]:
        """Those of `people`, who have no lease here, of whom only this process knows they went."""
        now = time.monotonic()
        ages = [(u, now - self._came.get(u, now - 2 * REMEMBERED)) for u in people]
        answer = self._ask(self._claim, REMEMBERED, *(part for pair in ages for part in pair))
        with self._lock:
            if answer is None:
                self._gone.update(people)
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
    triples = iter(answer or ())
    return [
        Change(int(person), online=bool(int(came)), at=float(at))
        for person, came, at in zip(triples, triples, triples, strict=True)
    ]


def _batches(items: Sequence[Any], size: int) -> Iterator[Any]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _flat(leases: Sequence[Lease]) -> list[Any]:
    return [part for lease in leases for part in (lease.user_id, lease.connection)]


def make_store() -> Store:
    """The store that the settings call for."""
    return RedisStore(settings.REDIS_URL) if settings.REDIS_URL else MemoryStore()


# The one that everybody uses, as `store.store`, so that tests can put another one in its place.
store = make_store()
