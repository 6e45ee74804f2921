"""A PostgreSQL and a Redis of our own, on free ports, which may be killed, frozen and emptied."""

import contextlib
import getpass
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM, Signals
from typing import Any

import psycopg
import redis

from tests.ports import free_port

# Seconds that a service may take to come up.
PATIENCE = 30.0


class Missing(Exception):
    """A program that is needed is not on this machine; the message says which."""


def program(name: str) -> str:
    """Where a program is; Missing if it is nowhere. Debian keeps PostgreSQL's out of the PATH."""
    found = [shutil.which(name), *map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    for path in reversed(found):
        if path:
            return path
    raise Missing(f"There is no {name} here.")


class Service:
    """A program that runs in the foreground, with whatever processes it starts itself."""

    name = "service"

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"messenger-{self.name}-"))
        self.process: subprocess.Popen[bytes] | None = None
        # It refuses to run as root.
        self.user = "postgres" if getpass.getuser() == "root" and self.name == "postgres" else None
        if self.user:
            shutil.chown(self.folder, self.user)

    # --- what each of them says ---------------------------------------------------------------

    def command(self) -> list[str]:
        """What to run."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it can be used."""
        raise NotImplementedError

    # --- its life -----------------------------------------------------------------------------

    def start(self) -> float:
        """Start it and wait until it answers; the seconds that took."""
        assert not self.running, "it runs already"
        began = time.monotonic()
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                self.command(),
                stdout=output,
                stderr=output,
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                cwd=self.folder,
            )
        while not self.answers():
            assert self.running and time.monotonic() < began + PATIENCE, self.log
            time.sleep(0.02)
        return time.monotonic() - began

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def pids(self) -> list[int]:
        """Its process and the children of that."""
        if self.process is None or not self.running:
            return []
        own = self.process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *map(int, children)]

    def signal(self, number: Signals) -> None:
        """A signal to it and to its children."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """End it without a word, as a crash does. Returns when it is gone."""
        self.signal(SIGKILL)
        self._gone()

    def stop(self, number: Signals = SIGTERM) -> None:
        """Ask it to end, and wait."""
        if self.process is not None and self.running:
            self.process.send_signal(number)
        self._gone()

    def freeze(self) -> None:
        """It stops as it stands: connections stay open, nothing answers."""
        # Once more: a child that was born meanwhile. The parent has stopped by then.
        for _ in range(2):
            self.signal(SIGSTOP)

    def thaw(self) -> None:
        self.signal(SIGCONT)

    def _gone(self) -> None:
        if self.process is not None:
            self.process.wait(PATIENCE)

    def close(self) -> None:
        """The end: nothing of it stays."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Service):
    """A database cluster of our own; `url` is its only database."""

    name = "postgres"

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = {"max_connections": 60, **options}
        made = subprocess.run(
            [
                *(program("initdb"), "-D", str(self.folder / "data"), "-U", "postgres"),
                *("-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise Missing(f"initdb failed: {made.stderr}")
        self.data = self.folder / "data"

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            **self.options,
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [program("postgres"), "-D", str(self.data), *settings]

    def answers(self) -> bool:
        try:
            with self.connect():
                return True
        except psycopg.OperationalError:
            return False

    def connect(self) -> psycopg.Connection[Any]:
        """A connection that commits each statement."""
        return psycopg.connect(self.url, autocommit=True, connect_timeout=3)

    def execute(self, statement: str, *values: Any) -> list[Any]:
        """Run a statement; its rows, if it has any."""
        with self.connect() as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def crash(self) -> None:
        """The server's own emergency stop: every session is cut, nothing is written out."""
        self.stop(SIGQUIT)


class Redis(Service):
    """A Redis that keeps nothing: whenever it starts, it is empty."""

    name = "redis"

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = {"save": "", "appendonly": "no", **options}
        program("redis-server")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, **self.options}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return [program("redis-server"), *words]

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    @contextlib.contextmanager
    def client(self) -> Iterator[redis.Redis]:
        """For commands of our own."""
        with redis.Redis(port=self.port, socket_timeout=5) as client:
            yield client
