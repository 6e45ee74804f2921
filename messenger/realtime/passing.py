"""Typing and presence on their way to the sockets: told once, kept nowhere, never mended."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from messenger.events import PassingEvent
from messenger.realtime.socket import Bundle, Frame, Socket
from presence.events import Typing

if TYPE_CHECKING:
    from messenger.protocols.base import Protocol
    from messenger.realtime.hub import Hub

# Seconds after which nobody is typing who has not said so again.
TYPING = 10.0


class Passing:
    """
    Who shares one of the chats of the event hears it once. Typing ends by itself: each process
    counts the seconds for its own sockets, so it ends also when the process that told of it died.
    """

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._typing: dict[tuple[int, int], asyncio.TimerHandle] = {}

    def hear(self, events: Sequence[PassingEvent]) -> None:
        """Each socket gets all that is for it in one write: many may come or go at once."""
        told: dict[Socket, list[Frame]] = {}
        for event in events:
            if isinstance(event, Typing):
                self._count(event)
            frames: dict[Protocol, list[Frame]] = {}
            streams = [self._hub.streams.get(chat_id) for chat_id in event.chat_ids]
            for socket in {socket for stream in streams if stream for socket in stream.followers()}:
                if socket.user_id == event.user_id:
                    continue
                if socket.protocol not in frames:
                    frames[socket.protocol] = socket.protocol.frames([event])
                own = [frame for frame in frames[socket.protocol] if frame.is_for(socket)]
                if own:
                    told.setdefault(socket, []).extend(own)
        for socket, bundled in told.items():
            socket.send(Bundle(bundled))

    def _count(self, event: Typing) -> None:
        key = (event.chat_id, event.user_id)
        counted = self._typing.pop(key, None)
        if counted is not None:
            counted.cancel()
        if event.is_typing and event.chat_id in self._hub.streams:
            over = replace(event, is_typing=False)
            self._typing[key] = self._hub.loop.call_later(TYPING, self.hear, [over])
