"""
The end of an account: nobody can sign in with it, and nothing in it says whose it was. The row
stays, so that what was said there has an author.
"""

import secrets

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import Block, Ticket, User, fold
from accounts.services import PLAIN, WITH_MESSAGES, end_logins


def shut(user: User, *, messages: bool) -> None:
    """
    In the caller's transaction: the logins end and their sockets close, what the account was is
    gone. What is left, with the `messages` or without, is to be done before `finish`.
    """
    end_logins(user.id, reason="erased")
    Ticket.objects.filter(user_id=user.id).delete()
    Block.objects.filter(Q(user=user) | Q(blocked=user)).delete()
    user.groups.clear()
    user.user_permissions.clear()
    with translation.override(settings.LANGUAGE_CODE):
        name = _("Deleted account")
    username = f"erased-{user.id}"
    if User.objects.filter(username_key=fold(username)).exclude(id=user.id).exists():
        # Somebody was quick to call themselves so.
        username = f"erased-{secrets.token_hex(16)}"
    email = f"erased-{secrets.token_hex(16)}@erased.invalid"
    User.objects.filter(id=user.id).update(
        username=username,
        username_key=fold(username),
        name=name,
        email=email,
        email_key=fold(email),
        password=WITH_MESSAGES if messages else PLAIN,
        is_active=False,
        is_staff=False,
        banned_at=None,
        banned_until=None,
        last_login=None,
    )
    user.refresh_from_db()


def unfinished() -> QuerySet[User]:
    """The accounts of which something is still to be done."""
    return User.objects.filter(password__in=[PLAIN, WITH_MESSAGES])


def finish(user: User) -> None:
    """All that was to go is gone. Again: nothing happens."""
    # Meanwhile it may have been asked for with the messages.
    unfinished().filter(id=user.id, password=user.password).update(
        password="!", is_active=False, banned_at=None, banned_until=None, erased_at=timezone.now()
    )
    user.refresh_from_db()
