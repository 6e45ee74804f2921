"""What is dangerous where strangers come in, beyond what Django's `check --deploy` says."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

# Names that only browsers on this machine can use.
LOCAL = {"localhost", ".localhost", "127.0.0.1", "[::1]", "::1"}
# How the keys begin that stand in the source for everybody to read.
PUBLIC_KEYS = ("for-development-only", "only-to-collect-files", "only-for-these-checks")
MOST_ACCESS_MINUTES = 15


@register(Tags.security, deploy=True)
def hosts_are_ours(**kwargs: Any) -> list[CheckMessage]:
    """A Host that is not ours gets into links and makes a stranger's Origin look like our own."""
    if "*" in settings.ALLOWED_HOSTS:
        hint = "Name the hosts under which browsers reach us."
        return [Warning("ALLOWED_HOSTS lets in any Host.", hint=hint, id="messenger.W001")]
    if settings.HTTPS and set(settings.ALLOWED_HOSTS) <= LOCAL:
        return [
            Warning(
                "HTTPS is on, but ALLOWED_HOSTS names this machine only: browsers get 400.",
                hint="Add the name that is in the address, chat.example.org say.",
                id="messenger.W004",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def keys_are_secret(**kwargs: Any) -> list[CheckMessage]:
    """Two keys, neither to be guessed nor read in the source. (SECRET_KEY's length: Django.)"""
    found: list[CheckMessage] = []
    key = settings.JWT_KEY
    if len(key.encode()) < 32 or len(set(key)) < 5 or key == settings.SECRET_KEY:
        found.append(
            Warning(
                "JWT_KEY must differ from SECRET_KEY, with 32 or more random bytes.",
                hint="Leave it empty, and it is derived from SECRET_KEY.",
                id="messenger.W002",
            )
        )
    if settings.SECRET_KEY.startswith(PUBLIC_KEYS) or key.startswith(PUBLIC_KEYS):
        found.append(
            Warning(
                "A key is one of those that are written in the source.",
                hint='Make one: python -c "import secrets; print(secrets.token_urlsafe(50))".',
                id="messenger.W005",
            )
        )
    return found


@register(Tags.security, deploy=True)
def limits_are_on(**kwargs: Any) -> list[CheckMessage]:
    """Passwords may be guessed as fast as we answer."""
    if settings.RATE_LIMITS:
        return []
    hint = "RATE_LIMITS=off is for load tests."
    return [Warning("RATE_LIMITS is off.", hint=hint, id="messenger.W003")]


@register(Tags.security, deploy=True)
def demo_is_off(**kwargs: Any) -> list[CheckMessage]:
    """Anybody may come in, and do whatever a person can do."""
    if not settings.DEMO:
        return []
    hint = "DEMO=on is for trying it out; what demo people say is everybody's to change."
    return [Warning("DEMO lets anybody in as a demo person.", hint=hint, id="messenger.W012")]


@register(Tags.security, deploy=True)
def access_is_short(**kwargs: Any) -> list[CheckMessage]:
    """A stolen access token is good until it ends."""
    minutes = settings.ACCESS_TOKEN_LIFE.total_seconds() / 60
    if minutes <= MOST_ACCESS_MINUTES:
        return []
    return [
        Warning(
            f"An access token is good for {minutes:.0f} minutes.",
            hint=f"ACCESS_TOKEN_MINUTES={MOST_ACCESS_MINUTES}; clients refresh by themselves.",
            id="messenger.W006",
        )
    ]
