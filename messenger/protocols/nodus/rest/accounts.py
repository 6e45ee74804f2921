"""`/api/v1/auth`: signing up, in and out, tickets for sockets."""

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts import tickets
from accounts.models import User
from accounts.tokens import TokenPair
from messenger.protocols.accounts import (
    AccountViewSet,
    LogoutViewSet,
    NewPassword,
    NewUsername,
    RefreshViewSet,
    Tokens,
    tokens,
)
from messenger.protocols.nodus import shapes
from messenger.realtime import limits
from messenger.rest import TextField, claims_of, operation, route, user_of


class Registration(serializers.Serializer):
    username = NewUsername(max_length=64, required=False, default="")
    name = TextField(max_length=100, required=False, default="")
    email = TextField(max_length=254, style={"input_type": "email"})
    password = NewPassword(max_length=128, trim_whitespace=False, style={"input_type": "password"})


class NativeAccountViewSet(AccountViewSet):
    """`register` and `login`."""

    registration = Registration

    def user(self, user: User) -> shapes.Me:
        return shapes.me(user)

    def tokens(self, pair: TokenPair) -> Tokens:
        return tokens(pair)


class MeViewSet(ViewSet):
    """`me`."""

    @operation({200: shapes.Me})
    def me(self, request: Request) -> Response:
        """Who is signed in."""
        return Response(shapes.me(user_of(request)))


class TicketViewSet(ViewSet):
    """`ws-ticket`."""

    @operation({201: shapes.Ticket})
    def create(self, request: Request) -> Response:
        """A ticket for one socket, for who can set no headers and wants no token in an address."""
        limits.check(limits.TICKETS, f"user {user_of(request).id}")
        ticket = tickets.issue(claims_of(request))
        words = shapes.Ticket(ticket=ticket, expires_in=tickets.SECONDS)
        return Response(words, status=status.HTTP_201_CREATED)


routes = [
    route("api/v1/auth/register", NativeAccountViewSet, post="register"),
    route("api/v1/auth/login", NativeAccountViewSet, post="login"),
    route("api/v1/auth/refresh", RefreshViewSet, post="refresh"),
    route("api/v1/auth/logout", LogoutViewSet, post="logout"),
    route("api/v1/auth/me", MeViewSet, get="me"),
    route("api/v1/auth/ws-ticket", TicketViewSet, post="create"),
]
