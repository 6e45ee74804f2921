"""
`/healthz`: this process answers. `/readyz`: it can do its work: the database takes a write, and
what is published at the commit comes back through the channel layer to the hub.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypedDict

import orjson
from django.db import transaction
from django.utils import timezone, translation

from messenger.errors import MethodNotAllowed
from messenger.events import Event, publish
from messenger.models import Canary
from messenger.realtime import doorbell
from messenger.realtime import hub as hubs
from messenger.realtime.threads import in_db
from messenger.texts import LANGUAGE_FROM, language_of

# Seconds that the canary may take, and for which an answer is given again: anyone may ask.
PATIENCE = 1.5
KEPT = 1.0
# As Django says it of its answers.
VARY = ", ".join(LANGUAGE_FROM).encode()


@dataclass(frozen=True, kw_only=True)
class CanarySang(Event):
    """A check of the whole way of an event. For the hub that asked, and no protocol."""

    kind: ClassVar[str] = "canary_sang"
    internal: ClassVar[bool] = True
    hub: str

    def groups(self) -> list[str]:
        return [f"hub.{self.hub}"]


class Alive(TypedDict):
    status: Literal["ok", "draining"]


class Parts(TypedDict):
    """What the work needs: each "ok", or what is the matter with it."""

    database: str
    layer: str
    canary: str


class Ready(Parts):
    status: Literal["ok", "not ready"]


class Readiness:
    """The last answer, and the check that is under way, for all who ask at the same time."""

    def __init__(self) -> None:
        self._answer: Parts = {"database": "", "layer": "", "canary": ""}
        self._at = 0.0
        self._check: asyncio.Task[Parts] | None = None

    async def answer(self) -> Parts:
        if time.monotonic() - self._at < KEPT:
            return self._answer
        if self._check is None or self._check.done():
            self._check = asyncio.get_running_loop().create_task(_check())
        self._answer = await asyncio.shield(self._check)
        self._at = time.monotonic()
        return self._answer


readiness = Readiness()


async def _check() -> Parts:
    hub = hubs.get()
    token = hub.next_id()
    answer: Parts = {"database": "ok", "layer": "ok", "canary": "ok"}
    await hub.relay.joined(0.5)
    sang = hub.expect_canary(token)

    def write() -> None:
        with transaction.atomic():
            Canary.objects.update_or_create(pk=1, defaults={"seen_at": timezone.now()})
            publish(CanarySang(hub=hub.name, echo=token))

    try:
        async with asyncio.timeout(PATIENCE):
            await in_db(write)
    except Exception as error:
        answer["database"] = answer["canary"] = type(error).__name__
    else:
        try:
            async with asyncio.timeout(PATIENCE):
                await sang
        except TimeoutError:
            answer["canary"] = "lost"
    finally:
        hub.forget_canary(token)
    if not hub.relay.alive:
        answer["layer"] = "away"
    return answer


async def healthz(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if await _refused(scope, send):
        return
    draining = doorbell.hub is not None and doorbell.hub.draining
    words: Alive = {"status": "draining" if draining else "ok"}
    await _send(send, 503 if draining else 200, words)


async def readyz(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if await _refused(scope, send):
        return
    answer = await readiness.answer()
    ready = all(word == "ok" for word in answer.values())
    words: Ready = {"status": "ok" if ready else "not ready", **answer}
    await _send(send, 200 if ready else 503, words)


async def _refused(scope: dict[str, Any], send: Any) -> bool:
    """Whether this is a method that asks for something else, and it was told so."""
    if scope["method"] in ("GET", "HEAD"):
        return False
    error, language = MethodNotAllowed(), language_of(scope["headers"])
    with translation.override(language):
        words = error.facts()
    headers = (b"content-language", language.encode()), (b"vary", VARY)
    await _send(send, error.status, words, (b"allow", b"GET, HEAD"), *headers)
    return True


async def _send(
    send: Any, status: int, body: Mapping[str, object], *more: tuple[bytes, bytes]
) -> None:
    content = orjson.dumps(body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


PATHS: dict[str, Callable[..., Awaitable[None]]] = {"/healthz": healthz, "/readyz": readyz}
