"""
What each protocol must say of a change, to one of its hearers: as much of the frame as the model
knows. None where it says nothing.
"""

from typing import Any

from tests.fuzz.things import LIKE, Change, Chat, Looks, Message, Person

Words = dict[str, Any]


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Where `found` is not as expected; it may say more than that, but lists are whole."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            wrong
            for name, value in expected.items()
            for wrong in (
                differences(value, found[name], f"{where}.{name}")
                if name in found
                else [f"{where}.{name} is missing"]
            )
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = zip(expected, found, strict=True)
        return [
            wrong
            for index, (one, other) in enumerate(pairs)
            for wrong in differences(one, other, f"{where}[{index}]")
        ]
    same = expected == found and isinstance(expected, bool) == isinstance(found, bool)
    return [] if same else [f"{where or 'it'} is {found!r:.300} and not {expected!r:.300}"]


# --- nouns -----------------------------------------------------------------------------------


def nodus_message(message: Message, *, whole: bool = False) -> Words:
    words: Words = {
        "id": message.id,
        "uuid": message.uuid,
        "chat_id": message.chat.id,
        "seq": message.seq,
        "author_id": message.author.id,
        "type": message.type,
        "content": message.content,
        "payload": message.payload,
        "status": "read" if message.readers else "delivered",
        "reply_to_id": message.reply_to.id if message.reply_to else None,
        "is_deleted": message.deleted,
        "is_edited": message.edited,
    }
    if whole:
        reactions = [{"user_id": p.id, "emoji": emoji} for p, emoji in message.reactions]
        likers = [person.id for person in message.likers]
        words |= {"reactions": reactions, "liked_by": likers, "likes_count": len(likers)}
    return words


def chatroulette_message(message: Message) -> Words:
    return {
        "id": message.uuid,
        "chat_id": message.chat.uuid,
        "author_id": message.author.uuid,
        "type": message.type,
        "content": message.content,
        "payload": message.payload,
        "reply_to_id": message.reply_to.uuid if message.reply_to else None,
        "status": message.status,
        "is_edited": message.edited,
    }


def miniapp_message(message: Message, *, read: bool = False) -> Words:
    return {
        "id": message.id,
        "chat_id": message.chat.id,
        "sender_uuid": message.author.uuid,
        "text": message.content,
        "read_status": "read" if read else "unread",
    }


def messenger_api_message(message: Message) -> Words:
    return {
        "id": message.id,
        "text": message.content,
        "chat_id": message.chat.id,
        "author_id": message.author.id,
        "is_edited": message.edited,
    }


def nodus_chat(chat: Chat, looks: Looks) -> Words:
    return {
        "id": chat.id,
        "uuid": chat.uuid,
        "type": chat.kind,
        "name": looks.title,
        "description": looks.description,
        "is_open": looks.is_open,
        "owner_id": looks.owner,
        "members_count": len(looks.members),
    }


def nodus_members(looks: Looks) -> list[Words]:
    return [{"user_id": person.id, "role": role} for person, role in looks.members]


def chatroulette_chat(chat: Chat, looks: Looks) -> Words:
    return {
        "id": chat.uuid,
        "type": chat.kind,
        "name": looks.title,
        "description": looks.description,
        "is_open": looks.is_open,
        "members": [{"user_id": person.uuid, "role": role} for person, role in looks.members],
    }


def miniapp_chat(chat: Chat, looks: Looks) -> Words:
    uuids = [person.uuid for person, _ in looks.members]
    return {
        "id": chat.id,
        "uuid": chat.uuid,
        "type": chat.kind,
        "name": looks.title,
        "user_ids": uuids,
    }


# --- frames ----------------------------------------------------------------------------------


def nodus(change: Change, hearer: Person) -> Words | None:
    chat, message, person = change.chat, change.message, change.person
    by = change.actor.id if change.actor and change.actor is not person else None

    def frame(event: str, data: Words) -> Words:
        place = {"chat_id": chat.id, "seq": change.seq, "prev_seq": change.seq - 1}
        return {"event": event, **place, "data": data}

    created = {**nodus_chat(chat, change.looks), "members": nodus_members(change.looks)}
    if message is not None:
        about = {"message_id": message.id, "user_id": person.id if person else None}
        match change.kind:
            case "sent":
                return frame("message.created", nodus_message(message))
            case "edited":
                return frame("message.updated", nodus_message(message))
            case "deleted":
                return frame("message.deleted", nodus_message(message))
            case "read":
                return frame("message.read", {**about, "read_by_all": change.completes})
            case "reacted":
                return frame("reaction.added", {**about, "emoji": change.emoji})
            case "unreacted":
                return frame("reaction.removed", {**about, "emoji": change.emoji})
    match change.kind:
        case "chat_created":
            return frame("chat.created", created)
        case "chat_updated":
            return frame("chat.updated", nodus_chat(chat, change.looks))
        case "chat_deleted":
            actor = change.actor.id if change.actor else None
            return frame("chat.deleted", {"id": chat.id, "deleted_by": actor})
    assert person is not None, change
    member = {"user_id": person.id, "role": change.role}
    match change.kind:
        case "joined" if hearer is person:
            return frame("chat.created", created)
        case "joined":
            return frame("member.joined", {"member": member, "added_by": by})
        case "left":
            return frame("member.left", {"user_id": person.id, "removed_by": by})
        case "role":
            return frame("member.updated", {"member": member})
    raise AssertionError(change)


