"""What the server's nouns look like: the JSON objects of the contract, as types."""

from typing import Any, Literal, TypedDict

# An id goes as the integer or as the UUID; what comes from the server has both.
Id = int | str


class Tokens(TypedDict):
    access_token: str
    refresh_token: str


class User(TypedDict):
    id: int
    uuid: str
    username: str
    name: str


class Me(User):
    email: str
    is_active: bool
    created_at: str


class Ticket(TypedDict):
    ticket: str
    expires_in: int


class BareMessage(TypedDict):
    """A message as events tell of it. A deleted one has neither content nor payload."""

    id: int
    uuid: str
    chat_id: int
    seq: int
    author_id: int | None
    type: str
    content: str | None
    payload: Any
    status: Literal["delivered", "read"]
    ts: str
    reply_to_id: int | None
    is_deleted: bool
    deleted_at: str | None
    updated_at: str | None
    is_edited: bool
    edited_at: str | None
    read_at: str | None


class Reaction(TypedDict):
    id: int
    message_id: int
    user_id: int
    emoji: str
    created_at: str


class Message(BareMessage):
    reactions: list[Reaction]
    likes_count: int
    liked_by: list[int]
    liked_at: str | None


class MessagePage(TypedDict):
    messages: list[Message]
    has_more: bool
    next_cursor: int | None


class Receipt(TypedDict):
    message_id: int
    chat_id: int
    user_id: int
    read_at: str | None
    read_by_all: bool


Role = Literal["owner", "member"]


class Member(TypedDict):
    user_id: int
    uuid: str
    username: str
    name: str
    role: Role
    joined_at: str


class Members(TypedDict):
    members: list[Member]


class BareChat(TypedDict):
    """A chat as it is for everybody in it."""

    id: int
    uuid: str
    type: Literal["group", "private"]
    name: str
    description: str
    is_open: bool
    # Seconds from one message of a member to their next; 0 for none.
    slow_mode: int
    created_at: str
    owner_id: int | None
    members_count: int


class ChatAndMembers(BareChat):
    members: list[Member]


class Chat(BareChat):
    """A chat as the caller sees it; `seq` is the latest change to it."""

    role: Role
    unread_count: int
    last_message: Message | None
    last_activity_at: str
    seq: int
    partner: User | None


class WholeChat(Chat):
    members: list[Member]


class ChatPage(TypedDict):
    chats: list[Chat]
    has_more: bool
    next_cursor: str | None


class ReadUpTo(TypedDict):
    chat_id: int
    read: int
    unread_count: int


class Snapshot(TypedDict):
    """Who is signed in and all their chats, as they were at one moment."""

    user: Me
    chats: list[Chat]


class UserPage(TypedDict):
    users: list[User]
    has_more: bool
    next_cursor: str | None


class Presence(TypedDict):
    user_id: int
    status: Literal["online", "away", "offline"]
    last_seen: str | None


Reason = Literal["spam", "abuse", "hate", "violence", "sexual", "fraud", "other"]


class Report(TypedDict):
    """A report of one's own; `user_id` is whom it is about, with a message too."""

    id: int
    message_id: int | None
    user_id: int
    chat_id: int | None
    reason: Reason
    comment: str
    created_at: str


class Block(TypedDict):
    user: User
    created_at: str


class BlockPage(TypedDict):
    blocks: list[Block]
    has_more: bool
    next_cursor: str | None


class Appeal(TypedDict):
    """`outcome` is None until somebody has looked at it; `reason` is theirs."""

    decision_id: int
    text: str
    created_at: str
    outcome: Literal["upheld", "granted"] | None
    reason: str
    decided_at: str | None


class Decision(TypedDict):
    """What a moderator decided about oneself; `until` is the end of a mute or a ban."""

    id: int
    action: Literal["remove", "warn", "mute_here", "mute", "ban", "close_chat"]
    reason: str
    chat_id: int | None
    until: str | None
    created_at: str
    undone_at: str | None
    can_appeal: bool
    appeal: Appeal | None


class DecisionPage(TypedDict):
    decisions: list[Decision]
    has_more: bool
    next_cursor: str | None


class Reset(TypedDict):
    reason: Literal["expired", "ahead"]
    seq: int | None


class EventPage(TypedDict):
    """`events` are frames as they come over the socket."""

    events: list[dict[str, Any]]
    has_more: bool
    last_seq: int
    reset: Reset | None
