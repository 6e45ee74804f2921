"""The landing page, and errors outside of the REST endpoints."""

import sys
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from messenger import errors
from messenger.drf import plain_error


def home(request: HttpRequest) -> HttpResponse:
    """Where to find what: the first thing that somebody sees in a browser."""
    from messenger.protocols import protocols

    return render(request, "home.html", {"protocols": protocols()})


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return plain_error(errors.Malformed(_("The request is not valid.")))


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return plain_error(errors.Forbidden())


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return plain_error(errors.NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Called while an exception is being handled. That the database is away is no mistake."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return plain_error(errors.Unavailable(retry_after=1))
    return plain_error(errors.Internal())
