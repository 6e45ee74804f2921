"""Chatroulette's socket: the native commands in, events out."""

from chats import events as chats
from messaging import events as messaging
from messaging.services import Sent
from messenger.protocols.base import Protocol, To, Told
from messenger.protocols.chatroulette import frames, shapes
from messenger.protocols.chatroulette.frames import place
from messenger.protocols.enveloped import Enveloped
from messenger.protocols.native import ReadChat, take_commands
from presence import events as presence

chatroulette = Protocol(
    "chatroulette",
    path="ws",
    codec=Enveloped("type", "payload", answers={"resume": "resumed"}, beside=("chat_id",)),
)
chatroulette.ignores(presence.PresenceChanged)


# --- commands: those of every native protocol, here answered in UUIDs ------------------------


def message_sent(sent: Sent) -> shapes.Message:
    return shapes.message(sent.message)


def chat_read(read: ReadChat) -> shapes.ReadUpTo:
    return {"chat_id": str(read.chat.uuid), "read": read.read, "unread_count": read.unread}


def resumed(told: Told) -> frames.Resumed:
    uuids = told.missed.uuids
    seqs = {uuids[chat_id]: seq for chat_id, seq in told.seqs.items()}
    return {"chats": seqs, "new": [uuids[chat_id] for chat_id in told.missed.unnamed]}


take_commands(
    chatroulette,
    sent=message_sent,
    read=shapes.read_by,
    chat_read=chat_read,
    resumed=resumed,
    reported=shapes.report,
    blocked=shapes.block,
)


# --- events ----------------------------------------------------------------------------------


@chatroulette.on(messaging.MessageSent)
def new_message(event: messaging.MessageSent) -> frames.NewMessage:
    return {"type": "new_message", **place(event), "payload": shapes.message(event.message)}


@chatroulette.on(messaging.MessageRead)
def message_status_update(event: messaging.MessageRead) -> frames.MessageStatusUpdate:
    payload: shapes.ReadBy = {
        "message_id": event.message.uuid,
        "status": shapes.name(event.message.status),
        "read_by": event.read_by,
        "read_at": event.first_read_at,
    }
    return {"type": "message_status_update", **place(event), "payload": payload}


@chatroulette.on(messaging.MessageEdited)
def message_edited(event: messaging.MessageEdited) -> frames.MessageEdited:
    return {"type": "message_edited", **place(event), "payload": shapes.edited(event.message)}


@chatroulette.on(messaging.MessageDeleted)
def message_deleted(event: messaging.MessageDeleted) -> frames.MessageDeleted:
    payload: frames.DeletedMessage = {
        "message_id": event.message.uuid,
        "status": "deleted",
        "deleted_at": event.message.deleted_at,
    }
    return {"type": "message_deleted", **place(event), "payload": payload}


@chatroulette.on(messaging.ReactionAdded)
def message_liked(
    event: messaging.ReactionAdded,
) -> frames.ReactionAdded | list[To[frames.MessageLiked]]:
    """Each hears whether they like it themselves."""
    if event.likes is None:
        return {"type": "reaction_added", **place(event), "payload": reaction(event)}
    likers = frozenset(event.likes.liker_ids)

    def words(mine: bool) -> frames.MessageLiked:
        return {"type": "message_liked", **place(event), "payload": likes_now(event, mine)}

    return [To(words(True), only=likers), To(words(False), but=likers)]


@chatroulette.on(messaging.ReactionRemoved)
def message_unliked(
    event: messaging.ReactionRemoved,
) -> frames.ReactionRemoved | list[To[frames.MessageUnliked]]:
    if event.likes is None:
        return {"type": "reaction_removed", **place(event), "payload": reaction(event)}
    likers = frozenset(event.likes.liker_ids)

    def words(mine: bool) -> frames.MessageUnliked:
        return {"type": "message_unliked", **place(event), "payload": likes_now(event, mine)}

    return [To(words(True), only=likers), To(words(False), but=likers)]


def likes_now(
    event: messaging.ReactionAdded | messaging.ReactionRemoved, mine: bool
) -> shapes.LikesNow:
    assert event.likes is not None
    uuid = event.message.uuid
    return {**shapes.liked(uuid, event.likes), "id": uuid, "is_liked_by_user": mine}


def reaction(event: messaging.ReactionAdded | messaging.ReactionRemoved) -> frames.ReactionFacts:
    return {
        "message_id": event.message.uuid,
        "user_id": event.user_uuid,
        "emoji": event.emoji,
    }


@chatroulette.on(chats.ChatCreated)
def chat_created(event: chats.ChatCreated) -> frames.ChatCreated:
    return {"type": "chat_created", **place(event), "payload": shapes.chat(event.chat)}


@chatroulette.on(chats.ChatUpdated)
def chat_updated(event: chats.ChatUpdated) -> frames.ChatUpdated:
    return {"type": "chat_updated", **place(event), "payload": shapes.chat(event.chat)}


@chatroulette.on(chats.ChatDeleted)
def chat_deleted(event: chats.ChatDeleted) -> frames.ChatDeleted:
    return {"type": "chat_deleted", **place(event), "payload": {"chat_id": event.chat_uuid}}


@chatroulette.on(chats.MemberJoined)
def member_joined(
    event: chats.MemberJoined,
) -> list[To[frames.ChatCreated] | To[frames.MemberJoined]]:
    """For who comes into a chat that exists, that is when it came to be."""
    newcomer = frozenset({event.member.user_id})
    created: frames.ChatCreated = {
        "type": "chat_created",
        **place(event),
        "payload": shapes.chat(event.chat),
    }
    joined: frames.MemberJoined = {
        "type": "member_joined",
        **place(event),
        "payload": shapes.member(event.member),
    }
    return [To(created, only=newcomer), To(joined, but=newcomer)]


@chatroulette.on(chats.MemberLeft)
def member_left(event: chats.MemberLeft) -> frames.MemberLeft:
    return {"type": "member_left", **place(event), "payload": {"user_id": event.user_uuid}}


@chatroulette.on(chats.RoleChanged)
def member_updated(event: chats.RoleChanged) -> frames.MemberUpdated:
    return {"type": "member_updated", **place(event), "payload": shapes.member(event.member)}


@chatroulette.on(presence.Typing)
def typing(event: presence.Typing) -> frames.Typing:
    payload: frames.TypingFacts = {"user_id": event.user_uuid, "is_typing": event.is_typing}
    return {"type": "typing", "chat_id": event.chat_uuid, "payload": payload}


@chatroulette.on(chats.ChatReset)
def reset(event: chats.ChatReset) -> frames.Reset:
    payload: frames.ResetFacts = {"reason": event.reason, "seq": event.seq}
    return {"type": "reset", "chat_id": event.chat_uuid, "payload": payload}
