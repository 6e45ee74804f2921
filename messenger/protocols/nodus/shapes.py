"""What the native API's nouns look like."""

from collections.abc import Iterable
from typing import Literal, TypedDict

from accounts import models as accounts
from chats.events import ChatFacts, MemberFacts
from chats.models import Chat as ChatRow
from chats.models import Membership
from chats.selectors import Overview
from messaging import stats as statistics
from messaging.emoji import LIKE
from messaging.events import MessageFacts
from messaging.models import Reaction as ReactionRow
from messaging.reading import Read
from messenger.schemas import Json, Time, Uuid
from messenger.times import iso
from moderation import models as moderation
from moderation import own
from presence.selectors import Status

# --- people ----------------------------------------------------------------------------------


class User(TypedDict):
    id: int
    uuid: Uuid
    username: str
    name: str


class Me(User):
    email: str
    is_active: bool
    created_at: Time


class Ticket(TypedDict):
    """Opens one socket, once, within `expires_in` seconds: `?ticket=`."""

    ticket: str
    expires_in: int


def user(user: accounts.User) -> User:
    return {"id": user.id, "uuid": str(user.uuid), "username": user.username, "name": user.name}


def me(person: accounts.User) -> Me:
    return {
        **user(person),
        "email": person.email,
        "is_active": person.is_active,
        "created_at": iso(person.created_at),
    }


# --- messages --------------------------------------------------------------------------------


class BareMessage(TypedDict):
    """A message as events tell of it: its reactions have events of their own."""

    id: int
    uuid: Uuid
    chat_id: int
    # The place of its sending among all changes to the chat.
    seq: int
    author_id: int | None
    type: str
    content: str | None
    payload: Json
    status: Literal["delivered", "read"]
    ts: Time
    reply_to_id: int | None
    is_deleted: bool
    deleted_at: Time | None
    updated_at: Time | None
    is_edited: bool
    # As `updated_at`; and when somebody other than the author read it first.
    edited_at: Time | None
    read_at: Time | None


class Reaction(TypedDict):
    id: int
    message_id: int
    user_id: int
    emoji: str
    created_at: Time


class Message(BareMessage):
    """Likes are the reactions ❤️ among them: how many, of whom, and when the latest of them was."""

    reactions: list[Reaction]
    likes_count: int
    liked_by: list[int]
    liked_at: Time | None


class MessagePage(TypedDict):
    """Newest first; `next_cursor` is the next `before_id`, or `after_id` if that was asked for."""

    messages: list[Message]
    has_more: bool
    next_cursor: int | None


class Receipt(TypedDict):
    """Who has read a message, first at `read_at`: null for one's own."""

    message_id: int
    chat_id: int
    user_id: int
    read_at: Time | None
    read_by_all: bool


def bare_message(facts: MessageFacts) -> BareMessage:
    return {
        "id": facts.id,
        "uuid": facts.uuid,
        "chat_id": facts.chat_id,
        "seq": facts.seq,
        "author_id": facts.author_id,
        "type": facts.type,
        "content": facts.content,
        "payload": facts.payload,
        "status": "read" if facts.is_read else "delivered",
        "ts": facts.created_at,
        "reply_to_id": facts.reply_to_id,
        "is_deleted": facts.deleted_at is not None,
        "deleted_at": facts.deleted_at,
        "updated_at": facts.edited_at,
        "is_edited": facts.edited_at is not None,
        "edited_at": facts.edited_at,
        "read_at": facts.first_read_at,
    }


def message(facts: MessageFacts, reactions: list[Reaction]) -> Message:
    likes = [one for one in reactions if one["emoji"] == LIKE] if reactions else []
    return {
        **bare_message(facts),
        "reactions": reactions,
        "likes_count": len(likes),
        "liked_by": [like["user_id"] for like in likes],
        "liked_at": likes[-1]["created_at"] if likes else None,
    }


def reaction(reaction: ReactionRow) -> Reaction:
    return {
        "id": reaction.id,
        "message_id": reaction.message_id,
        "user_id": reaction.user_id,
        "emoji": reaction.emoji,
        "created_at": iso(reaction.created_at),
    }


def receipt(read: Read) -> Receipt:
    return {
        "message_id": read.message_id,
        "chat_id": read.chat_id,
        "user_id": read.reader_id,
        "read_at": read.read_at,
        "read_by_all": read.read_by_all,
    }


# --- chats -----------------------------------------------------------------------------------


