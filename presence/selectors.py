"""Who is online."""

from collections.abc import Collection

from django.db.models import QuerySet

from accounts.models import User
from chats import selectors as chats
from chats.models import Chat
from presence import store as stores


def online(user_ids: Collection[int]) -> set[int]:
    """Those of these people who are online."""
    return stores.store.online(user_ids)


def online_contacts(user: User) -> list[User]:
    """The people online who share a chat with `user`, without themselves. Two queries."""
    return _online_among(chats.contacts(user))


def online_members(chat: Chat) -> list[User]:
    """The members of a chat who are online. Two queries."""
    return _online_among(chats.members_of(chat))


def _online_among(people: QuerySet[User]) -> list[User]:
    there = online(list(people.values_list("id", flat=True)))
    return list(people.model.objects.filter(id__in=there).order_by("id")) if there else []
