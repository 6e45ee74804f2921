"""The native REST API: accounts, and pages of history."""

from datetime import UTC, datetime

from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts import services
from chats.selectors import chat_for
from messaging import selectors as messages
from messenger.ids import Ref, parse_ref
from messenger.protocols.accounts import (
    Credentials,
    RefreshToken,
    limit_login,
    limit_register,
)
from messenger.protocols.nodus import shapes
from messenger.rest import WholeField, claims_of, fields_of, route, user_of


class IdField(serializers.Field):
    """An integer or a UUID, in either form."""

    def to_internal_value(self, data: object) -> Ref:
        ref = parse_ref(data)
        if ref is None:
            raise serializers.ValidationError("say an integer or a UUID")
        return ref

    def to_representation(self, value: Ref) -> str:
        return str(value)


class Registration(serializers.Serializer):
    username = serializers.CharField(max_length=64, required=False, default="")
    name = serializers.CharField(max_length=100, required=False, default="")
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class PasswordViewSet(ViewSet):
    """Signing up and in: `/api/v1/auth/register`, `/api/v1/auth/login`."""

    permission_classes = [AllowAny]
    authentication_classes = []
    hashes_passwords = True

    def register(self, request: Request) -> Response:
        limit_register(request)
        form = Registration(data=fields_of(request))
        form.is_valid(raise_exception=True)
        user = services.register(**form.validated_data)
        return Response(shapes.user(user), status=status.HTTP_201_CREATED)

    def login(self, request: Request) -> Response:
        form = Credentials(data=fields_of(request))
        form.is_valid(raise_exception=True)
        login, password = form.validated_data["login"], form.validated_data["password"]
        limit_login(request, login)
        return Response(shapes.tokens(services.log_in(login, password)))


class RefreshViewSet(ViewSet):
    """`/api/v1/auth/refresh`: exchange a refresh token; the old one is worthless after it."""

    permission_classes = [AllowAny]
    authentication_classes = []

    def refresh(self, request: Request) -> Response:
        form = RefreshToken(data=fields_of(request))
        form.is_valid(raise_exception=True)
        received_at = request.META.get("messenger.received_at") or datetime.now(UTC)
        pair = services.refresh(form.validated_data["token"], received_at=received_at)
        return Response(shapes.tokens(pair))


class MeViewSet(ViewSet):
    """`/api/v1/auth/me` and `/api/v1/auth/logout`, which ends this login and closes its sockets."""

    def me(self, request: Request) -> Response:
        return Response(shapes.user(user_of(request)))

    def logout(self, request: Request) -> Response:
        services.log_out(claims_of(request).login_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PageOfHistory(serializers.Serializer):
    chat_id = IdField()
    limit = WholeField(min_value=1, max_value=100, required=False, default=50)
    before_id = IdField(required=False, default=None)


class MessageViewSet(ViewSet):
    """`/api/v1/messages?chat_id=&limit=&before_id=`: history, newest first."""

    def list(self, request: Request) -> Response:
        form = PageOfHistory(data=request.query_params)
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        chat = chat_for(user_of(request), wanted["chat_id"]).chat
        page = messages.history(chat.id, limit=wanted["limit"], before=wanted["before_id"])
        reactions = messages.reactions_to(facts.id for facts in page.messages)
        return Response(
            {
                "messages": [
                    shapes.message(facts, reactions.get(facts.id, [])) for facts in page.messages
                ],
                "has_more": page.has_more,
                "next_cursor": page.messages[-1].id if page.has_more else None,
            }
        )


routes = [
    route("api/v1/auth/register", PasswordViewSet, post="register"),
    route("api/v1/auth/login", PasswordViewSet, post="login"),
    route("api/v1/auth/refresh", RefreshViewSet, post="refresh"),
    route("api/v1/auth/logout", MeViewSet, post="logout"),
    route("api/v1/auth/me", MeViewSet, get="me"),
    route("api/v1/messages", MessageViewSet, get="list"),
]
