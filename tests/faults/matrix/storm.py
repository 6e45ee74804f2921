"""Everybody connects at once."""

import asyncio
import json
import secrets
import sys
import time
from collections import Counter
from typing import Any, Self

from tests.faults.cluster import ROOT, Cluster
from tests.faults.figures import Times
from tests.faults.matrix.base import Bar, Fault, Outcome, Plan
from tests.faults.matrix.measures import ack, sends_in
from tests.faults.rest import Rest
from tests.faults.workload import Workload
from tests.faults.world import make_world

# Connections a second, and how many each person opens: as many as one may have.
RATE, EACH = 500.0, 20
# How those are refused who are too many: 4429 and 1013 after the handshake, 503 instead of it.
REFUSALS = {"4429", "1013", "503"}
# Seconds.
LAG = 0.25
EVERY = 0.02


class Storm(Fault):
    """`hold` is for how many seconds they come: with valid tokens, from many addresses."""

    name = "F12"
    title = "500 connections a second"
    short = Plan(cycles=1, hold=3.0)
    full = Plan(cycles=1, hold=10.0)

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        members = 25
        people = round(RATE * plan.hold / EACH)
        world = await make_world(
            cluster, secrets.token_hex(4), chats=-(-people // members), members=members
        )
        tokens = [one.token for chat in world.chats.values() for one in chat]
        wanted = {
            "ports": [app.port for app in cluster.apps],
            "tokens": tokens[:people],
            "rate": RATE,
            "seconds": plan.hold,
        }
        outcomes: Counter[str] = Counter()
        took: list[float] = []
        rates = []
        async with Lags(cluster) as lags:
            await workload.pause(plan.pause)
            for _ in range(plan.cycles):
                with workload.fault("storm"):
                    came = await _rush(wanted)
                outcomes.update(came["outcomes"])
                took += came["took"]
                rates.append(came["rate"])
                await cluster.ready()
                await workload.pause(plan.pause)
        span = workload.history.spans()
        first, last = span[0][0], span[-1][1]
        now = workload.history.origin
        during = lags.between(now + first, now + last)
        other = sum(outcomes.values()) - outcomes["let in"]
        refused = sum(outcomes[code] for code in REFUSALS)
        return [
            Bar("connections", min(rates), RATE * 0.9, "/s", least=True),
            Bar("let in", outcomes["let in"] / sum(outcomes.values()), 0.5, least=True),
            Bar("refused as too many", refused, sum(outcomes.values())),
            Bar("any other end", other - refused, 0),
            Bar("let in p99", Times.of(took).at(99), 5.0, "s"),
            Bar("lag in calm p99", lags.between(0, now + first).at(99), LAG, "s"),
            Bar("lag p99", during.at(99), LAG, "s"),
            Bar("asked for the lag", len(during), 10, least=True),
        ]

    def bars(self, outcome: Outcome) -> list[Bar]:
        history = outcome.history
        return [
            Bar("5xx", outcome.verdict.figures.server_errors, 0),
            Bar("ack p99", ack(sends_in(history, history.spans()), 99), 2.0, "s"),
            Bar(
                "sockets lost",
                sum(outcome.verdict.figures.codes.get(c, 0) for c in (1006, 1011)),
                0,
            ),
        ]


async def _rush(wanted: dict[str, Any]) -> dict[str, Any]:
    """See tests.faults.rush."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.rush"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate(json.dumps(wanted).encode())
    assert process.returncode == 0, "the rush failed"
    found: dict[str, Any] = json.loads(printed)
    return found


class Lags:
    """How long each process takes to say /healthz, for which it needs its event loop only."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.rest = Rest(cluster.apps, timeout=10.0, direct=True)
        self.heard: list[tuple[float, float]] = []

    async def __aenter__(self) -> Self:
        numbers = range(len(self.cluster.apps))
        self._tasks = [asyncio.create_task(self._keep_on(number)) for number in numbers]
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.rest.close()

    async def _keep_on(self, number: int) -> None:
        while True:
            began = time.monotonic()
            answer = await self.rest.ask(number, "GET", "/healthz", "")
            took = time.monotonic() - began
            self.heard.append((began, took if answer.result == "ok" else float("inf")))
            await asyncio.sleep(EVERY)

    def between(self, began: float, end: float) -> Times:
        return Times.of([took for at, took in self.heard if began <= at <= end])
