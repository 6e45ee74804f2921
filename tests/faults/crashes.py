"""
Deaths at chosen moments. A process started with `CRASH=<point>:<n>` ends, as by kill -9, when it
comes to that point for the n-th time. Between two points something becomes true: the message is
stored, its sender knows, others know. A retry after any of them must find one message.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from messaging.events import MessageSent
from messenger.events import Event, decode
from tests.faults.patches import around

POINTS = {
    "send.locked": "the chats are locked, nothing is written",
    "send.half-inserted": "half of a batch is inserted",
    "send.inserted": "the messages are inserted, without their log",
    "send.written": "all is written, not committed",
    "send.committed": "committed, nobody knows",
    "send.half-answered": "committed, half of the batch's senders know",
    "send.answered": "committed, the senders know, no other process does",
    "read.written": "a receipt is written, not committed",
    "read.committed": "a receipt is committed, nobody knows",
    "members.written": "somebody's coming or going is written, not committed",
    "members.committed": "it is committed, nobody knows",
}
EXIT_CODE = 9
# Seconds from the answer to the end: it must be on its way.
LAST_WORDS = 0.1
AREAS = {
    "message_sent": "send",
    "message_read": "read",
    "member_joined": "members",
    "member_left": "members",
}


class Fuse:
    """Burns down each time the process comes to `point`."""

    def __init__(self, point: str, count: int) -> None:
        self.point = point
        self._left = count
        self._lock = threading.Lock()

    def burnt(self, point: str) -> bool:
        """Count one coming to this point; whether it is the last."""
        if point != self.point:
            return False
        with self._lock:
            self._left -= 1
            return self._left <= 0

    def reach(self, point: str, ids: Iterable[int] = ()) -> None:
        if self.burnt(point):
            tell(point, ids)
            die()

    def reach_any(self, moment: str, events: Sequence[Event]) -> None:
        """Once for each area that these events are of."""
        for area in {AREAS[event.kind] for event in events if event.kind in AREAS}:
            self.reach(f"{area}.{moment}", sent_in(events) if moment == "committed" else ())


def sent_in(events: Iterable[Event]) -> list[int]:
    """The ids of the messages that were sent."""
    return [event.message.id for event in events if isinstance(event, MessageSent)]


def tell(point: str, ids: Iterable[int]) -> None:
    """Into the log: the messages that are committed, and that somebody does not know of."""
    for id in ids:
        os.write(2, f"crash: {point} {id}\n".encode())


def die() -> None:
    os._exit(EXIT_CODE)


def install(wanted: str) -> None:
    """`wanted` is "<point>" or "<point>:<n>"."""
    point, _, count = wanted.partition(":")
    if point not in POINTS:
        raise ValueError(f"CRASH is {wanted!r}: say one of {', '.join(POINTS)}.")
    fuse = Fuse(point, int(count or 1))
    from chats.changes import Changes
    from messaging import sending
    from messenger.realtime import doorbell

    _die_inside(sending, fuse)
    _die_answering(fuse)

    @around(Changes, "write")
    def write(real: Any, changes: Changes) -> None:
        real(changes)
        fuse.reach_any("written", changes.events)

    @around(doorbell, "ring")
    def ring(real: Any, events: Sequence[Event]) -> None:
        fuse.reach_any("committed", events)
        real(events)


def _die_inside(sending: ModuleType, fuse: Fuse) -> None:
    @around(sending, "changes_to")
    @contextmanager
    def changes_to(real: Any, *ids: int, **options: Any) -> Iterator[Any]:
        with real(*ids, **options) as changes:
            fuse.reach("send.locked")
            yield changes

    @around(sending, "insert_many")
    def insert_many(real: Any, model: Any, columns: Any, rows: Sequence[Any]) -> list[int]:
        half = len(rows) // 2
        if half and fuse.burnt("send.half-inserted"):
            real(model, columns, rows[:half])
            die()
        ids: list[int] = real(model, columns, rows)
        if rows:
            fuse.reach("send.inserted")
        return ids


def _die_answering(fuse: Fuse) -> None:
    from messaging.services import Sent, send_messages
    from messenger.realtime.batching import Batcher
    from messenger.realtime.relay import Relay

    @around(Batcher, "_settle")
    def settle(real: Any, batcher: Any, batch: list[Any], job: Any) -> Any:
        half = len(batch) // 2
        if half and batcher._together is send_messages:
            item = batch[half]

            def last(outcome: Any) -> None:
                if isinstance(outcome, Sent):
                    untold = [one for one in job.result()[half:] if isinstance(one, Sent)]
                    fuse.reach("send.half-answered", [one.message.id for one in untold])
                item.done(outcome)

            batch = [*batch[:half], item._replace(done=last), *batch[half + 1 :]]
        return real(batcher, batch, job)

    point, silent = "send.answered", False

    @around(Relay, "send")
    def send(real: Any, relay: Any, messages: Any) -> None:
        nonlocal silent
        messages = list(messages)
        bodies = [message["body"] for _, message in messages if "body" in message]
        sent = [id for body in bodies for id in sent_in(decode(body))]
        if sent and not silent and fuse.burnt(point):
            silent = True
            relay._loop.call_later(LAST_WORDS, die)
        if silent:
            tell(point, sent)
        else:
            real(relay, messages)
