"""How events get to the application: bounded, in order, and never dropped in silence."""

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from messenger_client.events import Event

logger = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)


class Mailbox(AsyncIterator[Event]):
    """
    Holds `size` events; who puts one more waits. It does not while `owed()`: then an answer is
    awaited that comes after this event, perhaps by the very one who is to take it out.

    Until somebody claims it, a full mailbox throws away what it has instead, and says so to who
    claims it then: a client that listens to nothing must not come to a halt.
    """

    def __init__(self, size: int, owed: Callable[[], bool]) -> None:
        self._size = size
        self._owed = owed
        self._claimed = False
        self._waiting: deque[Event] = deque()
        self._lost = 0
        self._changed = asyncio.Event()
        self._ended = False
        self._error: BaseException | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def claim(self) -> None:
        """From now on nothing is thrown away. RuntimeError if something was."""
        if self._lost:
            raise RuntimeError(
                f"{self._lost} events came before anybody listened:"
                " call events() sooner, or give the client a larger buffer"
            )
        self._claimed = True

    async def put(self, event: Event) -> None:
        while self._claimed and len(self._waiting) >= self._size and not self._owed():
            if self._ended:
                return
            self._changed.clear()
            await self._changed.wait()
        self.push(event)

    def push(self, event: Event) -> None:
        """Put, however full it is."""
        if self._ended:
            return
        if not self._claimed and len(self._waiting) >= self._size:
            self._lost += len(self._waiting)
            self._waiting.clear()
        if not self._lost:
            self._waiting.append(event)
        else:
            self._lost += 1
        self.nudge()

    def nudge(self) -> None:
        """Something may be otherwise than it was: who waits looks again."""
        self._changed.set()

    def end(self, error: BaseException | None = None) -> None:
        """What is here can still be taken out; then the iteration ends, or raises this."""
        if not self._ended:
            self._ended, self._error = True, error
            self.nudge()

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        event = self._waiting.popleft()
        self.nudge()
        return event


class Audience:
    """Who hears of events: a stream, and handlers that are called by a task of their own."""

    def __init__(self, size: int, owed: Callable[[], bool]) -> None:
        self._size = size
        self._owed = owed
        self._stream = Mailbox(size, owed)
        self._boxes = [self._stream]
        self._handlers: list[tuple[type[Event], Callable[[Any], Any]]] = []
        self._handling: asyncio.Task[None] | None = None

    def events(self) -> AsyncIterator[Event]:
        self._stream.claim()
        return self._stream

    def on(self, kind: type[E], handler: Callable[[E], Any]) -> Callable[[], None]:
        entry = (kind, handler)
        self._handlers.append(entry)
        if len(self._boxes) == 1:
            box = Mailbox(self._size, self._owed)
            box.claim()
            self._boxes.append(box)

        def off() -> None:
            if entry in self._handlers:
                self._handlers.remove(entry)

        return off

    async def tell(self, event: Event) -> None:
        """Hand over an event; waits while they have no room for it."""
        self._attend()
        for box in tuple(self._boxes):
            await box.put(event)

    def tell_now(self, event: Event) -> None:
        """Hand over an event that can't wait."""
        self._attend()
        for box in self._boxes:
            box.push(event)

    def nudge(self) -> None:
        """There may be an answer owed by now."""
        for box in self._boxes:
            box.nudge()

    def _attend(self) -> None:
        if self._handling is None and len(self._boxes) > 1:
            self._handling = asyncio.create_task(self._handle(self._boxes[1]))

    async def _handle(self, events: Mailbox) -> None:
        async for event in events:
            for kind, handler in list(self._handlers):
                if not isinstance(event, kind):
                    continue
                try:
                    answer = handler(event)
                    if inspect.isawaitable(answer):
                        await answer
                except Exception:
                    logger.exception("A handler of %s failed", kind.__name__)

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come; the stream raises this, or just ends."""
        self._stream.end(error)
        for box in self._boxes[1:]:
            box.end()

    async def close(self) -> None:
        """End, and wait for the handlers; a handler that closes the client is not cut off."""
        self.end()
        if self._handling is not None and self._handling is not asyncio.current_task():
            self._handling.cancel()
            await asyncio.wait([self._handling])
