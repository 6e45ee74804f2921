"""A Redis that may be away: asked by scripts, waited for briefly, left alone while it is silent."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import redis
from redis.sentinel import Sentinel

from messenger import env

logger = logging.getLogger(__name__)

# Seconds: how long Redis may take to answer, and how long it is left alone after it did not.
PATIENCE = 0.25
PAUSE = 2.0

Script = Callable[[Sequence[str], Sequence[Any]], Any]


class Away(Exception):
    """Redis does not answer, or did not a moment ago and was not asked."""


def connect(url: str, *, patience: float) -> redis.Redis:
    """
    A client of the first address in `url`, or of the master that its Sentinels name, whichever that
    is at the time of each connection. Nothing may take longer than `patience` seconds.
    """
    timeouts = {"socket_timeout": patience, "socket_connect_timeout": patience}
    place = env.redis_hosts(url)[0]
    if "sentinels" not in place:
        return redis.Redis.from_url(place["address"], **timeouts)
    sentinels = Sentinel(
        place.pop("sentinels"), sentinel_kwargs={**place.pop("sentinel_kwargs"), **timeouts}
    )
    return sentinels.master_for(place.pop("master_name"), **place, **timeouts)


class Redis:
    """
    Scripts in the Redis that `connect` finds; safe to use from any thread. After an error every
    script raises Away at once, for `pause` seconds, so that nobody waits for it in turn.
    """

    def __init__(self, url: str, *, patience: float = PATIENCE, pause: float = PAUSE) -> None:
        self._client = connect(url, patience=patience)
        self._pause = pause
        self._resting_until = 0.0
        self._lock = threading.Lock()
        self._away = False

    def script(self, source: str) -> Script:
        """A function of keys and arguments that runs `source` in Redis: its answer, or Away."""
        run = self._client.register_script(source)

        def ask(keys: Sequence[str], args: Sequence[Any]) -> Any:
            if time.monotonic() < self._resting_until:
                raise Away
            try:
                answer = run(keys=keys, args=args)
            except redis.RedisError as error:
                self._gone(error)
                raise Away from error
            if self._away:
                self._back()
            return answer

        return ask

    def delete(self, pattern: str) -> None:
        """Delete every key that matches. Takes its time, and fails if Redis is away: for tests."""
        for key in self._client.scan_iter(pattern, count=1000):
            self._client.delete(key)

    def _gone(self, error: redis.RedisError) -> None:
        with self._lock:
            known, self._away = self._away, True
            self._resting_until = time.monotonic() + self._pause
        if not known:
            logger.warning("Redis is away: %s", error)

    def _back(self) -> None:
        with self._lock:
            known, self._away = self._away, False
        if known:
            logger.info("Redis is back")
