"""Reading chats, members and the log."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet

from accounts import selectors as accounts
from accounts.models import User
from chats import events
from chats.events import ChatFacts, MemberFacts
from chats.models import Chat, LogEntry, Membership
from messenger.errors import NotFound
from messenger.events import ChatEvent
from messenger.ids import Ref, lookup
from messenger.prepared import Prepared
from messenger.times import iso

Rebuild = Callable[[list[LogEntry], dict[int, dict[str, Any]]], list[ChatEvent]]
_rebuilders: dict[str, Rebuild] = {}


def chat_for(user: User, ref: Ref) -> Membership:
    """
    The only door to a chat: the membership of `user` in it, with `.chat`. NotFound if there is no
    such chat, it was deleted, or the user is not in it: the same answer.
    """
    door = _by_uuid if isinstance(ref, UUID) else _by_id
    rows = door.rows(ref, user.id)
    if not rows:
        raise NotFound
    membership = Membership.from_db("default", _MEMBERSHIP, rows[0][: len(_MEMBERSHIP)])
    membership.chat = Chat.from_db("default", _CHAT, rows[0][len(_MEMBERSHIP) :])
    return membership


def chats_of(
    user: User,
    *,
    limit: int | None = None,
    skip: int = 0,
    before: tuple[datetime, int] | None = None,
) -> list[Membership]:
    """
    The memberships of `user`, each with its `.chat`, latest activity first. One query. `before`:
    only chats that come after this (last_activity_at, id) in the list.
    """
    rows = (
        Membership.objects.filter(user_id=user.id, chat__deleted_at=None)
        .select_related("chat")
        .order_by("-chat__last_activity_at", "-chat_id")
    )
    if before is not None:
        at, chat_id = before
        rows = rows.filter(
            Q(chat__last_activity_at__lt=at) | Q(chat__last_activity_at=at, chat_id__lt=chat_id)
        )
    return list(rows[skip:] if limit is None else rows[skip : skip + limit])


@dataclass(frozen=True)
class Overview:
    """What a list says of a chat besides its own columns, to one of its members."""

    owner_id: int | None
    members_count: int
    # The other person in a private chat.
    partner: User | None

    @property
    def partner_name(self) -> str | None:
        return (self.partner.name or self.partner.username) if self.partner else None


def overviews(user: User, chats: Iterable[Chat]) -> dict[int, Overview]:
    """By chat id, for chats that `user` is in. Two queries."""
    chats = list(chats)
    members = Membership.objects.filter(chat_id__in=[chat.id for chat in chats])
    counted = members.values_list("chat_id").annotate(
        count=Count("id"), owner=Min("user_id", filter=Q(role=Membership.Role.OWNER))
    )
    private = [chat.id for chat in chats if chat.kind == Chat.Kind.PRIVATE]
    partners = Membership.objects.filter(chat_id__in=private).exclude(user_id=user.id)
    people = {found.chat_id: found.user for found in partners.select_related("user")}
    return {
        chat_id: Overview(owner_id, count, people.get(chat_id))
        for chat_id, count, owner_id in counted
    }


def partners_in(chats: Iterable[Chat]) -> dict[tuple[int, int], set[Ref]]:
    """
    By (chat id, user id), for the two people of each private chat, deleted ones too, both ids of
    the other. One query.
    """
    pairs = {chat.id: [int(id) for id in chat.pair.split(":")] for chat in chats if chat.pair}
    people = accounts.uuids_of({user_id for pair in pairs.values() for user_id in pair})
    found: dict[tuple[int, int], set[Ref]] = {}
    for chat_id, (one, other) in pairs.items():
        found[chat_id, one] = {other, people.get(other, other)}
        found[chat_id, other] = {one, people.get(one, one)}
    return found


def contacts(user: User) -> QuerySet[User]:
    """The active people who share a chat with `user`, without themselves."""
    own = Membership.objects.filter(user_id=user.id, chat__deleted_at=None)
    shared = Membership.objects.filter(chat_id__in=own.values("chat_id"))
    others = User.objects.filter(is_active=True, id__in=shared.values("user_id"))
    return others.exclude(id=user.id).order_by("id")


def share_a_chat(user_id: int, other_id: int) -> bool:
    """Whether both of these people are in some chat. One query."""
    own = Membership.objects.filter(user_id=user_id, chat__deleted_at=None)
    return own.filter(chat__memberships__user_id=other_id).exists()


def shared_chats(user_id: int, other_id: int) -> list[int]:
    """The ids of the chats that both of these people are in. One query."""
    own = Membership.objects.filter(user_id=user_id, chat__deleted_at=None)
    shared = own.filter(chat__memberships__user_id=other_id)
    return list(shared.values_list("chat_id", flat=True))


def who_share(
    others: Mapping[int, Collection[int]], places: Mapping[int, Collection[int]]
) -> dict[int, list[int]]:
    """
    For each person those of their `others` who are in one of their `places` (chat ids). One query;
    none where nobody has any.
    """
    wanted = {user_id for found in others.values() for user_id in found}
    chat_ids = {chat_id for user_id in others for chat_id in places.get(user_id, ())}
    if not wanted or not chat_ids:
        return {}
    inside: dict[int, set[int]] = defaultdict(set)
    rows = Membership.objects.filter(chat_id__in=chat_ids, user_id__in=wanted)
    for chat_id, user_id in rows.values_list("chat_id", "user_id"):
        inside[chat_id].add(user_id)
    found: dict[int, list[int]] = {}
    for user_id, own in others.items():
        near = {other for chat_id in places.get(user_id, ()) for other in inside[chat_id]}
        found[user_id] = sorted(near & set(own))
    return found


def members_of(chat: Chat) -> QuerySet[User]:
    """The active people in a chat."""
    inside = Membership.objects.filter(chat_id=chat.id)
    return User.objects.filter(is_active=True, id__in=inside.values("user_id")).order_by("id")


_MEMBERSHIP = [field.attname for field in Membership._meta.concrete_fields]
_CHAT = [field.attname for field in Chat._meta.concrete_fields]


def _door(ref: Ref, user_id: int) -> QuerySet[Membership, Any]:
    return Membership.objects.filter(
        user_id=user_id, chat__deleted_at=None, **lookup(ref, "chat__")
    ).values_list(*_MEMBERSHIP, *(f"chat__{name}" for name in _CHAT))


_by_id, _by_uuid = Prepared(_door, int, int), Prepared(_door, UUID, int)


def chat_facts(chats: Iterable[Chat]) -> dict[int, ChatFacts]:
    """The facts of these chats by id, with their members. One query."""
    chats = list(chats)
    members: dict[int, list[MemberFacts]] = defaultdict(list)
    rows = Membership.objects.filter(chat_id__in=[chat.id for chat in chats]).order_by("id")
    for chat_id, *facts in rows.values_list("chat_id", *_MEMBER):
        members[chat_id].append(_member_facts(*facts))
    return {
        chat.id: ChatFacts(
            id=chat.id,
            uuid=str(chat.uuid),
            kind=chat.kind,
            name=chat.name,
            description=chat.description,
            is_open=chat.is_open,
            created_at=iso(chat.created_at),
            members=members[chat.id],
            slow_mode=chat.slow_mode,
        )
        for chat in chats
    }


def member_facts(chat: Chat) -> list[MemberFacts]:
    """Who is in a chat, by the time of joining. One query."""
    rows = Membership.objects.filter(chat_id=chat.id).order_by("id").values_list(*_MEMBER)
    return [_member_facts(*row) for row in rows]


def facts_of_member(membership: Membership) -> MemberFacts:
    """The facts of a membership that was loaded with its `.user`."""
    user, joined = membership.user, membership.joined_at
    return _member_facts(user.id, user.uuid, user.username, membership.role, user.name, joined)


_MEMBER = ("user_id", "user__uuid", "user__username", "role", "user__name", "joined_at")


def _member_facts(
    user_id: int, uuid: UUID, username: str, role: str, name: str, joined: datetime
) -> MemberFacts:
    return MemberFacts(
        user_id=user_id,
        user_uuid=str(uuid),
        username=username,
        role=role,
        name=name,
        joined_at=iso(joined),
    )


def last_seqs(chat_ids: Iterable[int]) -> dict[int, int]:
    """The latest `seq` of each chat, of deleted ones too: their last event must still arrive."""
    return dict(Chat.objects.filter(id__in=list(chat_ids)).values_list("id", "last_seq"))


@dataclass(frozen=True)
class Place:
    """Where somebody is: since the chat's `joined_seq`, and its latest is `last_seq`."""

    joined_seq: int
    last_seq: int


