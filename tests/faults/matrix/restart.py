"""Restarting in order, as for a new version."""

from collections.abc import Iterator

from tests.faults.clients import GOODBYES
from tests.faults.cluster import App, Cluster
from tests.faults.history import Attempt, Closed, History, Note, Opened
from tests.faults.matrix.base import Bar, Fault, Outcome, Plan, back_within
from tests.faults.workload import Workload


class RollingRestart(Fault):
    """SIGTERM to one process after the other, each started again before the next one."""

    name = "F2"
    title = "rolling restart by SIGTERM"
    short = Plan(cycles=1, hold=0.0, pause=1.0)
    full = Plan(cycles=5, hold=0.0)

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        ends, codes = [], []
        for _ in range(plan.cycles):
            for app in cluster.apps:
                await workload.rebalance()
                with workload.fault(_name(app)):
                    ends.append(await app.terminate())
                    codes.append(await app.ended())
                    await app.start()
                await workload.all_ready()
                await workload.pause(plan.pause)
        return [
            Bar("the end takes", max(ends), 10.0, "s"),
            Bar("exit codes other than 0", sum(code != 0 for code in codes), 0),
        ]

    def bars(self, outcome: Outcome) -> list[Bar]:
        goodbyes = list(_codes(outcome.history))
        told = sum(code in GOODBYES for code in goodbyes) / len(goodbyes) if goodbyes else None
        return [
            Bar("sockets told to come back", told, 0.99, least=True),
            Bar("sends failing at one process", max(_failing(outcome.history)), 1.0, "s"),
            back_within(outcome, 2.0),
        ]


def _name(app: App) -> str:
    return f"restart of app {app.number}"


def _codes(history: History) -> Iterator[int]:
    """The close codes of the sockets at the processes that ended."""
    process = {opened.session: opened.process for opened in history.of(Opened)}
    for began, healed, name in history.spans():
        for closed in history.of(Closed):
            if began <= closed.time <= healed and name.endswith(f" {process[closed.session]}"):
                yield closed.code


def _failing(history: History) -> Iterator[float]:
    """For each restart: seconds from the first send that failed there to the last."""
    end = next(note.time for note in history.of(Note) if note.kind == "end")
    for began, _, name in history.spans():
        failed = [
            attempt
            for attempt in history.of(Attempt)
            if attempt.action == "send"
            and attempt.result != "ok"
            and began <= attempt.completed <= end
            and name.endswith(f" {attempt.process}")
        ]
        later = [span for span in history.spans() if span[0] > began]
        until = later[0][0] if later else end
        failed = [attempt for attempt in failed if attempt.time < until]
        # What was asked before may be answered by the end.
        first = min((max(began, attempt.time) for attempt in failed), default=0.0)
        yield max((attempt.completed for attempt in failed), default=0.0) - first
