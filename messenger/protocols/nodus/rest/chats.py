"""`/api/v1/chats`: chats, who is in them, reading up to a message."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.models import User
from accounts.selectors import users_for
from chats import services as chats
from chats.models import Chat, Membership
from chats.selectors import chat_for, chats_of, member_facts, overviews
from messaging.history import last_messages
from messaging.selectors import reactions_to
from messaging.services import read_up_to
from messaging.unread import unread_counts
from messenger.ids import Ref
from messenger.protocols.nodus import shapes
from messenger.realtime import limits
from messenger.rest import (
    FlagField,
    IdField,
    NumberField,
    TextField,
    Wanted,
    WholeField,
    operation,
    route,
    user_of,
)
from messenger.schemas import SEEN
from messenger.snapshot import snapshot

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The microsecond of a chat's last activity and its id: the place of a chat in a list.
CURSOR = re.compile(r"([0-9]{1,16})-([0-9]{1,18})")


class CursorField(serializers.Field):
    """What `cursor_of` made."""

    # An empty one is no cursor, and not the beginning.
    allow_blank = True
    schema = {"type": "string", "pattern": f"^{CURSOR.pattern}$"}

    def to_internal_value(self, data: str) -> tuple[datetime, int]:
        found = CURSOR.fullmatch(data)
        if found is None:
            raise serializers.ValidationError(_("say the next_cursor of a page"))
        return EPOCH + timedelta(microseconds=int(found[1])), int(found[2])

    def to_representation(self, value: tuple[datetime, int]) -> str:
        at, chat_id = value
        return f"{(at - EPOCH) // timedelta(microseconds=1)}-{chat_id}"


class PageOfChats(serializers.Serializer):
    limit = WholeField(min_value=1, max_value=100, required=False, default=50)
    cursor = CursorField(required=False, default=None)


class NewChat(serializers.Serializer):
    either = (
        {
            "properties": {"type": {"const": "group"}, "name": {"type": "string", "pattern": SEEN}},
            "required": ["name"],
        },
        {
            "properties": {
                "type": {"const": "private"},
                "user_ids": {"type": "array", "minItems": 1},
            },
            "required": ["type", "user_ids"],
        },
    )

    type = serializers.ChoiceField(Chat.Kind.values, default=Chat.Kind.GROUP)
    name = TextField(default="", allow_blank=True, allow_null=True, max_length=chats.MAX_NAME)
    description = TextField(
        default="", allow_blank=True, allow_null=True, max_length=chats.MAX_DESCRIPTION
    )
    is_open = FlagField(required=False, default=False)
    user_ids = serializers.ListField(
        child=IdField(), default=list, allow_null=True, max_length=chats.MAX_MEMBERS
    )


class ChatChanges(serializers.Serializer):
    name = TextField(required=False, allow_null=True, max_length=chats.MAX_NAME)
    description = TextField(
        required=False, allow_blank=True, allow_null=True, max_length=chats.MAX_DESCRIPTION
    )
    is_open = FlagField(required=False, allow_null=True)
    slow_mode = NumberField(
        required=False, allow_null=True, min_value=0, max_value=chats.MAX_SLOW_MODE
    )


class Mark(serializers.Serializer):
    up_to_message_id = IdField()


class ChatViewSet(ViewSet):
    """Chats, as the caller sees them."""

    @operation({200: shapes.ChatPage}, query=PageOfChats)
    def list(self, request: Request, wanted: Wanted) -> Response:
        """One's chats, latest activity first."""
        user, limit = user_of(request), wanted["limit"]
        with snapshot():
            found = chats_of(user, limit=limit + 1, before=wanted["cursor"])
            page, has_more = found[:limit], len(found) > limit
            seen = chats_seen_by(user, page)
        last = page[-1].chat if has_more else None
        return Response(
            shapes.ChatPage(
                chats=seen,
                has_more=has_more,
                next_cursor=cursor_of(last) if last else None,
            )
        )

    @operation({201: shapes.WholeChat, 200: shapes.WholeChat}, body=NewChat, errors=[403])
    def create(self, request: Request, wanted: Wanted) -> Response:
        """A new group, or the private chat with somebody: 200 if there is one already."""
        user = user_of(request)
        limits.check(limits.NEW_CHATS, f"user {user.id}")
        chat, new = chats.find_or_create_chat(
            user,
            kind=wanted["type"],
            name=wanted["name"] or "",
            description=wanted["description"] or "",
            members=users_for(wanted["user_ids"] or []),
            is_open=wanted["is_open"],
        )
        return _whole(user, chat.id, status.HTTP_201_CREATED if new else status.HTTP_200_OK)

    @operation({200: shapes.WholeChat})
    def retrieve(self, request: Request, chat_id: Ref) -> Response:
        """One chat, with its members."""
        return _whole(user_of(request), chat_id)

    @operation({200: shapes.WholeChat}, body=ChatChanges, errors=[403])
    def update(self, request: Request, chat_id: Ref, wanted: Wanted) -> Response:
        """
        Rename, describe, open or close a group, or slow it down: seconds between two messages of a
        member. What is null or not there stays. An owner.
        """
        user = user_of(request)
        chat = chats.update_chat(user, chat=chat_for(user, chat_id).chat, **wanted)
        return _whole(user, chat.id)

    @operation({204: None}, errors=[403])
    def destroy(self, request: Request, chat_id: Ref) -> Response:
        """Delete a chat for everybody: an owner of the group, either side of a private chat."""
        user = user_of(request)
        chats.delete_chat(user, chat_for(user, chat_id).chat)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @operation({200: shapes.WholeChat}, errors=[403])
    def join(self, request: Request, chat_id: Ref) -> Response:
        """Become a member of an open group."""
        user = user_of(request)
        return _whole(user, chats.join_chat(user, chat_id).id)

    @operation({204: None}, errors=[403])
    def leave(self, request: Request, chat_id: Ref) -> Response:
        """Leave a group; the last one to leave deletes it."""
        user = user_of(request)
        chats.leave_chat(user, chat_for(user, chat_id).chat)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @operation({200: shapes.ReadUpTo}, body=Mark)
    def read(self, request: Request, chat_id: Ref, wanted: Wanted) -> Response:
        """Mark everything up to a message, itself included, as read."""
        user = user_of(request)
        id = chat_for(user, chat_id).chat_id
        read = read_up_to(user, chat=id, message=wanted["up_to_message_id"])
        unread = unread_counts(user, [id]).get(id, 0)
        return Response(shapes.ReadUpTo(chat_id=id, read=read, unread_count=unread))


