"""The Messenger API's REST: accounts, chats, messages, who is online."""

from collections.abc import Sequence

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.models import User
from accounts.selectors import users_for
from accounts.tokens import TokenPair
from chats import services as chats
from chats.models import Chat, Membership
from chats.selectors import chat_facts, chat_for, chats_of, overviews
from messaging import services as messages
from messaging.content import MAX_KEY
from messaging.history import history, last_messages
from messaging.unread import unread_counts
from messenger.drf import FormParser, JSONParser
from messenger.errors import NotFound
from messenger.ids import Ref
from messenger.protocols.accounts import (
    AccountViewSet,
    LogoutViewSet,
    NewPassword,
    NewUsername,
    RefreshViewSet,
    Tokens,
    tokens,
)
from messenger.protocols.messenger_api import shapes
from messenger.realtime import limits
from messenger.rest import (
    KEY_HEADER,
    ContentField,
    FlagField,
    IdField,
    TextField,
    Wanted,
    WholeField,
    idempotency_key,
    operation,
    route,
    sent_response,
    user_of,
)
from messenger.schemas import SEEN
from presence import selectors as presence


class Registration(serializers.Serializer):
    username = NewUsername(max_length=64)
    email = TextField(max_length=254, style={"input_type": "email"})
    password = NewPassword(max_length=128, trim_whitespace=False, style={"input_type": "password"})


class MessengerAccountViewSet(AccountViewSet):
    """`POST /auth/register`, `POST /auth/login`."""

    registration = Registration
    # OAuth2's clients sign in with a form.
    parser_classes = [JSONParser, FormParser]

    def user(self, user: User) -> shapes.User:
        return shapes.user(user)

    def tokens(self, pair: TokenPair) -> Tokens:
        return tokens(pair)


class MeViewSet(ViewSet):
    """`GET /auth/me`."""

    @operation({200: shapes.Me})
    def me(self, request: Request) -> Response:
        """Who is signed in."""
        return Response(shapes.me(user_of(request)))


# --- chats -----------------------------------------------------------------------------------


class NewChat(serializers.Serializer):
    """With `is_group` false, the private chat with the one of `user_ids`."""

    either = (
        {
            "properties": {
                "is_group": {"const": True},
                "name": {"type": "string", "pattern": SEEN},
            },
            "required": ["name"],
        },
        {
            "properties": {
                "is_group": {"const": False},
                "user_ids": {"type": "array", "minItems": 1},
            },
            "required": ["is_group", "user_ids"],
        },
    )

    name = TextField(default="", allow_blank=True, allow_null=True, max_length=100)
    description = TextField(default="", allow_blank=True, allow_null=True, max_length=1000)
    is_group = FlagField(required=False, default=True)
    user_ids = serializers.ListField(
        child=IdField(), default=list, allow_null=True, max_length=1000
    )


class ChatChanges(serializers.Serializer):
    """What is missing or null stays as it is."""

    name = TextField(required=False, allow_null=True, max_length=100)
    description = TextField(required=False, allow_blank=True, allow_null=True, max_length=1000)


class Window(serializers.Serializer):
    skip = WholeField(min_value=0, max_value=10**9, required=False, default=0)
    limit = WholeField(min_value=1, max_value=1000, required=False, default=None)


