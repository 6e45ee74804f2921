"""What becomes of a process of the server."""

import asyncio
import random

from tests.faults.cluster import Cluster
from tests.faults.matrix.base import Bar, Fault, Outcome, Plan, back_within
from tests.faults.workload import Workload


class KilledProcess(Fault):
    """While sends are under way, so that some are committed and never answered."""

    name = "F1"
    title = "kill -9 of a process mid-send, restarted"
    short = Plan(cycles=3, hold=2.0)
    full = Plan(cycles=20, hold=5.0)

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        starts = []
        for _ in range(plan.cycles):
            app = random.choice(cluster.apps)
            with workload.fault(f"app {app.number} killed"):
                await asyncio.to_thread(app.kill)
                await asyncio.sleep(plan.hold)
                starts.append(await app.start())
            await workload.all_ready()
            # Half of the sockets at each process again, for the next one to be killed.
            await workload.rebalance()
            await asyncio.sleep(plan.pause)
        return [Bar("start", max(starts), 30.0, "s")]

    def bars(self, outcome: Outcome) -> list[Bar]:
        return [back_within(outcome, 2.0)]
