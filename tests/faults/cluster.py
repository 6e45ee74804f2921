"""
The whole of it: a PostgreSQL, a Redis and some processes of the server, all of them our own.

Clients connect through a proxy in front of each process (`app.proxied`), so that their lines can
be cut without the process; what must not be disturbed goes there directly (`app.url`).
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults.proxy import Proxy
from tests.faults.services import Postgres, Redis
from tests.ports import free_port
from tests.processes import memory_of

# Seconds that a server may take to start, and to end.
PATIENCE = 60.0
ROOT = Path(__file__).resolve().parents[2]


class App:
    """One process of the server, which may be killed and started again on its port."""

    def __init__(self, number: int, folder: Path, environment: dict[str, str]) -> None:
        self.number = number
        self.port = free_port()
        self.log = folder / f"app-{number}.log"
        self.environment = {**environment, "PORT": str(self.port)}
        self.process: subprocess.Popen[bytes] | None = None
        self.proxy = Proxy(self.port)

    @property
    def url(self) -> str:
        """Directly."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def proxied(self) -> str:
        """As clients go."""
        return f"http://127.0.0.1:{self.proxy.port}"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def spawn(self, **environment: str) -> None:
        """Start it, without waiting; `environment` counts for this time only."""
        assert not self.running, "it runs already"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve"],
                cwd=ROOT,
                env={**self.environment, **environment},
                stdout=output,
                stderr=output,
            )

    async def start(self, **environment: str) -> float:
        """Start it and wait until it listens; the seconds that took."""
        began = time.monotonic()
        self.spawn(**environment)
        await self.listening()
        return time.monotonic() - began

    async def listening(self) -> None:
        """Wait until /healthz answers 200."""
        assert self.process is not None
        until = time.monotonic() + PATIENCE
        while await self.status("/healthz") != 200:
            assert self.running and time.monotonic() < until, self.log.read_text()[-3000:]
            await asyncio.sleep(0.02)

    async def status(self, path: str) -> int:
        """The status of a GET, not through the proxy; 0 if there is no answer."""

        def get() -> int:
            try:
                with urllib.request.urlopen(self.url + path, timeout=5) as response:
                    return int(response.status)
            except urllib.error.HTTPError as error:
                return error.code
            except (OSError, HTTPException):
                return 0

        return await asyncio.to_thread(get)

    def kill(self) -> None:
        """End it without a word."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(PATIENCE)

    async def terminate(self) -> float:
        """Ask it to end; the seconds until it has."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        await self.ended()
        return time.monotonic() - began

    async def ended(self) -> int:
        """Wait until the process has ended; its exit code."""
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, PATIENCE)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.running:
            self.process.send_signal(number)

    # --- what it costs ------------------------------------------------------------------------

    def rss(self) -> int:
        """Bytes of memory that it holds now."""
        assert self.process is not None
        return memory_of(self.process.pid)

    def threads(self) -> int:
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def descriptors(self) -> int:
        """Open files and sockets."""
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


class Cluster:
    """
    `async with Cluster(folder) as cluster:` gives it running, with an empty database, and leaves
    nothing of it behind but the logs in `folder`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        apps: int = 2,
        server: str = "daphne",
        environment: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.postgres = Postgres()
        self.redis = Redis()
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "messenger.settings",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "REDIS_PREFIX": "messenger",
            "SECRET_KEY": "only-for-these-servers-" + "0" * 40,
            "DEBUG": "off",
            "SERVER": server,
            **(environment or {}),
        }
        self.apps = [App(number, folder, self.environment) for number in range(apps)]

    async def __aenter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.postgres.start()
            self.redis.start()
            await self.manage("migrate", "--verbosity", "0")
            await asyncio.gather(*(app.start() for app in self.apps))
            for app in self.apps:
                await app.proxy.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        for app in self.apps:
            app.thaw()
            app.kill()
            await app.proxy.stop()
        for service in (self.postgres, self.redis):
            service.thaw()
            service.close()

    async def manage(self, *words: str, input: str = "") -> str:
        """Run `manage.py` with these words on this database; what it printed."""

        def run() -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                [sys.executable, "manage.py", *words],
                cwd=ROOT,
                env=self.environment,
                input=input,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )

        done = await asyncio.to_thread(run)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def ready(self, patience: float = PATIENCE) -> float:
        """Wait until every process says that all works; the seconds that took."""
        began = time.monotonic()
        while any([await app.status("/readyz") != 200 for app in self.apps]):
            assert time.monotonic() < began + patience, "it does not become ready"
            await asyncio.sleep(0.05)
        return time.monotonic() - began
