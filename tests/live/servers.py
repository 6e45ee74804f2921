"""Real server processes on the tests' database, and plain clients that talk to them over TCP."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket

from tests import contracts_ws
from tests.people import PASSWORD
from tests.ports import free_port

PATIENCE = 15.0
# Seconds for a server to start, beside all that other tests are doing.
STARTING = 45.0


def database_url() -> str:
    """Where the tests' database is, for another process."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    login = quote(found["USER"]) + (f":{quote(found['PASSWORD'])}" if found["PASSWORD"] else "")
    return f"postgres://{login}@{found['HOST']}:{found['PORT'] or 5432}/{found['NAME']}"


@dataclass
class Server:
    """A running `manage.py serve`."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> int:
        """The status of a GET."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def post(self, path: str, body: Any, headers: dict[str, str]) -> Any:
        """What comes back for JSON, also where it is refused."""
        headers = {"Content-Type": "application/json", "Accept-Language": "en", **headers}
        asked = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def connect(self, token: str, **options: Any) -> websocket:
        """A mini-app socket, as a context manager."""
        headers = {"Authorization": f"Bearer {token}"}
        return self.open("/connect", additional_headers=headers, **options)

    def open(self, path: str, **options: Any) -> websocket:
        """A socket at this path, as a context manager."""
        return websocket(f"ws://127.0.0.1:{self.port}{path}", **options)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


SERVE = ("manage.py", "serve")


@contextmanager
def serving(
    folder: Path, server: str = "daphne", program: Sequence[str] = SERVE, **environment: str
) -> Iterator[Server]:
    """A server process on a free port, ready; killed at the end if it is still there."""
    port = free_port()
    log = folder / f"server-{port}.log"
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "PORT": str(port),
        "SERVER": server,
        # Many servers share one PostgreSQL here, with its hundred connections.
        "DB_READERS": "2",
        "DB_WRITERS": "2",
        **environment,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *program],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=output,
        )
    started = Server(process, port, log)
    try:
        until = time.monotonic() + STARTING
        while started.get("/healthz") != 200:
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield started
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert secrets_in(log.read_text(errors="replace")) == []


def secrets_in(log: str) -> list[str]:
    """Tokens, and the password that all people of the tests have: nothing that a log may hold."""
    return re.findall(rf"eyJ[\w-]+\.[\w-]+\.[\w-]+|{re.escape(PASSWORD)}", log)


async def get(client: ClientConnection, **expected: Any) -> Any:
    """The next frame, which must have these fields and be documented."""
    frame = json.loads(await client.recv())
    contract = contracts_ws.at(client.request.path) if client.request else None
    if contract is not None:
        contract.check(frame)
    assert {name: frame.get(name) for name in expected} == expected, frame
    return frame


async def ask(client: ClientConnection, frame: Any, **expected: Any) -> Any:
    """Send, and the next frame, which must have these fields."""
    await client.send(json.dumps(frame))
    return await get(client, **expected)


async def closed(client: ClientConnection) -> int:
    """The code with which the server closes."""
    await client.wait_closed()
    assert client.close_code is not None
    return client.close_code
