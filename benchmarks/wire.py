"""WebSocket by hand: just enough of RFC 6455 for a fast load generator.

Client frames carry the mask key zero, which the standard allows and which saves
the masking. No extension is offered, so server frames are never compressed.

Every message's text starts with a marker: `<tag>|<writer>:<number>:<time>;` --
the run it belongs to, who wrote it, its number within that writer's messages
and the `time.monotonic_ns()` at which it was sent (or was due to be sent).
"""

import base64
import json
import os
import re
from dataclasses import dataclass
from typing import Any

TEXT_LENGTH = 80
"""Characters in the text of a message, marker included."""

MAX_FRAME = 4096
"""Bytes of the longest frame that `messages` reads; a message of the benchmark is far shorter."""

_OPCODE_TEXT = 0x81
_OPCODE_CLOSE = 0x88
_OPCODE_PING = 0x89
_OPCODE_PONG = 0x8A


def handshake(port: int, token: str) -> bytes:
    """The HTTP request that opens a WebSocket at /connect for the token's owner."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        "GET /connect HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


def client_frame(payload: bytes, first_byte: int = _OPCODE_TEXT) -> bytes:
    """A whole client frame around the payload (at most 65,535 bytes)."""
    size = len(payload)
    if size < 126:
        head = bytes((first_byte, 0x80 | size))
    else:
        head = bytes((first_byte, 0x80 | 126)) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


def server_frame(payload: bytes) -> bytes:
    """A whole server frame (used by the blaster, which plays a server)."""
    size = len(payload)
    if size < 126:
        return bytes((_OPCODE_TEXT, size)) + payload
    return bytes((_OPCODE_TEXT, 126)) + size.to_bytes(2, "big") + payload


def pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return client_frame(payload, _OPCODE_PONG)


def first_frame(data: bytes) -> tuple[bytes, int] | None:
    """(payload, size of the whole frame) of the frame that `data` starts with.

    None if it isn't complete yet.
    """
    if len(data) < 2:
        return None
    start, size = 2, data[1] & 0x7F
    if size == 126:
        start, size = 4, int.from_bytes(data[2:4], "big")
    elif size == 127:
        start, size = 10, int.from_bytes(data[2:10], "big")
    if len(data) < start + size:
        return None
    return data[start : start + size], start + size


def messages(data: bytes) -> tuple[list[dict[str, Any]], int]:
    """What a server sent, read strictly: the JSON of its text frames, and how many bytes remain.

    Raises `ValueError` for anything that isn't a whole, unmasked text or control frame.
    """
    found = []
    start = 0
    while (frame := first_frame(data[start : start + 10 + MAX_FRAME])) is not None:
        payload, size = frame
        if data[start] == _OPCODE_TEXT and not data[start + 1] & 0x80:
            found.append(json.loads(payload))
        elif data[start] not in (_OPCODE_CLOSE, _OPCODE_PING, _OPCODE_PONG):
            raise ValueError(f"a frame that begins with byte {data[start]:#x}")
        start += size
    return found, len(data) - start


def marker_pattern(tag: str) -> re.Pattern[bytes]:
    """Finds the markers of one run; the group is the marker without its tag."""
    return re.compile(rb'"text": ?"' + re.escape(tag.encode()) + rb"\|(\d{4}:\d{8}:\d{19});")


def parse_marker(marker: bytes) -> tuple[int, int, int]:
    """(writer, number, nanoseconds) of a marker found by `marker_pattern`."""
    return int(marker[:4]), int(marker[5:13]), int(marker[14:])


@dataclass(frozen=True)
class FrameTemplate:
    """Prebuilt `send_message` frames of one writer; all of them have the same length."""

    template: bytes

    @classmethod
    def build(cls, tag: str, chat_id: int, writer: int) -> "FrameTemplate":
        """A template for a writer (0-9999) in a chat."""
        marker = f"{tag}|{writer:04d}:{{n}}:{{ns}};"
        length = len(marker.format(n="0" * 8, ns="0" * 19))
        padding = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod"
        text = marker + padding[: max(0, TEXT_LENGTH - length)]
        payload = (
            f'{{"action":"send_message","chat_id":{chat_id},"text":"{text}",'
            f'"client_message_id":"{tag}-{writer:04d}-{{n}}"}}'
        )
        # Formatted with numbers of full width to learn the length for the frame's head.
        sample = payload.replace("{n}", "0" * 8).replace("{ns}", "0" * 19)
        head = client_frame(sample.encode())[: -len(sample)]
        body = payload.replace("%", "%%").replace("{n}", "%(n)08d").replace("{ns}", "%(ns)019d")
        return cls(head.replace(b"%", b"%%") + body.encode())

    def frame(self, number: int, nanoseconds: int) -> bytes:
        """The frame of the writer's message with this number and time."""
        return self.template % {b"n": number, b"ns": nanoseconds}
