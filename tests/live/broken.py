"""
The server's settings for `test_logs.py`: as they are, and with views that fail over what a client
sent, saying all of it.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from messenger.settings import *  # noqa: F403
from messenger.settings import MIDDLEWARE as REAL

MIDDLEWARE = [*REAL, "tests.live.broken.Breaking"]
BREAK = "/break"
BREAK_OUTSIDE = "/break-outside"


async def outside(scope: Any, receive: Any, send: Any) -> None:
    """What no view of Django's is there to catch."""
    headers = [value for _, value in scope["headers"]]
    raise RuntimeError(f"{scope['query_string']!r} {headers!r}")


class Breaking:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        from messenger import health

        self.get_response = get_response
        health.PATHS[BREAK_OUTSIDE] = outside

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path != BREAK:
            return self.get_response(request)
        try:
            raise ValueError(request.body)
        except ValueError as error:
            raise RuntimeError(dict(request.headers), request.get_full_path()) from error
