"""Signing in to the admin and to pages: with the e-mail or the username, in any case."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts import services
from accounts.models import User
from messenger.errors import MessengerError


class LoginBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        try:
            return services.authenticate(username or kwargs.get("email") or "", password or "")
        except MessengerError:
            return None
