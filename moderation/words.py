"""What people write to moderators, and moderators as their reasons."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from messaging.content import check_text
from messenger.errors import Invalid
from messenger.texts import at_most, counted
from moderation.models import MAX_COMMENT, MAX_REASON

# Of what is done without a case, where the reason is all that says why.
LEAST = 5
# For ever is a ban without an end.
LONGEST = timedelta(days=3653)


def checked_reason(reason: str, *, least: int = 1) -> str:
    """The reason without the spaces around it. Invalid if it is too short, too long or no text."""
    return _checked(reason, "reason", MAX_REASON, least)


def checked_text(text: str, *, field: str = "text", least: int = 1) -> str:
    """As `checked_reason`, of what a person says."""
    return _checked(text, field, MAX_COMMENT, least)


def checked_until(until: datetime | None) -> datetime | None:
    """The end of a mute or a ban. Invalid if it is not ahead, or too far."""
    if until is None:
        return None
    if timezone.is_naive(until):
        raise Invalid.field("until", _("say the time zone"))
    if not timezone.now() < until <= timezone.now() + LONGEST:
        raise Invalid.field("until", _("say a time ahead, within ten years"))
    return until


def _checked(text: str, field: str, most: int, least: int) -> str:
    check_text(text, field)
    text = text.strip()
    if len(text) > most:
        raise Invalid.field(field, at_most(most))
    if len(text) < least:
        if least == 1:
            raise Invalid.field(field, _("say something"))
        wrong = counted("at least {number} character", "at least {number} characters", least)
        raise Invalid.field(field, wrong)
    return text
