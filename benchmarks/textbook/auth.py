"""Bearer tokens for HTTP (Django REST framework) and for WebSockets."""

# The type checker has loaded another Django project, and Channels has no types.
# mypy: disable-error-code="untyped-decorator"

from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token


class BearerAuthentication(TokenAuthentication):
    """DRF's token authentication with the usual keyword `Bearer`."""

    keyword = "Bearer"


@database_sync_to_async
def get_user(key: str) -> User | AnonymousUser:
    """Return the owner of a token, or the anonymous user."""
    try:
        return Token.objects.select_related("user").get(key=key).user
    except Token.DoesNotExist:
        return AnonymousUser()


class TokenAuthMiddleware:
    """Put the owner of the `Authorization` header's token into `scope["user"]`."""

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        """Authenticate the connection, then pass it on."""
        header = dict(scope["headers"]).get(b"authorization", b"").decode()
        keyword, _, key = header.partition(" ")
        scope["user"] = await get_user(key) if keyword == "Bearer" else AnonymousUser()
        return await self.app(scope, receive, send)
