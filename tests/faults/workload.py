"""
The load that goes on while things break: people in chats write, read, like, leave and come back.

Each send has an idempotency key and is tried until it is answered. What each client saw is in
`history`, for the checker.
"""

import asyncio
import random
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tests.faults.clients import Client
from tests.faults.cluster import Cluster
from tests.faults.dialects import PROTOCOLS, MessengerApi, MiniApp
from tests.faults.final import Reader
from tests.faults.history import Attempt, Final, History
from tests.faults.rest import Answer, Rest
from tests.faults.world import Person, World, make_world

# Sends of one writer that may wait for an answer; while there are more, it writes nothing new.
UNANSWERED = 8


class NotReady(Exception):
    """Clients that do not come back; the message says which, and what they met last."""


@dataclass(frozen=True)
class Size:
    """How much goes on. Rates are per second, times in seconds, shares 0 to 1."""

    chats: int = 6
    members: int = 8
    writers: int = 2
    """In each chat."""
    rate: float = 5.0
    """Sends of each writer."""
    by_rest: float = 1 / 3
    retried: float = 0.1
    """
    Sends and likes that are tried once more though they were answered; half of the sends at the
    same moment.
    """
    others: float = 0.25
    """Sockets that speak something other than NODUS."""
    read_every: float = 2.0
    likes: float = 2.0
    move_every: float = 5.0
    timeout: float = 3.0


SMALL = Size(chats=3, members=4, rate=20 / 6, likes=1.0)


