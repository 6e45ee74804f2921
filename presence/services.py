"""
What can be done about presence: connections come, stay and go; somebody is typing.

A person is online while any of their connections holds a lease, so a process that dies takes
nobody with it for longer than a lease lasts. Going has a little grace: who is back within it never
went, and the people around are not told twice about every bad line.
"""

from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone

from accounts import selectors as accounts
from accounts.models import User
from chats import selectors as chats
from messenger.events import publish
from messenger.ids import Ref
from messenger.times import iso
from presence import store as stores
from presence.events import PresenceChanged, Typing
from presence.store import Change, Lease

# Changes that are told in one go. Thousands come at once when a process has died.
TOGETHER = 100


def keep(
    *, came: Sequence[Lease] = (), here: Sequence[Lease] = (), went: Sequence[Lease] = ()
) -> None:
    """
    Say which connections have opened, are still open (again before their leases run out) and have
    closed; and tell everybody of who came or went by that or unnoticed. To be called every now and
    then with nothing, too: it is how those are found whose process has died.
    """
    store = stores.store
    changes = [
        *store.take(came, settings.PRESENCE_LEASE),
        *store.renew(here, settings.PRESENCE_LEASE),
    ]
    store.release(went, settings.PRESENCE_GRACE)
    changes += store.lapsed()
    for start in range(0, len(changes), TOGETHER):
        # What could not be told, the store gives out again.
        tell(changes[start : start + TOGETHER])


def tell(changes: Sequence[Change]) -> None:
    """Tell of these changes those who share a chat with the person. Two queries."""
    people = accounts.uuids_of([change.user_id for change in changes])
    places = chats.places(people)
    now = iso(timezone.now())
    publish(
        *(
            PresenceChanged(
                user_id=change.user_id,
                user_uuid=str(people[change.user_id]),
                chat_ids=list(places[change.user_id]),
                status="online" if change.online else "offline",
                created_at=now,
                order=change.at,
            )
            for change in changes
            if places.get(change.user_id)
        )
    )
    stores.store.told([change for change in changes if change.at])


def set_typing(user: User, *, chat: Ref, is_typing: bool) -> None:
    """Tell the others in the chat. NotFound for a chat that `user` is not in."""
    found = chats.chat_for(user, chat).chat
    publish(
        Typing(
            user_id=user.id,
            user_uuid=str(user.uuid),
            chat_ids=[found.id],
            chat_uuid=str(found.uuid),
            is_typing=is_typing,
        )
    )
