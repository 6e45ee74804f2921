"""
What can be done with chats: create, rename, delete. Who comes, goes and owns is in `chats.members`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts import selectors as accounts
from accounts.models import User
from chats import selectors
from chats.changes import Changes, LockedChat, changes_to
from chats.events import ChatCreated, ChatUpdated
from chats.members import (
    MAX_MEMBERS,
    add_member,
    change_role,
    delete_locked,
    join_chat,
    leave_chat,
    locked_chat,
    membership_in,
    must_be_reachable,
    must_own,
    remove_member,
)
from chats.models import Chat, Membership
from chats.mutes import must_not_be_muted
from messenger.errors import (
    Banned,
    Conflict,
    ContentRejected,
    Forbidden,
    Invalid,
    MessengerError,
    NotFound,
)
from messenger.ids import Ref
from messenger.realtime import limits
from messenger.screening import screen, strictest
from messenger.texts import at_most, counted, one_of

__all__ = [
    "MAX_MEMBERS",
    "add_member",
    "change_role",
    "create_chat",
    "delete_chat",
    "find_or_create_chat",
    "join_chat",
    "leave_chat",
    "open_private_chats",
    "remove_member",
    "restore_chat",
    "set_slow_mode",
    "update_chat",
]

MAX_NAME = 100
MAX_DESCRIPTION = 1000
# Seconds: six hours.
MAX_SLOW_MODE = 21_600


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
    A group, or the private chat of two people, which is never open. The creator is a member and its
    owner. The private chat of a pair that has one already is that one, as it is. Invalid for
    anything impossible, Undeliverable for people who are apart, Muted for who may not name a group.
    """
    chat, _ = find_or_create_chat(
        creator,
        kind=kind,
        name=name,
        description=description,
        members=members,
        is_open=is_open,
        origin=origin,
    )
    return chat


