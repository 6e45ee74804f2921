"""The tokens of one login: exchanged before they expire, by one request at a time."""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from messenger_client.errors import MessengerError, SignedOut
from messenger_client.shapes import Tokens


class Login:
    """
    `exchange` asks the server for a new pair. `margin` is how many seconds before its end an access
    token is exchanged. `on_tokens` is told of each new pair, so that it can be kept.
    """

    def __init__(
        self,
        exchange: Callable[[str], Awaitable[Tokens]],
        *,
        margin: float = 60.0,
        on_tokens: Callable[[Tokens], None] | None = None,
    ) -> None:
        self._exchange = exchange
        self._margin = margin
        self._on_tokens = on_tokens
        # Told of each new access token; the client tells the open socket.
        self.on_access: Callable[[str], None] | None = None
        # Told that there is nobody signed in any more, and why.
        self.on_end: Callable[[MessengerError], None] | None = None
        self.tokens: Tokens | None = None
        self._ended: MessengerError | None = None
        self._expires = self._due = 0.0
        self._renewal: asyncio.Task[str] | None = None

    def take(self, tokens: Tokens, *, new: bool = True) -> None:
        """Go on with these tokens; `new` ones come from the server just now."""
        claims = claims_of(tokens["access_token"])
        left = life = float(claims.get("exp", 0)) - float(claims.get("iat", 0))
        if "iat" not in claims or not new:
            # By the clock of this machine, which may be wrong. Then a 401 tells.
            left = float(claims.get("exp", 0)) - time.time()
            left = min(left, life) if "iat" in claims else left
        # However short it lives, it is used for a while.
        margin = min(self._margin, max(life - 1, life / 2))
        self._expires = time.monotonic() + left
        self._due = self._expires - margin
        self.tokens, self._ended = tokens, None
        if new and self._on_tokens is not None:
            self._on_tokens(tokens)
        if self.on_access is not None:
            self.on_access(tokens["access_token"])

    def end(self, error: MessengerError) -> None:
        """From now on there is nobody signed in, and this says why."""
        self.tokens, self._ended = None, error
        if self.on_end is not None:
            self.on_end(error)

    @property
    def access(self) -> str:
        """The access token. SignedOut if there is none."""
        if self.tokens is None:
            raise self._ended or SignedOut(401, "unauthenticated", "Nobody has signed in.")
        return self.tokens["access_token"]

    def due_in(self) -> float:
        """Seconds until the tokens are to be exchanged."""
        return self._due - time.monotonic()

    async def fresh(self) -> str:
        """An access token that is good for a while. SignedOut if the server gives none."""
        access = self.access
        if self.due_in() > 0:
            return access
        try:
            return await self.renew(access)
        except MessengerError:
            # It may work in a minute. Until the token has expired there is no harm in it.
            if self.tokens is None or time.monotonic() >= self._expires:
                raise
            return access

    async def renew(self, stale: str) -> str:
        """An access token other than `stale`, which is refused or soon will be."""
        access = self.access
        if access != stale:
            return access
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(self._renewed)
        renewal = self._renewal
        # Whoever waits may be cancelled. The exchange may not: its answer is all that is left.
        await asyncio.wait([renewal])
        return renewal.result()

    async def _renew(self) -> str:
        assert self.tokens is not None
        try:
            tokens = await self._exchange(self.tokens["refresh_token"])
        except MessengerError as error:
            if error.status not in (400, 401, 403):
                raise
            if error.code == "banned":
                self.end(error)
                raise
            ended = SignedOut(error.status, error.code, error.detail)
            self.end(ended)
            raise ended from error
        self.take(tokens)
        return tokens["access_token"]

    def _renewed(self, renewal: "asyncio.Task[str]") -> None:
        self._renewal = None
        if not renewal.cancelled():
            renewal.exception()

    async def settled(self) -> None:
        """Wait until no exchange is under way."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal])


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT says of itself, unverified; nothing for what is none."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
