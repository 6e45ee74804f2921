"""
From a commit to the sockets: of this process at once, of the others through the channel layer.

The events that ring it carry everything that is needed to tell of them. It may be lost, doubled or
late: the log of the chat is the truth, and every hub mends its streams from there.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from messenger.events import ChatEvent, Event, encode

if TYPE_CHECKING:
    from messenger.realtime.hub import Hub

logger = logging.getLogger(__name__)

# Seconds that a command may wait for the layer; sockets hear of what it did from the log then.
PATIENCE = 2.0

# The hub of this process, while its server runs.
hub: "Hub | None" = None


def ring(events: Sequence[Event]) -> None:
    """Tell everybody. Called from worker threads and commands, after the commit; never raises."""
    here = hub
    if here is not None and not here.loop.is_closed():
        here.loop.call_soon_threadsafe(here.ring, events)
        return
    try:
        async_to_sync(_send)(messages(events))
    except Exception as error:
        logger.warning("The channel layer is away, sockets hear it from the log: %s", error)


def messages(events: Sequence[Event], *, sender: str = "") -> list[tuple[str, dict[str, Any]]]:
    """
    (group, message) for the channel layer: all events of one group in one message. `sender` is the
    hub that has told its own sockets already. Who comes into a chat gets a nudge, not the event: it
    holds all members, and a thousand of them would get it a thousand times.
    """
    by_group: dict[str, list[Event]] = defaultdict(list)
    nudges: list[tuple[str, dict[str, Any]]] = []
    for event in events:
        for group in event.groups():
            by_group[group].append(event)
        if isinstance(event, ChatEvent):
            nudge = {"type": "hub.nudge", "from": sender, "chat": event.chat_id, "seq": event.seq}
            for user_id in event.joining():
                nudges.append((f"user.{user_id}", {**nudge, "user": user_id}))
    return [
        *(
            (
                group,
                # The type is a constant, and what clients said is inside the body: nobody outside
                # names a handler.
                {
                    "type": "hub.events",
                    "from": "" if any(event.echo for event in found) else sender,
                    "body": encode(found),
                },
            )
            for group, found in by_group.items()
        ),
        *nudges,
    ]


async def _send(pairs: list[tuple[str, dict[str, Any]]]) -> None:
    layer = get_channel_layer()
    async with asyncio.timeout(PATIENCE):
        for group, message in pairs:
            await layer.group_send(group, message)
