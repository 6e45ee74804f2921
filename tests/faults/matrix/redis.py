"""Redis goes away, hangs, forgets, or is full. The log is the truth: nobody may notice for long."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable

from tests.faults.cluster import Cluster
from tests.faults.matrix.base import Bar, Fault, Outcome, Plan
from tests.faults.matrix.measures import Echoes, ack, all_online, sends_in, told_after
from tests.faults.workload import Workload

# Seconds: until everything works again once Redis does, and until everybody counts as online.
BACK, PRESENT = 10.0, 15.0


class RedisTrouble(Fault):
    """A cycle is one pass through `troubles`."""

    @abstractmethod
    def troubles(self, plan: Plan) -> list[tuple[str, Callable[[Cluster], Awaitable[None]]]]:
        """What each is called, and what makes and heals it."""

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        ready, online = [], []
        async with Echoes(workload) as echoes:
            await workload.pause(plan.pause)
            for _ in range(plan.cycles):
                for text, trouble in self.troubles(plan):
                    with workload.fault(text):
                        await trouble(cluster)
                    began = time.monotonic()
                    ready.append(await cluster.ready())
                    await all_online(workload, cluster)
                    online.append(time.monotonic() - began)
                    await workload.pause(plan.pause)
        return [
            Bar("ready again", max(ready), BACK, "s"),
            Bar("everybody online", max(online), PRESENT, "s"),
            *echoes.bars(workload.history.spans()),
        ]

    def bars(self, outcome: Outcome) -> list[Bar]:
        history = outcome.history
        spans = history.spans()
        figures = outcome.verdict.figures
        told = told_after(history, spans)
        return [
            Bar("5xx", figures.server_errors, 0),
            Bar("ack p99", ack(sends_in(history, spans), 99), 1.5, "s"),
            Bar("told p99", told.at(99), 2.0, "s"),
            Bar("told at last", told.at(100), 5.0, "s"),
            Bar("sockets lost", sum(figures.codes.get(code, 0) for code in (1006, 1011)), 0),
        ]


class KilledRedis(RedisTrouble):
    """It comes back with nothing in it, after a moment and after a while."""

    name = "F3"
    title = "kill -9 of Redis, restarted empty"
    short = Plan(cycles=1, hold=3.0, pause=2.0)
    full = Plan(cycles=3, hold=6.0, pause=4.0)

    def troubles(self, plan: Plan) -> list[tuple[str, Callable[[Cluster], Awaitable[None]]]]:
        async def away(cluster: Cluster, seconds: float) -> None:
            await asyncio.to_thread(cluster.redis.kill)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(cluster.redis.start)

        return [
            (f"Redis gone for {seconds:g} s", lambda cluster, s=seconds: away(cluster, s))  # type: ignore[misc]
            for seconds in (1.0, plan.hold)
        ]


class FrozenRedis(RedisTrouble):
    """Connections stay open and nothing answers: who waits for it, waits until a timeout."""

    name = "F4"
    title = "SIGSTOP of Redis"
    short = Plan(cycles=1, hold=5.0, pause=2.0)
    full = Plan(cycles=3, hold=10.0, pause=4.0)

    def troubles(self, plan: Plan) -> list[tuple[str, Callable[[Cluster], Awaitable[None]]]]:
        async def frozen(cluster: Cluster) -> None:
            cluster.redis.freeze()
            await asyncio.sleep(plan.hold)
            cluster.redis.thaw()

        return [("Redis frozen", frozen)]


class ForgetfulRedis(RedisTrouble):
    """It answers, but has cut off its clients, forgotten everything, or takes nothing more."""

    name = "F5"
    title = "CLIENT KILL, FLUSHALL, maxmemory"
    short = Plan(cycles=1, hold=1.5, pause=1.0)
    full = Plan(cycles=3, hold=5.0)

    def troubles(self, plan: Plan) -> list[tuple[str, Callable[[Cluster], Awaitable[None]]]]:
        async def cut(cluster: Cluster, kind: str) -> None:
            with cluster.redis.client() as redis:
                redis.client_kill_filter(_type=kind, skipme=True)
            await asyncio.sleep(plan.hold)

        async def flushed(cluster: Cluster) -> None:
            with cluster.redis.client() as redis:
                redis.flushall()
            await asyncio.sleep(plan.hold)

        async def full(cluster: Cluster) -> None:
            with cluster.redis.client() as redis:
                # Less than what it needs itself: every write is refused.
                redis.config_set("maxmemory", "100kb")
                redis.config_set("maxmemory-policy", "noeviction")
                try:
                    await asyncio.sleep(plan.hold)
                finally:
                    redis.config_set("maxmemory", "0")

        return [
            ("subscriptions cut", lambda cluster: cut(cluster, "pubsub")),
            ("clients cut", lambda cluster: cut(cluster, "normal")),
            ("Redis emptied", flushed),
            ("Redis full", full),
        ]
