"""What the frames of the native API's socket look like: `{"event", "data"}`."""

from typing import Literal, TypedDict

from chats.events import Reason
from messenger.events import ChatEvent
from messenger.protocols.nodus import shapes
from messenger.schemas import Time


class Place(TypedDict):
    """
    Where a change stands among all changes to its chat. `prev_seq` is what a client must have seen
    last to have missed nothing.
    """

    chat_id: int
    seq: int
    prev_seq: int


class MessageCreated(Place):
    event: Literal["message.created"]
    data: shapes.BareMessage


class MessageUpdated(Place):
    event: Literal["message.updated"]
    data: shapes.BareMessage


class MessageDeleted(Place):
    """`content` and `payload` are null."""

    event: Literal["message.deleted"]
    data: shapes.BareMessage


class MessageRead(Place):
    """`read_by_all` is true for the last of those whom the message was waiting for."""

    event: Literal["message.read"]
    data: shapes.Receipt


class ReactionAdded(Place):
    event: Literal["reaction.added"]
    data: shapes.Reaction


class RemovedReaction(TypedDict):
    message_id: int
    user_id: int
    emoji: str


class ReactionRemoved(Place):
    event: Literal["reaction.removed"]
    data: RemovedReaction


class ChatCreated(Place):
    """A chat came to be, or the person who hears this came into it."""

    event: Literal["chat.created"]
    data: shapes.ChatAndMembers


class ChatUpdated(Place):
    event: Literal["chat.updated"]
    data: shapes.BareChat


class DeletedChat(TypedDict):
    """`deleted_by` is null where a moderator did it, or nobody was left."""

    id: int
    deleted_by: int | None


class ChatDeleted(Place):
    event: Literal["chat.deleted"]
    data: DeletedChat


class JoinedMember(TypedDict):
    """`added_by` is null for who joined by themselves."""

    chat_id: int
    member: shapes.Member
    added_by: int | None


class MemberJoined(Place):
    event: Literal["member.joined"]
    data: JoinedMember


class FormerMember(TypedDict):
    """`removed_by` is null for who left by themselves."""

    chat_id: int
    user_id: int
    removed_by: int | None


class MemberLeft(Place):
    event: Literal["member.left"]
    data: FormerMember


class ChangedMember(TypedDict):
    chat_id: int
    member: shapes.Member


class MemberUpdated(Place):
    """Somebody has another role."""

    event: Literal["member.updated"]
    data: ChangedMember


# What the log of a chat tells.
Change = (
    MessageCreated
    | MessageUpdated
    | MessageDeleted
    | MessageRead
    | ReactionAdded
    | ReactionRemoved
    | ChatCreated
    | ChatUpdated
    | ChatDeleted
    | MemberJoined
    | MemberLeft
    | MemberUpdated
)


class LogReset(TypedDict):
    reason: Reason
    seq: int


class Log(TypedDict):
    """
    The changes to a chat after a `seq`, as its socket would tell them; `reset` instead where it
    can't.
    """

    events: list[Change]
    has_more: bool
    last_seq: int
    reset: LogReset | None


class Snapshot(TypedDict):
    """Everything that a client needs to start, as it was at one moment."""

    user: shapes.Me
    chats: list[shapes.Chat]


class TypingFacts(TypedDict):
    chat_id: int
    user_id: int
    is_typing: bool


class UserTyping(TypedDict):
    """Ends by itself after ten seconds, and says so."""

    event: Literal["user.typing"]
    data: TypingFacts


class PresenceFacts(TypedDict):
    user_id: int
    status: Literal["online", "away", "offline"]
    timestamp: Time


class UserPresence(TypedDict):
    event: Literal["user.presence"]
    data: PresenceFacts


class ResetFacts(TypedDict):
    """`seq` is the chat's latest; null where the chat is not theirs."""

    chat_id: int | str
    reason: Reason
    seq: int | None


class Reset(TypedDict):
    """The changes to this chat can't be told from where the client stands: load it anew."""

    event: Literal["reset"]
    data: ResetFacts


class Resumed(TypedDict):
    """
    Up to which `seq` each chat that was named has been told, and the chats that were not named.
    """

    chats: dict[str, int]
    new: list[int]


def place(event: ChatEvent) -> Place:
    return {"chat_id": event.chat_id, "seq": event.seq, "prev_seq": event.seq - 1}
