"""The mini-app's REST: signing up, signing in, the list of people."""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts import selectors
from accounts.models import User
from accounts.tokens import TokenPair
from messenger.protocols.accounts import AccountViewSet, NewPassword
from messenger.protocols.miniapp import shapes
from messenger.rest import TextField, Wanted, WholeField, operation, route


class Registration(serializers.Serializer):
    name = TextField(max_length=100)
    email = TextField(max_length=254, style={"input_type": "email"})
    password = NewPassword(max_length=128, trim_whitespace=False, style={"input_type": "password"})


class Listing(serializers.Serializer):
    search = TextField(max_length=100, required=False, default="", allow_blank=True)
    limit = WholeField(min_value=1, max_value=100_000, required=False)
    offset = WholeField(min_value=0, max_value=10**9, required=False, default=0)


class MiniappAccountViewSet(AccountViewSet):
    """`POST /register` and `POST /login`."""

    registration = Registration

    def user(self, user: User) -> shapes.User:
        return shapes.user(user)

    def tokens(self, pair: TokenPair) -> shapes.Tokens:
        return shapes.tokens(pair)


class PeopleViewSet(ViewSet):
    """`GET /users_list`."""

    @operation({200: shapes.People}, query=Listing)
    def list(self, request: Request, wanted: Wanted) -> Response:
        """All active people, by name."""
        rows = selectors.active_users(wanted["search"]).values_list("uuid", "name")
        start = wanted["offset"]
        rows = rows[start : start + wanted["limit"]] if "limit" in wanted else rows[start:]
        # A UUID goes out as text: JSONRenderer writes it faster than str().
        people: Iterable[tuple[Any, str]] = rows
        return Response(
            shapes.People(users=[{"user_uuid": uuid, "name": name} for uuid, name in people])
        )


routes = [
    route("register", MiniappAccountViewSet, post="register"),
    route("login", MiniappAccountViewSet, post="login"),
    route("users_list", PeopleViewSet, get="list"),
]
