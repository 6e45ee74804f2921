"""The landing page, and errors outside of the REST endpoints."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from messenger import errors
from messenger.drf import plain_error


def home(request: HttpRequest) -> HttpResponse:
    """Where to find what: the first thing that somebody sees in a browser."""
    from messenger.protocols import protocols

    return render(request, "home.html", {"protocols": protocols()})


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return plain_error(errors.Malformed("The request is not valid."))


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return plain_error(errors.Forbidden())


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return plain_error(errors.NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    return plain_error(errors.Internal())
