"""The way to the server: one connection after the other, until something ends it for good."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from websockets.exceptions import WebSocketException

from messenger_client.api import Api
from messenger_client.connection import Connection, open_socket
from messenger_client.errors import Banned, MessengerError
from messenger_client.hearing import Hearing

logger = logging.getLogger(__name__)

State = Literal["closed", "connecting", "connected", "waiting"]
# Close codes: come back soon; with a fresh token; never; much later.
RESTART, SLOW, UNAUTHENTICATED, BANNED, TOO_MANY = 1012, 4408, 4401, 4403, 4429


@dataclass(frozen=True)
class Times:
    """
    In seconds. After the n-th failure the client comes back within `backoff * 2**n`, at most
    `backoff_max`, and when the server says that there are too many, not before `too_many`; a
    connection that lasted `settled` has not failed. When nothing was heard for `silence` it asks
    whether the server is still there, and an answer may take `patience`.
    """

    backoff: float = 0.5
    backoff_max: float = 30.0
    settled: float = 5.0
    too_many: float = 15.0
    silence: float = 60.0
    patience: float = 10.0
    # To open a socket, and to end it properly.
    timeout: float = 15.0
    close_timeout: float = 2.0


class Line:
    """
    `hear` makes what listens to a new connection; it calls `caught_up` in the end. `lost` is called
    when a connection that had caught up is gone, `ended` with why there will be no other.
    """

    def __init__(
        self,
        url: str,
        api: Api,
        times: Times,
        random: Random,
        *,
        ticket: bool,
        hear: Callable[[Connection], Hearing],
        lost: Callable[[int, str], None],
        ended: Callable[[MessengerError], None],
    ) -> None:
        self._url = url
        self._api = api
        self._times = times
        self._random = random
        self._ticket = ticket
        self._hear = hear
        self._lost = lost
        self._ended = ended
        self.state: State = "closed"
        self.connection: Connection | None = None
        # Set while caught up, and when there is no hope of it any more.
        self.up = asyncio.Event()
        self.error: MessengerError | None = None
        self._token = ""
        self._stirred = asyncio.Event()
        api.tokens.on_access = self._show
        api.tokens.on_end = self.end

    def caught_up(self) -> None:
        self.state = "connected"
        self.up.set()

    def end(self, error: MessengerError) -> None:
        """There is no coming back from this."""
        self.error = self.error or error
        self._stirred.set()
        self.drop()

    def drop(self) -> None:
        if self.connection is not None:
            self.connection.abort()

    async def run(self) -> None:
        failures, stale = 0, ""
        clock = asyncio.get_running_loop().time
        while self.error is None:
            self.state = "connecting"
            began, code, reason, least = clock(), 1006, "", 0.0
            try:
                code, reason = await self._session(stale)
            except MessengerError as error:
                reason, least = str(error), error.retry_after or 0.0
            except (OSError, WebSocketException, TimeoutError) as error:
                reason = str(error) or type(error).__name__
            except Exception:
                # A frame that breaks the contract, or a mistake of ours: others may go well.
                logger.exception("The connection failed")
                reason = "failed"
            self.state = "waiting"
            if code == BANNED:
                self.end(Banned(403, "banned", reason))
            if self.up.is_set():
                self.up.clear()
                stale = ""
                if clock() - began >= self._times.settled:
                    failures = 0
                self._lost(code, reason)
            if code == UNAUTHENTICATED:
                stale = self._token
            if self.error is None:
                await self._wait(max(least, self._pause(code, failures)))
                failures += 1
        self.state = "closed"
        self.up.set()
        self._ended(self.error)

    def _pause(self, code: int, failures: int) -> float:
        """How long to wait after a connection that ended with this code."""
        times = self._times
        if code == TOO_MANY:
            return self._random.uniform(times.too_many, 2 * times.too_many)
        if code == UNAUTHENTICATED and not failures:
            return 0.0
        if code in (RESTART, SLOW):
            failures = 0
        # All of it is chance: after a restart nobody's clients are to come back together.
        most = min(times.backoff_max, times.backoff * 2 ** min(failures, 30))
        return self._random.uniform(0, most)

    async def _wait(self, seconds: float) -> None:
        self._stirred.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            pass

    async def _session(self, stale: str) -> tuple[int, str]:
        """One connection, to its close code and reason; `stale` is a token that it must not use."""
        tokens = self._api.tokens
        self._token = token = await (tokens.renew(stale) if stale else tokens.fresh())
        ticket = (await self._api.ws_ticket())["ticket"] if self._ticket else ""
        socket = await open_socket(
            self._url,
            token=token,
            ticket=ticket,
            timeout=self._times.timeout,
            close_timeout=self._times.close_timeout,
        )
        connection = Connection(socket, silence=self._times.silence, patience=self._times.patience)
        helpers = [
            asyncio.create_task(work)
            for work in (connection.write(), connection.watch(), self._keep_tokens())
        ]
        self.connection = connection
        hearing = self._hear(connection)
        try:
            if tokens.access != token:
                self._show(tokens.access)
            hearing.begin()
            while (frame := await connection.frame()) is not None:
                await hearing.take(frame)
        finally:
            self.connection = None
            hearing.end()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            code, reason = await connection.close()
        return code, reason

    async def _keep_tokens(self) -> None:
        """Exchange the tokens in time, also when nothing is asked for."""
        tokens, failures = self._api.tokens, 0
        while True:
            await asyncio.sleep(max(0.0, tokens.due_in()))
            if tokens.due_in() > 0:
                continue
            try:
                await tokens.renew(tokens.access)
                failures = 0
            except MessengerError as error:
                await asyncio.sleep(max(error.retry_after or 0.0, self._pause(0, failures)))
                failures += 1

    def _show(self, token: str) -> None:
        """There is a new access token: the socket is to go on with it."""
        if self.connection is not None:
            self._token = token
            self.connection.ask("auth.refresh", json.dumps({"token": token}))
