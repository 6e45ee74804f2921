"""
What a fault is. A module of this package has a few of them:

    class KilledProcess(Fault):
        name, title = "F1", "kill -9 of a process, restarted"
        short, full = Plan(cycles=3, hold=2.0), Plan(cycles=20, hold=5.0)

        async def run(self, cluster, workload, plan):
            for number in range(plan.cycles):
                with workload.fault(f"app {number} killed"):  # notes when it began and was healed
                    ...
            return [Bar("exit", seconds, 10.0, "s")]           # what was measured directly

        def bars(self, outcome):
            return [back_within(outcome, 2.0)]                 # what the history says

The workload runs before, during and after `run`; the runner starts and stops it, lets it settle,
reads everything again over REST and has the history checked. That nothing was lost, doubled or out
of order (all counts of the checker are 0) is a bar of every fault.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tests.faults.checker import Verdict
from tests.faults.cluster import Cluster
from tests.faults.history import History
from tests.faults.workload import Workload


@dataclass(frozen=True)
class Plan:
    """How often, and for how many seconds each time; seconds of load between two times."""

    cycles: int
    hold: float
    pause: float = 3.0


@dataclass(frozen=True)
class Bar:
    """
    What was measured and what it must not exceed (with `least`: must reach). A value of None was
    not measured, which fails.
    """

    name: str
    value: float | None
    limit: float
    unit: str = ""
    least: bool = False

    @property
    def passed(self) -> bool:
        if self.value is None:
            return False
        return self.value >= self.limit if self.least else self.value <= self.limit

    def words(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:.4g} {self.unit}"
        return f"{self.name} {value}, {'at least' if self.least else 'at most'} {self.limit:g}"


@dataclass(frozen=True)
class Outcome:
    """One fault, done: `bars` are those of the fault itself, without the checker's counts."""

    fault: "Fault"
    plan: Plan
    history: History
    verdict: Verdict
    bars: list[Bar] = field(default_factory=list)
    seconds: float = 0.0
    server: str = "daphne"
    broken: str = ""
    """Why it could not be carried through; what is said of it then is worth nothing."""

    @property
    def passed(self) -> bool:
        return not self.broken and self.verdict.clean and all(bar.passed for bar in self.bars)


class Fault(ABC):
    """One kind of trouble. It has no state of its own between runs."""

    name: ClassVar[str]
    title: ClassVar[str]
    short: ClassVar[Plan | None]
    """None: not in the short profile."""
    full: ClassVar[Plan]
    environment: ClassVar[dict[str, str]] = {}
    """Environment variables of the server's processes. Faults with the same share a cluster."""

    def cluster(self, folder: Path, server: str) -> Cluster | None:
        """A cluster for this fault alone, not entered yet; None: the shared one will do."""
        return None

    def missing(self) -> str:
        """What this machine lacks for it; nothing, if it can be made here."""
        return ""

    @abstractmethod
    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        """
        Make the trouble `plan.cycles` times while the workload runs, and leave everything whole:
        all processes and services up, the proxies restored. Returns what was measured on the way.
        """

    def bars(self, outcome: Outcome) -> list[Bar]:
        """What the history shows, once it is complete."""
        return []


def back_within(outcome: Outcome, seconds: float, percent: float = 95) -> Bar:
    """Clients that lost their socket are back, p95, so long after the fault was healed."""
    return Bar(f"back p{percent:.0f}", outcome.verdict.figures.back.at(percent), seconds, "s")


def converged_within(outcome: Outcome, seconds: float, percent: float = 100) -> Bar:
    """Readers have seen all that was acknowledged before the healing so long after it."""
    return Bar(
        f"converged p{percent:.0f}", outcome.verdict.figures.converge.at(percent), seconds, "s"
    )
