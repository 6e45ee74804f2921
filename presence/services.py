"""
What can be done about presence: connections come, stay, are left alone and go; somebody says that
they are here; somebody is typing.

A person is here while any of their connections holds a lease, so a process that dies takes nobody
with it for longer than a lease lasts. Going has a little grace: who is back within it never went,
and the people around are not told twice about every bad line.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts import selectors as accounts
from accounts.blocks import apart
from accounts.models import User
from chats import selectors as chats
from chats.mutes import must_not_be_muted
from messenger.events import publish
from messenger.ids import Ref
from messenger.times import iso
from presence import events
from presence import store as stores
from presence.events import PresenceChanged, Typing
from presence.leases import OFFLINE, Change, Lease
from presence.models import LastSeen

# Changes that are told in one go. Thousands come at once when a process has died.
TOGETHER = 100
# The connection of a person that heartbeats are: one, whoever hears them.
HEARTBEAT = "heartbeat"


def keep(
    *, came: Sequence[Lease] = (), here: Sequence[Lease] = (), went: Sequence[Lease] = ()
) -> None:
    """
    Say which connections have opened or have become away or are so no more, are still open (again
    before their leases run out) and have closed; and tell everybody of whose status changed by that
    or unnoticed. To be called every now and then with nothing, too: it is how those are found whose
    process has died.
    """
    store = stores.store
    changes = [
        *store.take(came, settings.PRESENCE_LEASE),
        *store.renew(here, settings.PRESENCE_LEASE),
    ]
    store.release(went, settings.PRESENCE_GRACE)
    changes += store.lapsed()
    _tell_all(changes)


def heartbeat(user: User, *, away: bool = False) -> None:
    """
    `user` is here, also without a socket, for PRESENCE_HEARTBEAT seconds or until they say so
    again; `away`: and is not looking.
    """
    lease = Lease(user.id, HEARTBEAT, away)
    _tell_all(stores.store.take([lease], settings.PRESENCE_HEARTBEAT))


def _tell_all(changes: Sequence[Change]) -> None:
    for start in range(0, len(changes), TOGETHER):
        # What could not be told, the store gives out again.
        tell(changes[start : start + TOGETHER])


def tell(changes: Sequence[Change]) -> None:
    """
    Tell of these changes those who share a chat with the person, and keep when that one was last
    seen. Four queries; one more where somebody of them has blocked anybody.
    """
    people = accounts.uuids_of([change.user_id for change in changes])
    places = chats.places(people)
    hidden = chats.who_share(apart(people), places)
    now = timezone.now()
    seen: dict[int, datetime] = {}
    for change in changes:
        if change.user_id in people:
            at = now - timedelta(seconds=change.ago)
            seen[change.user_id] = max(at, seen.get(change.user_id, at))
    _remember(seen)
    publish(
        *(
            PresenceChanged(
                user_id=change.user_id,
                user_uuid=str(people[change.user_id]),
                chat_ids=list(places[change.user_id]),
                status=change.status,
                was=change.was,
                created_at=iso(now),
                order=change.at,
                hidden=hidden.get(change.user_id, []),
            )
            for change in changes
            if places.get(change.user_id)
        )
    )
    stores.store.told([change for change in changes if change.at])


def part(one: User, other: User) -> None:
    """One of the two has blocked the other: to each, the other is offline from now on."""
    _meet(one, other, apart=True)


def meet(one: User, other: User) -> None:
    """No block is between the two any more: each hears how the other is."""
    _meet(one, other, apart=False)


def _meet(one: User, other: User, *, apart: bool) -> None:
    statuses = stores.store.statuses([one.id, other.id])
    shared = chats.shared_chats(one.id, other.id)
    now = iso(timezone.now())
    publish(
        *(
            PresenceChanged(
                user_id=who.id,
                user_uuid=str(who.uuid),
                chat_ids=shared,
                status=OFFLINE if apart else statuses[who.id],
                was=statuses[who.id] if apart else OFFLINE,
                created_at=now,
                only=[whom.id],
            )
            for who, whom in ((one, other), (other, one))
            if shared and statuses.get(who.id, OFFLINE) != OFFLINE
        )
    )


def _remember(seen: Mapping[int, datetime]) -> None:
    """These people were here then, if they have not been later. One query."""
    if not seen:
        return
    table = connection.ops.quote_name(LastSeen._meta.db_table)
    rows = ", ".join(["(%s, %s)"] * len(seen))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (user_id, at) VALUES {rows} ON CONFLICT (user_id)"
            f" DO UPDATE SET at = excluded.at WHERE {table}.at < excluded.at",
            [
                value
                # In one order, so that two processes never wait for each other.
                for user_id, at in sorted(seen.items())
                for value in (user_id, connection.ops.adapt_datetimefield_value(at))
            ],
        )


def set_typing(user: User, *, chat: Ref, is_typing: bool) -> None:
    """
    Tell the others in the chat. NotFound for a chat that `user` is not in, Muted for who may not
    write there.
    """
    found = chats.chat_for(user, chat).chat
    if is_typing:
        must_not_be_muted(user.id, found.id)
    stores.store.set_typing(found.id, user.id, events.TYPING if is_typing else 0)
    publish(
        Typing(
            user_id=user.id,
            user_uuid=str(user.uuid),
            chat_ids=[found.id],
            chat_uuid=str(found.uuid),
            is_typing=is_typing,
            hidden=chats.who_share(apart([user.id]), {user.id: [found.id]}).get(user.id, []),
        )
    )
