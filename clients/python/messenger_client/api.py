"""The REST API, a method for each row of the contract."""

from collections.abc import AsyncIterator
from typing import Any, Literal
from urllib.parse import quote

from messenger_client import shapes
from messenger_client.errors import SignedOut
from messenger_client.rest import Rest
from messenger_client.shapes import Id, Tokens


class Api(Rest):
    """
    Sign in with `login`, or come with the `tokens` of an earlier login. Every method raises
    MessengerError where the server refuses, and Unreachable where there is none.
    """

    # --- signing up, in and out ---------------------------------------------------------------

    async def register(
        self, *, email: str, password: str, username: str = "", name: str = ""
    ) -> shapes.Me:
        body = {"email": email, "password": password, "username": username, "name": name}
        return await self._ask(shapes.Me, "POST", "/auth/register", json=body, signed=False)

    async def login(self, username: str, password: str) -> Tokens:
        """Sign in, by username or e-mail; what follows is asked for with these tokens."""
        body = {"username": username, "password": password}
        tokens: Tokens = await self.request("POST", "/auth/login", json=body, signed=False)
        self.tokens.take(tokens)
        return tokens

    async def logout(self) -> None:
        """This login ends, with all its sockets."""
        await self.request("POST", "/auth/logout")
        self.tokens.end(SignedOut(401, "signed_out", "Signed out."))

    async def me(self) -> shapes.Me:
        return await self._ask(shapes.Me, "GET", "/auth/me")

    async def ws_ticket(self) -> shapes.Ticket:
        return await self._ask(shapes.Ticket, "POST", "/auth/ws-ticket")

    # --- chats and who is in them -------------------------------------------------------------

    async def sync(self) -> shapes.Snapshot:
        return await self._ask(shapes.Snapshot, "GET", "/sync")

    async def chats(self, *, limit: int = 50, cursor: str | None = None) -> shapes.ChatPage:
        return await self._ask(
            shapes.ChatPage, "GET", "/chats", query={"limit": limit, "cursor": cursor}
        )

    async def create_chat(
        self,
        name: str | None = None,
        *,
        type: Literal["group", "private"] = "group",
        description: str | None = None,
        is_open: bool | None = None,
        user_ids: list[Id] | None = None,
    ) -> shapes.WholeChat:
        """A group, or the private chat with the one person in `user_ids`, which may exist."""
        body = {
            "type": type,
            "name": name,
            "description": description,
            "is_open": is_open,
            "user_ids": user_ids,
        }
        return await self._ask(shapes.WholeChat, "POST", "/chats", json=_said(body))

    async def chat(self, chat_id: Id) -> shapes.WholeChat:
        return await self._ask(shapes.WholeChat, "GET", _path("chats", chat_id))

    async def update_chat(
        self,
        chat_id: Id,
        *,
        name: str | None = None,
        description: str | None = None,
        is_open: bool | None = None,
        slow_mode: int | None = None,
    ) -> shapes.WholeChat:
        body = {
            "name": name,
            "description": description,
            "is_open": is_open,
            "slow_mode": slow_mode,
        }
        return await self._ask(shapes.WholeChat, "PATCH", _path("chats", chat_id), json=_said(body))

    async def delete_chat(self, chat_id: Id) -> None:
        await self.request("DELETE", _path("chats", chat_id))

    async def members(self, chat_id: Id) -> list[shapes.Member]:
        found: shapes.Members = await self.request("GET", _path("chats", chat_id, "members"))
        return found["members"]

    async def add_member(self, chat_id: Id, user_id: Id) -> shapes.Member:
        path = _path("chats", chat_id, "members")
        return await self._ask(shapes.Member, "POST", path, json={"user_id": user_id})

    async def set_role(self, chat_id: Id, user_id: Id, role: shapes.Role) -> shapes.Member:
        path = _path("chats", chat_id, "members", user_id)
        return await self._ask(shapes.Member, "PATCH", path, json={"role": role})

    async def remove_member(self, chat_id: Id, user_id: Id) -> None:
        await self.request("DELETE", _path("chats", chat_id, "members", user_id))

    async def join(self, chat_id: Id) -> shapes.WholeChat:
        return await self._ask(shapes.WholeChat, "POST", _path("chats", chat_id, "join"))

    async def leave(self, chat_id: Id) -> None:
        await self.request("POST", _path("chats", chat_id, "leave"))

    async def read_up_to(self, chat_id: Id, message_id: Id) -> shapes.ReadUpTo:
        path = _path("chats", chat_id, "read")
        return await self._ask(shapes.ReadUpTo, "POST", path, json={"up_to_message_id": message_id})

    async def events(
        self, chat_id: Id, after_seq: int = 0, *, limit: int = 100
    ) -> shapes.EventPage:
        """The changes to a chat after one, as frames: `events.from_frame` makes events of them."""
        query = {"after_seq": after_seq, "limit": limit}
        return await self._ask(
            shapes.EventPage, "GET", _path("chats", chat_id, "events"), query=query
        )

    # --- messages -----------------------------------------------------------------------------

    async def messages(
        self,
        chat_id: Id,
        *,
        limit: int = 50,
        before_id: Id | None = None,
        after_id: Id | None = None,
        around_id: Id | None = None,
    ) -> shapes.MessagePage:
        """A page of the history, newest first: the latest, or by one message next to it."""
        query = {
            "chat_id": chat_id,
            "limit": limit,
            "before_id": before_id,
            "after_id": after_id,
            "around_id": around_id,
        }
        return await self._ask(shapes.MessagePage, "GET", "/messages", query=query)

    async def history(
        self, chat_id: Id, *, before_id: Id | None = None, page: int = 100
    ) -> AsyncIterator[shapes.Message]:
        """All messages of a chat, newest first, fetched as they are asked for."""
        while True:
            found = await self.messages(chat_id, limit=page, before_id=before_id)
            for message in found["messages"]:
                yield message
            before_id = found["next_cursor"]
            if not found["has_more"] or before_id is None:
                return

    async def message(self, message_id: Id) -> shapes.Message:
        return await self._ask(shapes.Message, "GET", _path("messages", message_id))

    async def send_message(
        self,
        chat_id: Id,
        content: str | None,
        *,
        type: str = "text",
        payload: Any = None,
        reply_to: Id | None = None,
        key: str | None = None,
    ) -> shapes.Message:
        """
        Send without a socket. Repeating it with the same `key` (ASCII) is safe, without one it is
        not; `Messenger.send` repeats by itself.
        """
        body = {"chat_id": chat_id, "type": type, "content": content}
        body |= _said({"payload": payload, "reply_to_id": reply_to})
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self._ask(shapes.Message, "POST", "/messages", json=body, headers=headers)

    async def delete_message(self, message_id: Id) -> None:
        await self.request("DELETE", _path("messages", message_id))

    async def add_reaction(self, message_id: Id, emoji: str) -> shapes.Reaction:
        path = _path("messages", message_id, "reactions")
        return await self._ask(shapes.Reaction, "POST", path, json={"emoji": emoji})

    async def remove_reaction(self, message_id: Id, emoji: str) -> None:
        await self.request("DELETE", _path("messages", message_id, "reactions", emoji))

    # --- people -------------------------------------------------------------------------------

    async def users(
        self, search: str | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> shapes.UserPage:
        query = {"search": search, "limit": limit, "cursor": cursor}
        return await self._ask(shapes.UserPage, "GET", "/users", query=query)

    async def user(self, user_id: Id) -> shapes.User:
        return await self._ask(shapes.User, "GET", _path("users", user_id))

    async def heartbeat(self) -> None:
        """Online for five minutes from now, without a socket."""
        await self.request("POST", "/presence/heartbeat")

    async def presence(self, user_id: Id | None = None) -> shapes.Presence:
        """Somebody's, or one's own."""
        return await self._ask(
            shapes.Presence, "GET", _path("presence", "me" if user_id is None else user_id)
        )

    async def set_presence(self, status: Literal["online", "away"]) -> shapes.Presence:
        return await self._ask(shapes.Presence, "PUT", "/presence/me", json={"status": status})

    async def set_typing(self, chat_id: Id, is_typing: bool = True) -> None:
        body = {"chat_id": chat_id, "is_typing": is_typing}
        await self.request("POST", "/presence/typing", json=body)

    async def typing(self, chat_id: Id) -> list[int]:
        """The ids of the others who are typing."""
        return await self._ask(list[int], "GET", _path("presence", "typing", chat_id))

    # --- moderation ---------------------------------------------------------------------------

    async def report(
        self,
        reason: shapes.Reason,
        *,
        message_id: Id | None = None,
        user_id: Id | None = None,
        chat_id: Id | None = None,
        comment: str = "",
    ) -> shapes.Report:
        """Tell the moderators of a message, or of a person, perhaps in a chat."""
        body = {
            "message_id": message_id,
            "user_id": user_id,
            "chat_id": chat_id,
            "reason": reason,
            "comment": comment,
        }
        return await self._ask(shapes.Report, "POST", "/reports", json=_said(body))

    async def block(self, user_id: Id) -> shapes.Block:
        """Neither writes to the other from now on, nor sees whether they are there."""
        return await self._ask(shapes.Block, "POST", "/blocks", json={"user_id": user_id})

    async def unblock(self, user_id: Id) -> None:
        await self.request("DELETE", _path("blocks", user_id))

    async def blocks(self, *, limit: int = 50, cursor: str | None = None) -> shapes.BlockPage:
        query = {"limit": limit, "cursor": cursor}
        return await self._ask(shapes.BlockPage, "GET", "/blocks", query=query)

    async def decisions(self, *, limit: int = 50, cursor: str | None = None) -> shapes.DecisionPage:
        """What moderators decided about oneself, the latest first."""
        query = {"limit": limit, "cursor": cursor}
        return await self._ask(shapes.DecisionPage, "GET", "/me/decisions", query=query)

    async def appeal(self, decision_id: int, text: str) -> shapes.Appeal:
        """Ask for another look at a decision, once."""
        body = {"decision_id": decision_id, "text": text}
        return await self._ask(shapes.Appeal, "POST", "/me/appeals", json=body)

    async def export(self) -> dict[str, Any]:
        """Everything that is kept about oneself."""
        return await self._ask(dict[str, Any], "GET", "/me/export")

    async def delete_account(self, password: str, *, messages: bool = False) -> None:
        """The end of one's own account; with `messages` of what one wrote, too."""
        body = {"password": password, "messages": messages}
        await self.request("DELETE", "/me", json=body)
        self.tokens.end(SignedOut(401, "signed_out", "The account is deleted."))


def _path(*parts: Id) -> str:
    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


def _said(body: dict[str, Any]) -> dict[str, Any]:
    """Without what was left out: null is not the same as nothing."""
    return {name: value for name, value in body.items() if value is not None}
