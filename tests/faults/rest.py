"""
Requests of the workload: over HTTP, to one process, and what their answers mean.

A client of our own, because there are dozens a second and the one who asks must not be what is
slow: general ones take ten times as long.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.faults.cluster import App
from tests.faults.history import Result

# Refused for now, and not done: worth another try.
AGAIN = {401, 408, 425, 429}
# Connections to a process that may wait for the next request.
IDLE = 40


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an operation. `final`: there is no use in trying it again."""

    result: Result
    status: int = 0
    error: str = ""
    body: Any = None

    @property
    def final(self) -> bool:
        return self.result == "ok" or (self.result == "fail" and self.status not in AGAIN | {0})


class Line:
    """A connection that is kept for the next request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        # Whether it has been answered, and may be asked again.
        self.keeps = True

    @property
    def usable(self) -> bool:
        return self.keeps and not self.reader.at_eof() and not self.writer.is_closing()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; the status and the body of its answer. EOFError if that is cut off."""
        self.keeps = False
        self.writer.write(request)
        await self.writer.drain()
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {
            name.strip().lower(): value.strip().lower()
            for name, _, value in (line.partition(":") for line in lines if line)
        }
        status = int(first.split(" ")[1])
        if fields.get("transfer-encoding") == "chunked":
            said = await self._chunks()
        elif status == 204:
            said = b""
        elif "content-length" in fields:
            said = await self.reader.readexactly(int(fields["content-length"]))
        else:
            return status, await self.reader.read()
        self.keeps = fields.get("connection") != "close"
        return status, said

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self.reader.readline(), 16):
            parts.append(await self.reader.readexactly(size))
            await self.reader.readline()
        await self.reader.readline()
        return b"".join(parts)


class Rest:
    """Requests to all processes; `direct` ones do not go through the proxies. Times in seconds."""

    def __init__(self, apps: list[App], *, timeout: float, direct: bool = False) -> None:
        self._apps, self._timeout, self._direct = apps, timeout, direct
        self._idle: dict[int, list[Line]] = defaultdict(list)

    async def ask(
        self,
        process: int,
        method: str,
        path: str,
        token: str,
        *,
        body: Any = None,
        key: str | None = None,
    ) -> Answer:
        """One request. A 5xx or no answer at all leaves open whether it was done."""
        line: Line | None = None
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    line = await self._line(process)
                except OSError:
                    return Answer("fail", error="refused")
                status, said = await line.ask(
                    self._request(process, method, path, token, body, key)
                )
        except TimeoutError:
            return Answer("info" if line is not None else "fail", error="timeout")
        except (OSError, EOFError):
            return Answer("info", error="lost")
        finally:
            if line is not None:
                self._keep(process, line)
        return _answer(status, said)

    async def _line(self, process: int) -> Line:
        idle = self._idle[process]
        while idle:
            line = idle.pop()
            if line.usable:
                return line
            line.writer.transport.abort()
        return Line(*await asyncio.open_connection(*self._address(process)))

    def _keep(self, process: int, line: Line) -> None:
        if line.usable and len(self._idle[process]) < IDLE:
            self._idle[process].append(line)
        else:
            line.writer.transport.abort()

    def _address(self, process: int) -> tuple[str, int]:
        app = self._apps[process]
        where = urlsplit(app.url if self._direct else app.proxied)
        assert where.hostname and where.port
        return where.hostname, where.port

    def _request(
        self, process: int, method: str, path: str, token: str, body: Any, key: str | None
    ) -> bytes:
        host, port = self._address(process)
        content = b"" if body is None else orjson.dumps(body)
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {host}:{port}",
            f"Authorization: Bearer {token}",
            "Accept: application/json",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
        ]
        if key is not None:
            lines.append(f"Idempotency-Key: {key}")
        return "\r\n".join([*lines, "", ""]).encode() + content

    async def close(self) -> None:
        for lines in self._idle.values():
            for line in lines:
                line.writer.transport.abort()
        self._idle.clear()


def _answer(status: int, said: bytes) -> Answer:
    try:
        body = orjson.loads(said) if said else None
    except ValueError:
        body = None
    if status < 300:
        return Answer("ok", status, body=body)
    code = body.get("code", "") if isinstance(body, dict) else ""
    return Answer("info" if status >= 500 else "fail", status, code, body)
