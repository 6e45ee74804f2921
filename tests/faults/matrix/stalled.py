"""Readers that stop reading while very much is said to them."""

import asyncio
import itertools
import time
from collections import defaultdict
from socket import SO_RCVBUF, SOL_SOCKET

import orjson

from tests.faults.clients import Client
from tests.faults.cluster import App, Cluster
from tests.faults.figures import Times
from tests.faults.history import Attempt, Delivery, History, Opened
from tests.faults.lines import ended, line_of
from tests.faults.matrix.base import Bar, Fault, Plan
from tests.faults.matrix.measures import Span
from tests.faults.proxy import Line
from tests.faults.workload import Workload

# How many stop reading, if the chat has so many who do not write.
READERS = 4
# What a message is filled with; bytes of all of them in a second, at most; sends that may wait for
# an answer: no more, so that a machine that is too busy for that pace does not pile them up.
PADDING = "\N{MUSICAL SYMBOL G CLEF}" * 4000
PACE = 1_000_000
UNDER_WAY = 8
# Megabytes that all processes may keep for them, 2 for each; seconds until they are given up, and
# until they have read all of it when they read on; what others wait in calm on a busy machine.
KEPT = 2.0 * READERS
GIVEN_UP = 30.0
READ_ON = 30.0
QUICK = 0.1
MB = 1_000_000
# What the server writes to its log when it closes with 4408.
SLOW = (" is too slow: ", " takes too long with what it missed")


class StalledReaders(Fault):
    """
    `hold` is the megabytes that each is sent, and about the seconds that takes. The same is said
    twice before, while everybody reads: what it then costs is compared with that.
    """

    name = "F9"
    title = "readers that stop reading"
    short = Plan(cycles=1, hold=8.0)
    full = Plan(cycles=1, hold=30.0)

    async def run(self, cluster: Cluster, workload: Workload, plan: Plan) -> list[Bar]:
        history = workload.history
        chat = next(iter(workload.world.chats))
        members = [client for client in workload.clients if client.person.chat == chat]
        silent = members[: -workload.size.writers][:READERS]
        speakers = [one for one in members if one not in silent and one.protocol != "messenger_api"]
        broadcast = Broadcast(workload, speakers)
        logs = {app: app.log.stat().st_size for app in cluster.apps}

        while chat in workload._moving:
            await asyncio.sleep(0.1)
        # Nobody leaves it from here on: who is not in it is told nothing.
        workload._moving.add(chat)

        async with Memory(cluster.apps) as calm:
            # Once for the interpreter, which keeps what it has needed.
            await broadcast.say(plan.hold)
            began = history.now()
            await broadcast.say(plan.hold)
            quiet = (began, history.now(), "")
        with workload.fault(f"{len(silent)} readers stop"):
            stopped = [await stop_reading(one) for one in silent]
            lines = [line for line in stopped if line is not None]
            sessions = [one.sessions for one in silent]
            watching = asyncio.create_task(given_up(lines))
            async with Memory(cluster.apps) as memory:
                began = history.now()
                await broadcast.say(plan.hold)
                busy = (began, history.now(), "")
            times = await watching
        began = time.monotonic()
        for one, line in zip(silent, stopped, strict=True):
            read_on(one, line)
        for one, before in zip(silent, sessions, strict=True):
            while one.sessions == before and time.monotonic() < began + READ_ON:
                await asyncio.sleep(0.05)
        await workload.all_ready()
        back = time.monotonic() - began
        workload._moving.discard(chat)

        numbers = {one.number for one in silent}
        usual = delays(history, quiet, but=numbers).at(99)
        closed = sum(slow_ones(app, start) for app, start in logs.items())
        grown = sum(max(0, memory.most[app] - calm.most[app]) for app in cluster.apps)
        return [
            Bar("readers stopped", len(lines), len(silent), least=True),
            Bar("memory more than in calm", grown / MB, KEPT, "MB"),
            Bar("given up after", max(times, default=None), GIVEN_UP, "s"),
            Bar("closed as slow", closed, len(silent), least=True),
            Bar("read all of it after", back, READ_ON, "s"),
            Bar(
                "others p99",
                delays(history, busy, but=numbers).at(99),
                2 * max(QUICK, usual or 0.0),
                "s",
            ),
        ]


