"""Redis with Sentinel: the master dies, the replica takes over, and nobody restarts anything."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import redis
from django.conf import settings
from redis.sentinel import Sentinel

from accounts.models import User
from chats.models import Chat
from messenger.realtime.threads import in_db
from tests.live.servers import Server, ask, get, serving
from tests.people import token
from tests.ports import free_port

pytestmark = [
    pytest.mark.skipif(not settings.REDIS_URL, reason="needs Redis"),
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="PostgreSQL"),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server"),
    pytest.mark.skipif(os.environ.get("FAULTS") != "full", reason="only with FAULTS=full"),
]

# Redis's own, and the Sentinel's.
PASSWORD, SENTINEL_PASSWORD = "of-redis", "of-sentinel"
# Seconds for a failover on a busy machine.
PATIENCE = 60.0


@dataclass
class Watched:
    """A master, its replica, and a Sentinel that watches them."""

    master: "subprocess.Popen[bytes]"
    ports: tuple[int, int]
    sentinel: Sentinel
    port: int

    @property
    def url(self) -> str:
        login = f":{PASSWORD}@127.0.0.1:{self.port}"
        return f"redis+sentinel://{login}/chat/0?sentinel_password={SENTINEL_PASSWORD}"

    def keys(self, port: int) -> set[str]:
        """The kinds of keys of ours that are there: what is counted, who is here."""
        with redis.Redis(port=port, password=PASSWORD, decode_responses=True) as client:
            return {key.split(":")[1] for key in client.scan_iter(f"{settings.REDIS_PREFIX}*:*")}


def guess(server: Server) -> int:
    """A wrong password, which is counted for a while; the status."""
    body = json.dumps({"email": "alice@example.org", "password": "wrong"}).encode()
    headers = {"Content-Type": "application/json"}
    try:
        with urlopen(Request(f"{server.url}/login", body, headers), timeout=PATIENCE) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    ports = free_port(), free_port()
    port = free_port()
    config = folder / "sentinel.conf"
    config.write_text(
        f"port {port}\nbind 127.0.0.1\nrequirepass {SENTINEL_PASSWORD}\n"
        f"sentinel monitor chat 127.0.0.1 {ports[0]} 1\nsentinel auth-pass chat {PASSWORD}\n"
        "sentinel down-after-milliseconds chat 1000\nsentinel failover-timeout chat 5000\n"
    )
    common = ["--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    common += ["--requirepass", PASSWORD, "--masterauth", PASSWORD]
    with ExitStack() as stack:

        def start(*arguments: str) -> "subprocess.Popen[bytes]":
            process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        master = start("--port", str(ports[0]), *common)
        start("--port", str(ports[1]), "--replicaof", f"127.0.0.1 {ports[0]}", *common)
        start(str(config), "--sentinel")
        sentinel = Sentinel([("127.0.0.1", port)], sentinel_kwargs={"password": SENTINEL_PASSWORD})
        until = time.monotonic() + PATIENCE
        while True:
            try:
                if [replica[1] for replica in sentinel.discover_slaves("chat")] == [ports[1]]:
                    break
            except redis.ConnectionError:
                pass
            assert time.monotonic() < until
            time.sleep(0.05)
        yield Watched(master, ports, sentinel, port)


def test_a_failover_needs_no_restart(alice: User, bob: User, group: Chat, tmp_path: Path) -> None:
    # By itself: it may take longer than other tests.
    asyncio.run(fail_over(alice, bob, group, tmp_path))


async def fail_over(alice: User, bob: User, group: Chat, tmp_path: Path) -> None:
    frame = {"action": "send_message", "chat_id": group.id}
    with watched(tmp_path) as redises:
        url = redises.url
        with (
            serving(tmp_path, REDIS_URL=url) as one,
            serving(tmp_path, "uvicorn", REDIS_URL=url) as two,
        ):
            async with (
                one.connect(await in_db(token, alice)) as a,
                two.connect(await in_db(token, bob)) as b,
            ):
                for client in (a, b):
                    await get(client, action="unread_messages")
                heard: list[str] = []

                async def say(text: str) -> None:
                    await ask(a, {**frame, "text": text}, action="message_sent")
                    while not heard or heard[-1] != text:
                        told = json.loads(await asyncio.wait_for(b.recv(), PATIENCE))
                        if told["action"] == "new_message":
                            heard.append(told["data"]["text"])

                async def ready() -> None:
                    async with asyncio.timeout(PATIENCE):
                        for server in (one, two):
                            while await asyncio.to_thread(server.get, "/readyz") != 200:
                                await asyncio.sleep(0.1)

                await ready()
                await say("before")
                assert await asyncio.to_thread(guess, one) == 401
                assert redises.keys(redises.ports[0]) >= {"limit", "presence"}

                redises.master.kill()
                redises.master.wait()
                # Nobody is master: by the log.
                for number in range(5):
                    await say(f"meanwhile {number}")
                async with asyncio.timeout(PATIENCE):
                    while redises.sentinel.discover_master("chat")[1] != redises.ports[1]:
                        await asyncio.sleep(0.1)
                await ready()
                await say("after")
                # And so is counted, and known who is here, in the new master.
                with redis.Redis(port=redises.ports[1], password=PASSWORD) as client:
                    client.flushall()
                async with asyncio.timeout(PATIENCE):
                    while not redises.keys(redises.ports[1]) >= {"limit", "presence"}:
                        assert await asyncio.to_thread(guess, one) in (401, 429)
                        await asyncio.sleep(0.1)
            texts = ["before", *(f"meanwhile {number}" for number in range(5)), "after"]
            assert heard == texts
