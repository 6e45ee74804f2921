"""What can be done with chats: create, join, add, leave, remove, rename, delete."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import selectors as accounts
from accounts.models import User
from chats import selectors
from chats.changes import Changes, LockedChat, changes_to
from chats.events import (
    ChatCreated,
    ChatDeleted,
    ChatUpdated,
    MemberFacts,
    MemberJoined,
    MemberLeft,
    RoleChanged,
)
from chats.models import Chat, Membership
from messenger.errors import Banned, Conflict, Forbidden, Invalid, MessengerError, NotFound
from messenger.ids import Ref, lookup
from messenger.realtime import limits

MAX_MEMBERS = 1000
MAX_NAME = 100
MAX_DESCRIPTION = 1000


def create_chat(
    creator: User,
    *,
    kind: str,
    name: str = "",
    description: str = "",
    members: Sequence[User] = (),
    is_open: bool = False,
    origin: str | None = None,
) -> Chat:
    """
    A group, or the private chat of two people. The creator is a member and its owner. The private
    chat of a pair that has one already is that one, as it is. Invalid for anything impossible.
    """
    people = list({user.id: user for user in (creator, *members)}.values())
    if kind not in Chat.Kind.values:
        raise Invalid.field("type", "say group or private")
    if kind == Chat.Kind.PRIVATE and len(people) != 2:
        raise Invalid.field("user_ids", "a private chat is with exactly one other person")
    if len(people) > MAX_MEMBERS:
        raise Invalid.field("user_ids", f"no more than {MAX_MEMBERS} members")
    name = name.strip()
    if kind == Chat.Kind.GROUP and not name:
        raise Invalid.field("name", "a group needs a name")
    _check_text("name", name, MAX_NAME)
    _check_text("description", description, MAX_DESCRIPTION)

    pair = None
    if kind == Chat.Kind.PRIVATE:
        pair = _pair(*(user.id for user in people))
        if existing := Chat.objects.filter(pair=pair, deleted_at=None).first():
            return existing
    try:
        with transaction.atomic():
            chat = Chat.objects.create(
                kind=kind, name=name, description=description, pair=pair, is_open=is_open
            )
            Membership.objects.bulk_create(
                Membership(
                    chat=chat,
                    user=user,
                    role=Membership.Role.OWNER if user == creator else Membership.Role.MEMBER,
                )
                for user in people
            )
            with changes_to(chat.id) as changes:
                changes.record(
                    ChatCreated,
                    changes.chats[chat.id],
                    actor_id=creator.id,
                    origin=origin,
                    chat=selectors.chat_facts([chat])[chat.id],
                )
            return chat
    except IntegrityError:
        # The other one of the pair created it a moment ago, or one of the people is gone.
        theirs = Chat.objects.filter(pair=pair, deleted_at=None).first() if pair else None
        if theirs is None:
            raise Conflict("The people of this chat have changed. Try again.") from None
        return theirs


def open_private_chats(
    wanted: Iterable[tuple[int, Ref]],
) -> dict[tuple[int, Ref], int | MessengerError]:
    """
    For each (user id, what they call the other person) the id of their private chat, created where
    there is none. Two queries for those that exist. NotFound for a person who is not there,
    RateLimited for who opens too many.
    """
    wanted = set(wanted)
    if not wanted:
        return {}
    refs = {ref for _, ref in wanted} | {user_id for user_id, _ in wanted}
    people = accounts.people(refs)
    outcomes: dict[tuple[int, Ref], int | MessengerError] = {}
    pairs: dict[tuple[int, Ref], str] = {}
    for user_id, ref in wanted:
        if user_id not in people:
            outcomes[user_id, ref] = Banned()
        elif ref not in people:
            outcomes[user_id, ref] = NotFound()
        elif people[ref].id == user_id:
            outcomes[user_id, ref] = Invalid.field("user_id", "say somebody else")
        else:
            pairs[user_id, ref] = _pair(user_id, people[ref].id)
    existing = Chat.objects.filter(pair__in=set(pairs.values()), deleted_at=None)
    ids = dict(existing.values_list("pair", "id"))
    for (user_id, ref), pair in pairs.items():
        try:
            if pair not in ids:
                # Nobody else knows that this is not one more message but a new chat.
                limits.check(limits.NEW_CHATS, f"user {user_id}")
                kind = Chat.Kind.PRIVATE
                ids[pair] = create_chat(people[user_id], kind=kind, members=[people[ref]]).id
            outcomes[user_id, ref] = ids[pair]
        except MessengerError as error:
            outcomes[user_id, ref] = error
    return outcomes


def join_chat(user: User, chat: Chat | Ref) -> Chat:
    """
    Become a member of an open group. Again: nothing happens. Forbidden for a closed group, NotFound
    for a private chat or one that is gone.
    """
    if not isinstance(chat, Chat):
        found = Chat.objects.filter(kind=Chat.Kind.GROUP, deleted_at=None, **lookup(chat)).first()
        if found is None:
            raise NotFound
        chat = found
    with changes_to(chat.id) as changes:
        locked = _locked(changes, chat)
        if chat.kind != Chat.Kind.GROUP:
            raise NotFound
        if Membership.objects.filter(chat_id=chat.id, user_id=user.id).exists():
            return chat
        if not chat.is_open:
            raise Forbidden("This group is by invitation.")
        _add(changes, locked, chat, user, actor=user)
    return chat


def add_member(actor: User, *, chat: Chat, user: User) -> None:
    """The owner adds a person to a group. Again: nothing happens."""
    with changes_to(chat.id) as changes:
        locked = _locked(changes, chat)
        _must_own(actor, chat)
        if chat.kind != Chat.Kind.GROUP:
            raise Forbidden("Nobody can be added to a private chat.")
        if Membership.objects.filter(chat_id=chat.id, user_id=user.id).exists():
            return
        _add(changes, locked, chat, user, actor=actor)


def leave_chat(user: User, chat: Chat) -> None:
    """
    Leave a group. When its owner leaves, the member of longest standing becomes the owner; when
    nobody is left, it is deleted. NotFound for who is not in it, Forbidden for a private chat.
    """
    with changes_to(chat.id) as changes:
        locked = _locked(changes, chat)
        membership = _membership(user, chat)
        if chat.kind != Chat.Kind.GROUP:
            raise Forbidden("A private chat can be deleted, not left.")
        _take_out(changes, locked, membership, actor_id=user.id)


def remove_member(actor: User, *, chat: Chat, user: User | Ref) -> None:
    """
    The owner removes somebody from a group, also who is banned; NotFound if they are not in it.
    Removing oneself is leaving.
    """
    ref = user.id if isinstance(user, User) else user
    if ref in (actor.id, actor.uuid):
        return leave_chat(actor, chat)
    with changes_to(chat.id) as changes:
        locked = _locked(changes, chat)
        _must_own(actor, chat)
        if chat.kind != Chat.Kind.GROUP:
            raise Forbidden("Nobody can be removed from a private chat.")
        _take_out(changes, locked, _membership(ref, chat), actor_id=actor.id)


def update_chat(
    actor: User,
    *,
    chat: Chat,
    name: str | None = None,
    description: str | None = None,
    is_open: bool | None = None,
) -> Chat:
    """The owner of a group renames, describes, opens or closes it. None leaves a thing as it is."""
    if name is not None:
        name = name.strip()
        if not name:
            raise Invalid.field("name", "a group needs a name")
        _check_text("name", name, MAX_NAME)
    if description is not None:
        _check_text("description", description, MAX_DESCRIPTION)
    with changes_to(chat.id) as changes:
        locked = _locked(changes, chat)
        _must_own(actor, chat)
        if chat.kind != Chat.Kind.GROUP:
            raise Forbidden("A private chat has nothing to change.")
        wanted = {"name": name, "description": description, "is_open": is_open}
        changed = {
            field: value
            for field, value in wanted.items()
            if value is not None and value != getattr(chat, field)
        }
        if changed:
            Chat.objects.filter(id=chat.id).update(**changed)
            chat.refresh_from_db()
            changes.record(
                ChatUpdated,
                locked,
                actor_id=actor.id,
                chat=selectors.chat_facts([chat])[chat.id],
            )
    return chat


def delete_chat(actor: User | None, chat: Chat) -> None:
    """The owner of a group, either side of a private chat, or a moderator (None) deletes it."""
    with changes_to(chat.id) as changes:
        locked = _locked(changes, chat)
        if actor is not None:
            membership = _membership(actor, chat)
            if chat.kind == Chat.Kind.GROUP and membership.role != Membership.Role.OWNER:
                raise Forbidden("Only the owner deletes a group.")
        _delete(changes, locked, actor_id=actor.id if actor else None)


def _pair(*user_ids: int) -> str:
    """What is unique about a private chat."""
    return ":".join(str(user_id) for user_id in sorted(user_ids))


def _check_text(field: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise Invalid.field(field, f"no more than {longest} characters")
    if any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text):
        raise Invalid.field(field, "a NUL character or half of a surrogate pair is not text")


def _locked(changes: Changes, chat: Chat) -> LockedChat:
    """The chat under its lock. What `chat` says of it may have changed before: it is read again."""
    if chat.id not in changes.chats:
        raise NotFound
    chat.refresh_from_db()
    return changes.chats[chat.id]


def _membership(user: User | Ref, chat: Chat) -> Membership:
    who = lookup(user.id if isinstance(user, User) else user, "user__")
    try:
        return Membership.objects.select_related("user").get(chat_id=chat.id, **who)
    except Membership.DoesNotExist:
        raise NotFound from None


def _must_own(actor: User, chat: Chat) -> None:
    if _membership(actor, chat).role != Membership.Role.OWNER:
        raise Forbidden("Only the owner of the group may do this.")


def _facts(membership: Membership) -> MemberFacts:
    user = membership.user
    return MemberFacts(
        user_id=user.id, user_uuid=str(user.uuid), username=user.username, role=membership.role
    )


def _add(changes: Changes, locked: LockedChat, chat: Chat, user: User, *, actor: User) -> None:
    if Membership.objects.filter(chat_id=chat.id).count() >= MAX_MEMBERS:
        raise Forbidden(f"A chat has no more than {MAX_MEMBERS} members.")
    seq = locked.next_seq()
    membership = Membership.objects.create(
        chat=chat,
        user=user,
        joined_seq=seq,
        joined_position=locked.last_position,
        read_position=locked.last_position,
    )
    member = _facts(membership)
    changes.record(
        MemberJoined,
        locked,
        actor_id=actor.id,
        log_facts=vars(member),
        seq=seq,
        chat=selectors.chat_facts([chat])[chat.id],
        member=member,
    )


def _take_out(
    changes: Changes, locked: LockedChat, membership: Membership, *, actor_id: int
) -> None:
    was_owner = membership.role == Membership.Role.OWNER
    gone: dict[str, Any] = {
        "user_id": membership.user_id,
        "user_uuid": str(membership.user.uuid),
    }
    membership.delete()
    changes.record(MemberLeft, locked, actor_id=actor_id, log_facts=gone, **gone)
    rest = Membership.objects.filter(chat_id=locked.id).select_related("user").order_by("id")
    eldest = rest.first()
    if eldest is None:
        _delete(changes, locked, actor_id=actor_id)
    elif was_owner and not rest.filter(role=Membership.Role.OWNER).exists():
        eldest.role = Membership.Role.OWNER
        eldest.save(update_fields=["role"])
        member = _facts(eldest)
        changes.record(
            RoleChanged, locked, actor_id=actor_id, log_facts=vars(member), member=member
        )


def _delete(changes: Changes, locked: LockedChat, *, actor_id: int | None) -> None:
    Chat.objects.filter(id=locked.id).update(deleted_at=timezone.now())
    changes.record(ChatDeleted, locked, actor_id=actor_id)
