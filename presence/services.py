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
from presence.store import Lease


def arrive(leases: Sequence[Lease]) -> None:
    """Connections that opened. Who was offline before is announced."""
    announce(stores.store.take(leases, settings.PRESENCE_LEASE), "online")


def stay(leases: Sequence[Lease]) -> None:
    """Connections that are still open; to be said again before a lease runs out."""
    announce(stores.store.renew(leases, settings.PRESENCE_LEASE), "online")


def depart(leases: Sequence[Lease]) -> None:
    """Connections that closed. Who has no other is offline when the grace is over."""
    stores.store.release(leases, settings.PRESENCE_GRACE)


def sweep() -> None:
    """Announce those whose last lease has run out, each once, whichever process asks."""
    announce(stores.store.lapsed(), "offline")


def announce(user_ids: Sequence[int], status: str) -> None:
    """Tell the people who share a chat with them. Two queries, however many they are."""
    if not user_ids:
        return
    places = chats.places(user_ids)
    now = iso(timezone.now())
    publish(
        *(
            PresenceChanged(
                user_id=user_id,
                user_uuid=str(uuid),
                chat_ids=list(places[user_id]),
                status=status,
                created_at=now,
            )
            for user_id, uuid in accounts.uuids_of(user_ids).items()
            if places[user_id]
        )
    )


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