class Workload:
    """
    `prepare`, `start`, trouble, `stop`, `settle`, `read_final`, `close`; in `history` what was
    seen. `seed` decides what is chosen at random; what happens depends on time as well.
    """

    def __init__(self, cluster: Cluster, size: Size | None = None, seed: int | None = None) -> None:
        self.cluster = cluster
        self.size = size or Size()
        self.random = random.Random(seed)
        self.history = History()
        self.clients: list[Client] = []
        self.world: World
        self.rest = Rest(cluster.apps, timeout=self.size.timeout)
        self._direct = Rest(cluster.apps, timeout=15.0, direct=True)
        self.cpu_share = 0.0
        """Of one core, used by this process while there was load."""
        self.failed: list[BaseException] = []
        """Mistakes of the workload itself; `stop` raises the first."""
        self._load: list[asyncio.Task[None]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._sockets: list[asyncio.Task[None]] = []
        self._writing = asyncio.Event()
        self._giving_up = False
        self._moving: set[int] = set()
        self._written: Counter[int] = Counter()
        self._doubtful: set[tuple[str, int]] = set()
        self._liked: dict[int, list[str]] = defaultdict(list)
        self._began = (0.0, 0.0)

    # --- its life -----------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Make the people and chats, and open all sockets; returns when they have caught up."""
        size = self.size
        run = secrets.token_hex(4)
        self.world = await make_world(self.cluster, run, chats=size.chats, members=size.members)
        people = [person for members in self.world.chats.values() for person in members]
        every = round(1 / size.others) if size.others else 0
        names = ("chatroulette", "miniapp", "messenger_api")
        for number, person in enumerate(people):
            turn, other = divmod(number + 1, every) if every else (0, 1)
            protocol = "nodus" if other else names[turn % len(names)]
            client = PROTOCOLS[protocol](
                number, person, self.world, self.cluster.apps, self.rest, self.history
            )
            self.clients.append(client)
            self._sockets.append(self._watched(client.run()))
        await self.all_ready()

    async def start(self) -> None:
        """Begin to write, read, like and move."""
        self.history.note("begin")
        self._began = (time.process_time(), time.monotonic())
        for chat in self.world.chats:
            members = [client for client in self.clients if client.person.chat == chat]
            for client in members[-self.size.writers :]:
                self._go_on(self._write(client))
        for client in self.clients:
            self._go_on(self._read(client))
        if self.size.likes:
            self._go_on(self._like())
        if self.size.move_every:
            self._go_on(self._move())

    async def stop(self, patience: float = 30.0) -> None:
        """Nothing new; returns when what was begun is answered, or after so many seconds."""
        self._load, load = [], self._load
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)
        self.history.note("end")
        cpu, wall = self._began
        self.cpu_share = (time.process_time() - cpu) / max(0.001, time.monotonic() - wall)
        until = time.monotonic() + patience
        while self._under_way and time.monotonic() < until:
            await asyncio.sleep(0.05)
        self._giving_up = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=3 * self.size.timeout)
        if self.failed:
            raise self.failed[0]

    async def settle(self, patience: float = 30.0) -> float:
        """Wait until all clients have heard all there is, twice in a row; the seconds it took."""
        began = time.monotonic()
        calm = 0
        while calm < 2 and time.monotonic() < began + patience:
            calm = 0 if await self._lagging() else calm + 1
            await asyncio.sleep(0.25)
        return time.monotonic() - began

    async def read_final(self) -> Final:
        """Read everything from the last process, while the sockets stay open."""
        return await self._reader.everything(self.history)

    async def close(self) -> None:
        """Close all sockets."""
        for task in (*self._load, *self._under_way):
            task.cancel()
        await asyncio.gather(*(client.end() for client in self.clients), return_exceptions=True)
        for task in self._sockets:
            task.cancel()
        await asyncio.gather(*self._sockets, *self._load, *self._under_way, return_exceptions=True)
        for rest in (self.rest, self._direct):
            await rest.close()

    # --- for faults ---------------------------------------------------------------------------

    @contextmanager
    def fault(self, text: str) -> Iterator[None]:
        """Notes that a fault begins, and that it is healed; it is the block that does both."""
        self.history.note("fault", text)
        try:
            yield
        finally:
            self.history.note("healed", text)

    async def pause(self, seconds: float) -> None:
        """Load, and no trouble."""
        await asyncio.sleep(seconds)

    def sockets(self) -> Counter[int]:
        """How many sockets that have caught up each process holds."""
        return Counter(client.process for client in self.clients if client.ready.is_set())

    async def all_ready(self, patience: float = 60.0) -> float:
        """Wait until every client is connected and has caught up; the seconds that took."""
        began = time.monotonic()
        for client in self.clients:
            while not client.ready.is_set():
                if self.failed:
                    raise self.failed[0]
                if time.monotonic() > began + patience:
                    raise NotReady(self._not_ready())
                await asyncio.sleep(0.01)
        return time.monotonic() - began

    def _not_ready(self) -> str:
        missing = [client for client in self.clients if not client.ready.is_set()]
        return "; ".join(
            f"person {client.person.id} ({client.protocol}, app {client.process}): {client.trouble}"
            for client in missing[:10]
        )

    async def rebalance(self) -> None:
        """Clients that had to go to another process come home, as a load balancer would have it."""
        # Who has not caught up there yet is not chased away again.
        away = [one for one in self.clients if one.process != one.home and one.ready.is_set()]
        await asyncio.gather(*(client.reconnect() for client in away))
        await asyncio.sleep(0)
        await self.all_ready()

    def burst(self, process: int, count: int = 3) -> None:
        """Who writes and has a socket at this process writes so many messages at one moment."""
        writers = [one for witnesses in self._witnesses.values() for one in witnesses]
        for client in self.clients:
            if client.person in writers and client.process == process and client.ready.is_set():
                for _ in range(count):
                    self._begin(self._send(client))

    # --- what people do -----------------------------------------------------------------------

    def _go_on(self, work: Coroutine[Any, Any, None]) -> None:
        self._load.append(self._watched(work))

    def _watched(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A mistake of ours must not pass for calm."""

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                self.failed.append(error)

        task = asyncio.create_task(work)
        task.add_done_callback(ended)
        return task

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Something that is to be finished even when the load ends."""
        task = self._watched(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _write(self, client: Client) -> None:
        await asyncio.sleep(self.random.uniform(0, 1 / self.size.rate))
        due = time.monotonic()
        mine: set[asyncio.Task[None]] = set()
        while True:
            if len(mine) < UNANSWERED:
                task = self._begin(self._send(client))
                mine.add(task)
                task.add_done_callback(mine.discard)
            due = max(due + 1 / self.size.rate, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _send(self, client: Client) -> None:
        """One message, until it is answered; some of them twice."""
        self._written[client.number] += 1
        number = self._written[client.number]
        by_rest = self.random.random() < self.size.by_rest
        again = self.random.random()
        tries = [self._try(client, number, by_rest)]
        if again < self.size.retried / 2:
            tries.append(self._try(client, number, not by_rest))
        answers = await asyncio.gather(*tries)
        pause, process = 0.1, client.process
        while not self._giving_up and not any(answer.final for answer in answers):
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(2.0, pause * 2)
            process = (process + 1) % len(self.cluster.apps)
            answers = [await self._try(client, number, random.random() < 0.5, process)]
        if self.size.retried / 2 <= again < self.size.retried:
            await self._try(client, number, random.random() < self.size.by_rest)

    async def _try(
        self, client: Client, number: int, by_rest: bool, process: int | None = None
    ) -> Answer:
        """
        Send once; by REST to the process that the socket is at, or this one. Where the socket is
        gone, it is not tried, and that takes a moment.
        """
        key = self.world.key(client.number, number)
        content = self.world.content(client.number, number)
        timeout = self.size.timeout
        begun = self.history.now()
        answer: Answer | None = None
        way: Literal["rest", "socket"] = "socket"
        at = client.process
        if not by_rest:
            answer = await client.send(content, key, timeout)
            if answer is not None and answer.error == "offline":
                await asyncio.sleep(0.1)
                return answer
        if answer is None:
            way = "rest"
            at = client.process if process is None else process
            if isinstance(client, MessengerApi):
                path, body = "/messages/send", {"chat_id": client.person.chat, "text": content}
            else:
                path = "/api/v1/messages"
                body = {"chat_id": client.person.chat, "content": content}
            answer = await self.rest.ask(at, "POST", path, client.person.token, body=body, key=key)
        said = answer.body if answer.result == "ok" else {}
        self._done(
            key,
            "send",
            client,
            way,
            at,
            begun,
            answer,
            ref=said.get("id"),
            seq=said.get("seq"),
        )
        return answer

    async def _read(self, client: Client) -> None:
        """Mark the newest as read; mini-apps, which are greeted with the rest, all up to it."""
        every = self.size.read_every
        await asyncio.sleep(self.random.uniform(0, every))
        whole = isinstance(client, MiniApp)
        while True:
            if client.recent and client.ready.is_set():
                refs = [client.recent[-1]]
                if self.random.random() < 0.2:
                    # At the same moment an older one, which must not take anything back.
                    refs.append(self.random.choice(client.recent))
                marks = [self._begin(self._mark(client, ref, whole)) for ref in refs]
                await asyncio.wait(marks)
            await asyncio.sleep(every * self.random.uniform(0.8, 1.2))

    async def _mark(self, client: Client, ref: str, whole: bool) -> None:
        begun, way, process = self.history.now(), "rest", client.process
        if whole:
            path = f"/api/v1/chats/{client.person.chat}/read"
            answer = await client.ask("POST", path, {"up_to_message_id": ref})
        else:
            way, answer = await client.read(ref, self.size.timeout)
        if answer.error != "offline":
            key = f"read {client.person.id} {ref}"
            self._done(key, "read", client, way, process, begun, answer, ref=ref, up_to=whole)

    async def _like(self) -> None:
        while True:
            await asyncio.sleep(self.random.expovariate(self.size.likes))
            client = self.random.choice(self.clients)
            if client.recent:
                self._begin(self._like_once(client))

    async def _like_once(self, client: Client) -> None:
        """Like a message, or take a like off."""
        liked = self._liked[client.person.id]
        action, method, ref = "like", "POST", self.random.choice(client.recent)
        if liked and self.random.random() < 0.3:
            action, method, ref = "unlike", "DELETE", liked.pop()
        if (ref, client.person.id) in self._doubtful or (action == "like" and ref in liked):
            return
        for _ in range(3):
            begun = self.history.now()
            answer = await client.ask(method, f"/api/v1/messages/{ref}/like")
            key = f"{action} {client.person.id} {ref}"
            self._done(key, action, client, "rest", client.process, begun, answer, ref=ref)
            if answer.result == "info":
                # It may still come about later: nothing more is said of this one.
                self._doubtful.add((ref, client.person.id))
            # Once more, sometimes: a second like changes nothing.
            if answer.final and self.random.random() >= self.size.retried:
                break
            await asyncio.sleep(0.0 if answer.final else 0.5)
        if action == "like" and answer.result == "ok":
            liked.append(ref)

    async def _move(self) -> None:
        while True:
            await asyncio.sleep(self.size.move_every)
            chosen = [
                client
                for client in self.clients
                if client.person.chat not in self._moving
                and client.person not in self._witnesses[client.person.chat]
            ]
            if chosen:
                self._begin(self._leave_and_join(self.random.choice(chosen)))

    async def _leave_and_join(self, client: Client) -> None:
        """Somebody goes, and is back a few seconds later. One at a time in a chat."""
        self._moving.add(client.person.chat)
        await self._until_done(client, "leave")
        if not self._giving_up:
            await asyncio.sleep(self.random.uniform(2.5, 4.0))
        await self._until_done(client, "join")
        self._moving.discard(client.person.chat)
        client.fresh = True
        await client.rejoined()

    async def _until_done(self, client: Client, action: str) -> None:
        pause = 0.2
        while True:
            begun = self.history.now()
            path = f"/api/v1/chats/{client.person.chat}/{action}"
            answer = await client.ask("POST", path)
            self._done(action, action, client, "rest", client.process, begun, answer)
            if answer.final or self._giving_up:
                return
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(2.0, pause * 2)

    def _done(
        self,
        key: str,
        action: str,
        client: Client,
        way: Any,
        process: int,
        begun: float,
        answer: Answer,
        *,
        ref: Any = "",
        seq: int | None = None,
        up_to: bool = False,
    ) -> None:
        self.history.add(
            Attempt(
                begun,
                key,
                action,
                client.person.id,
                client.person.chat,
                way,
                process,
                self.history.now(),
                answer.result,
                answer.status if way == "rest" else 0,
                answer.error,
                str(ref or ""),
                seq,
                up_to,
            )
        )

    # --- the end ------------------------------------------------------------------------------

    @property
    def _witnesses(self) -> dict[int, list[Person]]:
        """The writers of each chat, who never leave it."""
        return {chat: members[-self.size.writers :] for chat, members in self.world.chats.items()}

    @property
    def _reader(self) -> Reader:
        process = len(self.cluster.apps) - 1
        return Reader(self._direct, process, self.world, self._witnesses)

    async def _lagging(self) -> list[Client]:
        latest = await self._reader.latest()
        return [
            client
            for client in self.clients
            if client.lags(
                latest[client.person.chat][0],
                latest[client.person.chat][1][client.person.id],
            )
        ]