class Member(TypedDict):
    user_id: int
    uuid: Uuid
    username: str
    name: str
    role: Literal["owner", "member"]
    joined_at: Time


class BareChat(TypedDict):
    """
    A chat as it is for everybody in it. `slow_mode` is how many seconds a member waits between two
    messages, 0 for none.
    """

    id: int
    uuid: Uuid
    type: Literal["group", "private"]
    name: str
    description: str
    is_open: bool
    slow_mode: int
    created_at: Time
    owner_id: int | None
    members_count: int


class ChatAndMembers(BareChat):
    members: list[Member]


class Chat(BareChat):
    """
    A chat as its caller sees it: a private one goes by the name of the other person, the `partner`.
    """

    role: Literal["owner", "member"]
    unread_count: int
    last_message: Message | None
    last_activity_at: Time
    # The latest change to it.
    seq: int
    partner: User | None


class WholeChat(Chat):
    members: list[Member]


class ChatPage(TypedDict):
    """Latest activity first; `next_cursor` is the next `cursor`."""

    chats: list[Chat]
    has_more: bool
    next_cursor: str | None


class Members(TypedDict):
    members: list[Member]


class ReadUpTo(TypedDict):
    """How many messages were read by it, and how many still wait."""

    chat_id: int
    read: int
    unread_count: int


class UserPage(TypedDict):
    """By id; `next_cursor` is the next `cursor`."""

    users: list[User]
    has_more: bool
    next_cursor: str | None


def member(facts: MemberFacts) -> Member:
    return {
        "user_id": facts.user_id,
        "uuid": facts.user_uuid,
        "username": facts.username,
        "name": facts.name,
        "role": "owner" if facts.role == Membership.Role.OWNER else "member",
        "joined_at": facts.joined_at,
    }


def members(facts: Iterable[MemberFacts]) -> list[Member]:
    return [member(one) for one in facts]


def bare_chat(facts: ChatFacts) -> BareChat:
    owners = [one.user_id for one in facts.members if one.role == Membership.Role.OWNER]
    return {
        "id": facts.id,
        "uuid": facts.uuid,
        "type": "group" if facts.kind == ChatRow.Kind.GROUP else "private",
        "name": facts.name,
        "description": facts.description,
        "is_open": facts.is_open,
        "slow_mode": facts.slow_mode,
        "created_at": facts.created_at,
        "owner_id": min(owners, default=None),
        "members_count": len(facts.members),
    }


def chat_and_members(facts: ChatFacts) -> ChatAndMembers:
    return {**bare_chat(facts), "members": members(facts.members)}


def chat(
    membership: Membership, overview: Overview, unread: int, last_message: Message | None
) -> Chat:
    """`membership` is the caller's, with its `.chat`."""
    chat, partner = membership.chat, overview.partner
    return {
        "id": chat.id,
        "uuid": str(chat.uuid),
        "type": "group" if chat.kind == ChatRow.Kind.GROUP else "private",
        "name": chat.name or overview.partner_name or "",
        "description": chat.description,
        "is_open": chat.is_open,
        "slow_mode": chat.slow_mode,
        "created_at": iso(chat.created_at),
        "owner_id": overview.owner_id,
        "members_count": overview.members_count,
        "role": "owner" if membership.role == Membership.Role.OWNER else "member",
        "unread_count": unread,
        "last_message": last_message,
        "last_activity_at": iso(chat.last_activity_at),
        "seq": chat.last_seq,
        "partner": user(partner) if partner else None,
    }


# --- moderation ------------------------------------------------------------------------------


class Report(TypedDict):
    """What the caller told the moderators. `user_id` is whom it is about, with a message too."""

    id: int
    message_id: int | None
    user_id: int
    chat_id: int | None
    reason: str
    comment: str
    created_at: Time


class Block(TypedDict):
    user: User
    created_at: Time


class BlockPage(TypedDict):
    """The latest first; `next_cursor` is the next `cursor`."""

    blocks: list[Block]
    has_more: bool
    next_cursor: str | None


class Appeal(TypedDict):
    """`outcome` is null until somebody has looked at it; `reason` is theirs."""

    decision_id: int
    text: str
    created_at: Time
    outcome: Literal["upheld", "granted"] | None
    reason: str
    decided_at: Time | None


class Decision(TypedDict):
    """What a moderator decided about the caller. `until` is the end of a mute or a ban."""

    id: int
    action: Literal["remove", "warn", "mute_here", "mute", "ban", "close_chat"]
    reason: str
    chat_id: int | None
    until: Time | None
    created_at: Time
    undone_at: Time | None
    can_appeal: bool
    appeal: Appeal | None


