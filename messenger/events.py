"""
What happened, in the past tense and in plain values: no model instances, nothing to look up.

An app states its events in its `events.py`; a service makes them inside its transaction and gives
them to `publish`, which is the only way out. After the commit they go to the sockets of this
process at once and to the other processes through the channel layer.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self, TypeVar

import orjson
from django.db import transaction

logger = logging.getLogger(__name__)

Made = TypeVar("Made")
# The channel-layer group of all processes.
EVERY_HUB = "hubs"

EVENTS: dict[str, type["Event"]] = {}


@dataclass(frozen=True, kw_only=True)
class Event:
    """The base. A subclass with a `kind` is an event of its own; its docstring documents it."""

    kind: ClassVar[str] = ""
    # Fields that are dataclasses themselves, for decoding.
    nested: ClassVar[dict[str, type]] = {}
    # For the hubs alone: no protocol has words for it.
    internal: ClassVar[bool] = False
    # What the hub that sends it waits for to come back through the layer; nothing for most.
    echo: str = ""

    def __init_subclass__(cls) -> None:
        if "kind" in cls.__dict__:
            EVENTS[cls.kind] = cls

    def groups(self) -> list[str]:
        """The channel-layer groups that must hear of it."""
        raise NotImplementedError

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        for name, nested in cls.nested.items():
            if facts.get(name) is not None:
                facts[name] = _made(nested, facts[name])
        return _made(cls, facts)


@dataclass(frozen=True, kw_only=True)
class ChatEvent(Event):
    """A durable change to a chat: one row of its log, found again under (`chat_id`, `seq`)."""

    chat_id: int
    chat_uuid: str
    seq: int
    actor_id: int | None
    created_at: str
    # Whether it brings its chat to the top of people's lists.
    activity: ClassVar[bool] = True
    # The socket whose command made it, as "<process>:<number>"; None from REST and the admin.
    origin: str | None = None

    def groups(self) -> list[str]:
        return [f"chat.{self.chat_id}"]

    def joining(self) -> Sequence[int]:
        """Ids of the people who are members from this event on."""
        return ()

    def leaving(self) -> Sequence[int] | None:
        """Ids of the people who are members no longer after it; None for everybody."""
        return ()


@dataclass(frozen=True, kw_only=True)
class UserEvent(Event):
    """Something that concerns one person's sockets."""

    user_id: int

    def groups(self) -> list[str]:
        return [f"user.{self.user_id}"]


@dataclass(frozen=True, kw_only=True)
class PassingEvent(Event):
    """
    Something that is told to whoever is there and kept nowhere: typing, presence. It is for the
    people of the chats `chat_ids`, but for the person it is about and those it is `hidden` from, or
    for those in `only`.
    """

    user_id: int
    user_uuid: str
    chat_ids: list[int]
    hidden: list[int] = field(default_factory=list)
    only: list[int] | None = None

    def is_for(self, user_id: int) -> bool:
        """Whether this person is to hear of it, who is in one of the chats."""
        if user_id == self.user_id or user_id in self.hidden:
            return False
        return self.only is None or user_id in self.only

    def groups(self) -> list[str]:
        return [f"chat.{chat_id}" for chat_id in self.chat_ids]


def publish(*events: Event) -> None:
    """Send `events` when the transaction commits, and never if it does not."""
    if not events:
        return

    # A def, not a partial: when a robust callback fails, Django logs its __qualname__.
    def ring() -> None:
        from messenger.realtime import doorbell

        doorbell.ring(events)

    transaction.on_commit(ring, robust=True)


def encode(events: Sequence[Event]) -> bytes:
    """The events of one group as they travel between processes."""
    return orjson.dumps([[event.kind, event] for event in events])


def decode(body: bytes) -> list[Event]:
    """
    What `encode` made, perhaps in a process of another version: fields that are not known here are
    passed over, and an event that can't be made is left out. `seq` shows it.
    """
    found: list[Event] = []
    for kind, facts in orjson.loads(body):
        try:
            found.append(EVENTS[kind].from_facts(facts))
        except (KeyError, TypeError) as error:
            logger.info("An event %r of another version is left out: %s", kind, error)
    return found


def _made(cls: type[Made], facts: dict[str, Any]) -> Made:
    try:
        return cls(**facts)
    except TypeError:
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in facts.items() if name in known})
