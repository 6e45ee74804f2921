"""
The sockets of the workload, which behave as real clients do: they come back by themselves, to the
other process if theirs refuses, and catch up in the way of their protocol. All that they hear is
noted.
"""

import asyncio
import random
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.faults import wire
from tests.faults.cluster import App
from tests.faults.history import Closed, Delivery, History, Loaded, Opened, Ready
from tests.faults.rest import Answer, Rest
from tests.faults.world import Person, World

# Seconds: the first pause before coming back and the longest one, for the server to accept and to
# answer, between two pings, and for their answers.
PAUSE, LONGEST_PAUSE = 0.2, 3.0
PATIENCE = 5.0
PING = 10.0
# Close codes of a process that is about to end.
GOODBYES = {1001, 1012}
# Errors of a socket's commands that leave open whether it was done, and those that ask to wait.
UNKNOWN = {"unavailable", "internal"}
WAIT = {"rate_limited": 429, "unauthenticated": 401}


class Client:
    """One person's one socket, again and again. A subclass for each protocol says how it talks."""

    protocol = ""

    def __init__(
        self,
        number: int,
        person: Person,
        world: World,
        apps: list[App],
        rest: Rest,
        history: History,
    ) -> None:
        self.number, self.person, self.world = number, person, world
        self.apps, self.rest, self.history = apps, rest, history
        self.home = self.process = number % len(apps)
        self.ready = asyncio.Event()
        self.sessions = 0
        # Messages of others that it has seen lately, oldest first.
        self.recent: deque[str] = deque(maxlen=50)
        # The id of the last message of anybody, for histories that are read on from there.
        self.newest = 0
        # It came into its chat again and has heard nothing since: what was said before is not told.
        self.fresh = False
        self.recording = True
        self._socket: ClientConnection | None = None
        self._session = 0
        # Commands that wait for an answer, None if the line is lost meanwhile.
        self._asked: dict[int, asyncio.Future[dict[str, Any] | None]] = {}
        self._requests = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ending = False
        self._broken: BaseException | None = None
        # What it met last, for people who wonder why it is not ready.
        self.trouble = ""

    # --- its life -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, listen, come back, until `end`."""
        failures = 0
        while not self._ending:
            accepted = leaving = False
            try:
                async with self._connect() as socket:
                    accepted = True
                    await self._live(socket)
            except (OSError, TimeoutError, EOFError, WebSocketException) as error:
                self.trouble = f"{type(error).__name__} at app {self.process}: {error}"
                leaving = accepted and socket.close_code in GOODBYES
            if self._broken is not None:
                raise self._broken
            if self._ending:
                return
            failures = 0 if self.ready.is_set() else failures + 1
            self.ready.clear()
            # A real one would ask its load balancer; ours is to try the other one.
            stays = accepted and not leaving
            self.process = self.home if stays else (self.process + 1) % len(self.apps)
            longest = min(LONGEST_PAUSE, PAUSE * 2**failures)
            await asyncio.sleep(random.uniform(longest / 2, longest))

    async def end(self) -> None:
        self._ending = True
        self.recording = False
        if self._socket is not None:
            await self._socket.close()

    async def reconnect(self) -> None:
        """Go away and come back, home if that is possible."""
        if self._socket is not None:
            await self._socket.close()

    def _connect(self) -> connect:
        where = urlsplit(self.apps[self.process].proxied).netloc
        return connect(
            f"ws://{where}{self.path()}",
            additional_headers=self.headers(),
            compression=None,
            open_timeout=PATIENCE,
            close_timeout=1.0,
            ping_interval=PING,
            ping_timeout=PING,
            max_size=None,
            max_queue=None,
            user_agent_header=None,
            proxy=None,
        )

    async def _live(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.sessions += 1
        # Numbers that no other client gives.
        self._session = self.number * 10_000 + self.sessions
        session = self._session
        self.opened()
        self._note(
            Opened(
                self.history.now(),
                session,
                self.number,
                self.person.id,
                self.protocol,
                self.process,
            )
        )
        self.spawn(self._catch_up(session))
        try:
            while True:
                self._heard(orjson.loads(await socket.recv()))
        finally:
            for task in self._tasks:
                task.cancel()
            self._socket = None
            asked, self._asked = self._asked, {}
            for future in asked.values():
                if not future.done():
                    future.set_result(None)
            self._note(Closed(self.history.now(), session, socket.close_code or 1006))

    async def _catch_up(self, session: int) -> None:
        while not await self.catch_up():
            await asyncio.sleep(random.uniform(PAUSE, 2 * PAUSE))
        self._note(Ready(self.history.now(), session))
        self.ready.set()

    def _note(self, record: Any) -> None:
        if self.recording:
            self.history.add(record)

    def spawn(self, work: Any) -> None:
        """Something to do for as long as this socket lives."""
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except TimeoutError:
            self.trouble = "it waited for too long"
            await self.reconnect()
        except Exception as error:
            # A mistake of ours must not pass for a client that is only slow.
            self._broken = error
            await self.reconnect()

    # --- frames -------------------------------------------------------------------------------

    def _heard(self, frame: dict[str, Any]) -> None:
        told = self.told(frame)
        if told is not None:
            self._note(
                Delivery(
                    self.history.now(),
                    self._session,
                    told.chat,
                    told.kind,
                    told.ref,
                    told.person,
                    told.seq,
                    told.prev,
                    told.key,
                )
            )
            if told.kind == "sent":
                self.fresh = False
                if self.ready.is_set():
                    # Before, older ones are still to be read.
                    self.newest = int(told.ref) if told.ref.isdigit() else 0
                if told.person != self.person.id:
                    self.recent.append(told.ref)
            self.follow(told)
        elif (request := frame.get("request_id")) is not None:
            self.answered(frame)
            future = self._asked.pop(request, None)
            if future is not None and not future.done():
                future.set_result(frame)
        else:
            self.passing(frame)

    async def command(self, name: str, data: dict[str, Any], timeout: float = PATIENCE) -> Answer:
        """Say something on the socket, and what became of it."""
        socket = self._socket
        if socket is None:
            return Answer("fail", error="offline")
        self._requests += 1
        request = self._requests
        future: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self._asked[request] = future
        try:
            async with asyncio.timeout(timeout):
                await socket.send(orjson.dumps(self.frame(name, data, request)), text=True)
                frame = await future
        except TimeoutError:
            return Answer("info", error="timeout")
        except (OSError, ConnectionClosed):
            return Answer("info", error="lost")
        finally:
            self._asked.pop(request, None)
        if frame is None:
            return Answer("info", error="lost")
        answer = self.outcome(frame)
        if answer.result != "ok":
            self.trouble = f"{name} was answered by {answer.error}"
        return answer

    def refused(self, said: dict[str, Any]) -> Answer:
        """What an error says: {code, detail, ...}."""
        code = said["code"]
        if code in UNKNOWN:
            return Answer("info", error=code)
        return Answer("fail", WAIT.get(code, 400), code)

    def load(self, chat: int, refs: list[str]) -> None:
        """It has read these beside its socket."""
        self._note(Loaded(self.history.now(), self._session, chat, refs))

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """A request by the same person, to the process that the socket is at."""
        answer = await self.rest.ask(self.process, method, path, self.person.token, body=body)
        if answer.result != "ok":
            self.trouble = f"{method} {path} was answered by {answer.status} {answer.error}"
        return answer

    @property
    def connected(self) -> bool:
        return self._socket is not None

    # --- what a protocol says -----------------------------------------------------------------

    def path(self) -> str:
        raise NotImplementedError

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.person.token}"}

    def opened(self) -> None:
        """A socket was accepted."""

    def frame(self, name: str, data: dict[str, Any], request: int) -> dict[str, Any]:
        raise NotImplementedError

    def told(self, frame: dict[str, Any]) -> wire.Told | None:
        raise NotImplementedError

    def outcome(self, frame: dict[str, Any]) -> Answer:
        """What an answer means; its body is the data inside."""
        raise NotImplementedError

    def follow(self, told: wire.Told) -> None:
        """A change to a chat was told."""

    def answered(self, frame: dict[str, Any]) -> None:
        """An answer came, before anything after it is heard."""

    def passing(self, frame: dict[str, Any]) -> None:
        """Anything else."""

    async def catch_up(self) -> bool:
        """Get what was missed; False to be called again."""
        return True

    async def rejoined(self) -> None:
        """The person is in the chat again."""

    def lags(self, last_seq: int, last_ref: str) -> bool:
        """Whether it has not heard of the chat's last change, or message by somebody else."""
        heard = self.fresh or last_ref == "" or last_ref in self.recent
        return not (self.ready.is_set() and heard)

    async def send(self, content: str, key: str, timeout: float) -> Answer | None:
        """A message by socket; None if the protocol has no command for that."""
        return None

    async def read(self, ref: str, timeout: float) -> tuple[str, Answer]:
        """Mark one message as read; whether by "socket" or "rest", and what became of it."""
        return "rest", await self.ask("PUT", f"/api/v1/messages/{ref}/read")
