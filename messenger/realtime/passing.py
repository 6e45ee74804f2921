"""Typing and presence on their way to the sockets: told once, kept nowhere, never mended."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from messenger.events import PassingEvent
from messenger.realtime.socket import Bundle, Frame, Socket
from presence.events import TYPING, PresenceChanged, Typing

if TYPE_CHECKING:
    from messenger.protocols.base import Protocol
    from messenger.realtime.hub import Hub

# Statuses that are remembered, so that none is told twice or after a later one.
STATUSES = 100_000


class Passing:
    """
    Who shares one of the chats of the event hears it once. Typing ends by itself: each process
    counts the seconds for its own sockets, so it ends also when the process that told of it died.
    """

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._typing: dict[tuple[int, int], asyncio.TimerHandle] = {}
        self._statuses: dict[int, PresenceChanged] = {}

    def hear(self, events: Sequence[PassingEvent]) -> None:
        """Each socket gets all that is for it in one write: many may come or go at once."""
        told: dict[Socket, list[Frame]] = {}
        for event in events:
            if isinstance(event, Typing):
                self._count(event)
            elif isinstance(event, PresenceChanged) and event.only is None:
                last = self._statuses.get(event.user_id)
                if not self._is_news(event):
                    continue
                if last is not None:
                    # Who told of it may not have known what was told here.
                    event = replace(event, was=last.status)
            for protocol, sockets in self._followers(event.chat_ids).items():
                frames = protocol.frames([event])
                for socket in sockets if frames else ():
                    if event.is_for(socket.user_id):
                        own = [frame for frame in frames if frame.is_for(socket)]
                        told.setdefault(socket, []).extend(own)
        # Many get the same, which is put together once.
        bundles: dict[tuple[Frame, ...], Bundle] = {}
        for socket, own in told.items():
            if own:
                key = tuple(own)
                if key not in bundles:
                    bundles[key] = Bundle(own)
                socket.send(bundles[key])

    def _followers(self, chat_ids: Sequence[int]) -> "dict[Protocol, set[Socket]]":
        """The sockets that follow any of these chats."""
        found: dict[Protocol, set[Socket]] = {}
        for chat_id in chat_ids:
            stream = self._hub.streams.get(chat_id)
            for room in (stream.sockets, stream.quiet) if stream is not None else ():
                for protocol, sockets in room.items():
                    found.setdefault(protocol, set()).update(sockets)
        return found

    def _is_news(self, event: PresenceChanged) -> bool:
        """Not what was told already by a process that died over it, nor what was overtaken."""
        last = self._statuses.pop(event.user_id, None)
        stale = last is not None and 0 < event.order <= last.order
        if len(self._statuses) >= STATUSES:
            self._statuses.clear()
        if last is not None and stale:
            self._statuses[event.user_id] = last
            return False
        order = max(event.order, last.order if last is not None else 0.0)
        self._statuses[event.user_id] = replace(event, order=order)
        return last is None or last.status != event.status

    def _count(self, event: Typing) -> None:
        key = (event.chat_id, event.user_id)
        counted = self._typing.pop(key, None)
        if counted is not None:
            counted.cancel()
        if event.is_typing and event.chat_id in self._hub.streams:
            over = replace(event, is_typing=False)
            self._typing[key] = self._hub.loop.call_later(TYPING, self.hear, [over])
