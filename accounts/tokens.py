"""
The tokens: JWTs made and read by simplejwt, and only here.

An access token carries `user_id`, `sid` (its login) and `exp`; a refresh token the same and its
own `jti`, which its login remembers as the only one that can still be exchanged.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from messenger.errors import Unauthenticated
from messenger.ids import MAX_ID

# A JWT of ours is about 300 bytes; PyJWT should not be given a megabyte to parse.
MAX_LENGTH = 2000


@dataclass(frozen=True)
class TokenPair:
    """What a login hands out, as texts."""

    access: str
    refresh: str


@dataclass(frozen=True)
class Claims:
    """What a token says, after its signature, type and times have been checked."""

    user_id: int
    login_id: UUID
    jti: str
    # Seconds since the epoch.
    expires: float


def issue(user_id: int, login_id: UUID) -> tuple[TokenPair, str]:
    """A new pair for a login, and the `jti` of its refresh token."""
    refresh = RefreshToken()
    refresh["user_id"] = user_id
    refresh["sid"] = login_id.hex
    access = refresh.access_token
    return TokenPair(access=str(access), refresh=str(refresh)), refresh["jti"]


def access(user_id: int, login_id: UUID) -> str:
    """An access token of a login, alone."""
    token = AccessToken()
    token["user_id"] = user_id
    token["sid"] = login_id.hex
    return str(token)


def read_access(token: str) -> Claims:
    """The claims of an access token. Unauthenticated if it is anything else."""
    return _read(AccessToken, token)


def read_refresh(token: str) -> Claims:
    """The claims of a refresh token. Unauthenticated if it is anything else."""
    return _read(RefreshToken, token)


def _read(kind: type[Token], token: str) -> Claims:
    if not isinstance(token, str) or not token or len(token) > MAX_LENGTH:
        raise Unauthenticated
    claims = _verified(kind, token)  # type: ignore[arg-type]
    if claims.expires <= time.time():
        raise Unauthenticated
    return claims


@lru_cache(maxsize=4096)
def _verified(kind: type[Token], token: str) -> Claims:
    """
    The claims of a token whose signature, type and issuer are right: they stay so, and a client
    shows the same token with every request. What may change, its time and its login, is not kept.
    """
    try:
        claims: dict[str, Any] = kind(token).payload  # type: ignore[arg-type]
        user_id = claims["user_id"]
        if type(user_id) is not int or not 0 < user_id <= MAX_ID:
            raise Unauthenticated
        return Claims(
            user_id=user_id,
            login_id=UUID(claims["sid"]),
            jti=str(claims["jti"]),
            expires=float(claims["exp"]),
        )
    except (
        TokenError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise Unauthenticated from error
