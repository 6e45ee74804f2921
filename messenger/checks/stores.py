"""PostgreSQL and Redis: what is known of them from here."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection

from messenger import env

# Connections of a process besides those of its readers and writers: of the threads for passwords.
MORE_CONNECTIONS = 2


@register(Tags.database)
def database_knows_cyrillic(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """With LC_CTYPE=C, PostgreSQL's lower() and ILIKE leave Cyrillic as it is."""
    if not databases or connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT lower('Ж') = 'ж'")
        if cursor.fetchone()[0]:
            return []
    return [
        Error(
            "The database does not know Cyrillic letters: lower('Ж') is not 'ж'.",
            hint="Create it with LC_CTYPE C.UTF-8, en_US.UTF-8 or ru_RU.UTF-8.",
            id="messenger.E001",
        )
    ]


@register(Tags.database)
def database_has_room(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A rolling restart has one process more than usual, so two are the least."""
    if not databases or connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('max_connections')::int"
            " - current_setting('superuser_reserved_connections')::int"
        )
        room = cursor.fetchone()[0]
    each = settings.DB_READERS + settings.DB_WRITERS + MORE_CONNECTIONS
    if 2 * each <= room:
        return []
    return [
        Warning(
            f"Two processes open {2 * each} connections; PostgreSQL has {room} for us.",
            hint="Raise max_connections, or lower DB_READERS and DB_WRITERS.",
            id="messenger.W010",
        )
    ]


# What PostgreSQL would write whole statements or rows for, and what keeps it from it. Only its
# superuser can set these, for the role or the database: ALTER ROLE … SET ….
QUIET = {
    "log_min_error_statement": ("log", "fatal", "panic"),
    "log_error_verbosity": ("terse",),
    "log_statement": ("none", "ddl"),
    "log_min_duration_statement": ("-1",),
}


@register(Tags.database, deploy=True)
def database_logs_no_values(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """By default the text of a message that failed to be stored stands in PostgreSQL's log."""
    if not databases or connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(QUIET)])
        loud = sorted(name for name, setting in cursor.fetchall() if setting not in QUIET[name])
    if not loud:
        return []
    return [
        Warning(
            f"PostgreSQL may write texts of messages into its log: {', '.join(loud)}.",
            hint=" ".join(f"ALTER ROLE … SET {name} = {QUIET[name][-1]!r};" for name in loud),
            id="messenger.W011",
        )
    ]


@register()
def connections_are_not_kept(**kwargs: Any) -> list[CheckMessage]:
    """Under ASGI, persistent connections of short-lived threads exhaust PostgreSQL."""
    if settings.DATABASES["default"].get("CONN_MAX_AGE", 0) == 0:
        return []
    return [
        Error(
            "CONN_MAX_AGE must be 0 under ASGI.",
            hint="The worker threads keep their connections by themselves.",
            id="messenger.E002",
        )
    ]


@register(deploy=True)
def stores_are_for_several_processes(**kwargs: Any) -> list[CheckMessage]:
    """SQLite has one writer at a time, and the in-memory layer ends with its process."""
    found: list[CheckMessage] = []
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        found.append(
            Warning(
                "The database is SQLite: one process, one host, one writer at a time.",
                hint="Set DATABASE_URL=postgres://….",
                id="messenger.W007",
            )
        )
    if not settings.REDIS_URL:
        found.append(
            Warning(
                "There is no Redis: a second process would hear of the first's messages late,"
                " and count limits and presence for itself.",
                hint="Set REDIS_URL.",
                id="messenger.W008",
            )
        )
    return found


@register(Tags.security, deploy=True)
def redis_asks_for_a_password(**kwargs: Any) -> list[CheckMessage]:
    """Who may write to Redis may tell every socket anything."""
    if not settings.REDIS_URL:
        return []
    if all(_is_guarded(place) for place in env.redis_hosts(settings.REDIS_URL)):
        return []
    return [
        Warning(
            "Redis is at another host and asks for no password.",
            hint="Set requirepass (or an ACL) there: redis://:password@host:6379/0.",
            id="messenger.W009",
        )
    ]


def _is_guarded(place: dict[str, Any]) -> bool:
    if "sentinels" in place:
        return bool(place["password"]) or all(_is_here(host) for host, _ in place["sentinels"])
    parts = urlsplit(place["address"])
    return bool(parts.password) or parts.scheme == "unix" or _is_here(parts.hostname or "")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost")