class ChatViewSet(ViewSet):
    """`/chats/create`, `/chats/`, `/chats/{chat_id}` and who is in it."""

    @operation({201: shapes.Chat}, body=NewChat, errors=[403, 409])
    def create(self, request: Request, wanted: Wanted) -> Response:
        """Make a group, which is open; or a private chat, which may be there already."""
        user = user_of(request)
        limits.check(limits.NEW_CHATS, f"user {user.id}")
        chat = chats.create_chat(
            user,
            kind=Chat.Kind.GROUP if wanted["is_group"] else Chat.Kind.PRIVATE,
            name=wanted["name"] or "",
            description=wanted["description"] or "",
            members=users_for(wanted["user_ids"] or []),
            is_open=wanted["is_group"],
        )
        return Response(_chat(user, chat_for(user, chat.id)), status=status.HTTP_201_CREATED)

    @operation({200: list[shapes.Chat]}, query=Window)
    def list(self, request: Request, wanted: Wanted) -> Response:
        """The caller's chats, latest activity first."""
        user = user_of(request)
        return Response(_chats(user, chats_of(user, **wanted)))

    @operation({200: shapes.WholeChat})
    def retrieve(self, request: Request, chat_id: Ref) -> Response:
        """One chat, with who is in it."""
        user = user_of(request)
        membership = chat_for(user, chat_id)
        facts = chat_facts([membership.chat])[membership.chat_id]
        online = presence.online(user_of(request), [member.user_id for member in facts.members])
        members = shapes.members(facts, online)
        words: shapes.WholeChat = {**_chat(user, membership), "members": members}
        return Response(words)

    @operation({200: shapes.Chat}, body=ChatChanges, errors=[403])
    def update(self, request: Request, chat_id: Ref, wanted: Wanted) -> Response:
        """Another name or description for a group, by its owner."""
        user = user_of(request)
        membership = chat_for(user, chat_id)
        chats.update_chat(user, chat=membership.chat, **wanted)
        return Response(_chat(user, membership))

    @operation({204: None}, errors=[403])
    def destroy(self, request: Request, chat_id: Ref) -> Response:
        """Delete a chat: the owner of a group, either side of a private one."""
        user = user_of(request)
        chats.delete_chat(user, chat_for(user, chat_id).chat)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @operation({200: shapes.Chat}, errors=[403])
    def join(self, request: Request, chat_id: Ref) -> Response:
        """Come into an open group."""
        user = user_of(request)
        chat = chats.join_chat(user, chat_id)
        return Response(_chat(user, chat_for(user, chat.id)))

    @operation({204: None}, errors=[403])
    def leave(self, request: Request, chat_id: Ref) -> Response:
        """Leave a group."""
        user = user_of(request)
        chats.leave_chat(user, chat_for(user, chat_id).chat)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @operation({204: None}, errors=[403])
    def remove(self, request: Request, chat_id: Ref, user_id: Ref) -> Response:
        """Remove somebody from a group, as its owner; or oneself."""
        user = user_of(request)
        chats.remove_member(user, chat=chat_for(user, chat_id).chat, user=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _chat(user: User, membership: Membership) -> shapes.Chat:
    words = _chats(user, [membership])
    if not words:
        raise NotFound
    return words[0]


def _chats(user: User, memberships: Sequence[Membership]) -> list[shapes.Chat]:
    ids = [membership.chat_id for membership in memberships]
    about = overviews(user, [membership.chat for membership in memberships])
    unread, last = unread_counts(user, ids), last_messages(ids)
    return [
        shapes.chat(membership, about[id], unread.get(id, 0), last.get(id))
        for id, membership in zip(ids, memberships, strict=True)
        # Its last member may have left since.
        if id in about
    ]


# --- messages --------------------------------------------------------------------------------


class NewMessage(serializers.Serializer):
    chat_id = IdField()
    text = ContentField()
    client_message_id = TextField(
        default=None, allow_null=True, max_length=MAX_KEY, trim_whitespace=False
    )


class NewText(serializers.Serializer):
    text = ContentField()


class HistoryWindow(serializers.Serializer):
    limit = WholeField(min_value=1, max_value=100, required=False, default=50)
    skip = WholeField(min_value=0, max_value=10**9, required=False, default=0)
    before_id = IdField(required=False, default=None)
    after_id = IdField(required=False, default=None)


class MessageViewSet(ViewSet):
    """`/messages/send`, `/messages/chat/{chat_id}`, `/messages/edit|delete/{message_id}`."""

    @operation(
        {201: shapes.Message, 200: shapes.Message},
        body=NewMessage,
        errors=[403, 404, 422],
        headers=KEY_HEADER,
    )
    def send(self, request: Request, wanted: Wanted) -> Response:
        """Send a message."""
        sent = messages.send_message(
            user_of(request),
            chat=wanted["chat_id"],
            content=wanted["text"],
            key=idempotency_key(request) or wanted["client_message_id"],
        )
        return sent_response(shapes.message(sent.message), replayed=sent.replayed)

    @operation({200: list[shapes.Message]}, query=HistoryWindow)
    def list(self, request: Request, chat_id: Ref, wanted: Wanted) -> Response:
        """A page of history, oldest first, without deleted messages."""
        page = history(
            chat_for(user_of(request), chat_id).chat_id,
            limit=wanted["limit"],
            before=wanted["before_id"],
            after=wanted["after_id"],
            skip=wanted["skip"],
            deleted=False,
        )
        return Response([shapes.message(facts) for facts in reversed(page.messages)])

    @operation({200: shapes.Message}, body=NewText, errors=[403])
    def edit(self, request: Request, message_id: Ref, wanted: Wanted) -> Response:
        """Another text for a message, by its author."""
        facts = messages.edit_message(user_of(request), message=message_id, content=wanted["text"])
        return Response(shapes.message(facts))

    @operation({204: None}, errors=[403])
    def destroy(self, request: Request, message_id: Ref) -> Response:
        """Delete a message: its author, or the owner of the group."""
        messages.delete_message(user_of(request), message=message_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- presence --------------------------------------------------------------------------------


class OnlineViewSet(ViewSet):
    """`GET /ws/online-users`, `GET /ws/chat/{chat_id}/online-users`."""

    @operation({200: list[shapes.Person]})
    def contacts(self, request: Request) -> Response:
        """Who is online of the people with whom the caller shares a chat."""
        return Response([shapes.person(u) for u in presence.online_contacts(user_of(request))])

    @operation({200: list[shapes.Person]})
    def members(self, request: Request, chat_id: Ref) -> Response:
        """Who is online of the members of a chat."""
        viewer = user_of(request)
        there = presence.online_members(viewer, chat_for(viewer, chat_id).chat)
        return Response([shapes.person(user) for user in there])


CHAT, MESSAGE, USER = (rf"(?P<{name}_id>[^/]+)" for name in ("chat", "message", "user"))
routes = [
    route("auth/register", MessengerAccountViewSet, post="register"),
    route("auth/login", MessengerAccountViewSet, post="login"),
    route("auth/refresh", RefreshViewSet, post="refresh"),
    route("auth/logout", LogoutViewSet, post="logout"),
    route("auth/me", MeViewSet, get="me"),
    route("chats", ChatViewSet, get="list"),
    route("chats/create", ChatViewSet, post="create"),
    route(
        f"chats/{CHAT}", ChatViewSet, get="retrieve", put="update", patch="update", delete="destroy"
    ),
    route(f"chats/{CHAT}/join", ChatViewSet, post="join"),
    route(f"chats/{CHAT}/leave", ChatViewSet, delete="leave"),
    route(f"chats/{CHAT}/members/{USER}", ChatViewSet, delete="remove"),
    route("messages/send", MessageViewSet, post="send"),
    route(f"messages/chat/{CHAT}", MessageViewSet, get="list"),
    route(f"messages/edit/{MESSAGE}", MessageViewSet, put="edit"),
    route(f"messages/delete/{MESSAGE}", MessageViewSet, delete="destroy"),
    route("ws/online-users", OnlineViewSet, get="contacts"),
    route(f"ws/chat/{CHAT}/online-users", OnlineViewSet, get="members"),
]
