"""
Each limit that Redis counts, met over the network: at two processes of the server, at once.

Each is used up by twenty more than it admits, from both sides; no more get through than its burst
and what its rate gives back while they come, and none of the others' allowance is spent.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings
from websockets.asyncio.client import connect

from accounts.models import Login, User
from accounts.services import start_login
from chats.models import Chat
from messenger.realtime import limits
from messenger.realtime.limits import EVERY_LIMIT, Limit
from messenger.realtime.threads import in_db
from tests.limits.flood import request
from tests.live.servers import Server, serving

pytestmark = [
    pytest.mark.skipif(not settings.REDIS_URL, reason="needs Redis"),
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="PostgreSQL"),
]
# How many come at once: fewer than a person may have sockets.
AT_ONCE = 16
# An id that nothing has.
NOBODYS = 10**15
COUNTED = [limit for limit in EVERY_LIMIT if limit.without_redis != "here"]


@pytest.fixture(scope="module")
def servers(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Server]]:
    """One of each kind, on one Redis. On a busy machine it must not be taken for away."""
    patient = {
        "REDIS_URL": settings.REDIS_URL + "?socket_timeout=60&socket_connect_timeout=60",
        # Emptied after each test with all that is the tests'.
        "REDIS_PREFIX": f"{settings.REDIS_PREFIX}:limits",
    }
    folder = tmp_path_factory.mktemp("limits")
    with django_db_blocker.unblock(), ExitStack() as stack:
        yield [
            stack.enter_context(serving(folder, kind, **patient)) for kind in ("daphne", "uvicorn")
        ]


class Caller:
    """Uses a limit once: whether it was admitted. What it did is nobody's concern here."""

    def __init__(self, address: str, person: User, access: str, refresh: str, chat: Chat) -> None:
        self.address = address
        self.person = person
        self.access = access
        self.refresh_token = refresh
        self.chat = chat

    async def ask(self, server: Server, method: str, path: str, body: Any, access: str) -> bool:
        status, headers, content = await request(
            server.url, method, path, body, address=self.address, token=access
        )
        assert status < 500, (status, content)
        if status != 429:
            return True
        told = json.loads(content)
        assert told["code"] == "rate_limited" and int(headers["retry-after"]) >= 1
        assert told["retry_after"] == int(headers["retry-after"])
        return False

    async def stranger(self, server: Server, path: str, body: Any) -> bool:
        return await self.ask(server, "POST", path, body, "")

    async def post(self, server: Server, path: str, body: Any) -> bool:
        return await self.ask(server, "POST", path, body, self.access)

    async def get(self, server: Server, path: str) -> bool:
        return await self.ask(server, "GET", path, None, self.access)

    async def resume(self, server: Server) -> bool:
        headers = {"Authorization": f"Bearer {self.access}"}
        async with server.open("/api/v1/ws", additional_headers=headers) as socket:
            await socket.send(json.dumps({"event": "resume", "data": {"chats": {}}}))
            while True:
                frame = json.loads(await socket.recv())
                if frame["event"] == "error":
                    assert frame["data"]["code"] == "rate_limited", frame
                    assert frame["data"]["retry_after"] >= 1
                    return False
                if frame["event"] == "resumed":
                    return True

    async def handshake(self, server: Server) -> bool:
        local = (self.address, 0)
        url = f"ws://127.0.0.1:{server.port}/connect"
        async with connect(url, local_addr=local) as socket:
            await socket.wait_closed()
            assert socket.close_code in (4401, 4429)
            return socket.close_code == 4401


