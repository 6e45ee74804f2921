"""What a cluster uses, sampled again and again while it runs."""

import asyncio
import contextlib
import time
from typing import Self

import psycopg
import redis

from tests.faults.cluster import App, Cluster
from tests.faults.history import Attempt
from tests.faults.slopes import Series
from tests.faults.workload import Workload

EVERY = 10.0
MB = 1_000_000
# What must never be exceeded: of each process, then of all together.
MEMORY, DESCRIPTORS, THREADS = 250.0, 300.0, 40.0
BACKENDS, CLIENTS, KEYS = 22.0, 40.0, 2_000.0
# Rows up to which a table counts as one that does not grow with the messages, and its megabytes.
FEW, SMALL = 1_000, 2.0
# Dead rows beyond the fifth of a table at which PostgreSQL looks after it, once a minute.
DEAD = 50_000.0

TABLES = """
SELECT relname, pg_total_relation_size(relid), n_live_tup, n_dead_tup FROM pg_stat_user_tables
"""
CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


class Sampler:
    """`series` by name. A process that is started again begins series of its own."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.cluster: Cluster = workload.cluster
        self.series: dict[str, Series] = {}
        self.rows: dict[str, int] = {}
        self._began = time.monotonic()
        self._looked = self.messages = 0
        self._starts: dict[int, list[int]] = {}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_on())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_on(self) -> None:
        while True:
            began = time.monotonic()
            self._count()
            for app in self.cluster.apps:
                # It may just have ended.
                with contextlib.suppress(OSError, AssertionError):
                    self._process(app)
            with contextlib.suppress(psycopg.Error):
                await asyncio.to_thread(self._postgres)
            with contextlib.suppress(redis.RedisError):
                await asyncio.to_thread(self._redis)
            await asyncio.sleep(max(0.0, EVERY - (time.monotonic() - began)))

    def _count(self) -> None:
        records = self.workload.history.records
        for record in records[self._looked :]:
            if type(record) is Attempt and record.action == "send" and record.result == "ok":
                self.messages += 1
        self._looked = len(records)

    def _process(self, app: App) -> None:
        assert app.process is not None and app.running
        starts = self._starts.setdefault(app.number, [])
        if app.process.pid not in starts:
            starts.append(app.process.pid)
        name = f"app {app.number}, start {len(starts)}"
        self._add(f"memory of {name}", "MB", app.rss() / MB, MEMORY)
        self._add(f"descriptors of {name}", "", app.descriptors(), DESCRIPTORS)
        self._add(f"threads of {name}", "", app.threads(), THREADS)

    def _postgres(self) -> None:
        [(connections,)] = self.cluster.postgres.execute(CONNECTIONS)
        self._add("connections to PostgreSQL", "", connections, BACKENDS)
        live = dead = 0
        for table, size, here, gone in self.cluster.postgres.execute(TABLES):
            live, dead = live + here, dead + gone
            self.rows[table] = here
            self._add(f"table {table}", "MB", size / MB)
        self._add("dead rows beyond a fifth", "", max(0.0, dead - live / 5), DEAD)

    def _redis(self) -> None:
        with self.cluster.redis.client() as client:
            said = client.info()
            self._add("connections to Redis", "", said["connected_clients"] - 1, CLIENTS)
            self._add("memory of Redis", "MB", said["used_memory"] / MB)
            self._add("keys in Redis", "", client.dbsize(), KEYS)

    def _add(self, name: str, unit: str, value: float, ceiling: float = float("inf")) -> None:
        found = self.series.setdefault(name, Series(name, unit, ceiling))
        found.add(time.monotonic() - self._began, self.messages, value)

    def warm(self, seconds: float) -> list[Series]:
        """
        All of them without their first so many seconds, but those of a moment and tables that
        have stayed as they were. Tables with many rows are meant to grow; others have a ceiling.
        """
        found = []
        for name, series in self.series.items():
            if name.startswith("table "):
                series.grows = self.rows[name.removeprefix("table ")] > FEW
                series.ceiling = float("inf") if series.grows else SMALL
            # Rows die and are vacuumed: that goes up and down, and only the ceiling counts.
            series.grows = series.grows or name.startswith(("dead", "keys"))
            series = series.warm(seconds)
            if len(series.samples) < 3:
                continue
            still = name.startswith("table ") and series.first == series.last
            if not still:
                found.append(series)
        return found
