"""
Who sends too much, too slowly, or never reads, against real servers: it costs a bounded amount of
memory and of time, and others hear each other meanwhile.
"""

import asyncio
import os
from pathlib import Path

import pytest

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from messenger.realtime.threads import in_db
from tests.hostile.live import scene
from tests.hostile.tally import tally
from tests.hostile.wire import CUT, PING, Line, address, frame, line, text
from tests.live.servers import Server, serving
from tests.people import token
from tests.processes import memory_of

pytestmark = pytest.mark.once

Attacked = tuple[Server, Server]
MB = 1024 * 1024
IMPATIENT = ("-m", "tests.hostile.impatient")
POST = "POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def on_disk(server: Server) -> int:
    """Bytes of the files that the process has open and nobody else can see."""
    found = 0
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            if "deleted" in os.readlink(link):
                found += link.stat().st_size
        except OSError:
            continue
    return found


async def test_a_body_that_is_too_large_is_refused_before_it_has_come(
    attacked: Attacked, alice: User, bob: User, group: Chat
) -> None:
    async with scene(*attacked, alice, bob, group) as others:
        before = memory_of(attacked[0].process.pid)
        for size in (65_537, 3 * MB, 10 * MB, 10**12):
            async with line(attacked[0]) as mine:
                await mine.send(f"{POST}Content-Length: {size}\r\n\r\n".encode())
                # daphne asks the application when it has all of what a form may have.
                sent = 0
                while size < 2 * MB and sent < size:
                    await mine.send(b"x" * min(size - sent, 65_536))
                    sent += 65_536
                answer = await mine.answer()
            tally.count("bodies", "a connection", f"of {size} bytes", answer.status)
            assert answer.status == 413 and "application/json" in answer.head, size
        # Without a length it is read until it is too much.
        for piece in (b"x" * 65_536, b"x"):
            chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
            async with line(attacked[0]) as mine:
                await mine.send(f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode())
                answering = asyncio.create_task(mine.answer())
                sent = 0
                while not answering.done() and sent < 64 * MB:
                    await mine.send(chunk * (65_536 // len(piece)))
                    sent += 65_536
                    await asyncio.sleep(0)
                assert (await answering).status in (413, 0) and sent < 64 * MB
            tally.count("bodies", "a connection", f"without an end, of {len(piece)} each", 413)
        assert on_disk(attacked[0]) < 4 * MB
        await others.still_hear()
        assert memory_of(attacked[0].process.pid) - before < 24 * MB


async def test_a_flood_is_throttled_and_then_cut_off(
    attacked: Attacked, alice: User, bob: User, charlie: User, group: Chat
) -> None:
    access = await in_db(token, charlie)
    create = text(action="create_chat", type="group", name="x", user_ids=[0], more="x" * 20_000)
    async with scene(*attacked, alice, bob, group) as others:
        before = memory_of(attacked[0].process.pid)
        async with line(attacked[0]) as mine:
            await mine.open("/connect", access)

            async def pour() -> None:
                for _ in range(4000):
                    await mine.send(create)

            pouring = asyncio.create_task(pour())
            await others.still_hear()
            code = await mine.said(action="nobody says this")
            assert code in (4429, CUT), code
            await pouring
        tally.count("bytes", "a socket", "4,000 frames of 20 KB", code)
        assert memory_of(attacked[0].process.pid) - before < 24 * MB


async def test_who_asks_and_never_reads_the_answers_is_cut_off(
    attacked: Attacked, alice: User, bob: User, charlie: User, group: Chat
) -> None:
    access = await in_db(token, charlie)
    ping = frame(b"x" * 125, PING) * 500
    get = b"GET /users_list HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500
    async with scene(*attacked, alice, bob, group) as others:

        async def pour(mine: Line, data: bytes, most: int) -> int:
            """How much is taken in a while."""
            sent = 0
            while sent < most and not mine.writer.is_closing():
                try:
                    mine.writer.write(data)
                    await asyncio.wait_for(mine.writer.drain(), 2)
                except (ConnectionError, TimeoutError):
                    break
                sent += len(data)
            return sent

        for name, data in (("pings", ping), ("requests", get)):
            before = memory_of(attacked[0].process.pid)
            async with line(attacked[0]) as mine:
                if data is ping:
                    await mine.open("/connect", access)
                mine.writer.transport.set_write_buffer_limits(65_536)
                # What nobody reads stays in the kernel's buffers first, and then in the server's.
                mine.reader._transport.pause_reading()  # type: ignore[attr-defined]
                sent = await pour(mine, data, 48 * MB)
                tally.count("bytes", "a connection", f"{name} without reading", sent)
                assert memory_of(attacked[0].process.pid) - before < 24 * MB, (name, sent)
            await others.still_hear()


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
async def test_who_does_not_finish_a_request_is_given_up(kind: str, tmp_path: Path) -> None:
    """Patience is an absolute time: a byte now and then does not hold a connection."""
    starts = {
        "nothing": b"",
        "an empty line": b"\r\n",
        "half a line": b"GET /users",
        "half a head": b"GET /users_list HTTP/1.1\r\nHost: localhost\r\nX-A",
        "half a body": f"{POST}Content-Length: 100\r\n\r\n{{".encode(),
        "half of the chunks": f"{POST}Transfer-Encoding: chunked\r\n\r\n5\r\nhel".encode(),
        "a request, and half of the next": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /hea",
        "half a handshake": b"GET /connect HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n",
    }
    with serving(tmp_path, kind, IMPATIENT) as server:

        async def hold(name: str, start: bytes, drip: bytes) -> None:
            async with line(server) as mine:
                await mine.send(start)
                dripping = asyncio.create_task(drop(mine, drip))
                assert await mine.hung_up(), (kind, name, drip)
                dripping.cancel()
            tally.count("requests", "a connection", f"{name}, then {drip!r} now and then")

        async def drop(mine: Line, drip: bytes) -> None:
            while drip:
                await asyncio.sleep(0.2)
                await mine.send(drip)

        await asyncio.gather(
            *(
                hold(name, start, drip)
                for name, start in starts.items()
                # What has a length comes to its end by dripping.
                for drip in ((b"", b"x") if "body" not in name else (b"",))
            )
        )
        # Who is served in time is not given up, however long it takes to come back.
        async with line(server) as mine:
            await mine.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await mine.answer()).status == 200
        async with line(server) as mine:
            assert (await mine.open("/connect")).status == 101
            assert await mine.said() == 4401


async def test_nobody_stays_without_having_said_who_they_are(
    attacked: Attacked, alice: User, bob: User, group: Chat
) -> None:
    async with scene(*attacked, alice, bob, group) as others:
        before = await in_db(Message.objects.count)
        commands = text(action="send_message", chat_id=group.id, text="Said by nobody") * 20

        async def stay(path: str) -> None:
            async with line(attacked[0]) as mine:
                await mine.open(path)
                await mine.send(commands)
                assert await mine.said() in (4401, CUT)
                # It does not answer the close, either.
                assert await mine.hung_up()
            tally.count("handshakes", path, "commands without a token", 4401)

        await asyncio.gather(*map(stay, ("/connect", "/ws/chat/none", "/api/v1/ws", "/ws")))
        assert await in_db(Message.objects.count) == before
        await others.still_hear()


async def test_a_message_that_was_sent_with_the_last_breath_is_stored_once(
    attacked: Attacked, alice: User, bob: User, group: Chat
) -> None:
    access = await in_db(token, alice)
    async with scene(*attacked, alice, bob, group) as others:
        for number in range(10):
            key = f"breath {number}"
            send = text(
                action="send_message", chat_id=group.id, text=key, client_message_id=key,
                request_id=key,
            )  # fmt: skip
            async with line(attacked[0]) as mine:
                await mine.open("/connect", access)
                await mine.said(action="unread_messages")
                await mine.send(send * (1 + number % 3))
                mine.reset()
            async with line(attacked[0]) as mine:
                await mine.open("/connect", access)
                await mine.said(action="unread_messages")
                await mine.send(send)
                answer = await mine.said(request_id=key)
                assert isinstance(answer, dict) and answer["action"] == "message_sent"
            stored = await in_db(
                lambda key=key: list(Message.objects.filter(content=key).values_list("id"))
            )
            assert stored == [(answer["data"]["id"],)]
            tally.count("bytes", "a socket", f"gone after sending, {1 + number % 3} times")
        await others.still_hear()


async def test_what_comes_from_outside_makes_no_lines_in_the_log(
    attacked: Attacked, alice: User, bob: User, group: Chat
) -> None:
    access = await in_db(token, bob)
    forged = "2026-01-01 00:00:00,000 ERROR forged: all is lost"
    escaped = forged.replace(" ", "%20")
    async with scene(*attacked, alice, bob, group):
        for path in (f"/connect?token={access}", f"/ws/chat/{access}", f"/ws?token={access}"):
            async with line(attacked[0]) as mine:
                assert (await mine.open(path)).status == 101
                await mine.send(text(type="nonsense", action=f"x\r\n{forged}", request_id=1))
                assert isinstance(await mine.said(request_id=1), dict)
        for path in (f"/x%0d%0a{escaped}", f"/users_list?search=%0a{escaped}&token={access}"):
            for start in (f"GET {path}", f"GET /{path}", f"POST {path}"):
                async with line(attacked[0]) as mine:
                    await mine.send(
                        f"{start} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: \\r\\n{forged}\r\n"
                        f"Authorization: Bearer {access}x\r\nX-Forwarded-For: {address()}\r\n\r\n"
                        .encode()
                    )  # fmt: skip
                    await mine.answer()
        for handshake in (f"/connect%0d%0a{escaped}", f"/x?token={access}"):
            async with line(attacked[0]) as mine:
                await mine.open(handshake, "", f"Origin: http://evil.example\x1b[2J{forged}")
    log = attacked[0].log.read_text(errors="replace")
    assert access not in log and access.rpartition(".")[2] not in log
    assert not any(entry.startswith(forged[:40]) for entry in log.splitlines())
    assert "\x1b" not in log
    tally.count("requests", "the log", "lines and tokens")
