"""Telling a socket from the log what it missed, in order, once, while its chats go on."""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error as DatabaseError

from chats import selectors as chats
from chats.events import ChatReset
from chats.log import Missed
from messenger.events import ChatEvent
from messenger.realtime.socket import Bundle, Socket
from messenger.realtime.threads import in_db

if TYPE_CHECKING:
    from messenger.realtime.hub import Hub

logger = logging.getLogger(__name__)

# Events that are told in one go, and seconds that a slow client may take to read those before.
PAGE = 100
PATIENCE = 30.0


async def tell_missed(hub: "Hub", socket: Socket, missed: Missed) -> dict[int, int]:
    """
    Tell what was missed; by chat up to which `seq` it is told. The caller holds the socket, so that
    what happens meanwhile waits, and releases it when it has said that this is all.
    """
    await _say_resets(socket, missed.resets)
    seqs: dict[int, int] = {}
    for chat_id, since in missed.since.items():
        told = await _tell_chat(hub, socket, missed, chat_id, since)
        if told is not None:
            seqs[chat_id] = told
    return seqs


async def _tell_chat(
    hub: "Hub", socket: Socket, missed: Missed, chat_id: int, since: int
) -> int | None:
    """Up to which `seq` this chat has been told; None if it is theirs no more, or could not be."""
    socket.told[chat_id] = since
    while socket.closed is None:
        stream = hub.streams.get(chat_id)
        follows = stream is not None and chat_id in socket.chats
        if stream is not None and follows and since >= stream.knows(socket):
            # What the log had already, the stream does not tell again.
            stream.skip(socket, since)
            return since
        events = await in_db(partial(chats.events_after, chat_id, since, limit=PAGE))
        if not events and not follows:
            # They have come into it a moment ago, and will be on its stream in another.
            return since
        if not events or events[0].seq != since + 1:
            latest = stream.cursor if stream is not None else since
            uuid = missed.uuids[chat_id]
            reset = ChatReset(chat=chat_id, chat_uuid=uuid, reason="expired", seq=latest)
            await _say_resets(socket, [reset])
            return None
        left = _leaving(events, socket.user_id)
        if left is not None:
            events = events[: left + 1]
        since = events[-1].seq
        _tell(socket, chat_id, events)
        if left is not None:
            # If the stream has not come to that yet, it does not tell it again.
            if stream is not None and chat_id in socket.chats:
                stream.skip(socket, since)
            return None
        await _room(socket)
    return None


async def tell_newcomer(hub: "Hub", socket: Socket, chat_id: int, since: int, until: int) -> None:
    """
    Tell a socket that came to a stream what the others were told between its reading of the
    database, up to `since`, and its coming, at `until`. It is held already.
    """
    # The `seq` since which the person is a member; None while they are not.
    inside: int | None = 0
    try:
        # Who was removed meanwhile may have come back after `until`.
        while socket.closed is None and (
            since < until or (inside is None and since < _cursor(hub, chat_id))
        ):
            events = await in_db(partial(chats.events_after, chat_id, since, limit=PAGE))
            own: list[ChatEvent] = []
            for event in events:
                since = event.seq
                if inside is None and socket.user_id in event.joining():
                    inside = event.seq
                if inside is not None and event.seq <= until:
                    own.append(event)
                if _leaves(event, socket.user_id):
                    inside = None
            # Some of it may have been told by a resume in the meantime.
            known = socket.told.get(chat_id, 0)
            _tell(socket, chat_id, [event for event in own if event.seq > known])
            if not events:
                break
            await _room(socket)
    except DatabaseError:
        # It would have a hole and not know it: let it come again.
        socket.close(1013, "unavailable")
    finally:
        if inside != 0:
            # What came while they were not inside is not for it.
            end = inside - 1 if inside is not None else max(since, _cursor(hub, chat_id))
            socket.told[chat_id] = max(end, socket.told.get(chat_id, 0))
        if inside is None:
            hub.unfollow(socket, chat_id)
        socket.release()


def _tell(socket: Socket, chat_id: int, events: Sequence[ChatEvent]) -> None:
    """Past what is held, and remember that it has been told."""
    frames = [frame for frame in socket.protocol.frames(events) if frame.is_for(socket)]
    if frames:
        socket.write(Bundle(frames))
    if events:
        socket.told[chat_id] = max(events[-1].seq, socket.told.get(chat_id, 0))


def _leaves(event: ChatEvent, user_id: int) -> bool:
    leaving = event.leaving()
    return leaving is None or user_id in leaving


def _leaving(events: Sequence[ChatEvent], user_id: int) -> int | None:
    """Which of the events is the last for this person, if any is."""
    return next((n for n, event in enumerate(events) if _leaves(event, user_id)), None)


def _cursor(hub: "Hub", chat_id: int) -> int:
    stream = hub.streams.get(chat_id)
    return stream.cursor if stream is not None else 0


async def _say_resets(socket: Socket, resets: Sequence[ChatReset]) -> None:
    for start in range(0, len(resets), PAGE):
        if frames := socket.protocol.frames(resets[start : start + PAGE]):
            socket.write(Bundle(frames))
        # Others want their turn, too.
        await asyncio.sleep(0)


async def _room(socket: Socket) -> None:
    """Wait until the client has read most of what was written to it, and give it up otherwise."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while socket.closed is None and socket.transport.backlog() > settings.SOCKET_BACKLOG_SOFT:
        if loop.time() > until:
            socket.close(4408, "slow")
        await asyncio.sleep(0.02)