def chats_seen_by(user: User, memberships: Sequence[Membership]) -> list[shapes.Chat]:
    """
    Chats as `user` sees them, from memberships of theirs with `.chat`, which were read in the same
    snapshot. Six queries.
    """
    ids = [membership.chat_id for membership in memberships]
    about = overviews(user, [membership.chat for membership in memberships])
    unread, last = unread_counts(user, ids), last_messages(ids)
    reactions = reactions_to(facts.id for facts in last.values())
    return [
        shapes.chat(
            membership,
            about[id],
            unread[id],
            shapes.message(last[id], reactions[last[id].id]) if id in last else None,
        )
        for id, membership in zip(ids, memberships, strict=True)
    ]


def cursor_of(chat: Chat) -> str:
    """The place of a chat in a list: what comes after it is the next page."""
    return CursorField().to_representation((chat.last_activity_at, chat.id))


def _whole(user: User, ref: Ref, status: int = status.HTTP_200_OK) -> Response:
    with snapshot():
        membership = chat_for(user, ref)
        [seen] = chats_seen_by(user, [membership])
        members = shapes.members(member_facts(membership.chat))
    return Response(shapes.WholeChat(**seen, members=members), status=status)


# --- members ---------------------------------------------------------------------------------


class NewMember(serializers.Serializer):
    user_id = IdField()


class NewRole(serializers.Serializer):
    role = serializers.ChoiceField(Membership.Role.values)


class MemberViewSet(ViewSet):
    """`/api/v1/chats/{chat_id}/members`."""

    @operation({200: shapes.Members})
    def list(self, request: Request, chat_id: Ref) -> Response:
        """Who is in a chat, by the time of joining."""
        with snapshot():
            facts = member_facts(chat_for(user_of(request), chat_id).chat)
        return Response(shapes.Members(members=shapes.members(facts)))

    @operation({201: shapes.Member, 200: shapes.Member}, body=NewMember, errors=[403])
    def create(self, request: Request, chat_id: Ref, wanted: Wanted) -> Response:
        """Add somebody to a group; 200 if they are in it already. An owner."""
        user = user_of(request)
        chat = chat_for(user, chat_id).chat
        facts, new = chats.add_member(user, chat=chat, user=wanted["user_id"])
        return Response(
            shapes.member(facts), status=status.HTTP_201_CREATED if new else status.HTTP_200_OK
        )

    @operation({200: shapes.Member}, body=NewRole, errors=[403, 409])
    def update(self, request: Request, chat_id: Ref, user_id: Ref, wanted: Wanted) -> Response:
        """Make a member an owner, or an owner a member. An owner."""
        user = user_of(request)
        chat = chat_for(user, chat_id).chat
        facts = chats.change_role(user, chat=chat, user=user_id, role=wanted["role"])
        return Response(shapes.member(facts))

    @operation({204: None}, errors=[403])
    def destroy(self, request: Request, chat_id: Ref, user_id: Ref) -> Response:
        """Take somebody out of a group: an owner, or oneself."""
        user = user_of(request)
        chats.remove_member(user, chat=chat_for(user, chat_id).chat, user=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


CHAT = r"chats/(?P<chat_id>[^/]+)"
MEMBER = rf"{CHAT}/members/(?P<user_id>[^/]+)"
routes = [
    route("api/v1/chats", ChatViewSet, get="list", post="create"),
    route(
        f"api/v1/{CHAT}",
        ChatViewSet,
        get="retrieve",
        put="update",
        patch="update",
        delete="destroy",
    ),
    route(f"api/v1/{CHAT}/join", ChatViewSet, post="join"),
    route(f"api/v1/{CHAT}/leave", ChatViewSet, post="leave"),
    route(f"api/v1/{CHAT}/read", ChatViewSet, post="read"),
    route(f"api/v1/{CHAT}/members", MemberViewSet, get="list", post="create"),
    route(f"api/v1/{MEMBER}", MemberViewSet, patch="update", delete="destroy"),
]
