"""Requests: JSON both ways, signed in, with errors as exceptions."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx

from messenger_client.errors import MessengerError, Unreachable, from_response
from messenger_client.login import Login
from messenger_client.shapes import Tokens

T = TypeVar("T")


class Rest:
    """
    `url` is the server's, as "https://chat.example.org"; `tokens` are those of an earlier login,
    and `on_tokens` is told of every new pair. `transport` takes the place of the network in tests.
    """

    def __init__(
        self,
        url: str,
        *,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens], None] | None = None,
        refresh_margin: float = 60.0,
        timeout: float = 15.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/api/v1",
            timeout=timeout,
            transport=transport,
            # Loading the certificates takes long, and only https needs them.
            verify=not url.startswith("http:"),
        )
        self.tokens = Login(self._exchange, margin=refresh_margin, on_tokens=on_tokens)
        if tokens is not None:
            self.tokens.take(tokens, new=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self.tokens.settled()
        await self._http.aclose()

    # --- requests -----------------------------------------------------------------------------

    async def _ask(self, kind: type[T], method: str, path: str, **options: Any) -> T:
        """The body of the answer, which is one of these."""
        return cast(T, await self.request(method, path, **options))

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        signed: bool = True,
    ) -> Any:
        """The JSON of the answer, None where it has no body. For what has no method here."""
        params = {name: value for name, value in (query or {}).items() if value is not None}
        again = signed
        token = await self.tokens.fresh() if signed else ""
        while True:
            own = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if signed else {})}
            try:
                response = await self._http.request(
                    method, path, json=json, params=params, headers=own
                )
            except httpx.TransportError as error:
                raise Unreachable(0, "unreachable", str(error) or type(error).__name__) from error
            if response.status_code == 401 and again:
                again = False
                token = await self.tokens.renew(token)
                continue
            if response.status_code >= 400:
                raise from_response(response)
            if not response.content:
                return None
            try:
                return response.json()
            except ValueError:
                status = response.status_code
                raise MessengerError(status, "not_json", "This is no server of ours.") from None

    async def _exchange(self, refresh_token: str) -> Tokens:
        body = {"refresh_token": refresh_token}
        return await self._ask(Tokens, "POST", "/auth/refresh", json=body, signed=False)
