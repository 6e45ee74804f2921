"""
`python -m tests.faults.soak`: a steady load for an hour, in each quarter of which a process, Redis,
PostgreSQL and half of the lines break. Does anything grow that should not, was anything lost? The
exit code is 1 if so.
"""

import argparse
import asyncio
import math
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.faults.checker import Verdict, check
from tests.faults.cluster import Cluster
from tests.faults.history import write
from tests.faults.renewal import renew
from tests.faults.run import ENVIRONMENT
from tests.faults.samples import Sampler
from tests.faults.slopes import MINUTES, SURE, Line, Series
from tests.faults.workload import SMALL, NotReady, Size, Workload

# Messages a second at most, whatever the machine can do: all that is seen is kept for the checker.
MOST = 30.0
# Seconds: to find out what the machine can do, how long each trouble lasts, before which nothing
# is regressed, and between new tokens, which last for an hour.
PROBE = 10.0
HOLD = 4.0
WARM_UP = 600.0
RENEWAL = 20 * 60.0
QUARTERS = 4
SIZES = {"small": SMALL, "full": Size()}

Say = Callable[[str], None]
Trouble = Callable[[Cluster], Awaitable[None]]


async def killed(cluster: Cluster) -> None:
    """Always the same one, so that the other one lives for all the time."""
    app = cluster.apps[0]
    await asyncio.to_thread(app.kill)
    await asyncio.sleep(HOLD)
    await app.start()


async def without_redis(cluster: Cluster) -> None:
    await asyncio.to_thread(cluster.redis.kill)
    await asyncio.sleep(HOLD)
    await asyncio.to_thread(cluster.redis.start)


async def without_postgres(cluster: Cluster) -> None:
    await asyncio.to_thread(cluster.postgres.crash)
    await asyncio.sleep(HOLD)
    await asyncio.to_thread(cluster.postgres.start)


async def cut(cluster: Cluster) -> None:
    for app in cluster.apps:
        app.proxy.cut(0.5)


TROUBLES: list[tuple[str, Trouble]] = [
    ("F1 kill -9 of a process", killed),
    ("F3 Redis gone", without_redis),
    ("F6 PostgreSQL gone", without_postgres),
    ("F10 half of the lines reset", cut),
]


