"""A client's side of a TCP connection by hand: what no library would send."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.live.servers import Server

# Seconds that an answer may take, on a machine that does other things.
PATIENCE = 15.0
# What a connection ends with that was cut off without a close frame.
CUT = 1006
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
# Each connection comes from an address of its own: it is not their number that is hostile.
addresses = itertools.count(1)


def address() -> str:
    number = next(addresses)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def frame(
    payload: bytes = b"",
    opcode: int = TEXT,
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    claims: int | None = None,
) -> bytes:
    """A frame as a client sends it. It `claims` another length than its own, if told so."""
    size = len(payload) if claims is None else claims
    head = bytes((fin << 7 | rsv << 4 | opcode,))
    mask = 0x80 if masked else 0
    if size < 126:
        head += bytes((mask | size,))
    elif size < 65536:
        head += bytes((mask | 126,)) + size.to_bytes(2)
    else:
        head += bytes((mask | 127,)) + size.to_bytes(8)
    if not masked:
        return head + payload
    key = b"\x5a\xa5\x00\xff"
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    pad = int.from_bytes(payload) ^ int.from_bytes(repeated)
    return head + key + pad.to_bytes(len(payload))


def text(**fields: Any) -> bytes:
    """A text frame of an object."""
    return frame(json.dumps(fields).encode())


def upgrade(path: str, token: str = "", *more: str) -> bytes:
    """A handshake. `more` are lines of its head."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *([f"Authorization: Bearer {token}"] if token else []),
        f"X-Forwarded-For: {address()}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@dataclass
class Answer:
    """What came back for a request: status 0 if nothing did."""

    status: int
    head: str
    body: bytes


@dataclass
class Line:
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """As much as the other side takes; all of it is gone if it has hung up."""
        try:
            self.writer.write(data)
            await asyncio.wait_for(self.writer.drain(), PATIENCE)
        except (ConnectionError, TimeoutError):
            pass

    async def answer(self) -> Answer:
        """The next response."""
        try:
            async with asyncio.timeout(PATIENCE):
                head = await self.reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"HTTP/1.1 100"):
                    head = await self.reader.readuntil(b"\r\n\r\n")
                status, lines = int(head.split()[1]), head.decode("latin-1").lower()
                size = lines.partition("content-length:")[2].split("\r\n")[0].strip()
                body = await self.reader.readexactly(int(size)) if size and status != 101 else b""
                return Answer(status, lines, body)
        except (ConnectionError, asyncio.IncompleteReadError):
            return Answer(0, "", b"")

    async def open(self, path: str, token: str = "", *more: str) -> Answer:
        """A handshake, and its answer."""
        await self.send(upgrade(path, token, *more))
        return await self.answer()

    async def frame(self) -> tuple[int, bytes]:
        """The next frame: its opcode and what is in it; a close of 1006 where there are no more."""
        try:
            async with asyncio.timeout(PATIENCE):
                first, size = await self.reader.readexactly(2)
                assert first & 0x70 == 0 and size < 128, "neither extensions nor masks from here"
                if size == 126:
                    size = int.from_bytes(await self.reader.readexactly(2))
                elif size == 127:
                    size = int.from_bytes(await self.reader.readexactly(8))
                return first & 15, await self.reader.readexactly(size)
        except (ConnectionError, asyncio.IncompleteReadError):
            return CLOSE, CUT.to_bytes(2)

    async def said(self, **expected: Any) -> dict[str, Any] | int:
        """The next text with these fields, others passed over; or the code it closes with."""
        while True:
            opcode, payload = await self.frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2]) if payload else 1005
            if opcode == TEXT:
                found: dict[str, Any] = json.loads(payload)
                if expected.items() <= found.items():
                    return found

    async def hung_up(self) -> bool:
        """Whether the other side ends the connection, in a time that is ours to wait."""
        try:
            async with asyncio.timeout(PATIENCE):
                while await self.reader.read(65536):
                    pass
            return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def reset(self) -> None:
        """Gone, without a word."""
        self.writer.transport.abort()


@asynccontextmanager
async def line(server: Server) -> AsyncIterator[Line]:
    """A connection to this server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield Line(reader, writer)
    finally:
        writer.transport.abort()
