"""The client: signs in, keeps a socket open, tells events, sends messages."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from random import Random
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx

from messenger_client import shapes
from messenger_client.api import Api
from messenger_client.audience import Audience
from messenger_client.connection import Connection
from messenger_client.errors import Closed, MessengerError
from messenger_client.events import Connected, Disconnected, Event, SendFailed
from messenger_client.hearing import Hearing
from messenger_client.line import Line, State, Times
from messenger_client.outbox import Gate, Outbox, Pending
from messenger_client.places import Places

E = TypeVar("E", bound=Event)
# Bytes of a frame that the server takes.
MAX_FRAME = 64 * 1024


class Messenger:
    """
    One person on one server, from `async with` to its end. Sign in with `username` (or e-mail) and
    `password`, or with the `tokens` of an earlier login; `on_tokens` is told of every new pair.
    Access tokens are exchanged `refresh_margin` seconds before they expire. With `ticket` the
    socket is opened with a ticket instead of a header. `buffer` is how many events may wait for the
    application. The other times: see `Times`.
    """

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        tokens: shapes.Tokens | None = None,
        on_tokens: Callable[[shapes.Tokens], None] | None = None,
        ticket: bool = False,
        buffer: int = 1000,
        refresh_margin: float = 60.0,
        backoff: float = 0.5,
        backoff_max: float = 30.0,
        settled: float = 5.0,
        too_many: float = 15.0,
        silence: float = 60.0,
        patience: float = 10.0,
        timeout: float = 15.0,
        close_timeout: float = 2.0,
        random: Random | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._username, self._password = username, password
        self.api = Api(
            url,
            tokens=tokens,
            on_tokens=on_tokens,
            refresh_margin=refresh_margin,
            timeout=timeout,
            transport=transport,
        )
        # Who is signed in and their chats, as they were when this was entered: where events begin.
        self.snapshot: shapes.Snapshot
        self._places = Places()
        self._outbox = Outbox(self._write, pause=backoff)
        self._gate: Gate
        self._commands = 0
        self._audience = Audience(buffer, self._owed)
        self._line = Line(
            url,
            self.api,
            Times(
                backoff=backoff,
                backoff_max=backoff_max,
                settled=settled,
                too_many=too_many,
                silence=silence,
                patience=patience,
                timeout=timeout,
                close_timeout=close_timeout,
            ),
            random or Random(),
            ticket=ticket,
            hear=self._hear,
            lost=self._lost,
            ended=self._ended,
        )
        self._runner: asyncio.Task[None] | None = None

    # --- beginning and end --------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """
        Sign in and take the snapshot; the socket is opened meanwhile. MessengerError if the server
        refuses, Unreachable if there is none.
        """
        try:
            if self.api.tokens.tokens is None and self._username is not None:
                await self.api.login(self._username, self._password or "")
            self.snapshot = await self.api.sync()
        except BaseException:
            await self.close()
            raise
        for chat in self.snapshot["chats"]:
            self._places.load(chat["id"], chat["seq"])
        self._gate = Gate(self.user["id"], self._outbox.doubtful)
        self._runner = asyncio.create_task(self._line.run(), name="messenger")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave at once: what is not sent yet fails with Closed. See `flush`."""
        closed = Closed(0, "closed", "The client was closed.")
        self._line.end(closed)
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait([self._runner])
        self._line.state = "closed"
        self._line.up.set()
        self._outbox.fail(closed)
        await self._audience.close()
        await self.api.close()

    @property
    def user(self) -> shapes.Me:
        """Who is signed in."""
        return self.snapshot["user"]

    @property
    def state(self) -> State:
        """ "connecting" also while what was missed is being told; "waiting" before the next try."""
        return self._line.state

    @property
    def seqs(self) -> dict[int, int]:
        """By the id of each chat we are in, the last change that events have told of."""
        return dict(self._places.seqs)

    async def wait_connected(self) -> None:
        """Until the socket is open and what was missed is told. Raises why that will not be."""
        await self._line.up.wait()
        if self._line.error is not None:
            raise self._line.error

    def drop(self) -> None:
        """Break the connection, as a bad line does; the client comes back by itself."""
        self._line.drop()

    # --- events -------------------------------------------------------------------------------

    def events(self) -> AsyncIterator[Event]:
        """
        What has happened since `async with`, each event once. There is one stream for a client:
        called again, it goes on where the last loop left off. It ends with the client, and raises
        SignedOut or Banned if that is why.
        """
        return self._audience.events()

    def on(self, kind: type[E], handler: Callable[[E], Any]) -> Callable[[], None]:
        """
        Call `handler`, a function or a coroutine function, with every event of this kind (of any,
        for Event), one after the other. Returns what takes it away again.
        """
        return self._audience.on(kind, handler)

    def _owed(self) -> bool:
        return bool(self._outbox) or self._commands > 0

    # --- sending ------------------------------------------------------------------------------

    def send(
        self,
        chat_id: int,
        content: str | None,
        *,
        type: str = "text",
        payload: Any = None,
        reply_to: int | None = None,
        key: str | None = None,
    ) -> Pending:
        """
        Send a message, now or as soon as there is a connection, and repeat it until it is stored,
        once, or refused. Messages to a chat are stored in the order in which they were sent.
        TypeError or ValueError for what is no JSON, MessengerError for what is too much.
        """
        if self._line.error is not None:
            raise self._line.error
        key = key or uuid4().hex
        data: dict[str, Any] = {"chat_id": chat_id, "type": type, "content": content}
        if payload is not None:
            data["payload"] = payload
        if reply_to is not None:
            data["reply_to_id"] = reply_to
        # As it is now: a payload may change, and what is repeated must be the same.
        pending = Pending(chat_id, key, _json({**data, "client_message_id": key}))
        self._outbox.add(pending)
        self._audience.nudge()
        return pending

    def _write(self, pending: Pending) -> None:
        assert self._line.connection is not None
        self._line.connection.ask("message.send", pending.body, pending)

    async def flush(self) -> None:
        """Until all that was sent so far is stored or refused."""
        await asyncio.gather(*self._outbox, return_exceptions=True)

    async def command(self, name: str, data: dict[str, Any] | None = None) -> Any:
        """
        Any command over the socket; the data of its `ack`. MessengerError if it is refused, Closed
        if there is no connection or it is lost: nobody knows then whether it was carried out.
        """
        if self._line.connection is None or self.state != "connected":
            raise Closed(0, "closed", "There is no connection.")
        body = _json(data or {})
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._commands += 1
        self._audience.nudge()
        try:
            self._line.connection.ask(name, body, answer)
            return await answer
        finally:
            self._commands -= 1

    # --- what the line says -------------------------------------------------------------------

    def _hear(self, connection: Connection) -> Hearing:
        return Hearing(
            connection,
            api=self.api,
            user_id=self.user["id"],
            places=self._places,
            outbox=self._outbox,
            gate=self._gate,
            tell=self._audience.tell,
            caught_up=self._caught_up,
        )

    def _caught_up(self) -> None:
        self._line.caught_up()
        self._audience.tell_now(Connected())
        self._outbox.open()

    def _lost(self, code: int, reason: str) -> None:
        self._audience.tell_now(Disconnected(code, reason))

    def _ended(self, error: MessengerError) -> None:
        failed = self._outbox.fail(error)
        for event in self._gate.release():
            self._audience.tell_now(event)
        for pending in failed:
            self._audience.tell_now(SendFailed(pending.chat_id, pending.key, error))
        self._audience.end(None if isinstance(error, Closed) else error)


def _json(data: dict[str, Any]) -> str:
    """As it travels. MessengerError if the server would not read so much."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    if len(text.encode()) > MAX_FRAME - 200:
        raise MessengerError(413, "too_large", "This is too large.")
    return text
