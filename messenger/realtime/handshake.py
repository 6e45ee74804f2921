"""Who may open a socket: the rule about origins, the token in its four places, tickets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from accounts import selectors as accounts
from accounts import tokens
from accounts.models import User
from chats.models import Membership
from messenger.errors import MessengerError, Unauthenticated

Scope = dict[str, Any]
# The subprotocol that browsers, which can't set headers, name before the token.
BEARER = "bearer"


@dataclass
class Session:
    """
    What a socket acts with. `expires` (seconds since the epoch) moves on with a fresh token;
    `language` is what its client wants to be spoken to in.
    """

    user_id: int
    user_uuid: str
    login_id: UUID
    expires: float
    language: str = settings.LANGUAGE_CODE


@dataclass(frozen=True)
class Opening:
    """
    What a socket starts from: its person, the chats they are in with the `seq` of each, and
    whether there is anything in them beyond what they have read.
    """

    user: User
    places: dict[int, int]
    behind: bool


def header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def origin_allowed(scope: Scope) -> bool:
    """
    Native clients send no Origin and are let in: a token authenticates them, never a cookie.
    A page must be ours (the host and port that it asks for, one of ALLOWED_HOSTS) or of a listed
    origin, to the letter: scheme, host and port.
    """
    origin = header(scope, b"origin")
    if not origin:
        return True
    if origin in settings.ALLOWED_ORIGINS:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    # A name that somebody points at our address makes Origin and Host agree: it must be ours, too.
    domain, _ = split_domain_port(parts.netloc)
    return (
        parts.scheme in ("http", "https")
        # An origin has no path, and urlsplit drops what it does not understand.
        and origin == f"{parts.scheme}://{parts.netloc}"
        and parts.netloc == header(scope, b"host")
        and validate_host(domain, settings.ALLOWED_HOSTS)
    )


def token_in(scope: Scope) -> str:
    """The access token that came with the handshake, or an empty text."""
    scheme, _, token = header(scope, b"authorization").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    subprotocols = scope.get("subprotocols") or []
    if len(subprotocols) >= 2 and subprotocols[0].lower() == BEARER:
        return str(subprotocols[1])
    in_path = scope.get("url_route", {}).get("kwargs", {}).get("token")
    if in_path:
        return str(in_path)
    return _in_query(scope, "token")


def ticket_in(scope: Scope) -> str:
    """The single-use ticket that came instead of a token, or an empty text."""
    return "" if token_in(scope) else _in_query(scope, "ticket")


def _in_query(scope: Scope, name: str) -> str:
    found = parse_qs(scope.get("query_string", b"").decode("latin-1")).get(name)
    return found[0] if found else ""


def subprotocol_for(scope: Scope) -> str | None:
    """What the server must choose for a browser to go on: `bearer`, never the token."""
    subprotocols = scope.get("subprotocols") or []
    return subprotocols[0] if subprotocols and subprotocols[0].lower() == BEARER else None


def read_token(scope: Scope) -> tokens.Claims:
    """The claims of the handshake's token. Unauthenticated if it is missing or no good."""
    return tokens.read_access(token_in(scope))


def open_sessions(
    claims: Sequence[tokens.Claims], patient: bool = True
) -> list[Opening | MessengerError]:
    """For each token's claims, what its socket starts from, in two queries for all of them."""
    found = accounts.live_logins([claim.login_id for claim in claims])
    places: dict[int, dict[int, int]] = {user.id: {} for user in found.values()}
    behind: set[int] = set()
    rows = Membership.objects.filter(user_id__in=list(places), chat__deleted_at=None)
    for user_id, chat_id, read, last, seq in rows.values_list(
        "user_id", "chat_id", "read_position", "chat__last_position", "chat__last_seq"
    ):
        places[user_id][chat_id] = seq
        if read < last:
            behind.add(user_id)
    outcomes: list[Opening | MessengerError] = []
    for claim in claims:
        user = found.get(claim.login_id)
        if user is None or user.id != claim.user_id:
            outcomes.append(Unauthenticated())
        else:
            outcomes.append(Opening(user, dict(places[user.id]), user.id in behind))
    return outcomes