def find_or_create_chat(
    creator: User,
    *,
    kind: str,
    name: str = "",
    description: str = "",
    members: Sequence[User] = (),
    is_open: bool = False,
    origin: str | None = None,
) -> tuple[Chat, bool]:
    """As `create_chat`, and whether the chat is new."""
    people = list({user.id: user for user in (creator, *members)}.values())
    if kind not in Chat.Kind.values:
        raise Invalid.field("type", one_of(Chat.Kind.values))
    if kind == Chat.Kind.PRIVATE and len(people) != 2:
        raise Invalid.field("user_ids", _("a private chat is with exactly one other person"))
    if len(people) > MAX_MEMBERS:
        raise Invalid.field(
            "user_ids",
            counted("no more than {number} member", "no more than {number} members", MAX_MEMBERS),
        )
    name = name.strip()
    if kind == Chat.Kind.GROUP and not name:
        raise Invalid.field("name", _("a group needs a name"))
    _check_text("name", name, MAX_NAME)
    _check_text("description", description, MAX_DESCRIPTION)
    if kind == Chat.Kind.GROUP or name or description:
        # The other one reads them: they say something, as a message does.
        must_not_be_muted(creator.id, None)
        _screen(name, description, private=kind == Chat.Kind.PRIVATE)

    pair = None
    if kind == Chat.Kind.PRIVATE:
        pair = _pair(*(user.id for user in people))
        if existing := Chat.objects.filter(pair=pair, deleted_at=None).first():
            return existing, False
    must_be_reachable(creator, people)
    try:
        with transaction.atomic():
            chat = Chat.objects.create(
                kind=kind,
                name=name,
                description=description,
                pair=pair,
                is_open=is_open and kind == Chat.Kind.GROUP,
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
            return chat, True
    except IntegrityError:
        # The other one of the pair created it a moment ago, or one of the people is gone.
        theirs = Chat.objects.filter(pair=pair, deleted_at=None).first() if pair else None
        if theirs is None:
            raise Conflict(_("The people of this chat have changed. Try again.")) from None
        return theirs, False


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
            outcomes[user_id, ref] = Invalid.field("user_id", _("say somebody else"))
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


def update_chat(
    actor: User,
    *,
    chat: Chat,
    name: str | None = None,
    description: str | None = None,
    is_open: bool | None = None,
    slow_mode: int | None = None,
) -> Chat:
    """
    An owner of a group renames, describes, opens or closes it, or slows it down (seconds from one
    message of a member to their next). None leaves a thing as it is.
    """
    if name is not None:
        name = name.strip()
        if not name:
            raise Invalid.field("name", _("a group needs a name"))
        _check_text("name", name, MAX_NAME)
    if description is not None:
        _check_text("description", description, MAX_DESCRIPTION)
    if name is not None or description is not None:
        must_not_be_muted(actor.id, chat.id)
        _screen(name or "", description or "")
    _check_slow_mode(slow_mode)
    with changes_to(chat.id) as changes:
        locked = locked_chat(changes, chat)
        must_own(actor, chat)
        wanted = {
            "name": name,
            "description": description,
            "is_open": is_open,
            "slow_mode": slow_mode,
        }
        _update(changes, locked, chat, actor_id=actor.id, **wanted)
    return chat


def set_slow_mode(chat: Chat, seconds: int) -> None:
    """A moderator lets nobody but the owners of a group write faster than that; 0 for no limit."""
    _check_slow_mode(seconds)
    with changes_to(chat.id) as changes:
        _update(changes, locked_chat(changes, chat), chat, actor_id=None, slow_mode=seconds)


def _update(
    changes: Changes, locked: LockedChat, chat: Chat, *, actor_id: int | None, **wanted: Any
) -> None:
    if chat.kind != Chat.Kind.GROUP:
        raise Forbidden(_("A private chat has nothing to change."))
    changed = {
        field: value
        for field, value in wanted.items()
        if value is not None and value != getattr(chat, field)
    }
    if changed:
        Chat.objects.filter(id=chat.id).update(**changed)
        chat.refresh_from_db()
        facts = selectors.chat_facts([chat])[chat.id]
        changes.record(ChatUpdated, locked, actor_id=actor_id, chat=facts)


def delete_chat(actor: User | None, chat: Chat) -> None:
    """An owner of a group, either side of a private chat, or a moderator (None) deletes it."""
    with changes_to(chat.id) as changes:
        locked = locked_chat(changes, chat)
        if actor is not None:
            membership = membership_in(chat, actor)
            if chat.kind == Chat.Kind.GROUP and membership.role != Membership.Role.OWNER:
                raise Forbidden(_("Only the owner deletes a group."))
        delete_locked(changes, locked, actor_id=actor.id if actor else None)


def restore_chat(chat: Chat) -> None:
    """
    A moderator gives a deleted chat back to all who were in it. To them it comes to be. Conflict if
    the two of a private chat have another one by now. Where it was not deleted, nothing happens.
    """
    try:
        with transaction.atomic():
            deleted = Chat.objects.filter(id=chat.id, deleted_at__isnull=False)
            if not deleted.update(deleted_at=None):
                return
            with changes_to(chat.id) as changes:
                locked = locked_chat(changes, chat)
                facts = selectors.chat_facts([chat])[chat.id]
                changes.record(ChatCreated, locked, actor_id=None, chat=facts)
    except IntegrityError:
        raise Conflict(_("These two have another private chat by now.")) from None


def _pair(*user_ids: int) -> str:
    """What is unique about a private chat."""
    return ":".join(str(user_id) for user_id in sorted(user_ids))


def _screen(*texts: str, private: bool = False) -> None:
    """ContentRejected for a name that could not be sent as a message, or not at once."""
    for text in texts:
        against = strictest(screen().judge(text), private=private) if text else None
        if against is not None and against.mode != "flag":
            raise ContentRejected


def _check_slow_mode(seconds: int | None) -> None:
    if seconds is not None and not 0 <= seconds <= MAX_SLOW_MODE:
        wrong = format_lazy(_("{least} to {most} seconds"), least=0, most=MAX_SLOW_MODE)
        raise Invalid.field("slow_mode", wrong)


def _check_text(field: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise Invalid.field(field, at_most(longest))
    if any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text):
        wrong = _("a NUL character or half of a surrogate pair is not text")
        raise Invalid.field(field, wrong)
