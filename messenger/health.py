"""
`/healthz`: this process answers. `/readyz`: it can do its work: the database takes a write, and
what is published at the commit comes back through the channel layer to the hub.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
from django.db import transaction
from django.utils import timezone

from messenger.events import Event, publish
from messenger.models import Canary
from messenger.realtime import doorbell
from messenger.realtime import hub as hubs
from messenger.realtime.threads import in_db

# Seconds that the canary may take, and for which an answer is given again: anyone may ask.
PATIENCE = 1.5
KEPT = 1.0


@dataclass(frozen=True, kw_only=True)
class CanarySang(Event):
    """A check of the whole way of an event. For the hub that asked, and no protocol."""

    kind: ClassVar[str] = "canary_sang"
    internal: ClassVar[bool] = True
    hub: str

    def groups(self) -> list[str]:
        return [f"hub.{self.hub}"]


class Readiness:
    """The last answer, and the check that is under way, for all who ask at the same time."""

    def __init__(self) -> None:
        self._answer: dict[str, str] = {}
        self._at = 0.0
        self._check: asyncio.Task[dict[str, str]] | None = None

    async def answer(self) -> dict[str, str]:
        if time.monotonic() - self._at < KEPT:
            return self._answer
        if self._check is None or self._check.done():
            self._check = asyncio.get_running_loop().create_task(_check())
        self._answer = await asyncio.shield(self._check)
        self._at = time.monotonic()
        return self._answer


readiness = Readiness()


async def _check() -> dict[str, str]:
    hub = hubs.get()
    token = hub.next_id()
    answer = {"database": "ok", "layer": "ok", "canary": "ok"}
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
    draining = doorbell.hub is not None and doorbell.hub.draining
    await _send(send, 503 if draining else 200, {"status": "draining" if draining else "ok"})


async def readyz(scope: dict[str, Any], receive: Any, send: Any) -> None:
    answer = await readiness.answer()
    ready = all(word == "ok" for word in answer.values())
    await _send(send, 200 if ready else 503, {"status": "ok" if ready else "not ready", **answer})


async def _send(send: Any, status: int, body: dict[str, str]) -> None:
    content = orjson.dumps(body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


PATHS: dict[str, Callable[..., Awaitable[None]]] = {"/healthz": healthz, "/readyz": readyz}
