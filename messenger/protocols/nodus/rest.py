"""The native REST API: accounts, and pages of history."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.models import User
from chats.selectors import chat_for
from messaging.history import history
from messaging.selectors import reactions_to
from messenger.protocols.accounts import AccountViewSet, LogoutViewSet, RefreshViewSet
from messenger.protocols.nodus import shapes
from messenger.rest import IdField, TextField, WholeField, route, user_of


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
        page = history(chat.id, limit=wanted["limit"], before=wanted["before_id"])
        reactions = reactions_to(facts.id for facts in page.messages)
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
    route("api/v1/auth/register", NativeAccountViewSet, post="register"),
    route("api/v1/auth/login", NativeAccountViewSet, post="login"),
    route("api/v1/auth/refresh", RefreshViewSet, post="refresh"),
    route("api/v1/auth/logout", LogoutViewSet, post="logout"),
    route("api/v1/auth/me", MeViewSet, get="me"),
    route("api/v1/messages", MessageViewSet, get="list"),
]
