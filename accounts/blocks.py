"""Who wants nothing of whom: no private messages and no presence between the two, either way."""

from collections.abc import Collection
from functools import cache

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Block, User
from accounts.selectors import user_for
from messenger.errors import Forbidden, Invalid
from messenger.ids import Ref
from messenger.prepared import Prepared
from messenger.texts import counted

# Blocks of one person.
MOST = 1000
# For more people than this at once no query is kept.
PREPARED = 50


def block(user: User, other: Ref) -> tuple[Block, bool]:
    """
    `user` wants nothing of this person: the block, and whether it is new. Invalid for oneself,
    NotFound for nobody, Forbidden for one more than somebody can have.
    """
    person = user_for(other)
    if person.id == user.id:
        raise Invalid.field("user_id", _("say somebody else"))
    if Block.objects.filter(user=user).exclude(blocked=person).count() >= MOST:
        raise Forbidden(
            counted(
                "You can block no more than {number} person.",
                "You can block no more than {number} people.",
                MOST,
            )
        )
    return Block.objects.get_or_create(user=user, blocked=person)


def unblock(user: User, other: Ref) -> bool:
    """Take it back, also for who is banned; whether there was a block."""
    if isinstance(other, int):
        blocks = Block.objects.filter(user=user, blocked_id=other)
    else:
        blocks = Block.objects.filter(user=user, blocked__uuid=other)
    deleted, _rows = blocks.delete()
    return bool(deleted)


def blocks_of(user: User) -> QuerySet[Block]:
    """Whom `user` has blocked, with `.blocked`, the latest first."""
    return Block.objects.filter(user=user).select_related("blocked").order_by("-id")


def blockers(pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """
    For each (person, other) of which one has blocked the other, who: the first of the two if both
    have. One query, none for no pairs.
    """
    if not pairs:
        return {}
    blocked = set(_among({person for pair in pairs for person in pair}))
    return {
        (one, other): one if (one, other) in blocked else other
        for one, other in pairs
        if (one, other) in blocked or (other, one) in blocked
    }


def apart(user_ids: Collection[int]) -> dict[int, set[int]]:
    """For each of these people who has blocked somebody or is blocked: all of those. One query."""
    found: dict[int, set[int]] = {}
    for one, other in _rows(set(user_ids)) if user_ids else ():
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {user_id: found[user_id] for user_id in user_ids if user_id in found}


def _among(people: set[int]) -> list[tuple[int, int]]:
    """
    (who, whom) of the blocks between any two of these. Sending waits for it: however many others
    one of them has blocked, those are not read.
    """
    if len(people) > PREPARED:
        return list(_between(*people, *people))
    return [(one, other) for one, other in _prepared_between(len(people)).rows(*people, *people)]


def _between(*people: int) -> QuerySet[Block, tuple[int, int]]:
    """Of whom is said twice."""
    half = len(people) // 2
    found = Block.objects.filter(user_id__in=people[:half], blocked_id__in=people[half:])
    return found.values_list("user_id", "blocked_id")


@cache
def _prepared_between(count: int) -> Prepared:
    return Prepared(_between, *[int] * (2 * count))


def _rows(people: set[int]) -> list[tuple[int, int]]:
    """(who, whom) of all blocks that any of these has a part in."""
    if len(people) > PREPARED:
        return list(_blocks(*people))
    return [(one, other) for one, other in _prepared(len(people)).rows(*people, *people)]


def _blocks(*people: int) -> QuerySet[Block, tuple[int, int]]:
    either = Q(user_id__in=people) | Q(blocked_id__in=people)
    return Block.objects.filter(either).values_list("user_id", "blocked_id")


@cache
def _prepared(count: int) -> Prepared:
    return Prepared(
        lambda *ids: Block.objects.filter(
            Q(user_id__in=ids[:count]) | Q(blocked_id__in=ids[count:])
        ).values_list("user_id", "blocked_id"),
        *[int] * (2 * count),
    )