class DecisionPage(TypedDict):
    """The latest first; `next_cursor` is the next `cursor`."""

    decisions: list[Decision]
    has_more: bool
    next_cursor: str | None


def report(report: own.ReportFacts) -> Report:
    return {
        "id": report.id,
        "message_id": report.message.id if report.message else None,
        "user_id": report.person.id,
        "chat_id": report.chat.id if report.chat else None,
        "reason": report.reason,
        "comment": report.comment,
        "created_at": iso(report.created_at),
    }


def block(block: accounts.Block) -> Block:
    return {"user": user(block.blocked), "created_at": iso(block.created_at)}


def appeal(appeal: moderation.Appeal) -> Appeal:
    return {
        "decision_id": appeal.decision_id,
        "text": appeal.text,
        "created_at": iso(appeal.created_at),
        "outcome": appeal.outcome or None,  # type: ignore[typeddict-item]
        "reason": appeal.reason,
        "decided_at": iso(appeal.decided_at) if appeal.decided_at else None,
    }


def decision(decision: moderation.Decision) -> Decision:
    made = own.appeal_of(decision)
    return {
        "id": decision.id,
        "action": decision.action,  # type: ignore[typeddict-item]
        "reason": decision.reason,
        "chat_id": decision.chat_id,
        "until": iso(decision.until) if decision.until else None,
        "created_at": iso(decision.created_at),
        "undone_at": iso(decision.undone_at) if decision.undone_at else None,
        "can_appeal": own.can_appeal(decision),
        "appeal": appeal(made) if made else None,
    }


# --- presence --------------------------------------------------------------------------------


class Presence(TypedDict):
    """`last_seen` is now while they are online, null for who never was here."""

    user_id: int
    status: Literal["online", "away", "offline"]
    last_seen: Time | None


def presence(status: Status) -> Presence:
    return {
        "user_id": status.user_id,
        "status": status.status,
        "last_seen": iso(status.last_seen) if status.last_seen else None,
    }


# --- statistics ------------------------------------------------------------------------------


class LikedMessage(TypedDict):
    message_id: int
    uuid: Uuid
    author_id: int | None
    likes: int


class ActivePerson(User):
    messages: int


class StatsPoint(TypedDict):
    """
    What happened from `at` on: messages sent, messages read for the first time by somebody other
    than their author, likes given.
    """

    at: Time
    messages: int
    reads: int
    likes: int


class StatsSeries(TypedDict):
    """One point for each unit, also where nothing happened. A week begins on Monday, in UTC."""

    unit: Literal["hour", "day", "week"]
    points: list[StatsPoint]


class ChatStats(TypedDict):
    """
    About the messages sent from `since` on and before `until` that are not deleted. `share_read` is
    the part, 0 to 1, of those that somebody else had to read which somebody has, and
    `median_seconds_to_read` how long that took; null where there is nothing to tell it from.
    """

    chat_id: int
    period: statistics.Period
    since: Time
    until: Time
    messages: int
    # Who wrote them.
    people: int
    share_read: float | None
    median_seconds_to_read: float | None
    reactions: int
    most_liked: list[LikedMessage]
    most_active: list[ActivePerson]
    series: StatsSeries


def chat_stats(chat_id: int, period: statistics.Period, stats: statistics.ChatStats) -> ChatStats:
    return {
        "chat_id": chat_id,
        "period": period,
        "since": iso(stats.since),
        "until": iso(stats.until),
        "messages": stats.messages,
        "people": stats.people,
        "share_read": stats.share_read,
        "median_seconds_to_read": stats.median_seconds_to_read,
        "reactions": stats.reactions,
        "most_liked": [
            {
                "message_id": one.message_id,
                "uuid": one.uuid,
                "author_id": one.author_id,
                "likes": one.likes,
            }
            for one in stats.most_liked
        ],
        "most_active": [
            {
                "id": one.user_id,
                "uuid": one.uuid,
                "username": one.username,
                "name": one.name,
                "messages": one.messages,
            }
            for one in stats.most_active
        ],
        "series": {
            "unit": stats.series.unit,
            "points": [
                {
                    "at": iso(point.at),
                    "messages": point.messages,
                    "reads": point.reads,
                    "likes": point.likes,
                }
                for point in stats.series.points
            ],
        },
    }
