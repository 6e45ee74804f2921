"""What happens to messages."""

from dataclasses import dataclass
from typing import Any, ClassVar

from messaging.status import Status
from messenger.events import ChatEvent


@dataclass(frozen=True, kw_only=True)
class MessageFacts:
    """A message as it was when the event happened. Times are ISO 8601 in UTC."""

    id: int
    uuid: str
    chat_id: int
    chat_uuid: str
    author_id: int | None
    author_uuid: str | None
    position: int
    # The `seq` of its sending in the chat's log.
    seq: int
    type: str
    # Both None once it is deleted.
    content: str | None
    payload: Any
    reply_to_id: int | None
    reply_to_uuid: str | None = None
    created_at: str
    # See messaging.status.
    status: str = Status.DELIVERED
    edited_at: str | None = None
    deleted_at: str | None = None
    # When somebody other than the author read it first.
    first_read_at: str | None = None

    @property
    def is_read(self) -> bool:
        return self.first_read_at is not None


@dataclass(frozen=True, kw_only=True)
class Likes:
    """
    Who likes a message: ids and UUIDs in the order of their liking, and when the latest of these
    was. A like is the reaction ❤️.
    """

    liker_ids: list[int]
    liked_by: list[str]
    liked_at: str | None


@dataclass(frozen=True, kw_only=True)
class MessageEvent(ChatEvent):
    """Something that happened to one message; `message` is how it became."""

    nested = {"message": MessageFacts}
    message: MessageFacts


@dataclass(frozen=True, kw_only=True)
class MessageSent(MessageEvent):
    """A message was stored."""

    kind: ClassVar[str] = "message_sent"
    # It was sent to a person, not into a chat.
    direct: bool = False


@dataclass(frozen=True, kw_only=True)
class MessageEdited(MessageEvent):
    """Its author changed the content."""

    kind: ClassVar[str] = "message_edited"
    activity: ClassVar[bool] = False
    # Ids of the people who have read it (in any version).
    readers: list[int]
    read_by_all: bool


@dataclass(frozen=True, kw_only=True)
class MessageDeleted(MessageEvent):
    """It was deleted: by its author, the owner of the chat or a moderator (`actor_id`)."""

    kind: ClassVar[str] = "message_deleted"
    activity: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class MessageRead(MessageEvent):
    """Somebody other than the author read it for the first time, at `created_at`."""

    kind: ClassVar[str] = "message_read"
    activity: ClassVar[bool] = False
    reader_id: int
    reader_uuid: str
    # UUIDs of all who have read it by now, in that order, and when the first of them did.
    read_by: list[str]
    first_read_at: str
    # True for exactly one reader of a message: the last one it was waiting for.
    completes: bool


@dataclass(frozen=True, kw_only=True)
class ReactionAdded(MessageEvent):
    """Somebody put an emoji on it."""

    kind: ClassVar[str] = "reaction_added"
    activity: ClassVar[bool] = False
    nested = {"message": MessageFacts, "likes": Likes}
    reaction_id: int
    user_id: int
    user_uuid: str
    emoji: str
    # Who likes the message now; None where the emoji is no like.
    likes: Likes | None = None


@dataclass(frozen=True, kw_only=True)
class ReactionRemoved(MessageEvent):
    """Somebody took an emoji off it."""

    kind: ClassVar[str] = "reaction_removed"
    activity: ClassVar[bool] = False
    nested = {"message": MessageFacts, "likes": Likes}
    user_id: int
    user_uuid: str
    emoji: str
    # Who likes the message now; None where the emoji is no like.
    likes: Likes | None = None