def places(user_ids: Iterable[int]) -> dict[int, dict[int, Place]]:
    """For each person, the chats they are in. One query."""
    found: dict[int, dict[int, Place]] = {user_id: {} for user_id in user_ids}
    rows = Membership.objects.filter(user_id__in=list(found), chat__deleted_at=None)
    for user_id, chat_id, joined, last in rows.values_list(
        "user_id", "chat_id", "joined_seq", "chat__last_seq"
    ):
        found[user_id][chat_id] = Place(joined, last)
    return found


def events_after(chat_id: int, seq: int, *, limit: int = 500) -> list[ChatEvent]:
    """
    The changes to a chat after `seq`, oldest first, no more than `limit`, as they are to be told
    now: with the messages as they have become.
    """
    entries = list(LogEntry.objects.filter(chat_id=chat_id, seq__gt=seq).order_by("seq")[:limit])
    if not entries:
        return []
    chat_uuid = str(Chat.objects.values_list("uuid", flat=True).get(id=chat_id))
    base: dict[int, dict[str, Any]] = {
        entry.seq: {
            "chat_id": chat_id,
            "chat_uuid": chat_uuid,
            "seq": entry.seq,
            "actor_id": entry.actor_id,
            "created_at": iso(entry.created_at),
        }
        for entry in entries
    }
    by_rebuilder: dict[Rebuild, list[LogEntry]] = defaultdict(list)
    rebuilt: list[ChatEvent] = []
    for entry in entries:
        if entry.kind in _rebuilders:
            by_rebuilder[_rebuilders[entry.kind]].append(entry)
        else:
            # Of a newer version, which runs beside this one: nothing can be said of it here.
            rebuilt.append(ChatEvent(**base[entry.seq]))
    for rebuild, group in by_rebuilder.items():
        rebuilt += rebuild(group, base)
    return sorted(rebuilt, key=lambda event: event.seq)


