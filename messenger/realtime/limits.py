"""
Rate limits: how often one may do a thing, by address, account or socket.

With Redis they are counted there, for all processes together, in one atomic step; without it in
this process. Each limit says what becomes of it while Redis is away: "open", it is not enforced;
"closed", each process counts for itself and still refuses. The limit of frames on a socket needs
no Redis at all, because a socket belongs to one process.
"""

import hashlib
import math
import threading
import time
from dataclasses import dataclass
from typing import Literal

from django.conf import settings

from messenger import redis
from messenger.errors import RateLimited

# Generic cell rate algorithm: a key holds the time at which the bucket will be empty again.
# KEYS[1] the key; ARGV[1] seconds that one use costs, ARGV[2] seconds that the bucket holds.
# Answers 0, or the milliseconds to wait. Redis's clock decides, not those of the app hosts.
SCRIPT = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local cost, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local empty = tonumber(redis.call('GET', KEYS[1]) or now)
if empty < now then empty = now end
if empty + cost - now > burst then return math.ceil((empty + cost - now - burst) * 1000) end
-- tostring() would round to tenths of a millisecond, and might refuse the last of a fast burst.
local kept = string.format('%.6f', empty + cost)
redis.call('SET', KEYS[1], kept, 'PX', math.ceil((empty + cost - now) * 1000))
return 0
"""
# Names of our own, so that a test can be more patient here.
PATIENCE, PAUSE = redis.PATIENCE, redis.PAUSE


@dataclass(frozen=True)
class Limit:
    """`burst` uses at once, and one more every `every` seconds."""

    name: str
    burst: int
    every: float
    without_redis: Literal["open", "closed"]


# Guessing passwords: by address, and by account and address together, so that nobody can lock
# somebody else out of an account.
LOGIN_ADDRESS = Limit("login-address", burst=30, every=4.0, without_redis="closed")
LOGIN_ACCOUNT = Limit("login-account", burst=10, every=20.0, without_redis="closed")
REGISTER = Limit("register", burst=30, every=20.0, without_redis="closed")
# Ordinary use: generous, so that nobody meets them by chatting.
REQUESTS = Limit("requests", burst=300, every=0.05, without_redis="open")
NEW_CHATS = Limit("new-chats", burst=60, every=0.5, without_redis="open")
TYPING = Limit("typing", burst=20, every=1.0, without_redis="open")
CONNECTS = Limit("connects", burst=200, every=0.1, without_redis="open")


class Buckets:
    """The same algorithm in this process."""

    def __init__(self) -> None:
        self._empty_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, key: str, limit: Limit) -> float:
        """0.0, or the seconds to wait."""
        now = time.monotonic()
        with self._lock:
            if len(self._empty_at) > 50_000:
                self._empty_at = {k: at for k, at in self._empty_at.items() if at > now}
            empty = max(self._empty_at.get(key, now), now) + limit.every
            over = empty - now - limit.burst * limit.every
            # Adding up many small steps leaves a rounding error that is no overstepping.
            if over > 1e-6:
                return over
            self._empty_at[key] = empty
            return 0.0


class Counter:
    """Counts in Redis if there is one, and steps back from it while it does not answer."""

    def __init__(self, url: str) -> None:
        self._local = Buckets()
        client = redis.Redis(url, patience=PATIENCE, pause=PAUSE) if url else None
        self._run = client.script(SCRIPT) if client else None

    def wait(self, limit: Limit, who: str) -> float:
        # Addresses and names are not kept in Redis in the clear.
        digest = hashlib.blake2b(who.encode("utf-8", "replace"), digest_size=12).hexdigest()
        key = f"{settings.REDIS_PREFIX}:limit:{limit.name}:{digest}"
        if self._run is None:
            return self._local.wait(key, limit)
        try:
            return int(self._run([key], [limit.every, limit.burst * limit.every])) / 1000
        except redis.Away:
            return self._local.wait(key, limit) if limit.without_redis == "closed" else 0.0


counter = Counter(settings.REDIS_URL)


def check(limit: Limit, who: str) -> None:
    """Count one use of `who` (an address, an account). RateLimited if it is one too many."""
    if not settings.RATE_LIMITS:
        return
    seconds = counter.wait(limit, who)
    if seconds:
        raise RateLimited(retry_after=max(1, math.ceil(seconds)))


class FrameLimit:
    """
    Frames on one socket: `BURST` at once, then `RATE` a second. One too many is answered with an
    error; a client that goes on regardless, `BURST` refused frames more than it may send in the
    meantime, is cut off.
    """

    __slots__ = ("_level", "_at", "refused")

    BURST = 300
    RATE = 30.0

    def __init__(self) -> None:
        self._level = 0.0
        self._at = time.monotonic()
        self.refused = 0.0

    def admit(self) -> bool:
        if not settings.RATE_LIMITS:
            return True
        now = time.monotonic()
        drained = (now - self._at) * self.RATE
        self._level = max(0.0, self._level - drained)
        self.refused = max(0.0, self.refused - drained)
        self._at = now
        if self._level + 1 > self.BURST:
            self.refused += 1
            return False
        self._level += 1
        return True

    @property
    def abused(self) -> bool:
        return self.refused > self.BURST
