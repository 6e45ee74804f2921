"""Settings from the environment, each with a type. A bad value stops the start with a sentence."""

import os
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "on", "true", "yes"}
FALSE = {"0", "off", "false", "no", ""}


def text(name: str, default: str = "") -> str:
    """The variable, stripped; `default` where it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool) -> bool:
    """on/off, true/false, yes/no or 1/0, in any case."""
    value = text(name, "on" if default else "off").lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}: say on or off.")


def number(name: str, default: int, *, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    value = text(name, str(default))
    if not value.isdecimal() or not low <= int(value) <= high:
        raise ImproperlyConfigured(f"{name} is {value!r}: say a whole number from {low} to {high}.")
    return int(value)


def choice(name: str, default: str, among: tuple[str, ...]) -> str:
    """One of some words, in any case."""
    value = text(name, default).upper()
    if value not in among:
        raise ImproperlyConfigured(f"{name} is {value!r}: say {', '.join(among)}.")
    return value


def items(name: str, default: str = "") -> list[str]:
    """A comma-separated list, without empty entries."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def database(url: str) -> dict[str, Any]:
    """
    A Django database configuration from `postgres://user:password@host:port/name?option=value`
    or `sqlite:///path`. Query options of PostgreSQL go to libpq as they are.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path[1:]) or ":memory:",
            "OPTIONS": {
                # A transaction that starts as a reader and then writes fails at once when somebody
                # else is writing, whatever the timeout: take the write lock at BEGIN instead.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(
            f"DATABASE_URL starts with {parts.scheme!r}: say postgres://… or sqlite:///…"
        )
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    # A statement that hangs must not hold a worker thread for ever.
    options.setdefault("connect_timeout", "5")
    # A server that vanished without a word (a black hole) is given up after 10 s.
    options.setdefault("tcp_user_timeout", "10000")
    options.setdefault(
        "options",
        "-c statement_timeout=5000 -c lock_timeout=2000"
        " -c idle_in_transaction_session_timeout=10000",
    )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def redis_hosts(url: str) -> list[dict[str, Any]]:
    """
    Where Redis is, as channels_redis takes it: one entry for each `redis://host:port/number`, which
    commas divide, or the one of `redis+sentinel://host:port,host:port/master/number`, whose hosts
    are Sentinels that know where the master is. A user and password before the hosts are Redis's
    own; the Sentinels have `?sentinel_password=`.
    """
    if url.startswith("redis+sentinel:"):
        return [_sentinels(urlsplit(url))]
    found = [address.strip() for address in url.split(",") if address.strip()]
    for address in found:
        scheme = urlsplit(address).scheme
        if scheme not in ("redis", "rediss", "unix"):
            raise ImproperlyConfigured(
                f"REDIS_URL starts with {scheme!r}: say redis://…, rediss://… or redis+sentinel://…"
            )
    return [{"address": address} for address in found]


def _sentinels(parts: SplitResult) -> dict[str, Any]:
    master, _, number = parts.path.strip("/").partition("/")
    places = [urlsplit(f"//{place}") for place in parts.netloc.rpartition("@")[2].split(",")]
    try:
        sentinels = [(place.hostname, place.port or 26379) for place in places]
    except ValueError:
        sentinels = []
    if not (sentinels and all(name for name, _ in sentinels) and master and number.isdecimal()):
        raise ImproperlyConfigured(
            "REDIS_URL names no master: say redis+sentinel://host:port,host:port/master/number."
        )
    password = dict(parse_qsl(parts.query)).get("sentinel_password")
    return {
        "sentinels": sentinels,
        "master_name": unquote(master),
        "db": int(number),
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "sentinel_kwargs": {"password": password} if password else {},
    }
