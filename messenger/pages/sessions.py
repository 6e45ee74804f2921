"""
Who is signed in on a page. A browser's session names a login of `accounts`, and is worth what the
login is: it ends with a new password, a ban, a word from anywhere that ends it.

The admin's signing in is another thing in the same session: neither opens the other's doors.
"""

from typing import Any
from uuid import UUID

from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils import timezone

from accounts import selectors, services, tokens
from accounts.models import User
from accounts.tokens import TokenPair
from messenger.errors import Unauthenticated

# What a session holds of ours: the login, and the day on which it was last made to last.
LOGIN, DAY = "login", "day"


def begin(request: HttpRequest, pair: TokenPair) -> None:
    """From now on this session is that of the login with these tokens."""
    _end_login(request)
    # A session that somebody else knows of is not the one in which one is signed in.
    request.session.cycle_key()
    request.session[LOGIN] = tokens.read_access(pair.access).login_id.hex
    request.session[DAY] = _today()
    rotate_token(request)


def end(request: HttpRequest) -> None:
    """Sign out: the login ends, and with it the tokens and sockets that this browser has."""
    _end_login(request)
    request.session.flush()


def person(request: HttpRequest) -> User | None:
    """Who is signed in. A login that has ended is forgotten."""
    login_id = login_of(request)
    found = selectors.login_user(login_id) if login_id else None
    if login_id and found is None:
        request.session.pop(LOGIN)
    return found


def access(request: HttpRequest) -> str:
    """A fresh access token. Unauthenticated where nobody is signed in any more."""
    login_id = login_of(request)
    if login_id is None:
        raise Unauthenticated
    token = services.access_for(login_id)
    stay(request)
    return token


def stay(request: HttpRequest) -> None:
    """Whoever uses the page stays signed in. Once a day is enough to write it down."""
    if request.session.get(DAY) != _today():
        request.session[DAY] = _today()


def login_of(request: HttpRequest) -> UUID | None:
    """The login that the session names, whether or not it has ended."""
    named = request.session.get(LOGIN)
    return UUID(named) if named else None


def watch_sign_outs() -> None:
    """Signing out in the admin empties the session, so it is signing out here too."""

    def signed_out(sender: type, request: HttpRequest | None, **kwargs: Any) -> None:
        if request is not None:
            _end_login(request)

    user_logged_out.connect(signed_out, weak=False, dispatch_uid="watch_sign_outs")


def forget_old() -> int:
    """Delete sessions whose time is over, those of the admin too. How many there were."""
    deleted, _ = Session.objects.filter(expire_date__lt=timezone.now()).delete()
    return deleted


def _end_login(request: HttpRequest) -> None:
    login_id = login_of(request)
    if login_id is not None:
        services.log_out(login_id)


def _today() -> str:
    return timezone.now().date().isoformat()
