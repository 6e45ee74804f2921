"""Two server processes, and many clients that all ask at the same moment."""

import http.client
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from accounts.models import User
from accounts.services import start_login
from chats.models import Chat
from tests.live.servers import PATIENCE, Server
from tests.people import make_user
from tests.races.invariants import violations

# How many ask at once: a multiple of 12.
CROWD = int(os.environ.get("CROWD", "12"))


class Answer(NamedTuple):
    """A status, and what came with it: of a socket 200 with the frame, or 400 with the error."""

    status: int
    body: Any


BUSY = Answer(503, "come again")


@dataclass(frozen=True)
class Call:
    """A request to one of the two processes."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Turn = Call | Callable[[], Answer]


class Caller:
    """Somebody signed in: makes the calls that they may put into a race."""

    def __init__(self, user: User) -> None:
        self.user, self.id = user, user.id
        self.tokens = start_login(user)
        self.headers = {"Authorization": f"Bearer {self.tokens.access}"}

    def __call__(self, line: str, body: Any = None, **headers: str) -> Call:
        """`line` is "METHOD path"; the path goes on from /api/v1/ unless it starts with a slash."""
        method, path = line.split()
        path = path if path.startswith("/") else f"/api/v1/{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Call(method, path, body, {**self.headers, **named})


class Line:
    """A client's end of a socket, for one question at a time from any thread."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def ask(self, frame: dict[str, Any]) -> Answer:
        """The answer to a frame; what else is told meanwhile is passed over."""
        self.socket.send(json.dumps({**frame, "request_id": "asked"}))
        until = time.monotonic() + PATIENCE
        while True:
            said = json.loads(self.socket.recv(timeout=until - time.monotonic()))
            if said.get("request_id", said.get("request")) == "asked":
                failed = "error" in (said.get("event"), said.get("type"), said.get("action"))
                busy = failed and '"unavailable"' in json.dumps(said)
                return BUSY if busy else Answer(400 if failed else 200, said)


class Arena:
    """Where races are run. It counts, and looks at every chat after each of them."""

    def __init__(self, servers: Sequence[Server], rounds: int, seed: int) -> None:
        self.servers, self.rounds = servers, rounds
        self.random = random.Random(seed)
        self.run = self.calls = self.failures = self.busy = 0
        self.wrong: list[str] = []
        self._threads = ThreadPoolExecutor(CROWD)
        self._people = 0

    def each_round(self) -> Iterator["Arena"]:
        """So many times, each followed by a look at all chats that there are."""
        for _ in range(self.rounds):
            self.run += 1
            yield self
            found = violations(Chat.objects.values_list("id", flat=True))
            self.wrong += found
            assert not found, found

    def person(self) -> Caller:
        """Somebody new, signed in."""
        self._people += 1
        return Caller(make_user(f"racer{self._people}"))

    def people(self, count: int) -> list[Caller]:
        return [self.person() for _ in range(count)]

    def race(self, turns: Sequence[Turn]) -> list[Answer]:
        """All at the same moment, each at either process; the answers, in the order of `turns`."""
        assert len(turns) <= CROWD
        start = threading.Barrier(len(turns))
        places = [self.random.choice(self.servers) for _ in turns]
        shuffled = self.random.sample(range(len(turns)), len(turns))

        def take(index: int) -> Answer:
            turn = turns[index]
            if isinstance(turn, Call):
                return self._call(turn, places[index], start)
            try:
                connection.ensure_connection()
                start.wait(2 * PATIENCE)
                return turn()
            finally:
                connection.close()

        taken = dict(zip(shuffled, self._threads.map(take, shuffled), strict=True))
        answers = [self._served(turns[index], taken[index]) for index in range(len(turns))]
        self.calls += len(answers)
        failed = [answer for answer in answers if answer.status >= 500]
        self.failures += len(failed)
        assert not failed, failed
        return answers

    def ask(self, call: Call, server: Server | None = None) -> Answer:
        """One call by itself."""
        return self._served(call, self._call(call, server or self.servers[0], None))

    def _served(self, turn: Turn, answer: Answer) -> Answer:
        """
        Who is told that the server is busy has changed nothing and comes again, as clients do: a
        machine that does much else lets some of a crowd wait for too long.
        """
        for _ in range(20):
            if answer != BUSY:
                break
            self.busy += 1
            time.sleep(1)
            if isinstance(turn, Call):
                answer = self._call(turn, self.random.choice(self.servers), None)
            else:
                answer = turn()
        return answer

    def _call(self, call: Call, server: Server, start: threading.Barrier | None) -> Answer:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=2 * PATIENCE)
        try:
            line.connect()
            if start is not None:
                start.wait(2 * PATIENCE)
            body = None if call.body is None else json.dumps(call.body)
            headers = {"Content-Type": "application/json", **call.headers}
            line.request(call.method, call.path, body, headers)
            response = line.getresponse()
            said = json.loads(response.read() or "null")
            busy = response.status == 503 and said["code"] == "unavailable"
            return (
                BUSY
                if busy and "Retry-After" in response.headers
                else Answer(response.status, said)
            )
        finally:
            line.close()

    @contextmanager
    def lines(self, who: Caller, path: str, count: int = 1) -> Iterator[list[Line]]:
        """So many sockets of somebody's, on the two processes in turn."""
        with ExitStack() as stack:
            opened = []
            for number in range(count):
                url = f"ws://127.0.0.1:{self.servers[number % 2].port}{path}"
                socket = stack.enter_context(self._open(url, who.headers))
                opened.append(Line(socket))
            yield opened

    def _open(self, url: str, headers: dict[str, str] | None = None) -> ClientConnection:
        return connect(url, additional_headers=headers, open_timeout=2 * PATIENCE)

    def let_in(self, path: str) -> Answer:
        """Open a socket: 0 if it is open and answers, else the code with which it was closed."""
        url = f"ws://127.0.0.1:{self.random.choice(self.servers).port}{path}"
        with self._open(url) as socket:
            try:
                Line(socket).ask({"event": "ping"})
            except ConnectionClosed:
                # 1013: try again.
                return BUSY if socket.close_code == 1013 else Answer(200, socket.close_code)
            return Answer(200, 0)

    @contextmanager
    def witnessed(self, who: Caller, chat: Chat) -> Iterator[None]:
        """
        Whatever happens to the chat in the block is told at both processes to a member of it, each
        change once and in order.
        """
        with self.lines(who, "/api/v1/ws", 2) as lines:
            for line in lines:
                line.ask({"event": "ping"})
            before = Chat.objects.get(id=chat.id).last_seq
            yield
            after = Chat.objects.get(id=chat.id).last_seq
            for line in lines:
                heard: list[int] = []
                while before + len(heard) < after:
                    said = json.loads(line.socket.recv(timeout=PATIENCE))
                    if said.get("chat_id") == chat.id and "seq" in said:
                        heard.append(said["seq"])
                if heard != list(range(before + 1, after + 1)):
                    self.wrong.append(f"chat {chat.id}: heard {heard} after {before}")
                    raise AssertionError(self.wrong[-1])


def by_hand(service: Callable[..., Any], *args: Any, **options: Any) -> Turn:
    """A service called in this process, which serves nobody, as a command or the admin does."""

    def turn() -> Answer:
        service(*args, **options)
        return Answer(204, None)

    return turn


def statuses(answers: Sequence[Answer]) -> dict[int, int]:
    """How many answers have which status."""
    found = [answer.status for answer in answers]
    return {status: found.count(status) for status in sorted(set(found))}
