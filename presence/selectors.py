"""Who is here, who was, and who is typing."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from accounts.blocks import apart, blockers
from accounts.models import User
from chats import selectors as chats
from chats.models import Chat
from messenger.errors import NotFound
from messenger.ids import Ref, lookup
from presence import store as stores
from presence.leases import OFFLINE, ONLINE, StatusName


@dataclass(frozen=True)
class Status:
    """
    Whether somebody is "online", "away" or "offline". `last_seen` is when they were last online:
    now while they are, None for who never was here.
    """

    user_id: int
    status: StatusName
    last_seen: datetime | None


def online(viewer: User, user_ids: Collection[int]) -> set[int]:
    """Those of these people who are online or away, to this viewer. One query."""
    return set(stores.store.statuses(user_ids)) - apart([viewer.id]).get(viewer.id, set())


def online_contacts(user: User) -> list[User]:
    """
    The people online or away who share a chat with `user`, without themselves and those they are
    apart from. Three queries.
    """
    return _online_among(user, chats.contacts(user))


def online_members(viewer: User, chat: Chat) -> list[User]:
    """
    The members of a chat who are online or away, without those the viewer is apart from. Three
    queries.
    """
    return _online_among(viewer, chats.members_of(chat))


def _online_among(viewer: User, people: QuerySet[User]) -> list[User]:
    there = online(viewer, list(people.values_list("id", flat=True)))
    return list(people.model.objects.filter(id__in=there).order_by("id")) if there else []


def statuses(user_ids: Collection[int]) -> dict[int, Status]:
    """The statuses of these people, by their ids; who is banned is offline. One query."""
    there = stores.store.statuses(user_ids)
    now = timezone.now()
    found = {}
    people = User.objects.filter(id__in=user_ids)
    for user_id, active, seen in people.values_list("id", "is_active", "last_seen__at"):
        status = there.get(user_id, OFFLINE) if active else OFFLINE
        if status == ONLINE or (status != OFFLINE and seen is None):
            seen = now
        found[user_id] = Status(user_id, status, seen)
    return found


def status_for(viewer: User, ref: Ref) -> Status:
    """
    The status of `viewer` or of somebody who shares a chat with them, also of a banned person.
    NotFound for anybody else, as for who does not exist. Who is apart from the viewer is offline to
    them and was never seen. Four queries.
    """
    found = User.objects.filter(**lookup(ref)).values_list("id", flat=True).first()
    if found is None or not (found == viewer.id or chats.share_a_chat(viewer.id, found)):
        raise NotFound
    if blockers([(viewer.id, found)]):
        return Status(found, OFFLINE, None)
    return statuses([found])[found]


def typing_in(user: User, chat: Ref) -> list[int]:
    """
    The ids of the others in a chat who are typing, without those `user` is apart from. NotFound for
    a chat that `user` is not in. Three queries.
    """
    found = chats.chat_for(user, chat).chat
    others = stores.store.typing(found.id) - {user.id}
    if others:
        others -= apart([user.id]).get(user.id, set())
    if not others:
        return []
    return list(chats.members_of(found).filter(id__in=others).values_list("id", flat=True))