def chatroulette(change: Change, hearer: Person) -> Words | None:
    chat, message, person = change.chat, change.message, change.person

    def frame(type: str, payload: Words) -> Words:
        place = {"chat_id": chat.uuid, "seq": change.seq, "prev_seq": change.seq - 1}
        return {"type": type, **place, "payload": payload}

    if message is not None:
        uuid = message.uuid
        words: Words
        match change.kind:
            case "sent":
                return frame("new_message", chatroulette_message(message))
            case "edited":
                words = {"id": uuid, "content": message.content, "status": message.status}
                return frame("message_edited", words)
            case "deleted":
                return frame("message_deleted", {"message_id": uuid, "status": "deleted"})
            case "read":
                read_by = [reader.uuid for reader in message.readers]
                words = {"message_id": uuid, "status": message.status, "read_by": read_by}
                return frame("message_status_update", words)
            case "reacted" | "unreacted" if change.emoji == LIKE:
                words = {
                    "message_id": uuid,
                    "likes_count": len(message.likers),
                    "liked_by": [liker.uuid for liker in message.likers],
                    "is_liked_by_user": hearer in message.likers,
                }
                name = "message_liked" if change.kind == "reacted" else "message_unliked"
                return frame(name, words)
            case _:
                assert person is not None
                name = "reaction_added" if change.kind == "reacted" else "reaction_removed"
                words = {"message_id": uuid, "user_id": person.uuid, "emoji": change.emoji}
                return frame(name, words)
    match change.kind:
        case "chat_created":
            return frame("chat_created", chatroulette_chat(chat, change.looks))
        case "chat_updated":
            return frame("chat_updated", chatroulette_chat(chat, change.looks))
        case "chat_deleted":
            return frame("chat_deleted", {"chat_id": chat.uuid})
    assert person is not None, change
    member = {"user_id": person.uuid, "role": change.role}
    match change.kind:
        case "joined" if hearer is person:
            return frame("chat_created", chatroulette_chat(chat, change.looks))
        case "joined":
            return frame("member_joined", member)
        case "left":
            return frame("member_left", {"user_id": person.uuid})
        case "role":
            return frame("member_updated", member)
    raise AssertionError(change)


def miniapp(change: Change, hearer: Person) -> Words | None:
    chat, message = change.chat, change.message
    match change.kind:
        case "chat_created":
            return {"action": "chat_created", "data": miniapp_chat(chat, change.looks)}
        case "joined" if hearer is change.person:
            return {"action": "chat_created", "data": miniapp_chat(chat, change.looks)}
    if message is None:
        return None
    about = {"message_id": message.id, "chat_id": chat.id}
    match change.kind:
        case "sent":
            return {"action": "new_message", "data": miniapp_message(message)}
        case "edited":
            own = hearer is message.author and change.read_by_all
            words = miniapp_message(message, read=own or hearer in message.readers)
            return {"action": "message_edited", "data": words}
        case "deleted":
            return {"action": "message_deleted", "data": about}
        case "read" if change.completes and hearer is message.author:
            assert change.person is not None
            words = {**about, "read_by": change.person.uuid}
            return {"action": "message_read_by_all", "data": words}
    return None


def messenger_api(change: Change, subscribed: bool) -> Words | None:
    message, chat_id = change.message, change.chat.id
    if message is None or not (subscribed or change.kind == "sent" and change.direct):
        return None
    whole = {"chat_id": chat_id, "message": messenger_api_message(message)}
    match change.kind:
        case "sent":
            return {"type": "new_message", **whole}
        case "edited":
            return {"type": "message_edited", **whole}
        case "deleted":
            return {"type": "message_deleted", "chat_id": chat_id, "message_id": message.id}
    return None
