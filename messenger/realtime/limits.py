"""
Rate limits: how often one may do a thing, by address, account or socket. All of them are in
docs/limits.md, which a test holds against this.

With Redis they are counted there, for all processes together, in one atomic step; without it in
this process. Each limit says what becomes of it while Redis is away: "open", it is not enforced;
"closed", each process counts for itself and still refuses. Frames are counted "here" in any case:
a socket belongs to one process, and no frame should have to wait for Redis.
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
from messenger.held import counted

# Generic cell rate algorithm: a key holds the time at which the bucket will be empty again.
# KEYS[1] the key; ARGV[1] seconds that one use costs, ARGV[2] seconds that the bucket holds,
# ARGV[3] 1 to count this use, 0 only to ask. Answers 0, or the milliseconds to wait. Redis's clock
# decides, not those of the app hosts.
SCRIPT = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local cost, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local empty = tonumber(redis.call('GET', KEYS[1]) or now)
if empty < now then empty = now end
if empty + cost - now > burst then return math.ceil((empty + cost - now - burst) * 1000) end
if ARGV[3] == '0' then return 0 end
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
    without_redis: Literal["open", "closed", "here"]


# Guessing passwords: by address, and by account and address together, so that nobody can lock
# somebody else out of an account.
LOGIN_ADDRESS = Limit("login-address", burst=30, every=4.0, without_redis="closed")
LOGIN_ACCOUNT = Limit("login-account", burst=10, every=20.0, without_redis="closed")
REGISTER = Limit("register", burst=30, every=20.0, without_redis="closed")
# Ordinary use: generous, so that nobody meets them by chatting.
REQUESTS = Limit("requests", burst=300, every=0.05, without_redis="open")
REFRESHES = Limit("refreshes", burst=30, every=2.0, without_redis="open")
TICKETS = Limit("tickets", burst=60, every=1.0, without_redis="open")
CONNECTS = Limit("connects", burst=200, every=0.1, without_redis="open")
NEW_CHATS = Limit("new-chats", burst=60, every=0.5, without_redis="open")
TYPING = Limit("typing", burst=20, every=1.0, without_redis="open")
RESUMES = Limit("resumes", burst=60, every=0.5, without_redis="open")
# The answer for a large chat costs the database what a hundred pages of history do.
STATS = Limit("stats", burst=30, every=1.0, without_redis="open")
# Each is read by somebody.
REPORTS = Limit("reports", burst=20, every=30.0, without_redis="open")
BLOCKS = Limit("blocks", burst=60, every=1.0, without_redis="open")
# All that somebody ever wrote.
EXPORTS = Limit("exports", burst=1, every=60.0, without_redis="closed")
# One socket can use up a quarter of what its person's may use together, and so not all of it.
FRAMES = Limit("frames", burst=300, every=1 / 30, without_redis="here")
FRAMES_ACCOUNT = Limit("frames-account", burst=1200, every=1 / 120, without_redis="here")

EVERY_LIMIT = [value for value in list(globals().values()) if isinstance(value, Limit)]


class Buckets:
    """The same algorithm in this process."""

    def __init__(self) -> None:
        self._empty_at: dict[str, float] = {}
        # As many keys as there may be until those whose time is over are looked for.
        self._most = 50_000
        self._lock = threading.Lock()

    def wait(self, key: str, limit: Limit, count: bool = True) -> float:
        """0.0, or the seconds to wait. `count` False only asks."""
        now = time.monotonic()
        with self._lock:
            if len(self._empty_at) > self._most:
                self._empty_at = {k: at for k, at in self._empty_at.items() if at > now}
                self._most = max(50_000, 2 * len(self._empty_at))
            empty = max(self._empty_at.get(key, now), now) + limit.every
            over = empty - now - limit.burst * limit.every
            # Adding up many small steps leaves a rounding error that is no overstepping.
            if over > 1e-6:
                return over
            if count:
                self._empty_at[key] = empty
            return 0.0


class Counter:
    """Counts in Redis if there is one, and steps back from it while it does not answer."""

    def __init__(self, url: str) -> None:
        self._local = Buckets()
        client = redis.Redis(url, patience=PATIENCE, pause=PAUSE) if url else None
        self._run = client.script(SCRIPT) if client else None

    def wait(self, limit: Limit, who: str, count: bool = True) -> float:
        """0.0, or the seconds that `who` has to wait. `count` False only asks."""
        if limit.without_redis == "here":
            return self._local.wait(f"{limit.name} {who}", limit, count)
        # Neither addresses nor names can be read in Redis, or found there by trying them all.
        secret = settings.SECRET_KEY.encode()[:64]
        named = who.encode("utf-8", "replace")
        digest = hashlib.blake2b(named, digest_size=12, key=secret).hexdigest()
        key = f"{settings.REDIS_PREFIX}:limit:{limit.name}:{digest}"
        if self._run is None:
            return self._local.wait(key, limit, count)
        try:
            asked = [limit.every, limit.burst * limit.every, int(count)]
            return int(self._run([key], asked)) / 1000
        except redis.Away:
            closed = limit.without_redis == "closed"
            return self._local.wait(key, limit, count) if closed else 0.0


counter = Counter(settings.REDIS_URL)


def check(limit: Limit, who: str) -> None:
    """Count one use of `who` (an address, an account). RateLimited if it is one too many."""
    _refuse(limit, who, count=True)


def look(limit: Limit, who: str) -> None:
    """RateLimited if the next use of `who` would be one too many. Counts nothing."""
    _refuse(limit, who, count=False)


def _refuse(limit: Limit, who: str, *, count: bool) -> None:
    if not settings.RATE_LIMITS or counted():
        return
    seconds = counter.wait(limit, who, count)
    if seconds:
        raise RateLimited(retry_after=max(1, math.ceil(seconds)))


class FrameLimit:
    """
    The frames of one socket, `FRAMES`, which count for all sockets that its person has in this
    process, too, `FRAMES_ACCOUNT`. One too many is answered with an error; a client that goes on
    regardless, `BURST` refused frames more than it may send in the meantime, is cut off.
    """

    __slots__ = ("_account", "_level", "_at", "refused")

    BURST = FRAMES.burst
    RATE = 1 / FRAMES.every

    def __init__(self, account: str) -> None:
        self._account = account
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
        if self._level + 1 > self.BURST or counter.wait(FRAMES_ACCOUNT, self._account):
            self.refused += 1
            return False
        self._level += 1
        return True

    @property
    def abused(self) -> bool:
        return self.refused > self.BURST
