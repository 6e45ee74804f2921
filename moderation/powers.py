"""Who may do what to whom. Ranks are by the groups of `moderation.staff`."""

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from messenger.errors import Forbidden
from moderation.models import Case

# The names of the groups, the lowest first. They are in the database, in no language of a visitor.
MODERATOR, SENIOR, ADMINISTRATOR = RANKS = ("Moderator", "Senior moderator", "Administrator")


def must(user: User, permission: str) -> None:
    """Forbidden for who lacks this permission, and for who is shut out."""
    if not user.has_perm(permission):
        raise Forbidden


def rank(user: User) -> int:
    """0 for who has no powers, 1 to 3 as in RANKS, 4 for a superuser."""
    if user.is_superuser:
        return len(RANKS) + 1
    names = user.groups.filter(name__in=RANKS).values_list("name", flat=True)
    return max((RANKS.index(name) + 1 for name in names), default=int(user.is_staff))


def must_outrank(moderator: User, person: User) -> None:
    """Forbidden towards oneself and, for all but superusers, towards staff of one's own rank."""
    if moderator.id == person.id:
        raise Forbidden(_("This is about you: somebody else decides."))
    if not moderator.is_superuser and 0 < rank(person) >= rank(moderator):
        raise Forbidden(_("This person's powers are not below yours: somebody else decides."))


def must_judge(moderator: User, case: Case) -> None:
    """Forbidden for who has a part in the case, and for who is not above the person."""
    must_outrank(moderator, case.person)
    if case.reports.filter(reporter=moderator).exists():
        raise Forbidden(_("You reported this: somebody else decides."))
