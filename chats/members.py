"""Who is in a chat, and who owns it: join, add, leave, remove, another role."""

from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import selectors as accounts
from accounts.blocks import blockers
from accounts.models import User
from chats import selectors
from chats.changes import Changes, LockedChat, changes_to
from chats.events import ChatDeleted, MemberFacts, MemberJoined, MemberLeft, RoleChanged
from chats.models import Chat, Membership
from chats.mutes import must_not_be_muted
from messenger.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Undeliverable,
    UnknownUsers,
)
from messenger.ids import Ref, lookup
from messenger.texts import counted, one_of

MAX_MEMBERS = 1000
# What only the one hears who blocks.
BLOCKED = _("You have blocked this person.")


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
        locked = locked_chat(changes, chat)
        if chat.kind != Chat.Kind.GROUP:
            raise NotFound
        if Membership.objects.filter(chat_id=chat.id, user_id=user.id).exists():
            return chat
        if not chat.is_open:
            raise Forbidden(_("This group is by invitation."))
        _add(changes, locked, chat, user, actor=user)
    return chat


def add_member(actor: User, *, chat: Chat, user: User | Ref) -> tuple[MemberFacts, bool]:
    """
    An owner adds a person to a group: the member, and whether they are new. Again: nothing happens.
    UnknownUsers for who is nobody, or banned; Undeliverable where one has blocked the other.
    """
    ref = user.id if isinstance(user, User) else user
    with changes_to(chat.id) as changes:
        locked = locked_chat(changes, chat)
        must_own(actor, chat)
        if chat.kind != Chat.Kind.GROUP:
            raise Forbidden(_("Nobody can be added to a private chat."))
        inside = Membership.objects.filter(chat_id=chat.id, **lookup(ref, "user__"))
        if there := inside.select_related("user").first():
            return selectors.facts_of_member(there), False
        person = accounts.people([ref]).get(ref)
        if person is None:
            raise UnknownUsers.field("user_id", accounts.nobody(ref))
        must_not_be_muted(actor.id, chat.id)
        must_be_reachable(actor, [person])
        return _add(changes, locked, chat, person, actor=actor), True


def leave_chat(user: User, chat: Chat) -> None:
    """
    Leave a group. When its last owner leaves, the member of longest standing becomes the owner;
    when nobody is left, it is deleted. NotFound for who is not in it, Forbidden for a private chat.
    """
    with changes_to(chat.id) as changes:
        locked = locked_chat(changes, chat)
        membership = membership_in(chat, user)
        if chat.kind != Chat.Kind.GROUP:
            raise Forbidden(_("A private chat can be deleted, not left."))
        _take_out(changes, locked, membership, actor_id=user.id)


def remove_member(actor: User, *, chat: Chat, user: User | Ref) -> None:
    """
    An owner removes somebody from a group, also who is banned; NotFound if they are not in it.
    Removing oneself is leaving.
    """
    ref = user.id if isinstance(user, User) else user
    if ref in (actor.id, actor.uuid):
        return leave_chat(actor, chat)
    with changes_to(chat.id) as changes:
        locked = locked_chat(changes, chat)
        must_own(actor, chat)
        if chat.kind != Chat.Kind.GROUP:
            raise Forbidden(_("Nobody can be removed from a private chat."))
        _take_out(changes, locked, membership_in(chat, ref), actor_id=actor.id)


def change_role(actor: User, *, chat: Chat, user: User | Ref, role: str) -> MemberFacts:
    """
    An owner makes a member of a group an owner beside them, or an owner, also themselves, a member.
    The same role again: nothing happens. NotFound for who is not in it, Conflict if nobody would
    be left to own it.
    """
    if role not in Membership.Role.values:
        raise Invalid.field("role", one_of(Membership.Role.values))
    with changes_to(chat.id) as changes:
        locked = locked_chat(changes, chat)
        must_own(actor, chat)
        if chat.kind != Chat.Kind.GROUP:
            raise Forbidden(_("The two of a private chat have no roles to give."))
        membership = membership_in(chat, user)
        if membership.role == role:
            return selectors.facts_of_member(membership)
        owners = Membership.objects.filter(chat_id=chat.id, role=Membership.Role.OWNER)
        if role != Membership.Role.OWNER and owners.count() == 1:
            raise Conflict(_("Somebody must own the group."))
        return _set_role(changes, locked, membership, role, actor_id=actor.id)


def locked_chat(changes: Changes, chat: Chat) -> LockedChat:
    """The chat under its lock. What `chat` says of it may have changed before: it is read again."""
    if chat.id not in changes.chats:
        raise NotFound
    chat.refresh_from_db()
    return changes.chats[chat.id]


def membership_in(chat: Chat, user: User | Ref) -> Membership:
    """The membership of a person, banned ones too, with `.user`. NotFound if there is none."""
    who = lookup(user.id if isinstance(user, User) else user, "user__")
    try:
        return Membership.objects.select_related("user").get(chat_id=chat.id, **who)
    except Membership.DoesNotExist:
        raise NotFound from None


def must_be_reachable(actor: User, people: Iterable[User]) -> None:
    """
    Undeliverable where one of these and `actor` are apart: nobody gets around a block by way of a
    new chat.
    """
    others = [person for person in people if person.id != actor.id]
    blocked = blockers([(actor.id, person.id) for person in others])
    if any(person.is_service and not actor.is_service for person in others):
        raise Undeliverable
    if blocked:
        raise Undeliverable(BLOCKED if actor.id in blocked.values() else None)


def must_own(actor: User, chat: Chat) -> None:
    if membership_in(chat, actor).role != Membership.Role.OWNER:
        raise Forbidden(_("Only the owner of the group may do this."))


def delete_locked(changes: Changes, locked: LockedChat, *, actor_id: int | None) -> None:
    Chat.objects.filter(id=locked.id).update(deleted_at=timezone.now())
    changes.record(ChatDeleted, locked, actor_id=actor_id)


def _add(
    changes: Changes, locked: LockedChat, chat: Chat, user: User, *, actor: User
) -> MemberFacts:
    if Membership.objects.filter(chat_id=chat.id).count() >= MAX_MEMBERS:
        raise Forbidden(
            counted(
                "A chat has no more than {number} member.",
                "A chat has no more than {number} members.",
                MAX_MEMBERS,
            )
        )
    seq = locked.next_seq()
    membership = Membership.objects.create(
        chat=chat,
        user=user,
        joined_seq=seq,
        joined_position=locked.last_position,
        read_position=locked.last_position,
    )
    member = selectors.facts_of_member(membership)
    changes.record(
        MemberJoined,
        locked,
        actor_id=actor.id,
        log_facts=vars(member),
        seq=seq,
        chat=selectors.chat_facts([chat])[chat.id],
        member=member,
    )
    return member


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
        delete_locked(changes, locked, actor_id=actor_id)
    elif was_owner and not rest.filter(role=Membership.Role.OWNER).exists():
        _set_role(changes, locked, eldest, Membership.Role.OWNER, actor_id=actor_id)


def _set_role(
    changes: Changes, locked: LockedChat, membership: Membership, role: str, *, actor_id: int
) -> MemberFacts:
    membership.role = role
    membership.save(update_fields=["role"])
    member = selectors.facts_of_member(membership)
    changes.record(RoleChanged, locked, actor_id=actor_id, log_facts=vars(member), member=member)
    return member
