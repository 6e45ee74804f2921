"""What can't work between us, the proxies in front and browsers."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def https_is_spoken_by_a_proxy(**kwargs: Any) -> list[CheckMessage]:
    """We speak plain HTTP: without a proxy's word for it, every request would be redirected."""
    if not settings.HTTPS or settings.PROXIES:
        return []
    return [
        Error(
            "HTTPS is on, but no proxy is said to be there that speaks it.",
            hint="Set PROXIES to how many there are; the first sets X-Forwarded-Proto.",
            id="messenger.E003",
        )
    ]


@register()
def origins_are_whole(**kwargs: Any) -> list[CheckMessage]:
    """An Origin is compared to the letter, and a browser sends it without a path."""
    return [
        Error(
            f"ALLOWED_ORIGINS has {origin!r}, which no browser sends.",
            hint="Say scheme://host[:port] in small letters, without a path: https://app.example.",
            id="messenger.E004",
        )
        for origin in settings.ALLOWED_ORIGINS
        if not _is_origin(origin)
    ]


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        default = {"http": 80, "https": 443}.get(parts.scheme)
        port = parts.port
    except ValueError:
        return False
    return (
        default is not None
        and port != default
        and bool(parts.hostname)
        and "*" not in parts.netloc
        and "@" not in parts.netloc
        and text == f"{parts.scheme}://{parts.netloc}".lower()
    )
