"""
Signing in to the admin and to pages: with the e-mail or the username, in any case, and under the
limits of every login. One attempt too many is answered as a wrong password is.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts import services
from accounts.models import User
from messenger.drf import address_of
from messenger.errors import MessengerError
from messenger.protocols.accounts import limit_guesses
from messenger.realtime import limits


class LoginBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        login = username or kwargs.get("email") or ""
        try:
            if request is not None:
                limits.check(limits.LOGIN_ADDRESS, address_of(request))
                limit_guesses(request, login)
            return services.authenticate(login, password or "")
        except MessengerError:
            return None
