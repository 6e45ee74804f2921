"""PostgreSQL goes away, hangs, hangs up, has a stuck row or no room for us."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.cluster import Cluster
from tests.faults.figures import Times
from tests.faults.history import Attempt, Closed, History
from tests.faults.matrix.base import Bar, Fault, Outcome, Plan
from tests.faults.matrix.measures import Echoes, Span
from tests.faults.services import Postgres
from tests.faults.workload import Workload

# Seconds: what a send takes on a busy machine that is in no trouble at all.
QUICK = 0.1


class PostgresTrouble(Fault):
    """Sockets stay open, and errors are those of a service that is away, not mistakes."""

    def bars(self, outcome: Outcome) -> list[Bar]:
        history, figures = outcome.history, outcome.verdict.figures
        return [
            Bar("5xx but 503", figures.server_errors - figures.unavailable, 0),
            Bar("sockets lost", sum(1 for _ in lost(history)), 0),
            Bar("first success", max(first_success(history), default=None), 2.0, "s"),
            Bar("refused after its return", sum(1 for _ in refused_in_calm(history)), 0),
        ]


class RestartedPostgres(PostgresTrouble):
    """Every session is cut at once, transactions under way are gone; then there is nobody."""

    name = "F6"
    title = "immediate restart of PostgreSQL"
    short = Plan(cycles=2, hold=1.5, pause=3.0)
    full = Plan(cycles=5, hold=3.0, pause=5.0)

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        async with Echoes(workload) as echoes:
            await workload.pause(plan.pause)
            for _ in range(plan.cycles):
                with workload.fault("PostgreSQL gone"):
                    await asyncio.to_thread(cluster.postgres.crash)
                    await asyncio.sleep(plan.hold)
                    await asyncio.to_thread(cluster.postgres.start)
                await cluster.ready()
                await workload.pause(plan.pause)
        return echoes.bars(workload.history.spans())


class StuckPostgres(PostgresTrouble):
    """It does not answer; it hangs up on everybody; somebody sits on the row of one chat."""

    name = "F7"
    title = "SIGSTOP, pg_terminate_backend, a locked row"
    short = None
    full = Plan(cycles=3, hold=5.0, pause=4.0)

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        [chat, *_] = workload.world.chats
        async with Echoes(workload) as echoes:
            await workload.pause(2 * plan.pause)
            for _ in range(plan.cycles):
                with workload.fault("PostgreSQL frozen"):
                    cluster.postgres.freeze()
                    await asyncio.sleep(plan.hold)
                    cluster.postgres.thaw()
                await workload.pause(plan.pause)
                with workload.fault("sessions ended"):
                    await asyncio.to_thread(end_sessions, cluster.postgres)
                await workload.pause(plan.pause)
                with workload.fault(f"chat {chat} locked"), locked(cluster.postgres, chat):
                    await asyncio.sleep(plan.hold)
                await cluster.ready()
                await workload.pause(plan.pause)
        return echoes.bars(workload.history.spans())

    def bars(self, outcome: Outcome) -> list[Bar]:
        history = outcome.history
        locks = [span for span in history.spans() if "locked" in span[2]]
        stuck = int(locks[0][2].split()[1])
        calm = others(history, [(0.0, history.spans()[0][0], "")], stuck).at(99)
        held = others(history, locks, stuck).at(99)
        limit = 2 * max(calm or 0.0, QUICK)
        return [*super().bars(outcome), Bar("other chats' p99", held, limit, "s")]


class CrowdedPostgres(PostgresTrouble):
    """Others have taken most of its connections: what cannot be done now is refused or waits."""

    name = "F8"
    title = "connections exhausted (20 in all)"
    short = None
    full = Plan(cycles=1, hold=60.0)

    def cluster(self, folder: Path, server: str) -> Cluster:
        environment = {"ACCESS_TOKEN_MINUTES": "60"}
        cluster = Cluster(folder, server=server, environment=environment)
        cluster.postgres.options["max_connections"] = 20
        return cluster

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        refusals = 0
        async with Echoes(workload) as echoes:
            await workload.pause(plan.pause)
            for _ in range(plan.cycles):
                with workload.fault("connections taken"), contextlib.ExitStack() as stack:
                    until = asyncio.get_running_loop().time() + plan.hold
                    while asyncio.get_running_loop().time() < until:
                        # They come and go, and take all that there are for a moment.
                        with contextlib.suppress(psycopg.OperationalError):
                            for _ in range(20):
                                stack.enter_context(cluster.postgres.connect())
                        refusals += 1
                        await asyncio.sleep(3)
                        stack.close()
                        await asyncio.sleep(1)
                await cluster.ready()
                await workload.pause(plan.pause)
        return [
            *echoes.bars(workload.history.spans()),
            Bar("times that all were taken", refusals, 5, least=True),
        ]


def end_sessions(postgres: Postgres) -> None:
    """All but this one."""
    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )


@contextlib.contextmanager
def locked(postgres: Postgres, chat: int) -> Iterator[None]:
    """Somebody holds the row of this chat."""
    with postgres.connect() as connection, connection.transaction():
        connection.execute("SELECT 1 FROM chats_chat WHERE id = %s FOR UPDATE", [chat])
        yield


def others(history: History, spans: list[Span], stuck: int) -> Times:
    """How long sends in other chats than the stuck one took, those that failed included."""
    return Times.of(
        [
            one.completed - one.time
            for one in history.of(Attempt)
            if one.action == "send"
            and one.chat != stuck
            and any(began <= one.time <= healed for began, healed, _ in spans)
        ]
    )


def lost(history: History) -> Iterator[Any]:
    """Sockets that closed otherwise than by their clients' wish."""
    return (closed for closed in history.of(Closed) if closed.code != 1000)


def first_success(history: History) -> Iterator[float]:
    """For each fault: seconds from its healing to the first acknowledgement."""
    for _, healed, _ in history.spans():
        good = [
            one.completed
            for one in history.of(Attempt)
            if one.action == "send" and one.result == "ok" and one.completed > healed
        ]
        yield min(good, default=float("inf")) - healed


def refused_in_calm(history: History) -> Iterator[Attempt]:
    """What was refused by a database that is there: begun after a healing, over before the next."""
    spans = history.spans()
    for one in history.of(Attempt):
        away = one.status == 503 or one.error == "unavailable"
        if away and spans[0][0] <= one.time:
            before = [span for span in spans if span[0] <= one.completed]
            if before and one.time > before[-1][1]:
                yield one
