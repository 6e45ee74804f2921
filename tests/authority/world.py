"""Two processes on the tests' database, with a Redis of their own that something happens to."""

import asyncio
import copy
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.test import override_settings

from messenger.realtime.threads import in_db
from tests.authority.cells import STATES, Cell, Outcome
from tests.authority.changes import CHANGES, Change, expires, make_case
from tests.faults.services import Missing, Redis
from tests.live.servers import PATIENCE, Server, serving

# What happens to Redis at the instant of the change.
FAULTS = ("none", "restarted", "away", "frozen", "emptied")

Kind = tuple[Change, str, str]


def kinds(changes: Sequence[Change] = CHANGES) -> list[Kind]:
    """(change, protocol, state) for every one that there is."""
    return [
        (change, protocol, state)
        for change in changes
        for protocol in change.protocols
        for state in STATES
        # The Messenger API's sockets send to people, not to chats.
        if not (protocol == "messenger_api" and state == "sending" and not change.code)
    ]


class World:
    """`run` lets things happen to as many sockets as are asked for, all at the same moment."""

    def __init__(self, redis: Redis, one: Server, two: Server) -> None:
        self.redis, self.one, self.two = redis, one, two
        self._made = 0

    async def run(self, wanted: Sequence[Kind], fault: str, patience: float) -> list[Outcome]:
        async with AsyncExitStack() as stack:
            http = [
                await stack.enter_async_context(httpx.AsyncClient(base_url=s.url, timeout=20))
                for s in (self.one, self.two)
            ]
            cells = []
            # The clock of those that run out by themselves begins now.
            for change, protocol, state in sorted(wanted, key=lambda kind: kind[0].short):
                self._made += 1
                case = await in_db(make_case, self._made, change, *http)
                cells.append(Cell(change, protocol, state, case))
                stack.push_async_callback(cells[-1].close)
            for short in (True, False):
                opening = [cell for cell in cells if cell.change.short is short]
                await asyncio.gather(*(cell.open(self.one, self.two) for cell in opening))
            if all(cell.change.short for cell in cells):
                first = min(expires(cell.case.tokens.access) for cell in cells)
                await asyncio.sleep(max(0.0, first - time.time()))
            breaking = asyncio.create_task(asyncio.to_thread(self._break, fault))
            await asyncio.gather(*(cell.change.do(cell.case) for cell in cells))
            await asyncio.gather(*(cell.watch(patience) for cell in cells))
            await breaking
            outcomes = [await cell.outcome() for cell in cells]
            await asyncio.to_thread(self._heal, fault)
        return outcomes

    def _break(self, fault: str) -> None:
        if fault in ("restarted", "away"):
            self.redis.kill()
        if fault == "restarted":
            self.redis.start()
        elif fault == "frozen":
            self.redis.freeze()
        elif fault == "emptied":
            with self.redis.client() as client:
                client.flushall()
                client.client_kill_filter(_type="pubsub")
                client.client_kill_filter(_type="normal", skipme=True)

    def _heal(self, fault: str) -> None:
        """Redis is there, and both processes say so."""
        if fault == "away":
            self.redis.start()
        elif fault == "frozen":
            self.redis.thaw()
        until = time.monotonic() + 2 * PATIENCE
        while not all(server.get("/readyz") == 200 for server in (self.one, self.two)):
            assert time.monotonic() < until, self.two.log.read_text()[-3000:]
            time.sleep(0.1)


@asynccontextmanager
async def world(folder: Path, server: str = "daphne") -> AsyncIterator[World]:
    """The processes are ready, and this one counts as a third: it knows their Redis."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        redis = Redis()
    except Missing as error:
        pytest.skip(str(error))
    try:
        redis.start()
        layers = copy.deepcopy(settings.CHANNEL_LAYERS)
        layers["default"]["CONFIG"]["hosts"][0]["address"] = redis.url
        with (
            override_settings(CHANNEL_LAYERS=layers),
            serving(folder, server, REDIS_URL=redis.url) as one,
            serving(folder, server, REDIS_URL=redis.url) as two,
        ):
            yield World(redis, one, two)
    finally:
        redis.thaw()
        redis.close()
