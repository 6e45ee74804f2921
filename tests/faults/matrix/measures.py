"""What several faults measure: echoes while it lasts, how late readers hear, who is online."""

import asyncio
import contextlib
import itertools
import math
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Self

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.faults.cluster import App, Cluster
from tests.faults.figures import Times
from tests.faults.history import Attempt, Closed, Delivery, History, Opened, Ready
from tests.faults.matrix.base import Bar
from tests.faults.workload import Workload

# Seconds between two echoes.
EVERY = 0.05
# Seconds in which an echo comes back, or in three times as many as in calm, on a busy machine.
ECHO = 0.1

Span = tuple[float, float, str]


class Echoes:
    """Pings all the time, on a socket at each process that does nothing else."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        # When each was sent, how long it took, whether it came back.
        self.heard: list[tuple[float, float, bool]] = []

    async def __aenter__(self) -> Self:
        apps = self.workload.cluster.apps
        self._tasks = [asyncio.create_task(self._keep_on(app)) for app in apps]
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_on(self, app: App) -> None:
        [members, *_] = self.workload.world.chats.values()
        headers = {"Authorization": f"Bearer {members[0].token}"}
        address = app.url.replace("http", "ws", 1) + "/api/v1/ws"
        while True:
            with contextlib.suppress(OSError, TimeoutError, WebSocketException):
                async with connect(
                    address, additional_headers=headers, ping_interval=None, max_queue=None
                ) as socket:
                    await self._ping(socket)
            await asyncio.sleep(0.5)

    async def _ping(self, socket: ClientConnection) -> None:
        history = self.workload.history
        for number in itertools.count():
            began = history.now()
            ok = False
            try:
                await socket.send(orjson.dumps({"event": "ping", "request_id": number}), text=True)
                while True:
                    said = orjson.loads(await socket.recv())
                    if said.get("request_id") == number:
                        break
                ok = said["event"] == "ack"
            finally:
                self.heard.append((began, history.now() - began, ok))
            await asyncio.sleep(EVERY)

    def during(self, spans: Iterable[Span]) -> list[tuple[float, bool]]:
        inside = list(spans)
        return [
            (took, ok)
            for at, took, ok in self.heard
            if any(began <= at <= healed for began, healed, _ in inside)
        ]

    def bars(self, spans: Collection[Span]) -> list[Bar]:
        """Echoes in these spans are as quick as in calm, or quick enough."""
        first = min(began for began, _, _ in spans)
        calm = Times.of([took for at, took, _ in self.heard if at < first]).at(95) or 0.0
        found = self.during(spans)
        return [
            Bar(
                "echo p95",
                Times.of([took for took, _ in found]).at(95),
                max(ECHO, 3 * calm),
                "s",
            ),
            Bar("echoes that failed", sum(not ok for _, ok in found), 0),
        ]


def sends_in(history: History, spans: Collection[Span], more: float = 0.0) -> Iterator[Attempt]:
    """Tries of sends that were begun in one of these spans, or so many seconds after it."""
    for attempt in history.of(Attempt):
        if attempt.action == "send" and any(
            began <= attempt.time <= healed + more for began, healed, _ in spans
        ):
            yield attempt


def ack(attempts: Iterable[Attempt], percent: float) -> float | None:
    """How long an acknowledgement takes, in seconds."""
    took = [one.completed - one.time for one in attempts if one.result == "ok"]
    return Times.of(took).at(percent)


def told_after(history: History, spans: Collection[Span], more: float = 5.0) -> Times:
    """
    How long after the acknowledgement of a send in these spans, or so long after, each socket that
    was open all that time was told of it; infinite where it never was. Those who come and go are
    left out.
    """
    acked: dict[str, tuple[float, int]] = {}
    for one in sends_in(history, spans, more):
        if one.result == "ok" and one.key not in acked:
            acked[one.key] = one.completed, one.chat
    moved = {one.person for one in history.of(Attempt) if one.action in ("leave", "join")}
    chats: dict[int, int] = {}
    told: dict[tuple[int, str], float] = {}
    for delivery in history.of(Delivery):
        if delivery.kind == "sent":
            chats[delivery.session] = delivery.chat
            told.setdefault((delivery.session, delivery.key), delivery.time)
    ready = {one.session: one.time for one in history.of(Ready)}
    closed = {one.session: one.time for one in history.of(Closed)}
    found = []
    for socket in history.of(Opened):
        since = ready.get(socket.session)
        # A mini-app's own messages are answered, not told; and who catches up is told otherwise.
        if since is None or socket.person in moved or socket.protocol != "nodus":
            continue
        for key, (at, chat) in acked.items():
            if chat != chats.get(socket.session) or at < since + 1:
                continue
            when = told.get((socket.session, key))
            if when is not None:
                found.append(max(0.0, when - at))
            elif socket.session not in closed:
                found.append(math.inf)
    return Times.of(found)


async def all_online(workload: Workload, cluster: Cluster, patience: float = 30.0) -> float:
    """Wait until each process says of everybody with a socket that they are online; the seconds."""
    began = time.monotonic()
    for chat, members in workload.world.chats.items():
        here = {c.person.id for c in workload.clients if c.person.chat == chat and c.ready.is_set()}
        # Somebody who stays: the first to write.
        asker = members[-1]
        for process in range(len(cluster.apps)):
            for person in here:
                while time.monotonic() < began + patience:
                    path = f"/api/v1/presence/{person}"
                    answer = await workload.rest.ask(process, "GET", path, asker.token)
                    # 404: they have left the chat for a moment.
                    if answer.status == 404 or (answer.body or {}).get("status") == "online":
                        break
                    await asyncio.sleep(0.2)
    return time.monotonic() - began
