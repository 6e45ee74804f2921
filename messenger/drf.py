"""What settings plug into Django REST framework: tokens in, JSON both ways, errors in one shape."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from rest_framework import exceptions as drf
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.parsers import JSONParser as DRFJSONParser
from rest_framework.renderers import JSONRenderer as DRFJSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from accounts import selectors as accounts
from accounts import tokens
from messenger import errors
from messenger.addresses import client_address
from messenger.errors import MessengerError
from messenger.held import Held
from messenger.realtime import limits

logger = logging.getLogger(__name__)

# What every 401 asks for.
CHALLENGE = 'Bearer realm="messenger"'


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`: request.user its person, request.auth its claims."""

    def authenticate(self, request: Request) -> tuple[Any, tokens.Claims] | None:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise errors.Unauthenticated
        claims = tokens.read_access(token.strip())
        user = accounts.login_user(claims.login_id)
        if user is None or user.id != claims.user_id:
            raise errors.Unauthenticated
        return user, claims

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def address_of(request: HttpRequest | Request) -> str:
    """The address of the client of a request."""
    meta = request.META
    return client_address(meta.get("REMOTE_ADDR") or "", meta.get("HTTP_X_FORWARDED_FOR", ""))


class Throttle(BaseThrottle):
    """Every request counts: by account where one is signed in, else by address."""

    def allow_request(self, request: Request, view: Any) -> bool:
        user = request.user
        request.META["messenger.counted"] = True
        limits.check(limits.REQUESTS, f"user {user.id}" if user else address_of(request))
        return True


class JSONParser(DRFJSONParser):
    """Strict JSON: no NaN, no half surrogate pairs, no depth that overflows anything."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        if "*" in (media_type or ""):
            # DRF finds that a wildcard fits; a body is of one kind.
            raise errors.UnsupportedMedia
        body = stream.read()
        if len(body) > settings.MAX_BODY:
            raise errors.TooLarge
        try:
            return orjson.loads(body)
        except ValueError:
            raise errors.Malformed from None


class FormParser(BaseParser):
    """A form's fields, each once, in UTF-8 whatever charset the client names."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read()
        if len(body) > settings.MAX_BODY:
            raise errors.TooLarge
        return QueryDict(body, encoding="utf-8").dict()


class JSONRenderer(DRFJSONRenderer):
    charset = None

    def render(self, data: Any, media_type: Any = None, context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, option=orjson.OPT_UTC_Z)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Where an error gets its form over HTTP: {detail, code, errors?} and its status."""
    found = _translate(error)
    if found is not None and found.status == 401:
        found = _counted(found, context.get("request"))
    if found is None:
        logger.exception("A request failed", exc_info=error)
        found = errors.Internal()
    response = Response(found.facts(), status=found.status)
    # For messenger.handler, which may ask again.
    response.held = isinstance(found, Held)  # type: ignore[attr-defined]
    if found.status == 401:
        response["WWW-Authenticate"] = CHALLENGE
    if found.retry_after is not None:
        response["Retry-After"] = _seconds(found.retry_after)
    return response


def _counted(error: MessengerError, request: Request | None) -> MessengerError:
    """Who is not let in never gets as far as the throttle: here they are counted, by address."""
    if request is None or "messenger.counted" in request.META:
        return error
    try:
        limits.check(limits.REQUESTS, address_of(request))
    except errors.RateLimited as limited:
        return limited
    return error


def _translate(error: Exception) -> MessengerError | None:
    match error:
        case MessengerError():
            return error
        case drf.ValidationError():
            found: dict[str, list[str]] = {}
            _collect(error.detail, "", found)
            sentence = "; ".join(f"{name}: {texts[0]}" for name, texts in found.items())
            return errors.Invalid(sentence, errors=found)
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            return errors.Unauthenticated()
        case drf.PermissionDenied():
            return errors.Forbidden()
        case drf.NotFound() | Http404():
            return errors.NotFound()
        case drf.MethodNotAllowed():
            return errors.MethodNotAllowed()
        case drf.UnsupportedMediaType():
            return errors.UnsupportedMedia()
        case drf.ParseError():
            return errors.Malformed()
        case drf.NotAcceptable():
            return errors.Invalid(_("Only JSON can be had here."))
        case RequestDataTooBig():
            return errors.TooLarge()
        case SuspiciousOperation():
            return errors.Malformed(_("The request is not valid."))
        case OperationalError() | InterfaceError():
            logger.warning("The database failed a request: %s", error)
            return errors.Unavailable(retry_after=1)
    return None


def _collect(detail: Any, name: str, found: dict[str, list[str]]) -> None:
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            _collect(value, f"{name}.{key}" if name else str(key), found)
    elif isinstance(detail, list):
        for value in detail:
            _collect(value, name, found)
    else:
        found.setdefault(name or "body", []).append(str(detail))


def plain_error(error: MessengerError) -> HttpResponse:
    """The same form, outside of DRF."""
    response = HttpResponse(
        orjson.dumps(error.facts()), status=error.status, content_type="application/json"
    )
    if error.status == 401:
        response["WWW-Authenticate"] = CHALLENGE
    if error.retry_after is not None:
        response["Retry-After"] = _seconds(error.retry_after)
    return response


def _seconds(retry_after: float) -> str:
    return str(max(1, math.ceil(retry_after)))
