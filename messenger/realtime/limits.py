"""
Rate limits: how often one may do a thing, by address, account or socket.

With Redis they are counted there, for all processes together, in one atomic step; without it in
this process. Each limit says what becomes of it while Redis is away: "open", it is not enforced;
"closed", each process counts for itself and still refuses. The limit of frames on a socket needs
no Redis at all, because a socket belongs to one process.
"""

import hashlib
import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import Literal

import redis
from django.conf import settings

from messenger.errors import RateLimited

logger = logging.getLogger(__name__)

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
# Seconds: how long Redis may take to answer, and how long it is left alone after it did not.
PATIENCE = 0.25
PAUSE = 2.0


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
COMMANDS = Limit("commands", burst=60, every=0.5, without_redis="open")
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
        self._resting_until = 0.0
        self._client = None
        self._run = None
        if url:
            self._client = client = redis.Redis.from_url(
                url.split(",")[0], socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
            )
            self._run = client.register_script(SCRIPT)

    def wait(self, limit: Limit, who: str) -> float:
        # Addresses and names are not kept in Redis in the clear.
        digest = hashlib.blake2b(who.encode("utf-8", "replace"), digest_size=12).hexdigest()
        key = f"{settings.REDIS_PREFIX}:limit:{limit.name}:{digest}"
        if self._run is None:
            return self._local.wait(key, limit)
        if time.monotonic() >= self._resting_until:
            try:
                waits = self._run(keys=[key], args=[limit.every, limit.burst * limit.every])
                return int(waits) / 1000
            except redis.RedisError as error:
                self._resting_until = time.monotonic() + PAUSE
                logger.warning("Limits are counted without Redis: %s", error)
        return self._local.wait(key, limit) if limit.without_redis == "closed" else 0.0

    def forget(self) -> None:
        """Start over: nobody has used anything."""
        self._local = Buckets()
        if self._client is not None:
            for key in self._client.scan_iter(f"{settings.REDIS_PREFIX}:limit:*"):
                self._client.delete(key)


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
