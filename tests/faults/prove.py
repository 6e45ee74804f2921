"""
Whether the checker would notice: first the server as it is, where it must find nothing, then each
of its mutants, where it must find what that mistake leads to.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.faults.checker import Verdict, check
from tests.faults.cluster import Cluster
from tests.faults.history import Delivery, Opened, write
from tests.faults.mutants import MUTANTS, Mutant
from tests.faults.workload import Size, Workload
from tests.faults.world import Person, key_of

Say = Callable[[str], None]
# Not for long, but with much of everything that a mistake can show in.
SIZE = Size(
    chats=2,
    members=5,
    # Two of them are at the same process.
    writers=3,
    rate=5 / 3,
    retried=0.3,
    read_every=1.0,
    likes=3.0,
    move_every=0.5,
    # A slow machine is no mistake.
    timeout=15.0,
)
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
    "ACCESS_TOKEN_MINUTES": "60",
    # Somebody who polls asks more often than people may.
    "RATE_LIMITS": "off",
}
# Seconds of load, for what is usual and for what shows itself less often; seconds that readers get
# to hear the rest, and between two times that half of the sockets are cut.
LOAD, LONGER = 10.0, 30.0
CALM = 5.0
CUT_EVERY = 3.0
# How many poll, and the number of the first of them; seconds between two pages.
POLLERS, FIRST_POLLER = 2, 9_000
BETWEEN_PAGES = 0.03


@dataclass(frozen=True)
class Proof:
    """What the checker said of the server as it is (no mutant) or of a mutant."""

    mutant: Mutant | None
    verdict: Verdict

    @property
    def passed(self) -> bool:
        if self.mutant is None:
            return self.verdict.clean
        return bool(self.verdict.counts[self.mutant.anomaly])

    def words(self) -> str:
        counts = {name: count for name, count in self.verdict.counts.items() if count}
        found = ", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing"
        if self.mutant is None:
            return f"the server as it is: {found} found in {self.verdict.figures.sends} sends"
        by = f"caught by {self.mutant.anomaly}" if self.passed else "NOT CAUGHT"
        return f"{self.mutant.name} ({self.mutant.mistake}): {by}; found {found}"


class Prover:
    """Runs them one after the other, each with a database as it was made."""

    def __init__(self, folder: Path, *, server: str, say: Say) -> None:
        self.folder, self.server, self.say = folder, server, say

    async def run(self, names: Iterable[str] = ()) -> list[Proof]:
        """The server as it is, then these mutants, or all; what was found of each."""
        mutants = [MUTANTS[name] for name in names] or list(MUTANTS.values())
        cluster = Cluster(self.folder, server=self.server, environment=ENVIRONMENT)
        proofs = []
        async with cluster:
            await self._keep(cluster)
            for mutant in [None, *mutants]:
                proof = await self._one(cluster, mutant, LOAD)
                if not proof.passed and mutant is not None:
                    proof = await self._one(cluster, mutant, LONGER)
                proofs.append(proof)
                self.say(proof.words())
        caught = [proof for proof in proofs if proof.mutant and proof.passed]
        self.say(f"mutants caught: {len(caught)}/{len(mutants)}")
        return proofs

    # --- the database -------------------------------------------------------------------------

    async def _keep(self, cluster: Cluster) -> None:
        """Keep the empty database under another name."""
        for app in cluster.apps:
            app.kill()
        _beside(cluster, "CREATE DATABASE empty TEMPLATE postgres")

    async def _renew(self, cluster: Cluster, mutant: Mutant | None) -> None:
        for app in cluster.apps:
            app.kill()
        _beside(cluster, "DROP DATABASE postgres WITH (FORCE)")
        _beside(cluster, "CREATE DATABASE postgres TEMPLATE empty")
        with cluster.redis.client() as client:
            client.flushall()
        for statement in mutant.sql if mutant else ():
            cluster.postgres.execute(statement)
        environment = {"MUTANT": mutant.name} if mutant else {}
        await asyncio.gather(*(app.start(**environment) for app in cluster.apps))

    # --- one of them --------------------------------------------------------------------------

    async def _one(self, cluster: Cluster, mutant: Mutant | None, seconds: float) -> Proof:
        await self._renew(cluster, mutant)
        workload = Workload(cluster, SIZE)
        try:
            await workload.prepare()
            pollers = POLLERS if mutant is None or "polls" in mutant.noise else 0
            async with polling(workload, pollers):
                await workload.start()
                until = workload.history.now() + seconds
                while workload.history.now() < until:
                    await workload.pause(CUT_EVERY)
                    if mutant is None or "cuts" in mutant.noise:
                        for app in cluster.apps:
                            app.proxy.cut(0.5)
                await workload.stop()
                await workload.settle(CALM if mutant else 6 * CALM)
            final = await workload.read_final()
        finally:
            await workload.close()
        proof = Proof(mutant, check(workload.history, final))
        if not proof.passed:
            name = mutant.name if mutant else "clean"
            write(self.folder / f"{name}.jsonl", workload.history, final)
            for line in proof.verdict.explained():
                self.say(f"  {line}")
        return proof


def proof_table(proofs: Iterable[Proof]) -> str:
    """As Markdown: what was built in, and what the checker found."""
    lines = ["| built in | found | |", "| --- | --- | --- |"]
    for proof in proofs:
        mutant = proof.mutant
        found = ", ".join(f"{name} {n}" for name, n in proof.verdict.counts.items() if n)
        name = f"`{mutant.name}`: {mutant.mistake}" if mutant else "nothing"
        said = "clean" if mutant is None else f"caught by `{mutant.anomaly}`"
        lines.append(f"| {name} | {found or 'nothing'} | {said if proof.passed else 'FAILED'} |")
    return "\n".join(lines) + "\n"


def _beside(cluster: Cluster, statement: str) -> None:
    """A statement about the database itself, from another one."""
    url = cluster.postgres.url.rpartition("/")[0] + "/template1"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@contextlib.asynccontextmanager
async def polling(workload: Workload, count: int) -> AsyncIterator[None]:
    """Meanwhile somebody in each of so many chats has no socket and asks for pages all the time."""
    tasks = [
        asyncio.create_task(_poll(workload, FIRST_POLLER + number, members[1]))
        for number, members in enumerate(list(workload.world.chats.values())[:count])
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
    for error in done:
        if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError):
            raise error


async def _poll(workload: Workload, number: int, person: Person) -> None:
    """Ask what is newer than the last message that one has, again and again."""
    history = workload.history
    process = number % len(workload.cluster.apps)
    history.add(Opened(history.now(), number, number, person.id, "polling", process))
    after = 0
    while True:
        path = f"/api/v1/messages?chat_id={person.chat}&limit=100&after_id={after}"
        answer = await workload.rest.ask(process, "GET", path, person.token)
        messages = answer.body["messages"] if answer.result == "ok" else []
        for message in reversed(messages):
            ref, author, key = str(message["id"]), message["author_id"], message["content"]
            history.add(
                Delivery(history.now(), number, person.chat, "sent", ref, author, key=key_of(key))
            )
            after = message["id"]
        await asyncio.sleep(BETWEEN_PAGES if answer.result == "ok" else 0.2)
