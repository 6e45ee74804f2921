"""Runs faults one after the other, each with a workload of its own."""

import time
import traceback
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults.checker import Verdict, check
from tests.faults.cluster import Cluster
from tests.faults.figures import Figures
from tests.faults.history import Final, write
from tests.faults.matrix.base import Bar, Fault, Outcome, Plan
from tests.faults.workload import SMALL, Size, Workload

Say = Callable[[str], None]
# The longest that the tokens of a run may last, in minutes: nobody signs in anew meanwhile.
ENVIRONMENT = {"ACCESS_TOKEN_MINUTES": "60"}


@dataclass(frozen=True)
class Profile:
    """How big the workload is, and how many seconds of it come before and after a fault."""

    name: str
    size: Size
    before: float
    after: float

    def plan(self, fault: Fault) -> Plan | None:
        return fault.full if self.name == "full" else fault.short


PROFILES = {
    "short": Profile("short", SMALL, before=1.5, after=1.0),
    "full": Profile("full", Size(), before=5.0, after=5.0),
}


class Runner:
    """`folder` is for logs, and for the histories that broke a promise."""

    def __init__(self, profile: Profile, folder: Path, *, server: str, say: Say) -> None:
        self.profile, self.folder, self.server, self.say = profile, folder, server, say
        self.outcomes: list[Outcome] = []
        self.left_out: dict[str, str] = {}
        """Faults that this machine cannot have, and why."""

    async def run(self, faults: list[Fault]) -> list[Outcome]:
        """Those of them that belong to the profile; those that can share a cluster do."""
        stack, shared = AsyncExitStack(), None
        async with stack:
            for fault in sorted(faults, key=lambda fault: sorted(fault.environment.items())):
                plan = self.profile.plan(fault)
                if plan is None:
                    continue
                if missing := fault.missing():
                    self.say(f"{fault.name} {fault.title}: left out, {missing}")
                    self.left_out[fault.name] = missing
                    continue
                folder = self.folder / fault.name
                own = fault.cluster(folder, self.server)
                if own is not None:
                    self.say(f"{fault.name} {fault.title}: a cluster of its own")
                    async with own:
                        await self._one(fault, plan, own)
                    continue
                if shared is None or shared[0] != fault.environment:
                    await stack.aclose()
                    environment = {**ENVIRONMENT, **fault.environment}
                    self.say(f"starting PostgreSQL, Redis and two processes ({self.server})")
                    cluster = Cluster(folder, server=self.server, environment=environment)
                    shared = (fault.environment, await stack.enter_async_context(cluster))
                outcome = await self._one(fault, plan, shared[1])
                if outcome.broken:
                    # Who knows what state it is in.
                    await stack.aclose()
                    shared = None
        return self.outcomes

    async def _one(self, fault: Fault, plan: Plan, cluster: Cluster) -> Outcome:
        began = time.monotonic()
        self.say(f"{fault.name} {fault.title}: {plan.cycles} x {plan.hold:g} s")
        workload = Workload(cluster, self.profile.size)
        history, final, bars, broken = workload.history, Final(), list[Bar](), ""
        verdict = Verdict({}, Figures())
        try:
            await cluster.ready()
            await workload.prepare()
            await workload.start()
            await workload.pause(self.profile.before)
            bars = await fault.run(cluster, workload, plan)
            await workload.pause(self.profile.after)
            await workload.stop()
            bars.append(Bar("quiet after", await workload.settle(), 30.0, "s"))
            final = await workload.read_final()
            verdict = check(history, final)
        except Exception as error:
            # The other faults are worth knowing all the same.
            broken = f"{type(error).__name__}: {error}"
            (self.folder / f"{fault.name}.txt").write_text(traceback.format_exc())
        finally:
            await workload.close()
        seconds = time.monotonic() - began
        outcome = Outcome(fault, plan, history, verdict, bars, seconds, self.server, broken)
        if not broken:
            outcome = replace(outcome, bars=[*bars, *fault.bars(outcome)])
        self.outcomes.append(outcome)
        self._say_how_it_went(outcome, workload.cpu_share)
        if not outcome.passed:
            path = self.folder / f"{fault.name}.jsonl"
            write(path, history, final)
            self.say(f"  its history: {path}")
        return outcome

    def _say_how_it_went(self, outcome: Outcome, cpu_share: float) -> None:
        figures = outcome.verdict.figures
        self.say(
            f"{outcome.fault.name} {'passed' if outcome.passed else 'FAILED'} "
            f"in {outcome.seconds:.0f} s: {figures.acked} of {figures.sends} acknowledged, "
            f"{cpu_share:.0%} of a core for the clients"
        )
        if outcome.broken:
            self.say(f"  could not be carried through: {outcome.broken}")
        for line in outcome.verdict.explained():
            self.say(f"  {line}")
        for bar in outcome.bars:
            if not bar.passed:
                self.say(f"  missed: {bar.words()}")
