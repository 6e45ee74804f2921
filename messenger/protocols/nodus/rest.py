"""The native REST API: accounts, messages, reactions."""

from typing import Any

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.models import User
from chats.selectors import chat_for
from messaging import services as messages
from messaging.content import MAX_KEY, MAX_TEXT
from messaging.history import history, history_around
from messaging.selectors import facts_of, message_for, reactions_to
from messenger.errors import NotFound
from messenger.protocols.accounts import AccountViewSet, LogoutViewSet, RefreshViewSet
from messenger.protocols.nodus import shapes
from messenger.rest import (
    IdField,
    PayloadField,
    TextField,
    WholeField,
    body_of,
    idempotency_key,
    query_of,
    ref_in_path,
    route,
    sent_response,
    user_of,
)


class Registration(serializers.Serializer):
    username = TextField(max_length=64, required=False, default="")
    name = TextField(max_length=100, required=False, default="")
    email = TextField(max_length=254)
    password = TextField(max_length=128, trim_whitespace=False)


class NativeAccountViewSet(AccountViewSet):
    """`/api/v1/auth/register` and `/api/v1/auth/login`."""

    registration = Registration

    def user(self, user: User) -> dict[str, Any]:
        return shapes.user(user)


class MeViewSet(ViewSet):
    """`/api/v1/auth/me`."""

    def me(self, request: Request) -> Response:
        return Response(shapes.user(user_of(request)))


class PageOfHistory(serializers.Serializer):
    """Which page: the newest, or one by one message that it is next to."""

    chat_id = IdField()
    limit = WholeField(min_value=1, max_value=100, required=False, default=50)
    before_id = IdField(required=False, default=None)
    after_id = IdField(required=False, default=None)
    around_id = IdField(required=False, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["around_id"] is not None and (attrs["before_id"] or attrs["after_id"]) is not None:
            raise serializers.ValidationError({"around_id": ["say it alone"]})
        return attrs


class NewMessage(serializers.Serializer):
    chat_id = IdField()
    type = TextField(default="text", max_length=20)
    content = TextField(
        default=None, allow_null=True, allow_blank=True, trim_whitespace=False, max_length=MAX_TEXT
    )
    payload = PayloadField(default=None, allow_null=True)
    reply_to_id = IdField(default=None, allow_null=True)
    client_message_id = TextField(
        default=None, allow_null=True, max_length=MAX_KEY, trim_whitespace=False
    )


class MessageViewSet(ViewSet):
    """`/api/v1/messages`: pages of history, newest first; one message; sending and deleting."""

    def list(self, request: Request) -> Response:
        wanted = query_of(request, PageOfHistory)
        chat_id = chat_for(user_of(request), wanted["chat_id"]).chat_id
        limit, around = wanted["limit"], wanted["around_id"]
        if around is not None:
            page = history_around(chat_id, around, limit=limit)
        else:
            page = history(
                chat_id, limit=limit, before=wanted["before_id"], after=wanted["after_id"]
            )
        # Where the next page in this direction begins: below this one, or above it.
        last = -1 if wanted["after_id"] is None else 0
        reactions = reactions_to(facts.id for facts in page.messages)
        return Response(
            {
                "messages": [
                    shapes.message(facts, reactions.get(facts.id, [])) for facts in page.messages
                ],
                "has_more": page.has_more,
                "next_cursor": page.messages[last].id if page.has_more else None,
            }
        )

    def retrieve(self, request: Request, message_id: str) -> Response:
        found = message_for(user_of(request), ref_in_path(message_id))
        reactions = reactions_to([found.id]).get(found.id, [])
        return Response(shapes.message(facts_of(found), reactions))

    def create(self, request: Request) -> Response:
        wanted = body_of(request, NewMessage)
        sent = messages.send_message(
            user_of(request),
            chat=wanted["chat_id"],
            type=wanted["type"],
            content=wanted["content"],
            payload=wanted["payload"],
            reply_to=wanted["reply_to_id"],
            key=idempotency_key(request) or wanted["client_message_id"],
        )
        return sent_response(shapes.message(sent.message, []), replayed=sent.replayed)

    def destroy(self, request: Request, message_id: str) -> Response:
        messages.delete_message(user_of(request), message=ref_in_path(message_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class NewReaction(serializers.Serializer):
    emoji = TextField(max_length=64)


class ReactionViewSet(ViewSet):
    """`/api/v1/messages/{message_id}/reactions`."""

    def create(self, request: Request, message_id: str) -> Response:
        wanted = body_of(request, NewReaction)
        emoji = wanted["emoji"]
        user, ref = user_of(request), ref_in_path(message_id)
        reaction, created = messages.add_reaction(user, message=ref, emoji=emoji)
        return Response(
            shapes.reaction(reaction),
            status=status.HTTP_201_CREATED if created else status.HTTP_200_OK,
        )

    def destroy(self, request: Request, message_id: str, emoji: str) -> Response:
        user, ref = user_of(request), ref_in_path(message_id)
        if not messages.remove_reaction(user, message=ref, emoji=emoji):
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)


MESSAGE = r"api/v1/messages/(?P<message_id>[^/]+)"
routes = [
    route("api/v1/auth/register", NativeAccountViewSet, post="register"),
    route("api/v1/auth/login", NativeAccountViewSet, post="login"),
    route("api/v1/auth/refresh", RefreshViewSet, post="refresh"),
    route("api/v1/auth/logout", LogoutViewSet, post="logout"),
    route("api/v1/auth/me", MeViewSet, get="me"),
    route("api/v1/messages", MessageViewSet, get="list", post="create"),
    route(MESSAGE, MessageViewSet, get="retrieve", delete="destroy"),
    route(f"{MESSAGE}/reactions", ReactionViewSet, post="create"),
    route(rf"{MESSAGE}/reactions/(?P<emoji>[^/]+)", ReactionViewSet, delete="destroy"),
]
