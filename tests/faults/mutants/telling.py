"""Mistakes in telling sockets of what happened."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Any

from chats.events import ChatDeleted, MemberLeft
from messenger.events import ChatEvent
from messenger.realtime import resume
from messenger.realtime.hub import Hub
from messenger.realtime.relay import Relay
from messenger.realtime.socket import Bundle, Socket
from messenger.realtime.stream import Stream
from messenger.realtime.watch import Watch
from tests.faults.patches import around

# How often a push goes wrong.
SELDOM = 0.03


async def nothing(*args: Any) -> None:
    """In place of what would notice."""


def lossy_push() -> None:
    """What comes from other processes is passed on as it comes, and some of it does not come."""

    @around(Relay, "_hear")
    def hear(real: Any, relay: Relay, message: dict[str, Any]) -> None:
        if random.random() >= 0.01:
            real(relay, message)

    @around(Stream, "accept")
    def accept(real: Any, stream: Stream, events: Iterable[ChatEvent]) -> list[ChatEvent]:
        found = list(events)
        stream.cursor = max([stream.cursor, *(event.seq for event in found)])
        return found

    @around(Hub, "mend")
    def mend(real: Any, hub: Hub, stream: Stream, patience: float = 0.0) -> None:
        return None

    @around(Watch, "_compare")
    async def compare(real: Any, watch: Watch, chat_ids: list[int]) -> None:
        await nothing()


def no_revoke() -> None:
    """Who is in a chat is decided when a socket opens."""
    for event in (MemberLeft, ChatDeleted):

        @around(event, "leaving")
        def leaving(real: Any, event: ChatEvent) -> Sequence[int]:
            return ()

    @around(Watch, "_let_go")
    async def let_go(real: Any, watch: Watch, lost: Any) -> None:
        await nothing()


def double_push() -> None:
    """Some frames are written twice."""

    @around(Socket, "send")
    def send(real: Any, socket: Socket, bundle: Bundle) -> None:
        real(socket, bundle)
        if bundle.frames[0].seq and random.random() < SELDOM:
            real(socket, bundle)


def late_push() -> None:
    """Some frames are overtaken by later ones."""

    @around(Socket, "send")
    def send(real: Any, socket: Socket, bundle: Bundle) -> None:
        if bundle.frames[0].seq and random.random() < SELDOM:
            asyncio.get_running_loop().call_later(0.3, real, socket, bundle)
        else:
            real(socket, bundle)


def short_resume() -> None:
    """Who comes back is told everything but the last."""

    @around(resume, "_tell")
    def tell(real: Any, socket: Socket, chat_id: int, events: Sequence[ChatEvent]) -> None:
        real(socket, chat_id, events[:-1])
        if events:
            socket.told[chat_id] = max(events[-1].seq, socket.told.get(chat_id, 0))


def deaf_sockets() -> None:
    """Some sockets do not get onto the stream of a chat, and nobody looks again."""

    @around(Hub, "follow")
    def follow(real: Any, hub: Hub, socket: Socket, chat_id: int, seq: int) -> None:
        if random.random() >= 0.3:
            real(hub, socket, chat_id, seq)

    @around(Watch, "_recheck")
    async def recheck(real: Any, watch: Watch, sockets: Any) -> None:
        await nothing()
