"""Mistakes of configuration that Django's own checks don't know: `manage.py check`."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection


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


@register(Tags.security, deploy=True)
def production(**kwargs: Any) -> list[CheckMessage]:
    """What must be right where strangers come in."""
    found: list[CheckMessage] = []
    if "*" in settings.ALLOWED_HOSTS:
        found.append(Warning("ALLOWED_HOSTS lets in any Host.", id="messenger.W001"))
    if len(settings.JWT_KEY) < 32 or settings.JWT_KEY == settings.SECRET_KEY:
        found.append(
            Warning("JWT_KEY must differ from SECRET_KEY, with 32+ bytes.", id="messenger.W002")
        )
    if not settings.RATE_LIMITS:
        found.append(Warning("RATE_LIMITS is off.", id="messenger.W003"))
    return found
