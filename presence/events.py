"""Who comes, goes and is away, and who is writing something."""

from dataclasses import dataclass
from typing import ClassVar

from messenger.events import EVERY_HUB, PassingEvent
from presence.leases import StatusName

# Seconds after which nobody is typing who has not said so again.
TYPING = 10.0


@dataclass(frozen=True, kw_only=True)
class PresenceChanged(PassingEvent):
    """A person is online, away or offline from now on. For all who share a chat with them."""

    kind: ClassVar[str] = "presence_changed"
    status: StatusName
    # The one that was told before; the same where nobody knows which one was.
    was: StatusName
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
