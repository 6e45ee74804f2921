"""
Django's HTTP side, each request in one job of a bounded pool of threads.

Django's own ASGI handler makes a thread for each request and hops between it and the event loop
for every piece of middleware; its database connections are bounded by nothing. Here the whole
synchronous stack runs in one of our threads, whose connection is open already.
"""

import io
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.http.multipartparser import MultiPartParserError
from django.urls import get_resolver, set_script_prefix

from messenger.drf import plain_error
from messenger.errors import Malformed, MessengerError, TooLarge
from messenger.realtime.threads import hashers, readers

logger = logging.getLogger(__name__)


class Gone(Exception):
    """The client went away before its request was complete."""


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


class Handler(ASGIHandler):
    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._hashing = [
            route.pattern
            for route in get_resolver().url_patterns
            if getattr(route, "hashes_passwords", False)
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        received_at = datetime.now(UTC)
        try:
            body = await self._read(scope, receive)
        except Gone:
            return
        except MessengerError as error:
            await self.send_response(plain_error(error), send)
            return
        pool = hashers if self._hashes(scope["path"].removeprefix("/")) else readers
        response = await pool.submit(self._respond, scope, body, received_at)
        try:
            await self.send_response(response, send)
        finally:
            # In the event loop's thread, where there is no database connection to close.
            response.close()

    def _hashes(self, path: str) -> bool:
        return path == "admin/login/" or any(route.match(path) for route in self._hashing)

    async def _read(self, scope: dict[str, Any], receive: Any) -> bytes:
        """The whole body, refused as soon as it is too large and before it is looked at."""
        headers = dict(scope["headers"])
        most = settings.MAX_FORM if scope["path"].startswith("/admin/") else settings.MAX_BODY
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > 18:
            raise Malformed("Content-Length is not a number.")
        if int(declared) > most:
            raise TooLarge(f"No more than {most} bytes.")
        query = scope.get("query_string", b"")
        if b"\x00" in query or b"%00" in query or "\x00" in scope["path"]:
            raise Malformed("A NUL character is not text.")
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part = message.get("body", b"")
            size += len(part)
            if size > most:
                raise TooLarge(f"No more than {most} bytes.")
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _respond(
        self, scope: dict[str, Any], body: bytes, received_at: datetime
    ) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        try:
            request: HttpRequest = ASGIRequest(scope, io.BytesIO(body))
        except (ValueError, MultiPartParserError):
            # An address that is not UTF-8, or a Content-Type that names a charset in a strange way.
            return plain_error(Malformed("The request is not valid."))
        # DRF takes a body that came in chunks, and so without a length, for none at all.
        request.META["CONTENT_LENGTH"] = str(len(body))
        request.META["messenger.received_at"] = received_at
        response = self.get_response(request)
        if isinstance(response, StreamingHttpResponse):
            # A static file. The event loop must not wait for the disk.
            response.streaming_content = _once(b"".join(response))
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        return response
