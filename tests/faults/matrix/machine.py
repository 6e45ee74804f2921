"""What the machine does to its processes: a clock that is wrong, cores that somebody else has."""

import asyncio
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.cluster import ROOT, Cluster
from tests.faults.history import Closed
from tests.faults.matrix.base import Bar, Fault, Outcome, Plan
from tests.faults.matrix.measures import all_online
from tests.faults.renewal import renew
from tests.faults.rest import Rest
from tests.faults.workload import Workload
from tests.faults.world import Person, make_world

# Seconds by which the clock is wrong, and how far apart clocks may be (SIMPLE_JWT["LEEWAY"]).
WRONG = 300
LEEWAY = 5
# Tickets that somebody may have at once, and one more each second.
BURST = 60


class WrongClock(Fault):
    """
    One process is five minutes ahead, then five minutes behind. Order and limits do not go by its
    clock; tokens do, and are refused where they come from the future: hosts must keep time.
    """

    name = "F13"
    title = "the clock of one process 5 minutes off"
    short = None
    full = Plan(cycles=1, hold=30.0)

    def missing(self) -> str:
        return "" if shutil.which("cc") else "there is no C compiler here, for tests/faults/clock.c"

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        library = _library(cluster.folder)
        wrong = cluster.apps[-1]
        world = await make_world(cluster, secrets.token_hex(4), chats=1, members=2)
        [[asker, other]] = world.chats.values()
        rest = Rest(cluster.apps, timeout=10.0, direct=True)
        bars: list[Bar] = []
        try:
            for _ in range(plan.cycles):
                for seconds in (WRONG, -WRONG):
                    # Else everybody would be refused by the one that is behind.
                    await renew(workload, ago=2 * WRONG)
                    with workload.fault(f"app {wrong.number} {seconds:+} s"):
                        await wrong.terminate()
                        await wrong.start(LD_PRELOAD=str(library), CLOCK_SHIFT=str(seconds))
                        await workload.all_ready()
                        await workload.rebalance()
                        await all_online(workload, cluster)
                        await workload.pause(plan.hold)
                        who = asker if seconds > 0 else other
                        bars += [
                            await _limit(rest, who, seconds),
                            *await _tokens(cluster, rest, world.run, seconds),
                        ]
                    await wrong.terminate()
                    await wrong.start()
                    await workload.all_ready()
                    await workload.rebalance()
        finally:
            await rest.close()
        return bars

    def bars(self, outcome: Outcome) -> list[Bar]:
        return [Bar("5xx", outcome.verdict.figures.server_errors, 0)]


def _library(folder: Path) -> Path:
    """What a process is started with whose clock is to be wrong. See tests/faults/clock.c."""
    library = folder.resolve() / "clock.so"
    source = ROOT / "tests/faults/clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return library


async def _limit(rest: Rest, person: Person, seconds: int) -> Bar:
    """Whether a limit that both processes count together is the same as ever."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    allowed = 0
    for number in range(2 * BURST):
        answer = await rest.ask(number % 2, "POST", "/api/v1/auth/ws-ticket", person.token)
        allowed += answer.result == "ok"
    most = BURST + int(loop.time() - began) + 1
    wrong = max(0, allowed - most, BURST - allowed)
    return Bar(f"{seconds:+} s: off the limit by", wrong, 0)


async def _tokens(cluster: Cluster, rest: Rest, run: str, seconds: int) -> list[Bar]:
    """
    What becomes of tokens that one process has issued a moment ago at the other: refused where
    they come from its future, good the other way round.
    """
    wrong = len(cluster.apps) - 1
    issuer, reader = (wrong, 0) if seconds > 0 else (0, wrong)
    refused = await _status(rest, issuer, reader, f"{run}-{seconds}-a")
    good = await _status(rest, reader, issuer, f"{run}-{seconds}-b")
    return [
        Bar(f"{seconds:+} s: a token of its past not taken", good != 200, 0),
        Bar(f"{seconds:+} s: a token of its future not refused", refused != 401, 0),
    ]


async def _status(rest: Rest, issuer: int, reader: int, name: str) -> int:
    """Sign up and in at one process, and ask the other who one is."""
    name = name.replace("+", "p").replace("-", "_")[:30]
    body = {"email": f"{name}@example.org", "password": secrets.token_hex(12)}
    for path in ("register", "login"):
        answer = await rest.ask(issuer, "POST", f"/api/v1/auth/{path}", "", body=body)
        assert answer.result == "ok", f"{path}: {answer.status} {answer.error}"
    said = await rest.ask(reader, "GET", "/api/v1/auth/me", answer.body["access_token"])
    return said.status


class BusyMachine(Fault):
    """As many others as there are cores, which want all of them."""

    name = "F14"
    title = "two processes that take all cores"
    short = Plan(cycles=1, hold=8.0, pause=1.0)
    full = Plan(cycles=1, hold=30.0)

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        for _ in range(plan.cycles):
            with workload.fault("cores taken"), hogs(2):
                await asyncio.sleep(plan.hold)
            await workload.pause(plan.pause)
        lost = [one for one in workload.history.of(Closed) if one.code != 1000]
        return [Bar("sockets lost", len(lost), 0)]

    def bars(self, outcome: Outcome) -> list[Bar]:
        return [Bar("5xx", outcome.verdict.figures.server_errors, 0)]


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """So many processes that do nothing as fast as they can."""
    found = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for one in found:
            one.kill()
            one.wait()
