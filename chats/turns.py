"""
Who waits in this process for the row of a chat.

PostgreSQL ends a wait for a lock after two seconds. That is long for a thread: a few requests for
one chat whose row is stuck would take all there are, and every other chat would wait with it. So
where several wait and nobody has had his turn for a moment, a request that can come again does
(`Held`); and where nobody has had it for a while, nobody else queues up (`Unavailable`).
"""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db import OperationalError

from messenger.errors import Unavailable
from messenger.held import Held, comes_again

# Seconds without any turn until a row counts as stuck.
STUCK = 1.5
# How many wait at most, once nobody has had a turn for so many seconds.
CROWD, SLOW = 2, 0.05
# PostgreSQL's word for a wait that took too long.
LOCK_NOT_AVAILABLE = "55P03"

_lock = threading.Lock()
# By chat: how many wait for it, and when somebody last had his turn, or the first one came.
# Where nobody waits it was waited for in vain: one at a time may try again.
_waits: dict[int, tuple[int, float]] = {}


@contextmanager
def turn(chat_ids: Collection[int]) -> Iterator[None]:
    """
    Around a wait for the rows of these chats. Unavailable at once where one of them is stuck, Held
    where too many wait for it.
    """
    now = time.monotonic()
    with _lock:
        for chat_id in chat_ids:
            waiting, moved = _waits.get(chat_id, (0, now))
            if waiting and now - moved > STUCK:
                raise Unavailable(retry_after=1)
            if waiting >= CROWD and now - moved > SLOW and comes_again():
                raise Held(chat_id)
        for chat_id in chat_ids:
            waiting, moved = _waits.get(chat_id, (0, now))
            _waits[chat_id] = waiting + 1, moved
    in_vain = False
    try:
        yield
    except OperationalError as error:
        in_vain = getattr(error.__cause__, "sqlstate", "") == LOCK_NOT_AVAILABLE
        raise
    finally:
        with _lock:
            for chat_id in chat_ids:
                waiting, moved = _waits.pop(chat_id)
                if waiting > 1 or in_vain:
                    _waits[chat_id] = waiting - 1, moved


def had(chat_ids: Collection[int]) -> None:
    """Somebody has these rows now, and will pass them on."""
    with _lock:
        for chat_id in chat_ids:
            if chat_id in _waits:
                waiting, _ = _waits.pop(chat_id)
                if waiting:
                    _waits[chat_id] = waiting, time.monotonic()
