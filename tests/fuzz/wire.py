"""Frames as they travel, and what can go wrong with them on the way: bytes, by chance."""

import asyncio
import base64
import json
import os
from collections.abc import Callable
from random import Random
from typing import Any

from tests.hostile.wire import CLOSE, PING, PONG, TEXT, frame

# Values to put where a command expects another one.
VALUES = (
    "null", "true", "[]", "{}", '""', "-1", "0", "1e400", "NaN", "1.5", str(2**63), "9" * 5000,
    '"\\u0000"', '"\\ud800"', '"١"', '"__init__"', "[" * 500, '{"a":' * 500, '"' + "x" * 5000 + '"',
    '{"$ne": null}', '"1 OR 1=1"', '["websocket.disconnect"]', '"\\u202e"',
)  # fmt: skip
LENGTHS = (0, 1, 125, 126, 127, 65_535, 65_536, 2**31, 2**32, 2**62, 2**63, 2**64 - 1)


# --- what happens to the text of a frame: it stays one frame ---------------------------------


def other_bytes(text: bytes, chance: Random) -> bytes:
    """A few bytes are others, all of them ASCII."""
    changed = bytearray(text)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed))
        changed[place] = (
            chance.randrange(32, 127)
            if changed[place] > 127
            else changed[place] ^ 1 << chance.randrange(7)
        )
    return bytes(byte & 127 for byte in changed)


def cut_text(text: bytes, chance: Random) -> bytes:
    return text[: chance.randrange(len(text))].decode(errors="ignore").encode()


def doubled_text(text: bytes, chance: Random) -> bytes:
    start = chance.randrange(len(text))
    part = text[start : start + chance.randint(1, 40)]
    return (text[:start] + part + part + text[start + len(part) :]).decode(errors="ignore").encode()


def other_value(text: bytes, chance: Random) -> bytes:
    """Another value for one of the fields, at any depth."""
    places: list[tuple[Any, Any]] = []
    whole = json.loads(text)

    def find(value: Any) -> None:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            places.append((value, name))
            if isinstance(inner, dict | list):
                find(inner)

    find(whole)
    container, name = chance.choice(places)
    container[name] = "@here@"
    return json.dumps(whole).replace('"@here@"', chance.choice(VALUES)).encode()


# --- what happens to the bytes of a frame: whatever comes of it ------------------------------


def flipped(text: bytes, chance: Random) -> list[bytes]:
    """Some bits are others, in the header too."""
    wire = bytearray(frame(text))
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(min(len(wire), chance.choice((2, 8, len(wire)))))
        wire[place] ^= 1 << chance.randrange(8)
    return [bytes(wire)]


def cut(text: bytes, chance: Random) -> list[bytes]:
    """It ends too early; perhaps another one follows."""
    wire = frame(text)
    part = wire[: chance.randrange(1, len(wire))]
    return [part, frame(text)] if chance.random() < 0.5 else [part]


def odd_head(text: bytes, chance: Random) -> list[bytes]:
    return [
        frame(
            text,
            chance.randrange(16),
            fin=chance.random() < 0.7,
            rsv=chance.choice((0, 0, 1, 2, 4, 7)),
            masked=chance.random() < 0.8,
        )
    ]


def odd_length(text: bytes, chance: Random) -> list[bytes]:
    length = chance.choice((*LENGTHS, chance.randrange(2**16)))
    return [frame(text, claims=length)]


def split_everywhere(text: bytes, chance: Random) -> list[bytes]:
    """The bytes one by one."""
    return [bytes([byte]) for byte in frame(text)]


def in_pieces(text: bytes, chance: Random) -> list[bytes]:
    """Fragments of one message, control frames between them; sometimes one that is not allowed."""
    between = (
        b"",
        frame(b"ping", PING),
        frame(b"", PONG),
        frame(bytes(126), PING),
        frame(b"x", PING, fin=False),
        frame(text),
        frame(b"\x03\xe8", CLOSE),
    )
    weights = (8, 8, 4, 1, 1, 1, 1)
    ends = sorted(chance.sample(range(len(text)), min(len(text) - 1, chance.randint(1, 6))))
    pieces: list[bytes] = []
    for number, (start, end) in enumerate(zip([0, *ends], [*ends, len(text)], strict=True)):
        last = end == len(text)
        pieces.append(frame(text[start:end], 0 if number else TEXT, fin=last))
        pieces += chance.choices(between, weights)
    return pieces


def odd_close(text: bytes, chance: Random) -> list[bytes]:
    code = chance.choice((b"", b"\x03", chance.randbytes(2), chance.randbytes(2) + b"\xff\xfe"))
    return [frame(text), frame(code, CLOSE), frame(text)]


def noise(text: bytes, chance: Random) -> list[bytes]:
    return [chance.randbytes(chance.randint(1, 300))]


OF_TEXT: tuple[Callable[[bytes, Random], bytes], ...] = (
    other_bytes,
    cut_text,
    doubled_text,
    other_value,
)
OF_BYTES: tuple[Callable[[bytes, Random], list[bytes]], ...] = (
    flipped,
    cut,
    odd_head,
    odd_length,
    split_everywhere,
    in_pieces,
    odd_close,
    noise,
)


# --- a client without manners ----------------------------------------------------------------


class Wire:
    """A connection to a server that sends whatever it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int, path: str, access: str, address: str) -> "Wire":
        """From `address`, a loopback one, past the handshake."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
        key = base64.b64encode(os.urandom(16)).decode()
        bearer = f"Authorization: Bearer {access}\r\n" if "ws/chat" not in path else ""
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Accept-Language: en\r\n{bearer}\r\n".encode()
        )
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101"), head
        except BaseException:
            writer.transport.abort()
            raise
        return cls(reader, writer)

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            # Each on its way by itself.
            await asyncio.sleep(0)

    async def get(self) -> tuple[int, bytes]:
        """The next frame of the server: its opcode, and what is in it."""
        first, size = await self.reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2))
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8))
        return first & 15, await self.reader.readexactly(size)

    async def until_the_end(self) -> int | None:
        """Say no more, and read until the server has nothing more to say; its close code."""
        code = None
        try:
            if self.writer.can_write_eof():
                self.writer.write_eof()
            while True:
                opcode, payload = await self.get()
                if opcode == CLOSE and len(payload) >= 2:
                    code = int.from_bytes(payload[:2])
        except (asyncio.IncompleteReadError, OSError):
            return code
        finally:
            self.cut()

    def cut(self) -> None:
        self.writer.transport.abort()
