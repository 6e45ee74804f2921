"""
Frames that no library would send, against real servers: the socket answers, or is closed with a
code that says why, or is cut. Nobody else notices.
"""

import asyncio

import pytest

from accounts.models import User
from chats.models import Chat
from messenger.realtime.threads import in_db
from messenger.serving import CLOSE_PATIENCE, MOST_PIECES
from tests.hostile.live import scene
from tests.hostile.tally import tally
from tests.hostile.wire import BINARY, CLOSE, CUT, PING, Line, frame, line, text
from tests.live.servers import Server
from tests.people import token
from tests.processes import memory_of

pytestmark = pytest.mark.once

Attacked = tuple[Server, Server]
MB = 1024 * 1024
ASK = text(action="nonsense", request_id="alive")
# daphne cuts the connection where uvicorn says why.
WRONG, NO_TEXT, TOO_BIG = {1002, CUT}, {1007, CUT}, {1009, CUT}
SPLIT = "я".encode()

# After these the socket lives.
HARMLESS: dict[str, bytes] = {
    "a character over two frames": frame(b'"' + SPLIT[:1], fin=False)
    + frame(SPLIT[1:] + b'"', opcode=0),
    "a ping between the pieces of a text": frame(b'"a', fin=False)
    + frame(b"x", PING)
    + frame(b'"', opcode=0),
    "an empty text": frame(b""),
    "an empty piece, and the rest": frame(b"", fin=False) + frame(b"{}", opcode=0),
    "a text of 64 KB and one": frame(b"x" * 65_537),
    "a text of 256 KB": frame(b"x" * 262_144),
    "256 KB in pieces": frame(b"x" * 65_536, fin=False)
    + frame(b"x" * 65_536, opcode=0, fin=False) * 2
    + frame(b"x" * 65_536, opcode=0),
    "a binary frame": frame(b"\x00\xff", BINARY),
    "an empty binary frame": frame(b"", BINARY),
    "binary, in pieces": frame(b"{", BINARY, fin=False) + frame(b"}", opcode=0),
    "1,000 brackets": frame(b"[" * 1000),
    "60,000 brackets": frame(b"[" * 60_000),
    "a BOM": frame(b"\xef\xbb\xbf{}"),
    "a NUL": frame(b"\x00"),
    "a pong that nobody asked for": frame(b"x", 10),
    "200 pings": frame(b"x" * 125, PING) * 200,
    "a ping without anything": frame(b"", PING),
    "200 frames at once": text(action="nonsense") * 200,
    "100 pieces": frame(b"", fin=False) + frame(b"", opcode=0, fin=False) * 98 + frame(opcode=0),
}

# These are no frames, and end the socket.
BROKEN: dict[str, tuple[bytes, set[int]]] = {
    "bytes that are no UTF-8": (frame(b"\xff\xfe"), NO_TEXT),
    "a surrogate": (frame(b"\xed\xa0\x80"), NO_TEXT),
    "an overlong NUL": (frame(b"\xc0\x80"), NO_TEXT),
    "beyond Unicode": (frame(b"\xf4\x90\x80\x80"), NO_TEXT),
    "half a character": (frame(SPLIT[:1]), NO_TEXT),
    "no UTF-8 in the second piece": (frame(b"a", fin=False) + frame(b"\xff", opcode=0), NO_TEXT),
    "unmasked": (frame(b"{}", masked=False), WRONG),
    "an unmasked ping": (frame(b"", PING, masked=False), WRONG),
    "an unmasked close": (frame(b"\x03\xe8", CLOSE, masked=False), WRONG),
    **{f"RSV bits {bits:03b}": (frame(b"{}", rsv=bits), WRONG) for bits in range(1, 8)},
    **{
        f"opcode {opcode}": (frame(b"", opcode), WRONG)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    "a continuation first": (frame(b"{}", opcode=0), WRONG),
    "a text inside of a text": (frame(b"{", fin=False) + frame(b"{}"), WRONG),
    "a binary inside of a text": (frame(b"{", fin=False) + frame(b"{}", BINARY), WRONG),
    "a continuation after the end": (frame(b"1") + frame(b"2", opcode=0), WRONG),
    "a ping in pieces": (frame(b"a", PING, fin=False) + frame(b"b", opcode=0), WRONG),
    "a pong in pieces": (frame(b"a", 10, fin=False), WRONG),
    "a close in pieces": (frame(b"\x03\xe8", CLOSE, fin=False), WRONG),
    "a ping of 126 bytes": (frame(b"x" * 126, PING), WRONG),
    "a ping of 70,000 bytes": (frame(b"x" * 70_000, PING), WRONG | TOO_BIG),
    "a close of 126 bytes": (frame(b"\x03\xe8" + b"x" * 124, CLOSE), WRONG),
    "a close of one byte": (frame(b"\x03", CLOSE), WRONG),
    "a close whose reason is no UTF-8": (frame(b"\x03\xe8\xff", CLOSE), WRONG | NO_TEXT),
    **{
        f"a close of {code}": (frame(code.to_bytes(2), CLOSE), WRONG)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    },
    "300 KB": (frame(b"x" * 300_000), TOO_BIG),
    "300 KB in pieces": (
        frame(b"x" * 100_000, fin=False) + frame(b"x" * 100_000, opcode=0, fin=False) * 2,
        TOO_BIG,
    ),
    "a claim of 1 MB": (frame(b"x", claims=MB), TOO_BIG),
    "a claim of 2^62": (frame(b"x", claims=2**62), TOO_BIG),
    "a claim of 2^63": (frame(b"x", claims=2**63), TOO_BIG | WRONG),
    "a claim of 2^64 - 1": (frame(b"x", claims=2**64 - 1), TOO_BIG | WRONG),
    "pieces without end": (
        frame(b"", fin=False) + frame(b"", opcode=0, fin=False) * (2 * MOST_PIECES),
        {CUT, 1009},
    ),
    "a request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", WRONG),
    "nothing but 0xFF": (b"\xff" * 64, WRONG | TOO_BIG),
    "nothing but 0x00": (b"\x00" * 64, WRONG),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32, WRONG),
    "compressed, which nobody agreed to": (frame(b"\xaaV\xaa\x05\x00", rsv=4), WRONG),
}

