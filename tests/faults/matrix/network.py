"""Lines that are cut, and lines that go silent without anybody being told."""

import asyncio
import secrets
import time
from contextlib import AsyncExitStack
from typing import Self

from websockets.asyncio.client import connect

from tests.faults.cluster import App, Cluster
from tests.faults.history import Closed
from tests.faults.lines import ended, line_from, line_of, open_lines
from tests.faults.matrix.base import Bar, Fault, Outcome, Plan, back_within
from tests.faults.proxy import Line
from tests.faults.rest import Rest
from tests.faults.services import Postgres
from tests.faults.workload import Workload
from tests.faults.world import Person, make_world

# Connections to PostgreSQL that a process may have: DB_READERS, DB_WRITERS and two for passwords.
CONNECTIONS = 6 + 3 + 2
# Statements that one more socket may cost, from its handshake until it has caught up.
STATEMENTS = 15
# Seconds: the server's pings and its patience with them, and how often it looks; the lease of a
# socket, and until everybody is told that it has run out.
PINGS = 20 + 20 + 2
LEASE = 15 + 3
# Descriptors and megabytes that may be more afterwards, of each process.
DESCRIPTORS, MEMORY = 5, 8
MB = 1_000_000


class ResetLines(Fault):
    """All who lost theirs come back in the same few seconds."""

    name = "F10"
    title = "half of the lines reset at once"
    short = Plan(cycles=2, hold=0.0, pause=3.0)
    full = Plan(cycles=5, hold=0.0, pause=6.0)

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        statements = 0.0
        async with Backends(cluster.postgres) as backends:
            for _ in range(plan.cycles):
                before = await _counted(cluster.postgres)
                await workload.pause(plan.pause)
                usual = await _counted(cluster.postgres)
                with workload.fault("lines reset"):
                    for app in cluster.apps:
                        app.proxy.cut(0.5)
                # All are back in this time, or it is the bar below that says so.
                await workload.pause(plan.pause)
                statements += max(0, await _counted(cluster.postgres) - 2 * usual + before)
                await workload.all_ready()
        cut = sum(1 for one in workload.history.of(Closed) if one.code == 1006)
        return [
            Bar("sockets reset", cut, plan.cycles * len(workload.clients) / 4, least=True),
            Bar("statements for each", statements / cut if cut else None, STATEMENTS),
            Bar(
                "connections to PostgreSQL",
                backends.most,
                CONNECTIONS * len(cluster.apps),
            ),
        ]

    def bars(self, outcome: Outcome) -> list[Bar]:
        figures = outcome.verdict.figures
        return [back_within(outcome, 5.0), Bar("5xx", figures.server_errors, 0)]


class SilentLines(Fault):
    """
    A quarter of the lines swallow everything. Their clients notice by themselves and come back by
    another line, all but some more people, who stay away: of them the server is to find out.
    """

    name = "F11"
    title = "a quarter of the lines silent"
    short = None
    full = Plan(cycles=1, hold=60.0)

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        before = [_held(app) for app in cluster.apps]
        detected: list[float] = []
        gone: list[float] = []
        for _ in range(plan.cycles):
            async with Strangers(cluster) as strangers:
                with workload.fault("lines silent"):
                    for app in cluster.apps:
                        app.proxy.black_hole(0.25)
                    for line in strangers.lines:
                        line.open.clear()
                    silent = [line for line in map(line_of, workload.clients) if line is not None]
                    silent = [one for one in silent if not one.open.is_set()] + strangers.lines
                    watched = asyncio.gather(
                        _until_ended(silent, plan.hold), strangers.offline(plan.hold + LEASE)
                    )
                    found, away = await watched
                    detected += found
                    gone += away
                    for app in cluster.apps:
                        app.proxy.restore()
            await workload.all_ready()
            await workload.pause(plan.pause)
        after = [_held(app) for app in cluster.apps]
        pairs = list(zip(before, after, strict=True))
        return [
            Bar("sockets given up after", max(detected), PINGS, "s"),
            Bar("offline after", max(gone), PINGS + LEASE, "s"),
            Bar("descriptors kept", max(b[0] - a[0] for a, b in pairs), DESCRIPTORS),
            Bar("memory kept", max(b[1] - a[1] for a, b in pairs) / MB, MEMORY, "MB"),
        ]


class Backends:
    """The most connections that PostgreSQL has had meanwhile, but our own."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres
        self.most = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            self.most = max(self.most, await asyncio.to_thread(backends, self.postgres))
            await asyncio.sleep(0.1)


def backends(postgres: Postgres) -> int:
    """Connections to it, but the one that asks."""
    [(count,)] = postgres.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    return int(count)


async def _counted(postgres: Postgres) -> int:
    """Transactions until now; a statement outside of one is one."""
    [(count,)] = await asyncio.to_thread(
        postgres.execute,
        "SELECT xact_commit + xact_rollback FROM pg_stat_database"
        " WHERE datname = current_database()",
    )
    return int(count)


def _held(app: App) -> tuple[int, int]:
    """Descriptors beside those of lines that are open, and bytes of memory."""
    return app.descriptors() - len(app.proxy.lines), app.rss()


async def _until_ended(lines: list[Line], patience: float) -> list[float]:
    """After how many seconds the server has given up each; infinite where it has not."""
    began = time.monotonic()
    found: dict[Line, float] = {}
    while time.monotonic() < began + patience:
        for line in lines:
            if line not in found and ended(line):
                found[line] = time.monotonic() - began
        await asyncio.sleep(0.2)
    return [found.get(line, float("inf")) for line in lines]


class Strangers:
    """People in a chat of their own, each with a socket that does nothing, and one who asks."""

    COUNT = 8

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.lines: list[Line] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        world = await make_world(
            self.cluster, secrets.token_hex(4), chats=1, members=self.COUNT + 1
        )
        [[self.asker, *self.people]] = world.chats.values()
        self.rest = Rest(self.cluster.apps, timeout=5.0, direct=True)
        self._stack.push_async_callback(self.rest.close)
        for number, person in enumerate(self.people):
            app = self.cluster.apps[number % len(self.cluster.apps)]
            socket = await self._stack.enter_async_context(_idle(app, person))
            line = line_from(set(open_lines(self.cluster)), socket.local_address)
            assert line is not None
            self.lines.append(line)
        # Until they are, nobody could see them go.
        assert max(await self._until("online", 30.0)) < 60.0, "they do not come online"
        return self

    async def __aexit__(self, *error: object) -> None:
        # There is nobody to say goodbye to.
        for line in self.lines:
            line.cut()
        await self._stack.aclose()

    async def offline(self, patience: float) -> list[float]:
        """After how many seconds each counts as offline; infinite where they do not."""
        return await self._until("offline", patience)

    async def _until(self, status: str, patience: float) -> list[float]:
        began = time.monotonic()
        found: dict[int, float] = {}
        while len(found) < len(self.people) and time.monotonic() < began + patience:
            for person in self.people:
                if person.id not in found:
                    path = f"/api/v1/presence/{person.id}"
                    answer = await self.rest.ask(0, "GET", path, self.asker.token)
                    if (answer.body or {}).get("status") == status:
                        found[person.id] = time.monotonic() - began
            await asyncio.sleep(1.0)
        return [found.get(person.id, float("inf")) for person in self.people]


def _idle(app: App, person: Person) -> connect:
    address = app.proxied.replace("http", "ws", 1) + "/api/v1/ws"
    headers = {"Authorization": f"Bearer {person.token}"}
    return connect(address, additional_headers=headers, ping_interval=None, close_timeout=0.1)
