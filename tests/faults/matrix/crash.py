"""Processes that die at a chosen moment (see tests/faults/crashes.py)."""

import asyncio
import contextlib
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.faults.cluster import App, Cluster
from tests.faults.crashes import EXIT_CODE, POINTS
from tests.faults.history import Attempt, Delivery, History, Opened
from tests.faults.matrix.base import Bar, Fault, Outcome, Plan, back_within
from tests.faults.workload import NotReady, Workload

# Those that come as often as the plan says; the others a quarter as often.
FIRST = ("send.locked", "send.half-inserted", "send.inserted", "send.committed", "send.answered")
# Seconds that a process may take to come to the moment: somebody's coming or going is rare.
PATIENCE = 45.0
# Seconds between two bursts of messages, without which few batches have a half.
BURST = 0.5
# Seconds after which another process has found in the log what it was not told.
BY_THE_LOG = 5.0


@dataclass(frozen=True)
class Death:
    """A process died at `point`, at `time` in the history, with messages that were committed."""

    point: str
    time: float
    process: int
    messages: frozenset[str]


class CrashPoints(Fault):
    """One process is always started so that it will die; the other one stays."""

    name = "F15"
    title = "death at each moment of a send, a reading, a joining"
    short = Plan(cycles=2, hold=0.0, pause=0.0)
    full = Plan(cycles=20, hold=0.0, pause=0.0)
    environment = {"DJANGO_SETTINGS_MODULE": "tests.faults.settings"}

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        app = cluster.apps[0]
        await app.terminate()
        wanted = [
            point
            for point in POINTS
            for _ in range(plan.cycles if point in FIRST else max(1, plan.cycles // 4))
        ]
        deaths = []
        await app.start(CRASH=_when(wanted[0]))
        for point, following in zip(wanted, [*wanted[1:], ""], strict=True):
            with workload.fault(point):
                death = await _death(app, workload, point)
                if death is not None:
                    deaths.append(death)
                await app.start(**({"CRASH": _when(following)} if following else {}))
        await workload.pause(BY_THE_LOG)
        await workload.all_ready()
        return [
            Bar("deaths", len(deaths), len(wanted), least=True),
            *_found_again(workload.history, deaths),
            *_told(workload.history, deaths),
        ]

    def bars(self, outcome: Outcome) -> list[Bar]:
        return [back_within(outcome, 2.0)]


def _when(point: str) -> str:
    often = point.startswith("send") and "half" not in point
    return f"{point}:{random.randint(1, 20 if often else 2)}"


async def _death(app: App, workload: Workload, point: str) -> Death | None:
    """Bring people to the process until it dies; None if it does not come to the point."""
    before = len(app.log.read_text(errors="replace"))
    visiting = asyncio.create_task(_visit(workload, app, burst="half" in point))
    try:
        async with asyncio.timeout(PATIENCE):
            code = await app.ended()
    except TimeoutError:
        app.kill()
        return None
    finally:
        visiting.cancel()
        await asyncio.gather(visiting, return_exceptions=True)
    if code != EXIT_CODE:
        return None
    said = app.log.read_text(errors="replace")[before:]
    messages = re.findall(rf"^crash: {re.escape(point)} (\d+)$", said, re.MULTILINE)
    return Death(point, workload.history.now(), app.number, frozenset(messages))


async def _visit(workload: Workload, app: App, *, burst: bool) -> None:
    while True:
        with contextlib.suppress(NotReady):
            await workload.rebalance()
        if burst:
            workload.burst(app.number)
        await asyncio.sleep(BURST if burst else 1)


def _found_again(history: History, deaths: Iterable[Death]) -> list[Bar]:
    """What was committed and not answered: each retry must have been given that message."""
    unanswered = {
        ref
        for death in deaths
        if death.point in ("send.committed", "send.half-answered")
        for ref in death.messages
    }
    answered = {
        attempt.ref
        for attempt in history.of(Attempt)
        if attempt.action == "send" and attempt.result == "ok"
    }
    return [
        Bar("recovered by a retry", len(unanswered & answered), 1, least=True),
        Bar("committed, never acknowledged", len(unanswered - answered), 0),
    ]


def _told(history: History, deaths: Iterable[Death]) -> list[Bar]:
    """What only the dying process's clients knew: when those of the other one heard of it."""
    sockets = {opened.session: opened for opened in history.of(Opened)}
    late: list[float] = []
    for death in deaths:
        if death.point != "send.answered":
            continue
        for ref in death.messages:
            heard = [
                told.time - death.time
                for told in history.of(Delivery)
                if told.kind == "sent"
                and told.ref == ref
                and sockets[told.session].process != death.process
                and sockets[told.session].time < death.time
            ]
            if heard:
                late.append(max(heard))
    return [Bar("told by the log, at the latest", max(late, default=None), BY_THE_LOG, "s")]
