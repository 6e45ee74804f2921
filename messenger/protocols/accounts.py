"""Signing up, in and out: what the protocols have in common. Each adds its fields and its words."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts import services
from accounts.models import User, fold
from accounts.tokens import TokenPair
from messenger.drf import address_of
from messenger.realtime import limits
from messenger.rest import TextField, body_of, claims_of


class Credentials(serializers.Serializer):
    """`email` or `username` (either may hold either), and `password`. Gives `login`, `password`."""

    email = TextField(max_length=254, required=False)
    username = TextField(max_length=254, required=False)
    password = TextField(max_length=4096, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        login = attrs.get("email") or attrs.get("username")
        if not login:
            raise serializers.ValidationError({"email": ["say the e-mail or the username"]})
        return {"login": login, "password": attrs["password"]}


class RefreshToken(serializers.Serializer):
    """`refresh_token`, or `refresh` as simplejwt's own clients say."""

    refresh_token = TextField(max_length=4096, required=False)
    refresh = TextField(max_length=4096, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        token = attrs.get("refresh_token") or attrs.get("refresh")
        if not token:
            raise serializers.ValidationError({"refresh_token": ["this is missing"]})
        return {"token": token}


def tokens(pair: TokenPair) -> dict[str, Any]:
    """A pair of tokens as OAuth2 names them."""
    return {"access_token": pair.access, "refresh_token": pair.refresh, "token_type": "bearer"}


class AccountViewSet(ViewSet):
    """
    `register` and `login`. A protocol says with which fields somebody signs up (`registration`),
    what the answer calls a person (`user`) and their tokens (`tokens`).
    """

    permission_classes = [AllowAny]
    authentication_classes = []
    hashes_passwords = True

    registration: ClassVar[type[serializers.Serializer]]

    def user(self, user: User) -> dict[str, Any]:
        raise NotImplementedError

    def tokens(self, pair: TokenPair) -> dict[str, Any]:
        return tokens(pair)

    def register(self, request: Request) -> Response:
        limits.check(limits.REGISTER, address_of(request))
        wanted = body_of(request, self.registration)
        user = services.register(**wanted)
        return Response(self.user(user), status=status.HTTP_201_CREATED)

    def login(self, request: Request) -> Response:
        wanted = body_of(request, Credentials)
        login, password = wanted["login"], wanted["password"]
        limit_login(request, login)
        return Response(self.tokens(services.log_in(login, password)))


class RefreshViewSet(ViewSet):
    """`refresh`: exchange a refresh token; the old one is worthless after it."""

    permission_classes = [AllowAny]
    authentication_classes = []

    def refresh(self, request: Request) -> Response:
        wanted = body_of(request, RefreshToken)
        received_at = request.META.get("messenger.received_at") or datetime.now(UTC)
        pair = services.refresh(wanted["token"], received_at=received_at)
        return Response(tokens(pair))


class LogoutViewSet(ViewSet):
    """`logout`: this login ends and its sockets close."""

    def logout(self, request: Request) -> Response:
        services.log_out(claims_of(request).login_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def limit_login(request: HttpRequest | Request, login: str) -> None:
    """By address, and by address and account: a stranger can't lock anybody out of theirs."""
    address = address_of(request)
    limits.check(limits.LOGIN_ADDRESS, address)
    limits.check(limits.LOGIN_ACCOUNT, f"{address} {fold(login.strip())}")
