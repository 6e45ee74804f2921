"""Blocking somebody: what `accounts.blocks` keeps of it, and what the two see of each other."""

from django.db import transaction

from accounts import blocks
from accounts.models import Block, User
from accounts.selectors import user_for
from messenger.errors import NotFound
from messenger.ids import Ref, lookup
from presence.services import meet, part


def block_person(user: User, other: Ref) -> tuple[Block, bool]:
    """
    `user` wants nothing of this person any more: the block, and whether it is new. Each looks
    offline to the other at once. Again: nothing happens. Invalid for oneself, NotFound for nobody,
    which the account that notices come from is, too.
    """
    person = user_for(other)
    if person.is_service:
        raise NotFound
    with transaction.atomic():
        made, new = blocks.block(user, person.id)
        made.blocked = person
        if new:
            part(user, person)
    return made, new


def unblock_person(user: User, other: Ref) -> None:
    """
    Take it back, also from who is banned. Nothing happens where there is no block; NotFound for
    nobody.
    """
    person = User.objects.filter(**lookup(other)).first()
    if person is None:
        raise NotFound
    with transaction.atomic():
        # The other one may have blocked them as well.
        if blocks.unblock(user, person.id) and not blocks.blockers([(user.id, person.id)]):
            meet(user, person)
