"""Starting and stopping the servers under test, one process each."""

import contextlib
import ctypes
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from . import processes

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
_PR_SET_PDEATHSIG = 1


class ServerFailed(Exception):
    """A process of the benchmark didn't start or gave up; the text has its last output."""


def die_with_parent() -> None:
    """In a child, before exec: be terminated by the kernel when the parent dies."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def stop_process(process: subprocess.Popen[bytes], seconds: float = 10) -> None:
    """End a process that leads its own session, politely for `seconds`, then by force."""
    for signal_number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal_number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what the leader may have left behind


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One server under test: `daphne` or `uvicorn` (the application), or `textbook`."""

    def __init__(self, name: str, database_url: str, redis_url: str) -> None:
        self.name = name
        self.is_textbook = name == "textbook"
        self.port = 0
        self.environment = server_environment(database_url, redis_url)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def title(self) -> str:
        """The server's name in tables."""
        return self.name if self.is_textbook else f"ours/{self.name}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the server isn't running"
        return self._process.pid

    def command(self) -> list[str]:
        """The command line that serves on `self.port`."""
        host = "127.0.0.1"
        if self.is_textbook:
            daphne = ["-b", host, "-p", str(self.port), "benchmarks.textbook.asgi:application"]
            return [sys.executable, "-m", "daphne", *daphne]
        options = ["--host", host, "--port", str(self.port), "--server", self.name]
        return [sys.executable, "manage.py", "serve", *options]

    def migrate(self) -> None:
        """Create the tables in the server's database."""
        manage = ["-m", "benchmarks.textbook"] if self.is_textbook else ["manage.py"]
        done = subprocess.run(
            [sys.executable, *manage, "migrate", "--verbosity=0"],
            check=False,
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            preexec_fn=die_with_parent,
        )
        if done.returncode:
            raise ServerFailed(f"migrate ({self.title}):\n{done.stdout.decode()[-2000:]}")

    def start(self) -> None:
        """Start the server and wait until GET /healthz answers 200."""
        self.port = free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the server)
        self._process = subprocess.Popen(
            self.command(),
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._is_healthy():
                return
            time.sleep(0.1)
        output = self.log_tail()
        self.stop()
        raise ServerFailed(f"{self.title} didn't start:\n{output}")

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def log_tail(self, size: int = 2000) -> str:
        """The last output of the server, for error messages."""
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-size:]

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if self._process is not None:
            stop_process(self._process)
        if self._log is not None:
            self._log.close()
        self._process = self._log = None

    def settle(self, seconds: float = 8.0) -> None:
        """Wait until the server is idle; restart it if it's still busy after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            before = processes.cpu_seconds(self.pid)
            time.sleep(0.4)
            if processes.cpu_seconds(self.pid) - before < 0.03:
                return
        self.restart()

    def restart(self) -> None:
        """Stop the server and start it anew."""
        self.stop()
        self.start()


def server_environment(database_url: str, redis_url: str) -> dict[str, str]:
    """The environment variables of every process of one side."""
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": SECRET_KEY,
        "DEBUG": "off",
        "RATE_LIMITS": "off",
        "ALLOWED_HOSTS": "*",
        "PYTHONUNBUFFERED": "1",
    }


SECRET_KEY = secrets.token_urlsafe(50)


@contextlib.contextmanager
def running(servers: list[Server]) -> Iterator[list[Server]]:
    """Run fresh servers for the length of a `with` block."""
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.stop()
