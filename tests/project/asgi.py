"""Requests as a server hands them to the application: raw, so that they can be wrong."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from messenger.asgi import application
from tests import contracts


@dataclass
class Answer:
    """What the application sent, and how often it asked for more of the body."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    asked: int = 0

    def json(self) -> Any:
        return orjson.loads(self.body)


def scope(
    method: str, path: str, query: bytes = b"", headers: dict[str, str] | None = None
) -> dict[str, Any]:
    named = {"host": "localhost", **(headers or {})}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "root_path": "",
        "query_string": query,
        "headers": [(name.lower().encode(), v.encode("latin-1")) for name, v in named.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


async def ask(
    method: str,
    path: str,
    *,
    body: bytes | Iterable[bytes] | None = b"",
    query: bytes = b"",
    headers: dict[str, str] | None = None,
    before: Callable[[], Awaitable[Any]] | None = None,
) -> Answer:
    """
    One request. `body` in one piece, or in pieces as if chunked; the client hangs up where it
    comes to a None or to the end of an unfinished body. `before` is awaited when the body is asked
    for.
    """
    answer = Answer()
    pieces = iter([body] if isinstance(body, bytes) else body or ())
    whole = isinstance(body, bytes)

    async def receive() -> dict[str, Any]:
        answer.asked += 1
        if before is not None:
            await before()
        piece = next(pieces, None)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(piece) and not whole}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    await application(scope(method, path, query, headers), receive, send)
    if answer.status:
        contracts.rest().check(method, path, answer.status, answer.headers, answer.body)
    return answer


def signed_in(access: str, **headers: str) -> dict[str, str]:
    return {"authorization": f"Bearer {access}", **headers}


JSON = {"content-type": "application/json"}