# For each limit, one use of it.
USES: dict[Limit, Callable[[Caller, Server, int], Awaitable[bool]]] = {
    limits.LOGIN_ADDRESS: lambda me, server, n: me.stranger(server, "/login", {}),
    # By either of its names, it is one account.
    limits.LOGIN_ACCOUNT: lambda me, server, n: me.stranger(
        server,
        "/api/v1/auth/login",
        {"username": (me.person.username, me.person.email)[n % 2], "password": "wrong-horse-7"},
    ),
    limits.REGISTER: lambda me, server, n: me.stranger(server, "/auth/register", {}),
    limits.REQUESTS: lambda me, server, n: me.get(server, "/api/v1/auth/me"),
    limits.REFRESHES: lambda me, server, n: me.stranger(
        server, "/api/v1/auth/refresh", {"refresh_token": me.refresh_token}
    ),
    limits.TICKETS: lambda me, server, n: me.post(server, "/api/v1/auth/ws-ticket", {}),
    limits.CONNECTS: lambda me, server, n: me.handshake(server),
    limits.NEW_CHATS: lambda me, server, n: me.post(
        server, "/api/v1/chats", {"type": "group", "name": f"{n}", "member_ids": []}
    ),
    limits.TYPING: lambda me, server, n: me.post(
        *(
            (server, "/api/v1/presence/heartbeat", {})
            if n % 2
            else (server, "/api/v1/presence/typing", {"chat_id": me.chat.id, "is_typing": True})
        )
    ),
    limits.RESUMES: lambda me, server, n: me.resume(server),
    limits.STATS: lambda me, server, n: me.get(server, f"/api/v1/chats/{me.chat.id}/stats"),
    limits.REPORTS: lambda me, server, n: me.post(
        server, "/api/v1/reports", {"message_id": NOBODYS, "reason": "spam"}
    ),
    limits.BLOCKS: lambda me, server, n: me.post(server, "/api/v1/blocks", {"user_id": NOBODYS}),
    limits.EXPORTS: lambda me, server, n: me.get(server, "/api/v1/me/export"),
}


def test_each_limit_that_there_is_is_used_up_here() -> None:
    assert list(USES) == COUNTED


@pytest.mark.parametrize("limit", COUNTED, ids=lambda limit: str(limit.name))
async def test_of_many_at_once_at_two_processes_no_more_get_through(
    servers: list[Server], alice: User, bob: User, group: Chat, limit: Limit
) -> None:
    number = COUNTED.index(limit)
    pair = await in_db(start_login, alice)
    me = Caller(f"127.2.{number}.1", alice, pair.access, pair.refresh, group)
    turn = asyncio.Semaphore(AT_ONCE)
    use = USES[limit]

    async def attempt(n: int) -> bool:
        async with turn:
            return await use(me, servers[n % 2], n)

    began = time.monotonic()
    admitted = sum(await asyncio.gather(*(attempt(n) for n in range(limit.burst + 20))))
    # What the rate gives back meanwhile; Redis's clock is not ours, to the thousandth.
    most = limit.burst + (time.monotonic() - began + 0.001) / limit.every
    assert limit.burst <= admitted <= most

    # Somebody else, elsewhere, has all of theirs.
    theirs = await in_db(start_login, bob)
    other = Caller(f"127.2.{number}.2", bob, theirs.access, theirs.refresh, group)
    assert await use(other, servers[0], 0)


async def test_a_person_who_guesses_elsewhere_locks_nobody_out_who_is_signed_in(
    servers: list[Server], alice: User
) -> None:
    """The same address, as behind one router: what they had goes on, and a login soon works."""
    pair = await in_db(start_login, alice)
    here = "127.2.100.1"
    body = {"username": "alice", "password": "wrong-horse-7"}
    for n in range(limits.LOGIN_ADDRESS.burst):
        status, headers, _ = await request(servers[n % 2].url, "POST", "/login", body, address=here)
        if status == 429:
            break
    assert status == 429 and n >= limits.LOGIN_ACCOUNT.burst
    # As long as the attacker goes on, one more attempt comes free in so many seconds.
    assert 1 <= int(headers["retry-after"]) <= limits.LOGIN_ACCOUNT.every
    refreshed = {"refresh_token": pair.refresh}
    path = "/api/v1/auth/refresh"
    status, _, content = await request(servers[0].url, "POST", path, refreshed, address=here)
    assert status == 200, content
    assert await in_db(Login.objects.filter(user=alice, ended_at=None).count) == 1