@dataclass
class Soaked:
    """What came of it. `healed` has of each trouble the seconds until all clients were back."""

    minutes: float
    capacity: float
    rate: float
    series: list[Series]
    verdict: Verdict
    settled: float
    healed: list[tuple[str, float]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        back = all(seconds < math.inf for _, seconds in self.healed)
        return back and self.verdict.clean and all(one.passed for one in self.series)


class Soak:
    def __init__(self, folder: Path, *, server: str, size: Size, minutes: float, say: Say) -> None:
        self.folder, self.server, self.size = folder, server, size
        self.minutes, self.say = minutes, say
        self.healed: list[tuple[str, float]] = []

    async def run(self, share: float, rate: float | None) -> Soaked:
        """At this share of what the machine can do, but no more than `MOST`; or at this rate."""
        async with Cluster(self.folder, server=self.server, environment=ENVIRONMENT) as cluster:
            capacity = 0.0
            if rate is None:
                capacity = await self._capacity(cluster)
                rate = min(MOST, share * capacity)
            size = replace(self.size, rate=rate / (self.size.chats * self.size.writers))
            self.say(f"{rate:.1f} messages a second for {self.minutes:g} minutes")
            workload = Workload(cluster, size)
            try:
                return await self._soak(workload, capacity, rate)
            finally:
                await workload.close()

    async def _capacity(self, cluster: Cluster) -> float:
        """Messages a second of the same people when each writes as fast as it is answered."""
        workload = Workload(cluster, replace(self.size, rate=100.0, likes=0.0, move_every=0.0))
        try:
            await workload.prepare()
            await workload.start()
            await workload.pause(PROBE)
            await workload.stop()
            await workload.settle()
            found = check(workload.history, await workload.read_final()).figures.acked / PROBE
        finally:
            await workload.close()
        self.say(f"{found:.0f} messages a second at most, with the clients on the same machine")
        return found

    async def _soak(self, workload: Workload, capacity: float, rate: float) -> Soaked:
        await workload.prepare()
        await workload.start()
        async with Sampler(workload) as sampler:
            renewing = asyncio.create_task(self._renew(workload))
            try:
                await self._break(workload)
            finally:
                renewing.cancel()
                [failed] = await asyncio.gather(renewing, return_exceptions=True)
            if isinstance(failed, Exception):
                raise failed
        await workload.stop()
        settled = await workload.settle()
        await renew(workload)
        self.say("reading everything again")
        final = await workload.read_final()
        verdict = check(workload.history, final)
        if not verdict.clean:
            write(self.folder / "soak.jsonl", workload.history, final)
        series = sampler.warm(min(WARM_UP, self.minutes * 60 / 4))
        return Soaked(self.minutes, capacity, rate, series, verdict, settled, self.healed)

    async def _break(self, workload: Workload) -> None:
        """The whole time: in each quarter of it each trouble, and calm between them."""
        cluster, began = workload.cluster, time.monotonic()
        quarter = self.minutes * 60 / QUARTERS
        for number in range(QUARTERS):
            for place, (name, trouble) in enumerate(TROUBLES, 1):
                due = began + quarter * (number + place / (len(TROUBLES) + 1))
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                with workload.fault(name):
                    await trouble(cluster)
                self.healed.append((name, await self._back(workload)))
                self.say(f"{name}: all back {self.healed[-1][1]:.1f} s after it was healed")
                with suppress(NotReady):
                    await workload.rebalance()
        await asyncio.sleep(max(0.0, began + self.minutes * 60 - time.monotonic()))

    async def _back(self, workload: Workload) -> float:
        """Seconds until all works again; infinite where it does not, which is no reason to stop."""
        began = time.monotonic()
        # Clients need a moment to notice.
        await asyncio.sleep(0.5)
        try:
            await workload.all_ready()
            await workload.cluster.ready()
        except (NotReady, AssertionError) as error:
            self.say(f"not back: {error}")
            return math.inf
        return time.monotonic() - began

    async def _renew(self, workload: Workload) -> None:
        while True:
            await asyncio.sleep(RENEWAL)
            await renew(workload)
            # Not all at once: it is no storm that is to be seen here.
            for client in random.sample(workload.clients, len(workload.clients)):
                await client.reconnect()
                await asyncio.sleep(1.0)


def words(soaked: Soaked) -> str:
    """All of it, as Markdown."""
    figures = soaked.verdict.figures
    rows = [_row(one) for one in soaked.series]
    wrong = {name: count for name, count in soaked.verdict.counts.items() if count}
    longest = max((one.minutes for one in soaked.series), default=0.0)
    parts = [
        f"{soaked.minutes:g} minutes at {soaked.rate:.1f} messages a second"
        + (f" (at most {soaked.capacity:.0f} here)" if soaked.capacity else "")
        + f": {figures.acked:,} of {figures.sends:,} messages acknowledged, "
        f"{figures.deliveries:,} deliveries, {figures.error_share:.2%} of requests with 5xx, "
        f"quiet after {soaked.settled:.1f} s.",
        "The checker: " + (", ".join(f"{n} {c}" for n, c in wrong.items()) or "all counts are 0."),
        "Back after: "
        + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in soaked.healed)
        + ".",
        f"± are {SURE:g} standard errors. The longest series is of {longest:.0f} minutes"
        + (f"; below {MINUTES:g} a slope by the hour says nothing." if longest < MINUTES else "."),
        _table(
            ("what", "minutes", "first", "last", "most", "by hour", "by 1,000 messages", ""), rows
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _row(series: Series) -> list[str]:
    unit = series.unit
    word = "grows as it should" if series.grows and series.word == "rises" else series.word
    return [
        series.name,
        f"{series.minutes:.0f}",
        *(f"{value:.4g} {unit}".strip() for value in (series.first, series.last, series.most)),
        _slope(series.by_hour(), unit),
        _slope(series.by_messages(), unit),
        word if series.passed else word.upper(),
    ]


def _slope(line: Line | None, unit: str) -> str:
    return "–" if line is None else f"{line.slope:+.3g} ± {SURE * line.error:.2g} {unit}".strip()


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--share", type=float, default=0.3, help="of what the machine can do")
    parser.add_argument("--rate", type=float, help="messages a second, instead of a share")
    parser.add_argument("--size", choices=SIZES, default="full", help="how many people write")
    parser.add_argument("--server", choices=("daphne", "uvicorn"), default="daphne")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the figures as Markdown")
    parser.add_argument("--folder", type=Path, help="for logs and a failed history")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="messenger-soak-"))
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{(time.monotonic() - began) / 60:6.1f} min  {line}", flush=True)

    size = SIZES[options.size]
    soak = Soak(folder, server=options.server, size=size, minutes=options.minutes, say=say)
    soaked = asyncio.run(soak.run(options.share, options.rate))
    for line in soaked.verdict.explained():
        say(line)
    text = words(soaked)
    print(f"\n{text}\n{'passed' if soaked.passed else 'FAILED'}")
    if options.output is not None:
        options.output.write_text(text)
    return 0 if soaked.passed else 1


if __name__ == "__main__":
    sys.exit(main())
