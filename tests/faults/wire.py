"""What the frames of each protocol say, in the words of `Delivery`."""

from dataclasses import dataclass
from typing import Any

from tests.faults.world import World, key_of

KINDS = {
    "message.created": "sent",
    "message.updated": "edited",
    "message.deleted": "deleted",
    "message.read": "read",
    "reaction.added": "liked",
    "reaction.removed": "unliked",
    "chat.created": "joined",
    "chat.updated": "renamed",
    "chat.deleted": "gone",
    "member.joined": "joined",
    "member.left": "left",
    "member.updated": "role",
}
CHATROULETTE = {
    "new_message": "message.created",
    "message_edited": "message.updated",
    "message_deleted": "message.deleted",
    "message_status_update": "message.read",
    "message_liked": "reaction.added",
    "message_unliked": "reaction.removed",
    "chat_created": "chat.created",
    "chat_updated": "chat.updated",
    "chat_deleted": "chat.deleted",
    "member_joined": "member.joined",
    "member_left": "member.left",
    "member_updated": "member.updated",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A change to a chat, as `hearer` was told of it."""

    chat: int
    kind: str
    ref: str = ""
    person: int | None = None
    seq: int | None = None
    prev: int | None = None
    key: str = ""


def nodus(frame: dict[str, Any], hearer: int) -> Told | None:
    """A frame of NODUS's socket, or an entry of a chat's log. None if it is no change to a chat."""
    seq = frame.get("seq")
    if seq is None:
        return None
    event, data = frame["event"], frame["data"]
    ref, person, key = "", None, ""
    if event.startswith("message."):
        ref = str(data["id"] if "id" in data else data["message_id"])
        person = data.get("author_id", data.get("user_id"))
        key = key_of(data["content"]) if event == "message.created" else ""
    elif event.startswith("reaction."):
        ref, person = str(data["message_id"]), data["user_id"]
    elif event == "chat.created":
        person = hearer
    elif event.startswith("member."):
        person = data["user_id"] if event == "member.left" else data["member"]["user_id"]
    kind = KINDS[event]
    return Told(frame["chat_id"], kind, ref, person, seq, frame["prev_seq"], key)


def chatroulette(frame: dict[str, Any], hearer: int, world: World) -> Told | None:
    """The same; who read or liked is not said of every one."""
    seq = frame.get("seq")
    if seq is None:
        return None
    event, data = CHATROULETTE[frame["type"]], frame["payload"]
    ref, person, key = "", None, ""
    if event.startswith(("message.", "reaction.")):
        ref = data["id"] if "id" in data else data["message_id"]
        if event == "message.created":
            person, key = world.ids.get(data["author_id"]), key_of(data["content"])
    elif event == "chat.created":
        person = hearer
    elif event.startswith("member."):
        person = world.ids.get(data["user_id"])
    chat = world.ids[frame["chat_id"]]
    return Told(chat, KINDS[event], ref, person, seq, frame["prev_seq"], key)


def miniapp(frame: dict[str, Any], hearer: int, world: World) -> Told | None:
    """A message, or that one has come into a chat."""
    data: Any = frame.get("data")
    if frame["action"] == "new_message":
        person = world.ids.get(data["sender_uuid"])
        ref, key = str(data["id"]), key_of(data["text"])
        return Told(data["chat_id"], "sent", ref, person, key=key)
    if frame["action"] == "chat_created":
        return Told(data["id"], "joined", person=hearer)
    return None


def messenger_api(frame: dict[str, Any], hearer: int, world: World) -> Told | None:
    """A message."""
    if frame["type"] != "new_message":
        return None
    said = frame["message"]
    return Told(
        frame["chat_id"], "sent", str(said["id"]), said["author_id"], key=key_of(said["text"])
    )
