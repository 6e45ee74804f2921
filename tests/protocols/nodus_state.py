"""
What a native client knows: it starts from `GET /sync` and the messages, and applies each frame.

The reducer is the simplest that the documented frames allow. If it can't keep up with what a fresh
client would see, a frame is missing, doubled, out of order or says too little.
"""

from typing import Any

from django.test import Client

Chat = dict[str, Any]
Message = dict[str, Any]


class NotThere(Exception):
    """Whoever asks is not in the chat, or it is gone."""


class State:
    """The chats of `user_id`, with their messages by id and who is in them."""

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.chats: dict[int, Chat] = {}
        self.messages: dict[int, dict[int, Message]] = {}
        self.members: dict[int, dict[int, Any]] = {}
        self.unread: dict[int, set[int]] = {}

    @property
    def seqs(self) -> dict[int, int]:
        return {id: chat["seq"] for id, chat in self.chats.items()}

    def view(self) -> dict[int, Any]:
        """Everything that a fresh client would see as well."""
        found = {}
        for id, chat in self.chats.items():
            messages = sorted(self.messages[id].values(), key=lambda m: m["id"])
            living = [message for message in messages if not message["is_deleted"]]
            members = self.members[id].values()
            owners = [member["user_id"] for member in members if member["role"] == "owner"]
            found[id] = {
                **{name: chat[name] for name in ("name", "description", "is_open", "seq", "type")},
                "owner_id": min(owners, default=None),
                "members_count": len(members),
                "members": sorted((m["user_id"], m["role"], m["name"]) for m in members),
                "messages": messages,
                "last_message": living[-1]["id"] if living else None,
                "unread_count": len(self.unread[id]),
            }
        return found

    # --- loading ------------------------------------------------------------------------------

    def sync(self, client: Client) -> None:
        """Start: whatever is waiting is read first, so that it is known what is unread: nothing."""
        for chat in client.get("/api/v1/sync").json()["chats"]:
            self._read_all(client, chat["id"])
        for chat in client.get("/api/v1/sync").json()["chats"]:
            self.load(client, chat["id"])

    def _read_all(self, client: Client, id: int) -> None:
        newest = client.get(f"/api/v1/messages?chat_id={id}&limit=1").json()["messages"]
        if newest:
            path, body = f"/api/v1/chats/{id}/read", {"up_to_message_id": newest[0]["id"]}
            assert client.post(path, body, content_type="application/json").status_code == 200

    def load(self, client: Client, id: int) -> None:
        """
        A chat anew: its messages as they are now, then what its log has since. Applied to messages
        that know of it already, an event changes nothing. NotThere, and nothing is known of it, for
        who has left or leaves meanwhile.
        """

        def get(path: str) -> Any:
            answer = client.get(path)
            if answer.status_code == 404:
                self._forget(id)
                raise NotThere
            assert answer.status_code == 200, answer.content
            return answer.json()

        chat = get(f"/api/v1/chats/{id}")
        self.chats[id] = chat
        self.members[id] = {member["user_id"]: member for member in chat["members"]}
        self.unread[id] = set()
        self.messages[id] = messages = {}
        cursor = ""
        while True:
            path = f"/api/v1/messages?chat_id={id}&limit=100{cursor}"
            page = get(path)
            messages.update({message["id"]: message for message in page["messages"]})
            if not page["has_more"]:
                return
            cursor = f"&before_id={page['next_cursor']}"

    # --- frames -------------------------------------------------------------------------------

    def apply(self, frame: Any) -> None:
        """One change to a chat, which must be the next."""
        id, data, event = frame["chat_id"], frame["data"], frame["event"]
        if event == "chat.created":
            self._created(data)
        chat = self.chats[id]
        chat["seq"] = frame["seq"]
        match event:
            case "message.created" | "message.updated" | "message.deleted":
                self._message(id, data, new=event == "message.created")
            case "message.read":
                self._read(id, data)
            case "reaction.added" | "reaction.removed":
                self._reaction(id, data, added=event == "reaction.added")
            case "chat.updated":
                chat.update(data)
            case "chat.deleted":
                self._forget(id)
            case "member.joined" | "member.updated":
                self.members[id][data["member"]["user_id"]] = data["member"]
            case "member.left":
                if data["user_id"] == self.user_id:
                    self._forget(id)
                else:
                    self.members[id].pop(data["user_id"], None)

    def _created(self, data: Any) -> None:
        id = data["id"]
        self.chats[id] = {**data}
        self.members[id] = {member["user_id"]: member for member in data["members"]}
        self.messages.setdefault(id, {})
        self.unread[id] = set()

    def _forget(self, id: int) -> None:
        for known in (self.chats, self.messages, self.members, self.unread):
            known.pop(id, None)

    def _message(self, id: int, data: Any, *, new: bool) -> None:
        known = self.messages[id].get(data["id"])
        reactions = known["reactions"] if known else []
        self.messages[id][data["id"]] = message = {**data, "reactions": reactions}
        self._count_likes(message)
        if data["is_deleted"]:
            self.unread[id].discard(data["id"])
        elif new and data["author_id"] != self.user_id:
            self.unread[id].add(data["id"])

    def _read(self, id: int, data: Any) -> None:
        message = self.messages[id][data["message_id"]]
        message.update(status="read", read_at=message["read_at"] or data["read_at"])
        if data["user_id"] == self.user_id:
            self.unread[id].discard(data["message_id"])

    def _reaction(self, id: int, data: Any, *, added: bool) -> None:
        message = self.messages[id][data["message_id"]]
        who, emoji = data["user_id"], data["emoji"]
        others = [r for r in message["reactions"] if (r["user_id"], r["emoji"]) != (who, emoji)]
        message["reactions"] = [*others, data] if added else others
        self._count_likes(message)

    def _count_likes(self, message: Message) -> None:
        likes = [r for r in message["reactions"] if r["emoji"] == "❤️"]
        message["likes_count"] = len(likes)
        message["liked_by"] = [like["user_id"] for like in likes]
        message["liked_at"] = likes[-1]["created_at"] if likes else None
