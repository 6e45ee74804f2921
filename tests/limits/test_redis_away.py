"""The server while the Redis that counts for it is dead, or stands still; and afterwards."""

import time
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import User
from messenger.realtime import limits
from messenger.realtime.threads import in_db
from tests.faults.services import Redis
from tests.limits.flood import request
from tests.live.servers import Server, serving
from tests.people import token

pytestmark = pytest.mark.skipif(not settings.REDIS_URL, reason="needs Redis")
# Seconds. The promise is 0.3; a machine that runs four suites at once takes its time for anything.
PROMPT = 3.0


async def statuses(server: Server, count: int, path: str, access: str, address: str) -> list[int]:
    """So many requests, none of which fails or waits for Redis."""
    found = []
    for _ in range(count):
        began = time.monotonic()
        method = "GET" if access else "POST"
        status, _, content = await request(
            server.url, method, path, None if access else {}, address=address, token=access
        )
        assert status < 500, (status, content)
        assert time.monotonic() - began < PROMPT
        found.append(status)
    return found


@pytest.mark.parametrize("fault", ["killed", "frozen"])
async def test_what_is_open_lets_pass_what_is_closed_counts_here_and_then_it_counts_again(
    alice: User, own_redis: Redis, tmp_path: Path, fault: str
) -> None:
    access = await in_db(token, alice)
    burst = limits.REGISTER.burst
    with serving(tmp_path, REDIS_URL=own_redis.url) as server:
        assert await statuses(server, 1, "/register", "", "127.3.0.1") == [400]
        own_redis.kill() if fault == "killed" else own_redis.freeze()
        # Closed: this process counts for itself, from the beginning.
        began = time.monotonic()
        found = await statuses(server, burst + 5, "/register", "", "127.3.0.2")
        most = burst + (time.monotonic() - began) / limits.REGISTER.every
        assert burst <= found.count(400) <= most and found.count(429) == len(found) - found.count(
            400
        )
        # Open: whatever came before.
        assert await statuses(server, 35, "/users_list", access, "127.3.0.2") == [200] * 35

        own_redis.start() if fault == "killed" else own_redis.thaw()
        # By itself, as soon as it has been asked again: who was refused here has all of theirs.
        until = time.monotonic() + 15
        while await statuses(server, 3, "/register", "", "127.3.0.2") != [400] * 3:
            assert time.monotonic() < until, "nobody asks Redis any more"
            time.sleep(0.1)
        with own_redis.client() as client:
            assert list(client.scan_iter("*:limit:register:*"))