# The client goes in the middle of something.
UNFINISHED: dict[str, bytes] = {
    "half a head": b"\x81",
    "half a length": b"\x81\xfe\x01",
    "half a mask": b"\x81\x85\x00\x00",
    "half a text": frame(b"x" * 100)[:50],
    "half a message": frame(b"{", fin=False),
    "half of 250 KB": frame(b"x" * 250_000)[:125_000],
    "a close, and more": frame(b"\x03\xe8", CLOSE) + ASK * 10,
    "an acknowledgement that nobody waits for": text(action="send_message", chat_id=1, text="x"),
}


async def opened(found: Line, access: str) -> None:
    """A mini-app socket, taken in."""
    answer = await found.open("/connect", access)
    assert answer.status == 101 and "sec-websocket-extensions" not in answer.head, answer
    assert isinstance(await found.said(action="unread_messages"), dict)


async def test_an_odd_frame_is_answered_and_the_socket_lives(
    attacked: Attacked, alice: User, bob: User, charlie: User, group: Chat
) -> None:
    access = await in_db(token, charlie)
    async with scene(*attacked, alice, bob, group) as others:
        for name, data in HARMLESS.items():
            async with line(attacked[0]) as mine:
                await opened(mine, access)
                await mine.send(data + ASK)
                said = await mine.said(request_id="alive")
                tally.count("bytes", "a socket", name)
                tally.lost += not isinstance(said, dict)
                assert isinstance(said, dict) and said["code"] == "unknown_command", (name, said)
        await others.still_hear()


async def test_what_is_no_frame_ends_this_socket_and_no_other(
    attacked: Attacked, alice: User, bob: User, charlie: User, group: Chat
) -> None:
    access = await in_db(token, charlie)
    async with scene(*attacked, alice, bob, group) as others:
        before = memory_of(attacked[0].process.pid)
        for number, (name, (data, codes)) in enumerate(BROKEN.items()):
            async with line(attacked[0]) as mine:
                await opened(mine, access)
                await mine.send(data)
                said = await mine.said(request_id="alive")
                tally.count("bytes", "a socket", name, said)
                assert said in codes, (name, said)
            if number % 20 == 0:
                await others.still_hear()
        assert memory_of(attacked[0].process.pid) - before < 8 * MB


async def test_a_client_may_go_in_the_middle_of_anything(
    attacked: Attacked, alice: User, bob: User, charlie: User, group: Chat
) -> None:
    access = await in_db(token, charlie)
    async with scene(*attacked, alice, bob, group) as others:
        for name, data in UNFINISHED.items():
            for politely in (True, False):
                async with line(attacked[0]) as mine:
                    await opened(mine, access)
                    await mine.send(data)
                    if politely:
                        mine.writer.write_eof()
                        assert await mine.hung_up(), name
                    else:
                        mine.reset()
                tally.count("bytes", "a socket's end", f"{name}, politely: {politely}")
        await others.still_hear()


async def test_who_answers_a_close_frame_slowly_is_not_cut_off_before(
    attacked: Attacked, charlie: User
) -> None:
    access = await in_db(token, charlie)
    async with line(attacked[0]) as mine, line(attacked[0]) as other:
        await opened(mine, access)
        await other.send(
            f"POST /api/v1/auth/logout HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {access}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert (await other.answer()).status == 204
        assert await mine.said() == 4401
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(mine.reader.read(1), CLOSE_PATIENCE / 2)
        await mine.send(frame((4401).to_bytes(2), CLOSE))
        assert await mine.hung_up()
