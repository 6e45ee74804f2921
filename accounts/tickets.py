"""Tickets: each opens one socket, once, shortly after it was given out."""

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone

from accounts.models import Ticket
from accounts.tokens import Claims
from messenger.errors import Unauthenticated

# How long a ticket is good for.
SECONDS = 30


def issue(claims: Claims) -> str:
    """A ticket for who has shown these claims. What it opens ends when their token does."""
    ticket = secrets.token_urlsafe(32)
    Ticket.objects.create(
        digest=_digest(ticket),
        user_id=claims.user_id,
        login_id=claims.login_id,
        token_expires=claims.expires,
        expires_at=timezone.now() + timedelta(seconds=SECONDS),
    )
    return ticket


def redeem(ticket: str) -> Claims:
    """
    The claims for which a ticket was given out. Unauthenticated for one that is unknown, too old or
    used: of several that use it at once, one is let in.
    """
    found = Ticket.objects.filter(digest=_digest(ticket), expires_at__gt=timezone.now()).first()
    if found is None or not Ticket.objects.filter(pk=found.pk).delete()[0]:
        raise Unauthenticated
    return Claims(
        user_id=found.user_id, login_id=found.login_id, jti="", expires=found.token_expires
    )


def forget_old() -> int:
    """Delete tickets that nobody used in time. How many there were."""
    deleted, _ = Ticket.objects.filter(expires_at__lt=timezone.now()).delete()
    return deleted


def _digest(ticket: str) -> str:
    """A ticket is as good as a token while it lasts, so the database does not hold it."""
    return hashlib.sha256(ticket.encode("utf-8", "replace")).hexdigest()
