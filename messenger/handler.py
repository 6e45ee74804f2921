"""
Django's HTTP side, each request in one job of a bounded pool of threads.

Django's own ASGI handler makes a thread for each request and hops between it and the event loop
for every piece of middleware; its database connections are bounded by nothing. Here the whole
synchronous stack runs in one of our threads, whose connection is open already.
"""

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.http.multipartparser import MultiPartParserError
from django.urls import get_resolver, set_script_prefix
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _

from messenger.addresses import address_in
from messenger.errors import Malformed, MessengerError, TooLarge, Unavailable
from messenger.headers import harden
from messenger.held import attempt
from messenger.pages.errors import told
from messenger.realtime import limits
from messenger.realtime.limits import Limit
from messenger.realtime.threads import askers, hashers, readers
from messenger.texts import LANGUAGE_FROM, language_of

logger = logging.getLogger(__name__)


# Seconds between the times that a request is tried which would have to wait behind others. The last
# time it waits; by then chats.turns knows whether that is in vain.
PAUSES = (0.2, 0.5, 1.0)
# A request that is being carried out.
Job = asyncio.Future[HttpResponseBase]


class Gone(Exception):
    """The client went away before its request was complete."""


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _in_admin(scope: dict[str, Any]) -> bool:
    return str(scope["path"]).startswith("/admin/")


def outside(error: MessengerError, scope: dict[str, Any]) -> HttpResponse:
    """An answer that the middleware does not see, in the client's language all the same."""
    language = language_of(scope["headers"])
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    with translation.override(language):
        response = told(error, accept.decode("latin-1"))
    response["Content-Language"] = language
    patch_vary_headers(response, LANGUAGE_FROM)
    harden(response)
    return response


class Handler(ASGIHandler):
    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        found = [
            (route.pattern, getattr(route, "hashing", {})) for route in get_resolver().url_patterns
        ]
        self._hashing = [(pattern, by) for pattern, by in found if by]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        received_at = datetime.now(UTC)
        try:
            body = await self._read(scope, receive)
            job = await self._start(scope, body, received_at)
            response = await job
            for tries, pause in enumerate(PAUSES, 1):
                if not getattr(response, "held", False):
                    break
                response.close()
                await asyncio.sleep(pause)
                response = await readers.submit(self._respond, scope, body, received_at, tries)
        except Gone:
            return
        except MessengerError as error:
            response = outside(error, scope)
        except DatabaseError as error:
            # No thread was free: they wait for a database that does not answer.
            logger.warning("The database failed a request: %s", error)
            response = outside(Unavailable(retry_after=1), scope)
        try:
            await self.send_response(response, send)
        finally:
            # In the event loop's thread, where there is no database connection to close.
            response.close()

    async def _start(self, scope: dict[str, Any], body: bytes, received_at: datetime) -> Job:
        """Have it carried out. Unavailable or RateLimited where passwords wait to be hashed."""
        limit = self._hashes(scope["method"], scope["path"].removeprefix("/"))
        if limit is None:
            return readers.submit(self._respond, scope, body, received_at)
        # Whoever is refused anyway must not stand in the way of those who wait for their turn.
        await askers.submit(limits.look, limit, address_in(scope))
        return hashers.submit(self._respond, scope, body, received_at)

    def _hashes(self, method: str, path: str) -> Limit | None:
        """The limit of what hashes a password by this method at this path."""
        if path == "admin/login/" and method == "POST":
            return limits.LOGIN_ADDRESS
        found = (by for pattern, by in self._hashing if pattern.match(path))
        return next((by[method] for by in found if method in by), None)

    async def _read(self, scope: dict[str, Any], receive: Any) -> bytes:
        """The whole body, refused as soon as it is too large and before it is looked at."""
        headers = dict(scope["headers"])
        most = settings.MAX_FORM if _in_admin(scope) else settings.MAX_BODY
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > 18:
            raise Malformed(_("Content-Length is not a number."))
        if int(declared) > most:
            raise TooLarge.beyond(most)
        query = scope.get("query_string", b"")
        if b"\x00" in query or b"%00" in query or "\x00" in scope["path"]:
            raise Malformed(_("A NUL character is not text."))
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part = message.get("body", b"")
            size += len(part)
            if size > most:
                raise TooLarge.beyond(most)
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _respond(
        self, scope: dict[str, Any], body: bytes, received_at: datetime, tries: int = 0
    ) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        try:
            request: HttpRequest = ASGIRequest(scope, io.BytesIO(body))
        except (ValueError, MultiPartParserError):
            # An address that is not UTF-8, or a Content-Type that names a charset in a strange way.
            return outside(Malformed(_("The request is not valid.")), scope)
        # DRF takes a body that came in chunks, and so without a length, for none at all.
        request.META["CONTENT_LENGTH"] = str(len(body))
        request.META["messenger.received_at"] = received_at
        try:
            # A page of the admin would show the refusal, and is not asked for again.
            last = tries == len(PAUSES) or _in_admin(scope)
            with attempt(first=tries == 0, last=last):
                response = self.get_response(request)
            patch_vary_headers(response, LANGUAGE_FROM)
        finally:
            # The middleware has made it that of this client; the thread goes on to the next.
            translation.deactivate()
        if isinstance(response, StreamingHttpResponse):
            # A static file. The event loop must not wait for the disk.
            response.streaming_content = _once(b"".join(response))
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        return response
