"""What happens to chats and who is in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from messenger.events import ChatEvent, Event

Reason = Literal["not_found", "rejoined", "expired", "too_far", "ahead"]


@dataclass(frozen=True, kw_only=True)
class MemberFacts:
    """A person in a chat."""

    user_id: int
    user_uuid: str
    username: str
    role: str
    name: str = ""
    joined_at: str = ""


@dataclass(frozen=True, kw_only=True)
class ChatFacts:
    """A chat as it was when the event happened. `members` by the time of joining."""

    id: int
    uuid: str
    kind: str
    name: str
    description: str
    is_open: bool
    created_at: str
    members: list[MemberFacts]
    # Seconds from one message of a member to their next; 0 for no limit.
    slow_mode: int = 0

    def __post_init__(self) -> None:
        # Off the wire the members come as plain objects.
        if self.members and isinstance(self.members[0], dict):
            members = [MemberFacts(**member) for member in self.members]  # type: ignore[arg-type]
            object.__setattr__(self, "members", members)


@dataclass(frozen=True, kw_only=True)
class ChatCreated(ChatEvent):
    """A chat came to be, with all its first members."""

    kind: ClassVar[str] = "chat_created"
    nested = {"chat": ChatFacts}
    chat: ChatFacts

    def joining(self) -> Sequence[int]:
        return [member.user_id for member in self.chat.members]


@dataclass(frozen=True, kw_only=True)
class ChatUpdated(ChatEvent):
    """The name, the description or the openness of a chat changed."""

    kind: ClassVar[str] = "chat_updated"
    nested = {"chat": ChatFacts}
    chat: ChatFacts


@dataclass(frozen=True, kw_only=True)
class ChatDeleted(ChatEvent):
    """A chat is gone, for everybody. Nothing follows it."""

    kind: ClassVar[str] = "chat_deleted"

    def leaving(self) -> Sequence[int] | None:
        return None


@dataclass(frozen=True, kw_only=True)
class MemberJoined(ChatEvent):
    """A person joined or was added (`actor_id` says by whom). `chat` is what they came into."""

    kind: ClassVar[str] = "member_joined"
    nested = {"chat": ChatFacts, "member": MemberFacts}
    chat: ChatFacts
    member: MemberFacts

    def joining(self) -> Sequence[int]:
        return [self.member.user_id]


@dataclass(frozen=True, kw_only=True)
class MemberLeft(ChatEvent):
    """A person left or was removed (`actor_id` says by whom). The last thing they hear of it."""

    kind: ClassVar[str] = "member_left"
    user_id: int
    user_uuid: str

    def leaving(self) -> Sequence[int] | None:
        return [self.user_id]


@dataclass(frozen=True, kw_only=True)
class RoleChanged(ChatEvent):
    """A member has another role now."""

    kind: ClassVar[str] = "role_changed"
    nested = {"member": MemberFacts}
    member: MemberFacts


@dataclass(frozen=True, kw_only=True)
class ChatReset(Event):
    """
    To one reader: what they know of the chat can't be continued from, they are to load it anew.
    `seq` is its latest change; None if it is not theirs, and then `chat` and `chat_uuid` are both
    what they called it.

    `reason`: "not_found", "rejoined" (they left and came back since), "expired" (the log does not
    reach back), "too_far" (too many changes), "ahead" (the reader has seen more than there is: an
    older backup was restored).
    """

    kind: ClassVar[str] = "chat_reset"
    chat: int | str
    chat_uuid: str
    reason: Reason
    seq: int | None

    def groups(self) -> list[str]:
        return []
