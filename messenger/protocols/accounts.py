"""What the protocols' ways of signing up and in have in common."""

from typing import Any

from django.http import HttpRequest
from rest_framework import serializers
from rest_framework.request import Request

from accounts.models import fold
from messenger.drf import address_of
from messenger.realtime import limits


class Credentials(serializers.Serializer):
    """`email` or `username` (either may hold either), and `password`. Gives `login`, `password`."""

    email = serializers.CharField(max_length=254, required=False)
    username = serializers.CharField(max_length=254, required=False)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        login = attrs.get("email") or attrs.get("username")
        if not login:
            raise serializers.ValidationError({"email": ["say the e-mail or the username"]})
        return {"login": login, "password": attrs["password"]}


class RefreshToken(serializers.Serializer):
    """`refresh_token`, or `refresh` as simplejwt's own clients say."""

    refresh_token = serializers.CharField(max_length=4096, required=False)
    refresh = serializers.CharField(max_length=4096, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        token = attrs.get("refresh_token") or attrs.get("refresh")
        if not token:
            raise serializers.ValidationError({"refresh_token": ["this is missing"]})
        return {"token": token}


def limit_register(request: Request) -> None:
    limits.check(limits.REGISTER, address_of(request))


def limit_login(request: HttpRequest | Request, login: str) -> None:
    """By address, and by address and account: a stranger can't lock anybody out of theirs."""
    address = address_of(request)
    limits.check(limits.LOGIN_ADDRESS, address)
    limits.check(limits.LOGIN_ACCOUNT, f"{address} {fold(login.strip())}")
