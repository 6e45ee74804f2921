"""Signing up, in and out: what the protocols have in common. Each adds its fields and its words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, TypedDict

from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts import selectors, services
from accounts.models import User, fold
from accounts.tokens import TokenPair, read_refresh
from messenger.drf import address_of
from messenger.realtime import limits
from messenger.rest import Form, TextField, Wanted, claims_of, operation


class NewUsername(TextField):
    """A username to sign up with; `accounts.services` looks at it."""

    documented = {"minLength": 2, "pattern": r"^\s*[\p{L}\p{N}_.+-]{2,64}\s*$"}


class NewPassword(TextField):
    """A password to sign up with: not too short, and more than digits. See AUTH_PASSWORD_VALIDATORS
    in the settings, also for what no schema can say."""

    documented = {"minLength": 8, "pattern": r"^[^\u0000]*[^\u00000-9][^\u0000]*$"}


class Credentials(serializers.Serializer):
    """`email` or `username` (either may hold either), and `password`."""

    either = ("email", "username")

    email = TextField(max_length=254, required=False)
    username = TextField(max_length=254, required=False)
    password = TextField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        login = attrs.get("email") or attrs.get("username")
        if not login:
            raise serializers.ValidationError({"email": [_("say the e-mail or the username")]})
        return {"login": login, "password": attrs["password"]}


class RefreshToken(serializers.Serializer):
    """`refresh_token`, or `refresh` as simplejwt's own clients say."""

    either = ("refresh_token", "refresh")

    refresh_token = TextField(max_length=4096, required=False)
    refresh = TextField(max_length=4096, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        token = attrs.get("refresh_token") or attrs.get("refresh")
        if not token:
            raise serializers.ValidationError({"refresh_token": [_("this is missing")]})
        return {"token": token}


class Tokens(TypedDict):
    """A pair of tokens as OAuth2 names them."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"]


def tokens(pair: TokenPair) -> Tokens:
    return {"access_token": pair.access, "refresh_token": pair.refresh, "token_type": "bearer"}


class AccountViewSet(ViewSet):
    """
    `register` and `login`. A protocol says with which fields somebody signs up (`registration`),
    what the answer calls a person (`user`) and their tokens (`tokens`).
    """

    permission_classes = [AllowAny]
    authentication_classes = []
    hashing = {"register": limits.REGISTER, "login": limits.LOGIN_ADDRESS}

    registration: ClassVar[Form]

    def user(self, user: User) -> Mapping[str, object]:
        raise NotImplementedError

    def tokens(self, pair: TokenPair) -> Mapping[str, object]:
        raise NotImplementedError

    def check_throttles(self, request: Request) -> None:
        super().check_throttles(request)
        # Before the form is looked at: what is taken for an answer to that counts too.
        limit = self.hashing.get(self.action)
        if limit is not None:
            limits.check(limit, address_of(request))

    @operation({201: "user"}, body="registration")
    def register(self, request: Request, wanted: Wanted) -> Response:
        """Sign up."""
        return Response(self.user(services.register(**wanted)), status=status.HTTP_201_CREATED)

    @operation({200: "tokens"}, body=Credentials, errors=[401, 403])
    def login(self, request: Request, wanted: Wanted) -> Response:
        """Sign in."""
        login, password = wanted["login"], wanted["password"]
        limit_guesses(request, login)
        return Response(self.tokens(services.log_in(login, password)))


class RefreshViewSet(ViewSet):
    """`refresh`."""

    permission_classes = [AllowAny]
    authentication_classes = []

    @operation({200: Tokens}, body=RefreshToken, errors=[401])
    def refresh(self, request: Request, wanted: Wanted) -> Response:
        """Exchange a refresh token for a new pair; the old one is worthless after it."""
        received_at = request.META.get("messenger.received_at") or datetime.now(UTC)
        claims = read_refresh(wanted["token"])
        limits.check(limits.REFRESHES, f"login {claims.login_id}")
        pair = services.refresh(wanted["token"], received_at=received_at)
        return Response(tokens(pair))


class LogoutViewSet(ViewSet):
    """`logout`."""

    @operation({204: None})
    def logout(self, request: Request) -> Response:
        """Sign out: this login ends and its sockets close."""
        services.log_out(claims_of(request).login_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def limit_guesses(request: HttpRequest | Request, login: str) -> None:
    """By address and account together: a stranger can't lock anybody out of theirs."""
    # An account has two names, and its guesses count together; those at nobody's count as well.
    user = selectors.named(login)
    account = f"user {user.id}" if user else f"name {fold(login.strip())}"
    limits.check(limits.LOGIN_ACCOUNT, f"{address_of(request)} {account}")