async def stop_reading(client: Client) -> Line | None:
    """As if its process were stopped; the line on which it is not read."""
    # The system keeps megabytes for a line on which much was said already, little for a new one.
    before = client.sessions
    await client.reconnect()
    while client.sessions == before or not client.ready.is_set():
        await asyncio.sleep(0.01)
    socket, line = client._socket, line_of(client)
    if socket is None or line is None:
        return None
    if socket.keepalive_task is not None:
        # It would notice, unlike a process that is stopped.
        socket.keepalive_task.cancel()
    socket.transport.pause_reading()
    line.open.clear()
    line.server.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_RCVBUF, 65536)
    return line


def read_on(client: Client, line: Line | None) -> None:
    if line is not None:
        line.open.set()
    if client._socket is not None:
        client._socket.transport.resume_reading()


async def given_up(lines: list[Line]) -> list[float]:
    """After how many seconds the server has closed each; infinite: not in time."""
    began = time.monotonic()
    found: dict[Line, float] = {}
    while len(found) < len(lines) and time.monotonic() < began + 2 * GIVEN_UP:
        for line in lines:
            if line not in found and ended(line):
                found[line] = time.monotonic() - began
        await asyncio.sleep(0.1)
    return [found.get(line, float("inf")) for line in lines]


def slow_ones(app: App, start: int) -> int:
    """How many sockets a process has closed as too slow, by its log from there on."""
    text = app.log.read_bytes()[start:].decode(errors="replace")
    return sum(text.count(words) for words in SLOW)


def delays(history: History, span: Span, *, but: set[int]) -> Times:
    """From a send in this span to each of its deliveries; not those to these clients."""
    began, end, _ = span
    sent: dict[str, float] = defaultdict(lambda: float("inf"))
    for one in history.of(Attempt):
        if one.action == "send":
            sent[one.key] = min(one.time, sent[one.key])
    client = {one.session: one.client for one in history.of(Opened)}
    return Times.of(
        [
            one.time - sent[one.key]
            for one in history.of(Delivery)
            if one.kind == "sent"
            and client[one.session] not in but
            and one.key in sent
            and began <= sent[one.key] <= end
        ]
    )


class Memory:
    """The most memory of each process meanwhile, in bytes."""

    def __init__(self, apps: list[App]) -> None:
        self.apps = apps
        self.most = dict.fromkeys(apps, 0)

    async def __aenter__(self) -> "Memory":
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._look()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(0.25)

    def _look(self) -> None:
        for app in self.apps:
            self.most[app] = max(self.most[app], app.rss())


class Broadcast:
    """Large messages to one chat, in the history like any other."""

    def __init__(self, workload: Workload, speakers: list[Client]) -> None:
        self.workload = workload
        self.speakers = itertools.cycle(speakers)
        self.numbers = itertools.count(1)

    async def say(self, megabytes: float) -> None:
        """At the usual pace; returns when all has been acknowledged. TimeoutError if never."""
        async with asyncio.timeout(60 + 10 * megabytes):
            await self._say_all(megabytes)

    async def _say_all(self, megabytes: float) -> None:
        size = len(PADDING.encode())
        waiting: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        for _ in range(round(megabytes * MB / size) + 1):
            if len(waiting) >= UNDER_WAY:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._say(next(self.speakers), next(self.numbers)))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
            due += size / PACE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.gather(*waiting)

    async def _say(self, client: Client, number: int) -> None:
        world, history = self.workload.world, self.workload.history
        # A writer that the workload does not have.
        writer = 1_000_000 + client.number
        key = world.key(writer, number)
        said = {"run": world.run, "writer": writer, "n": number, "padding": PADDING}
        content = orjson.dumps(said).decode()
        while True:
            begun, process = history.now(), client.process
            answer = await client.send(content, key, self.workload.size.timeout)
            assert answer is not None, f"{client.protocol} has no command for that"
            if answer.error != "offline":
                body = answer.body if answer.result == "ok" else {}
                history.add(
                    Attempt(
                        begun,
                        key,
                        "send",
                        client.person.id,
                        client.person.chat,
                        "socket",
                        process,
                        history.now(),
                        answer.result,
                        error=answer.error,
                        ref=str(body.get("id") or ""),
                        seq=body.get("seq"),
                    )
                )
            if answer.final:
                return
            await asyncio.sleep(0.2)
