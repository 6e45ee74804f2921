"""Who comes and goes, and who is writing something."""

from dataclasses import dataclass
from typing import ClassVar

from messenger.events import EVERY_HUB, PassingEvent


@dataclass(frozen=True, kw_only=True)
class PresenceChanged(PassingEvent):
    """A person came online or went offline. For all who share a chat with them."""

    kind: ClassVar[str] = "presence_changed"
    # "online" or "offline".
    status: str
    created_at: str
    # Later changes of a person have a larger one; 0 where nobody knows.
    order: float = 0.0

    def groups(self) -> list[str]:
        # One message for each process, not one for each of the person's chats.
        return [EVERY_HUB]


@dataclass(frozen=True, kw_only=True)
class Typing(PassingEvent):
    """A member of a chat is writing, or stopped. It ends by itself after ten seconds."""

    kind: ClassVar[str] = "typing"
    chat_uuid: str
    is_typing: bool

    @property
    def chat_id(self) -> int:
        [chat_id] = self.chat_ids
        return chat_id