def rebuilds(*kinds: type[ChatEvent]) -> Callable[[Rebuild], Rebuild]:
    """Marks the function that makes events of these kinds from rows of the log."""

    def register(rebuild: Rebuild) -> Rebuild:
        _rebuilders.update({event.kind: rebuild for event in kinds})
        return rebuild

    return register


@rebuilds(
    events.ChatCreated,
    events.ChatUpdated,
    events.ChatDeleted,
    events.MemberJoined,
    events.MemberLeft,
    events.RoleChanged,
)
def _rebuild(entries: list[LogEntry], base: dict[int, dict[str, Any]]) -> list[ChatEvent]:
    facts = chat_facts(Chat.objects.filter(id=entries[0].chat_id))[entries[0].chat_id]
    rebuilt: list[ChatEvent] = []
    for entry in entries:
        common, kept = base[entry.seq], entry.facts or {}
        match entry.kind:
            case events.ChatCreated.kind:
                rebuilt.append(events.ChatCreated(**common, chat=facts))
            case events.ChatUpdated.kind:
                rebuilt.append(events.ChatUpdated(**common, chat=facts))
            case events.ChatDeleted.kind:
                rebuilt.append(events.ChatDeleted(**common))
            case events.MemberJoined.kind:
                member = MemberFacts(**kept)
                rebuilt.append(events.MemberJoined(**common, chat=facts, member=member))
            case events.MemberLeft.kind:
                rebuilt.append(events.MemberLeft(**common, **kept))
            case events.RoleChanged.kind:
                rebuilt.append(events.RoleChanged(**common, member=MemberFacts(**kept)))
    return rebuilt
