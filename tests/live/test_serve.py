"""`manage.py serve`: how it starts, what a slow client costs, and how it ends."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from websockets.asyncio.client import ClientConnection

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from messenger.realtime.threads import in_db
from tests.live.servers import ask, closed, get, serving
from tests.people import token
from tests.processes import memory_of

each_server = pytest.mark.parametrize("kind", ["daphne", "uvicorn"])


@pytest.mark.once
@each_server
async def test_sigterm_closes_every_socket_with_1012_and_ends_well(
    kind: str, alice: User, tmp_path: Path
) -> None:
    with serving(tmp_path, kind) as server:
        access = await in_db(token, alice)
        clients = [await server.connect(access) for _ in range(10)]
        for client in clients:
            await get(client, action="unread_messages")
        server.process.send_signal(signal.SIGTERM)
        assert [await closed(client) for client in clients] == [1012] * 10
        assert await asyncio.to_thread(server.process.wait, 10) == 0


@pytest.mark.once
@each_server
async def test_a_client_that_does_not_read_is_closed_and_costs_little(
    kind: str, alice: User, bob: User, group: Chat, tmp_path: Path
) -> None:
    frame = json.dumps({"action": "send_message", "chat_id": group.id, "text": "😀" * 4000})
    with serving(tmp_path, kind, RATE_LIMITS="off") as server:
        tokens = [await in_db(token, user) for user in (alice, bob, bob)]
        a, b, deaf = [await server.connect(access) for access in tokens]
        for client in (a, b, deaf):
            await get(client, action="unread_messages")

        async def talk(rounds: int, *listeners: ClientConnection) -> float:
            """16 KB × 60 a round; the seconds of the slowest."""
            slowest = 0.0
            for _ in range(rounds):
                started = time.monotonic()
                for _ in range(60):
                    await a.send(frame)
                for _ in range(60):
                    await get(a, action="message_sent")
                    for listener in listeners:
                        await get(listener, action="new_message")
                slowest = max(slowest, time.monotonic() - started)
            return slowest

        await talk(20, b, deaf)
        before = memory_of(server.process.pid)
        deaf.transport.pause_reading()
        slowest = await talk(32, b)
        # 31 MB went by it. What the kernel's buffers take does not wait in the server; what the
        # server needs anyhow for that many messages is a few MB.
        assert memory_of(server.process.pid) - before < 26_000 * 1024
        assert "too slow" in server.log.read_text()
        assert slowest < 5
        deaf.transport.abort()
        await a.close()
        await b.close()


async def test_what_was_acknowledged_is_there_after_kill_9(
    alice: User, bob: User, group: Chat, tmp_path: Path
) -> None:
    acknowledged = []
    with serving(tmp_path, RATE_LIMITS="off") as server:
        async with server.connect(await in_db(token, alice)) as a:
            await get(a, action="unread_messages")
            for number in range(300):
                frame = {"action": "send_message", "chat_id": group.id, "text": f"{number}"}
                await a.send(json.dumps({**frame, "client_message_id": f"{number}"}))
            for _ in range(100):
                answer = await get(a, action="message_sent")
                acknowledged.append(answer["data"]["id"])
            server.process.kill()
            server.process.wait()
            a.transport.abort()
    stored = await in_db(lambda: list(Message.objects.order_by("id").values_list("id", "content")))
    assert set(acknowledged) <= {id for id, _ in stored}
    assert [text for _, text in stored] == [f"{number}" for number in range(len(stored))]


@pytest.mark.parametrize("port", ["x", "65536"])
def test_a_bad_port_is_a_sentence(port: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "serve", f"--port={port}"],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "The port is" in done.stderr


@pytest.mark.once
@each_server
async def test_a_flood_is_not_taken_in_faster_than_it_is_handled(
    kind: str, alice: User, bob: User, group: Chat, tmp_path: Path
) -> None:
    with serving(tmp_path, kind, RATE_LIMITS="off", DB_WRITERS="1") as server:
        tokens = [await in_db(token, user) for user in (alice, bob)]
        async with server.connect(tokens[0], compression=None) as a, server.connect(tokens[1]) as b:
            await get(a, action="unread_messages")
            await get(b, action="unread_messages")
            before = memory_of(server.process.pid)
            # Each waits for the one before it to be looked up: 24 MB that come faster than that.
            nobody = ["00000000-0000-0000-0000-000000000000"]
            create = {"action": "create_chat", "type": "group", "name": "x", "user_ids": nobody}
            flood = asyncio.create_task(
                _send_all(a, json.dumps({**create, "x": "x" * 40_000}), 600)
            )
            await ask(
                b, {"action": "send_message", "chat_id": group.id, "text": "x"},
                action="message_sent",
            )  # fmt: skip
            for _ in range(600):
                while (await get(a))["action"] != "error":
                    pass
            await flood
            assert memory_of(server.process.pid) - before < 16_000 * 1024


async def _send_all(client: ClientConnection, frame: str, count: int) -> None:
    for _ in range(count):
        await client.send(frame)
