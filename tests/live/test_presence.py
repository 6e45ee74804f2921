"""Who is online, among real processes that come and go."""

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from websockets.asyncio.client import ClientConnection

from accounts.models import User
from chats.models import Chat
from chats.services import add_member
from messenger.realtime.threads import in_db
from presence import selectors
from tests.live.servers import Server, get, serving
from tests.people import bearer, make_user, token

# Seconds.
LEASE, GRACE = 2, 1
QUICK = {"PRESENCE_LEASE_SECONDS": str(LEASE), "PRESENCE_GRACE_SECONDS": str(GRACE)}
needs_redis = pytest.mark.skipif(not settings.REDIS_URL, reason="needs Redis")


async def statuses(client: ClientConnection, seconds: float) -> list[tuple[int, str, float]]:
    """(user id, status, when) of all that is said within so many seconds."""
    said = []
    started = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            while True:
                frame = json.loads(await client.recv())
                if frame["type"] == "user_status":
                    at = time.monotonic() - started
                    said.append((frame["user_id"], frame["status"], at))
    except TimeoutError:
        return said


async def watching(server: Server, user: User) -> Any:
    return server.open(f"/ws/chat/{await in_db(token, user)}")


@needs_redis
async def test_the_people_of_a_killed_process_are_offline_within_the_lease_and_once(
    alice: User, bob: User, charlie: User, group: Chat, tmp_path: Path
) -> None:
    dora = await in_db(make_user, "dora")
    with serving(tmp_path, **QUICK) as one, serving(tmp_path, **QUICK) as other:
        await in_db(lambda: add_member(alice, chat=group, user=dora))
        async with (
            await watching(one, alice) as a,
            await watching(other, charlie) as c,
            one.connect(await in_db(token, dora)),
            other.connect(await in_db(token, dora)),
            other.connect(await in_db(token, bob)),
        ):
            said = await statuses(a, 1.0)
            assert sorted((who, status) for who, status, _ in said) == [
                (bob.id, "online"),
                (dora.id, "online"),
            ]
            other.stop(signal.SIGKILL)
            said = await statuses(a, LEASE + 1.5)
            # Dora has a socket in the process that lives.
            assert [(who, status) for who, status, _ in said] == [(bob.id, "offline")]
            assert said[0][2] < LEASE + 1.0
            assert await in_db(selectors.online_contacts, alice) == [dora]
            # He comes back, to the other one.
            async with one.connect(await in_db(token, bob)):
                assert [s[:2] for s in await statuses(a, 1.0)] == [(bob.id, "online")]
            assert [s[:2] for s in await statuses(a, GRACE + 1.5)] == [(bob.id, "offline")]
            with pytest.raises(Exception, match="no close frame|1006|closed"):
                await c.recv()


@needs_redis
async def test_a_heartbeat_and_typing_lapse_once_whoever_runs(
    alice: User, bob: User, group: Chat, tmp_path: Path
) -> None:
    """Two processes look for what has lapsed, the one that was told of it dies, one tells."""
    quick = {**QUICK, "PRESENCE_HEARTBEAT_SECONDS": "5"}
    with serving(tmp_path, **quick) as one, serving(tmp_path, **quick) as other:
        headers = {"Authorization": f"Bearer {await in_db(token, alice)}"}
        async with (
            one.open("/api/v1/ws", additional_headers=headers) as a,
            httpx.AsyncClient(base_url=other.url, headers=await in_db(bearer, bob)) as bobs,
        ):
            started = time.monotonic()
            assert (await bobs.post("/api/v1/presence/heartbeat")).status_code == 204
            typing = {"chat_id": group.id, "is_typing": True}
            assert (await bobs.post("/api/v1/presence/typing", json=typing)).status_code == 204
            await asyncio.sleep(0.3)
            other.stop(signal.SIGKILL)
            said = []
            try:
                async with asyncio.timeout(12):
                    while True:
                        frame = await get(a)
                        said.append((frame["event"], *list(frame["data"].values())[1:]))
                        at = time.monotonic() - started
                        if said[-1][:2] == ("user.presence", "offline"):
                            assert 4.5 < at < 7.5
                        if said[-1] == ("user.typing", bob.id, False):
                            assert 9.5 < at < 11.5
            except TimeoutError:
                pass
        assert [words[:2] for words in said if words[0] == "user.presence"] == [
            ("user.presence", "online"),
            ("user.presence", "offline"),
        ]
        assert [words for words in said if words[0] == "user.typing"] == [
            ("user.typing", bob.id, True),
            ("user.typing", bob.id, False),
        ]


@needs_redis
async def test_a_restart_that_people_come_back_from_is_not_told(
    alice: User, bob: User, group: Chat, tmp_path: Path
) -> None:
    with serving(tmp_path, **QUICK) as one, serving(tmp_path, **QUICK) as other:
        async with await watching(one, alice) as a:
            async with other.connect(await in_db(token, bob)):
                assert [s[:2] for s in await statuses(a, 1.0)] == [(bob.id, "online")]
                assert other.stop() == 0
            async with one.connect(await in_db(token, bob)):
                assert await statuses(a, LEASE + 1.5) == []


@pytest.mark.once
async def test_a_token_in_the_path_is_in_no_log(
    alice: User, bob: User, group: Chat, tmp_path: Path
) -> None:
    for server in ("daphne", "uvicorn"):
        with serving(tmp_path, server, LOG_LEVEL="DEBUG") as process:
            access = await in_db(token, alice)
            async with process.open(f"/ws/chat/{access}") as client:
                await client.send("not json")
                await client.send(json.dumps({"type": "subscribe_chat", "chat_id": group.id}))
                await client.recv()
            async with process.open(f"/ws/chat/{access}x/"):
                pass
            async with process.open(f"/nowhere/{access}?token={access}"):
                pass
            for path in (f"/ws/chat/{access}", f"/ws/chat/{access}/online-users"):
                assert process.get(path) in (401, 404)
            process.stop()
            log = process.log.read_text()
            assert "127.0.0.1" in log and access[-20:] not in log
