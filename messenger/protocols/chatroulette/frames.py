"""What the frames of Chatroulette's socket look like: `{"type", "chat_id", "payload"}`."""

from typing import Literal, TypedDict

from chats.events import Reason
from messenger.events import ChatEvent
from messenger.protocols.chatroulette import shapes
from messenger.schemas import Time, Uuid


class Place(TypedDict):
    """
    Where a change stands among all changes to its chat. `prev_seq` is what a client must have seen
    last to have missed nothing.
    """

    chat_id: Uuid
    seq: int
    prev_seq: int


class NewMessage(Place):
    type: Literal["new_message"]
    payload: shapes.Message


class MessageStatusUpdate(Place):
    """Somebody has read it."""

    type: Literal["message_status_update"]
    payload: shapes.ReadBy


class MessageEdited(Place):
    type: Literal["message_edited"]
    payload: shapes.Edited


class DeletedMessage(TypedDict):
    message_id: Uuid
    status: Literal["deleted"]
    deleted_at: Time | None


class MessageDeleted(Place):
    type: Literal["message_deleted"]
    payload: DeletedMessage


class MessageLiked(Place):
    type: Literal["message_liked"]
    payload: shapes.LikesNow


class MessageUnliked(Place):
    type: Literal["message_unliked"]
    payload: shapes.LikesNow


class ReactionFacts(TypedDict):
    message_id: Uuid
    user_id: Uuid
    emoji: str


class ReactionAdded(Place):
    """Any emoji but the one that is a like."""

    type: Literal["reaction_added"]
    payload: ReactionFacts


class ReactionRemoved(Place):
    type: Literal["reaction_removed"]
    payload: ReactionFacts


class ChatCreated(Place):
    """A chat came to be, or the person who hears this came into it."""

    type: Literal["chat_created"]
    payload: shapes.Chat


class ChatUpdated(Place):
    type: Literal["chat_updated"]
    payload: shapes.Chat


class Gone(TypedDict):
    chat_id: Uuid


class ChatDeleted(Place):
    type: Literal["chat_deleted"]
    payload: Gone


class MemberJoined(Place):
    type: Literal["member_joined"]
    payload: shapes.Member


class MemberUpdated(Place):
    """Somebody has another role."""

    type: Literal["member_updated"]
    payload: shapes.Member


class FormerMember(TypedDict):
    user_id: Uuid


class MemberLeft(Place):
    """The last that this person hears of the chat."""

    type: Literal["member_left"]
    payload: FormerMember


class TypingFacts(TypedDict):
    user_id: Uuid
    is_typing: bool


class Typing(TypedDict):
    """Ends by itself after ten seconds, and says so."""

    type: Literal["typing"]
    chat_id: Uuid
    payload: TypingFacts


class ResetFacts(TypedDict):
    reason: Reason
    seq: int | None


class Reset(TypedDict):
    """
    The changes to this chat can't be told from where the client stands: load it anew. `seq` is its
    latest; null where it is not theirs, and `chat_id` is what they called it.
    """

    type: Literal["reset"]
    chat_id: str
    payload: ResetFacts


class Resumed(TypedDict):
    """
    Up to which `seq` each chat that was named has been told, and the chats that were not named.
    """

    chats: dict[str, int]
    new: list[Uuid]


def place(event: ChatEvent) -> Place:
    return {"chat_id": event.chat_uuid, "seq": event.seq, "prev_seq": event.seq - 1}
