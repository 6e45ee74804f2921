"""Messages on their way: each is repeated, under one key, until the server has the last word."""

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

from messenger_client.errors import MessengerError
from messenger_client.events import Event, MessageCreated
from messenger_client.shapes import Message

# Refusals after which the same may go well; of those after `UNSURE` it may not ever.
PASSING = {"rate_limited", "unavailable"}
UNSURE = {"internal_error", "unauthenticated"}
MOST_TRIES = 5
# In slow mode a message waits for its turn so often and for so many seconds; else it is refused:
# there it may take hours.
MOST_TURNS = 3
LONGEST_TURN = 30.0


class Pending:
    """
    A message that is being sent. Await it for the message as it is stored, or the MessengerError
    with which it was refused; whoever stops waiting does not stop it.
    """

    def __init__(self, chat_id: int, key: str, body: str) -> None:
        self.chat_id = chat_id
        self.key = key
        self.body = body
        self._outcome: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        # How often it was sent, and how many of these times may have stored it.
        self.tries = 0
        self.unanswered = 0
        # How often it waited for its turn in slow mode.
        self.turns = 0

    @property
    def done(self) -> bool:
        return self._outcome.done()

    def settle(self, answer: Message | MessengerError) -> None:
        if self._outcome.done():
            return
        if isinstance(answer, MessengerError):
            self._outcome.set_exception(answer)
            # The application hears of it by SendFailed: it need not await.
            self._outcome.exception()
        else:
            self._outcome.set_result(answer)

    def __await__(self) -> Generator[Any, None, Message]:
        if not self._outcome.done():
            yield from asyncio.wait([self._outcome]).__await__()
        return self._outcome.result()


class Outbox:
    """
    A queue for each chat, of which only the first is under way: whatever becomes of it, the next
    one is stored after it. `write` sends one; it is called between `open` and `shut`.
    """

    def __init__(self, write: Callable[[Pending], None], *, pause: float) -> None:
        self._write = write
        self._pause = pause
        self._queues: dict[int, deque[Pending]] = {}
        self._flying: set[int] = set()
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._open = False

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[Pending]:
        return iter([pending for queue in self._queues.values() for pending in queue])

    def add(self, pending: Pending) -> None:
        self._queues.setdefault(pending.chat_id, deque()).append(pending)
        self._pump(pending.chat_id)

    def open(self) -> None:
        self._open = True
        for chat_id in list(self._queues):
            self._pump(chat_id)

    def shut(self) -> None:
        """The connection is gone: what was under way is so no longer, and may have arrived."""
        self._open = False
        self._flying.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def doubtful(self, chat_id: int) -> bool:
        """Whether a message was sent to this chat of which nobody knows yet if it is stored."""
        queue = self._queues.get(chat_id)
        return bool(queue and queue[0].unanswered)

    def answered(
        self, pending: Pending, answer: Message | MessengerError, *, sure: bool = True
    ) -> bool:
        """Take an answer, which if not `sure` may be another's; whether it is the last word."""
        if pending.done:
            return False
        chat_id = pending.chat_id
        self._flying.discard(chat_id)
        if isinstance(answer, MessengerError):
            if sure and answer.code in ("rate_limited", "slow_mode"):
                # It did not get as far as being stored, this time.
                pending.unanswered -= 1
            unsure = not sure or answer.code in UNSURE
            passing = answer.code in PASSING or self._has_a_turn(pending, answer)
            if passing or (unsure and pending.tries < MOST_TRIES):
                backoff = min(self._pause * 2 ** min(pending.tries - 1, 6), 60 * self._pause)
                self._again(chat_id, answer.retry_after or backoff)
                return False
        self._rest(chat_id)
        queue = self._queues[chat_id]
        queue.popleft()
        if not queue:
            del self._queues[chat_id]
        pending.settle(answer)
        self._pump(chat_id)
        return True

    def _has_a_turn(self, pending: Pending, answer: MessengerError) -> bool:
        if answer.code != "slow_mode" or (answer.retry_after or 0) > LONGEST_TURN:
            return False
        pending.turns += 1
        return pending.turns <= MOST_TURNS

    def flying(self) -> list[Pending]:
        """Those that are under way."""
        return [self._queues[chat_id][0] for chat_id in self._flying]

    def fail(self, error: MessengerError) -> list[Pending]:
        """Give up on everything."""
        self.shut()
        failed = list(self)
        self._queues.clear()
        for pending in failed:
            pending.settle(error)
        return failed

    def _pump(self, chat_id: int) -> None:
        queue = self._queues.get(chat_id)
        if not queue or not self._open or chat_id in self._flying or chat_id in self._timers:
            return
        self._flying.add(chat_id)
        queue[0].tries += 1
        queue[0].unanswered += 1
        self._write(queue[0])

    def _again(self, chat_id: int, seconds: float) -> None:
        def now() -> None:
            del self._timers[chat_id]
            self._pump(chat_id)

        self._rest(chat_id)
        if self._open:
            self._timers[chat_id] = asyncio.get_running_loop().call_later(seconds, now)

    def _rest(self, chat_id: int) -> None:
        timer = self._timers.pop(chat_id, None)
        if timer is not None:
            timer.cancel()


class Gate:
    """
    Tells which of our own messages were sent from here, before the application sees them. An event
    does not say it, and it may come before the `ack`, which does; then it waits here, and whatever
    follows in its chat behind it.
    """

    def __init__(self, user_id: int, doubtful: Callable[[int], bool]) -> None:
        self._user_id = user_id
        self._doubtful = doubtful
        self._held: dict[int, list[Event]] = {}
        # By chat and `seq`, the keys of messages whose `ack` came first.
        self._keys: dict[int, dict[int, str]] = {}

    def enter(self, chat_id: int, event: Event) -> list[Event]:
        """What can be told now that this has come of the chat."""
        unsure = False
        if isinstance(event, MessageCreated) and event.message["author_id"] == self._user_id:
            key = self._keys.get(chat_id, {}).pop(event.seq, None)
            event, unsure = replace(event, local_key=key), key is None
        if chat_id in self._held:
            self._held[chat_id].append(event)
        elif unsure and self._doubtful(chat_id):
            self._held[chat_id] = [event]
        else:
            return [event]
        return []

    def stored(self, chat_id: int, key: str, seq: int, known: int) -> list[Event]:
        """
        The message with this key is the change `seq`, and all up to `known` has come of its chat.
        What can be told now.
        """
        held = self._held.pop(chat_id, [])
        for index, event in enumerate(held):
            if isinstance(event, MessageCreated) and event.seq == seq:
                held[index] = replace(event, local_key=key)
        if seq > known:
            self._keys.setdefault(chat_id, {})[seq] = key
        return held

    def refused(self, chat_id: int) -> list[Event]:
        """The message that was on its way to this chat is not stored. What can be told now."""
        return self._held.pop(chat_id, [])

    def forget(self, chat_id: int, known: int | None) -> None:
        """Nothing up to `known` of this chat will come any more; nothing at all for None."""
        keys = self._keys.pop(chat_id, {})
        left = {seq: key for seq, key in keys.items() if known is not None and seq > known}
        if left:
            self._keys[chat_id] = left

    def release(self) -> list[Event]:
        """Everything that is still held, as it is."""
        held, self._held = self._held, {}
        return [event for events in held.values() for event in events]
