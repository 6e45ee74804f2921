"""The native API's socket: commands in, events out, nothing left out."""

from chats import events as chats
from messaging import events as messaging
from messaging.services import Sent
from messenger.protocols.base import Protocol, To, Told
from messenger.protocols.enveloped import Enveloped
from messenger.protocols.native import ReadChat, take_commands
from messenger.protocols.nodus import frames, shapes
from messenger.protocols.nodus.frames import place
from presence import events as presence

nodus = Protocol(
    "nodus",
    path="api/v1/ws",
    codec=Enveloped("event", "data", answers={"resume": "resumed"}),
)


# --- commands: those of every native protocol, here answered in integers ---------------------


def message_sent(sent: Sent) -> shapes.Message:
    return shapes.message(sent.message, [])


def chat_read(read: ReadChat) -> shapes.ReadUpTo:
    return {"chat_id": read.chat.id, "read": read.read, "unread_count": read.unread}


def resumed(told: Told) -> frames.Resumed:
    seqs = {str(chat_id): seq for chat_id, seq in told.seqs.items()}
    return {"chats": seqs, "new": list(told.missed.unnamed)}


take_commands(
    nodus,
    sent=message_sent,
    read=shapes.receipt,
    chat_read=chat_read,
    resumed=resumed,
    reported=shapes.report,
    blocked=shapes.block,
)


# --- events ----------------------------------------------------------------------------------


@nodus.on(messaging.MessageSent)
def message_created(event: messaging.MessageSent) -> frames.MessageCreated:
    data = shapes.bare_message(event.message)
    return {"event": "message.created", **place(event), "data": data}


@nodus.on(messaging.MessageEdited)
def message_updated(event: messaging.MessageEdited) -> frames.MessageUpdated:
    data = shapes.bare_message(event.message)
    return {"event": "message.updated", **place(event), "data": data}


@nodus.on(messaging.MessageDeleted)
def message_deleted(event: messaging.MessageDeleted) -> frames.MessageDeleted:
    data = shapes.bare_message(event.message)
    return {"event": "message.deleted", **place(event), "data": data}


@nodus.on(messaging.MessageRead)
def message_read(event: messaging.MessageRead) -> frames.MessageRead:
    data: shapes.Receipt = {
        "message_id": event.message.id,
        "chat_id": event.chat_id,
        "user_id": event.reader_id,
        "read_at": event.created_at,
        "read_by_all": event.completes,
    }
    return {"event": "message.read", **place(event), "data": data}


@nodus.on(messaging.ReactionAdded)
def reaction_added(event: messaging.ReactionAdded) -> frames.ReactionAdded:
    data: shapes.Reaction = {
        "id": event.reaction_id,
        "message_id": event.message.id,
        "user_id": event.user_id,
        "emoji": event.emoji,
        "created_at": event.created_at,
    }
    return {"event": "reaction.added", **place(event), "data": data}


@nodus.on(messaging.ReactionRemoved)
def reaction_removed(event: messaging.ReactionRemoved) -> frames.ReactionRemoved:
    data: frames.RemovedReaction = {
        "message_id": event.message.id,
        "user_id": event.user_id,
        "emoji": event.emoji,
    }
    return {"event": "reaction.removed", **place(event), "data": data}


@nodus.on(chats.ChatCreated)
def chat_created(event: chats.ChatCreated) -> frames.ChatCreated:
    data = shapes.chat_and_members(event.chat)
    return {"event": "chat.created", **place(event), "data": data}


@nodus.on(chats.ChatUpdated)
def chat_updated(event: chats.ChatUpdated) -> frames.ChatUpdated:
    return {"event": "chat.updated", **place(event), "data": shapes.bare_chat(event.chat)}


@nodus.on(chats.ChatDeleted)
def chat_deleted(event: chats.ChatDeleted) -> frames.ChatDeleted:
    data: frames.DeletedChat = {"id": event.chat_id, "deleted_by": event.actor_id}
    return {"event": "chat.deleted", **place(event), "data": data}


@nodus.on(chats.MemberJoined)
def member_joined(
    event: chats.MemberJoined,
) -> list[To[frames.ChatCreated] | To[frames.MemberJoined]]:
    """For who comes into a chat that exists, that is when it came to be."""
    newcomer = frozenset({event.member.user_id})
    created: frames.ChatCreated = {
        "event": "chat.created",
        **place(event),
        "data": shapes.chat_and_members(event.chat),
    }
    by = event.actor_id if event.actor_id != event.member.user_id else None
    joined: frames.MemberJoined = {
        "event": "member.joined",
        **place(event),
        "data": {
            "chat_id": event.chat_id,
            "member": shapes.member(event.member),
            "added_by": by,
        },
    }
    return [To(created, only=newcomer), To(joined, but=newcomer)]


@nodus.on(chats.MemberLeft)
def member_left(event: chats.MemberLeft) -> frames.MemberLeft:
    by = event.actor_id if event.actor_id != event.user_id else None
    data: frames.FormerMember = {
        "chat_id": event.chat_id,
        "user_id": event.user_id,
        "removed_by": by,
    }
    return {"event": "member.left", **place(event), "data": data}


@nodus.on(chats.RoleChanged)
def member_updated(event: chats.RoleChanged) -> frames.MemberUpdated:
    data: frames.ChangedMember = {"chat_id": event.chat_id, "member": shapes.member(event.member)}
    return {"event": "member.updated", **place(event), "data": data}


@nodus.on(presence.Typing)
def user_typing(event: presence.Typing) -> frames.UserTyping:
    data: frames.TypingFacts = {
        "chat_id": event.chat_id,
        "user_id": event.user_id,
        "is_typing": event.is_typing,
    }
    return {"event": "user.typing", "data": data}


@nodus.on(presence.PresenceChanged)
def user_presence(event: presence.PresenceChanged) -> frames.UserPresence:
    data: frames.PresenceFacts = {
        "user_id": event.user_id,
        "status": event.status,
        "timestamp": event.created_at,
    }
    return {"event": "user.presence", "data": data}


@nodus.on(chats.ChatReset)
def reset(event: chats.ChatReset) -> frames.Reset:
    data: frames.ResetFacts = {"chat_id": event.chat, "reason": event.reason, "seq": event.seq}
    return {"event": "reset", "data": data}
