"""Mistakes in who is in a chat."""

from typing import Any

from chats import members
from chats.changes import Changes, LockedChat
from chats.models import Membership
from tests.faults.patches import around


def last_owner_leaves() -> None:
    """Nobody looks whether there is another owner."""

    @around(members, "_take_out")
    def take_out(
        real: Any, changes: Changes, locked: LockedChat, membership: Membership, **options: Any
    ) -> None:
        membership.role = Membership.Role.MEMBER
        real(changes, locked, membership, **options)
