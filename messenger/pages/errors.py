"""
Errors outside of the REST endpoints: as a page for who came with a browser, else in the one form
that errors have.
"""

import sys
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _

from messenger import errors
from messenger.drf import plain_error
from messenger.errors import MessengerError
from messenger.texts import Sentence, counted


def sentence(error: MessengerError) -> Sentence:
    """What a page says of an error: with the wait, if there is one that is worth naming."""
    if isinstance(error, errors.RateLimited) and error.retry_after is not None:
        return counted(
            "Too many attempts. Try again in {number} second.",
            "Too many attempts. Try again in {number} seconds.",
            int(error.retry_after),
        )
    return error.detail


def told(error: MessengerError, accept: str) -> HttpResponse:
    """The answer, as the Accept header wants it: all browsers begin theirs with text/html."""
    response = plain_error(error)
    if accept.startswith("text/html"):
        words = {"status": error.status, "sentence": sentence(error)}
        response.content = render_to_string("error.html", words)
        response["Content-Type"] = "text/html; charset=utf-8"
    patch_vary_headers(response, ("Accept",))
    return response


def answer(request: HttpRequest, error: MessengerError) -> HttpResponse:
    return told(error, request.headers.get("Accept", ""))


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return answer(request, errors.Malformed(_("The request is not valid.")))


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return answer(request, errors.Forbidden())


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form or a script without its token against forgery: in most cases merely an old page."""
    return answer(
        request,
        errors.Forbidden(_("This page is out of date, or cookies are blocked. Load it again.")),
    )


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return answer(request, errors.NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Called while an exception is being handled. That the database is away is no mistake."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return answer(request, errors.Unavailable(retry_after=1))
    return answer(request, errors.Internal())
