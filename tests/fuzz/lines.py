"""A person's line to the server: one socket, and everything that it must hear and say."""

import asyncio
from typing import Any

from tests.fuzz import words
from tests.fuzz.model import World
from tests.fuzz.things import Change, Chat, Person, unread
from tests.fuzz.ways import ENVELOPES
from tests.sockets import PATIENCE, Socket

# Frames of what is kept nowhere: who is here, and who is typing.
PRESENCE = {"user.presence", "user_status"}
TYPING = {"user.typing", "typing"}


class Line:
    """An open socket of `person`."""

    def __init__(self, person: Person, protocol: str, socket: Socket, access: str) -> None:
        self.person = person
        self.protocol = protocol
        self.socket = socket
        # The token that it was opened with.
        self.access = access
        self.subscriptions: set[Chat] = set()
        self.requests = 0
        # What has come and has not been looked at.
        self.heard: list[Any] = []

    def __repr__(self) -> str:
        return f"{self.person}'s {self.protocol}"

    @property
    def name(self) -> str:
        """The field that says what a frame is."""
        return ENVELOPES[self.protocol][0]

    def next_request(self) -> int:
        self.requests += 1
        return self.requests

    def inside(self, frame: Any) -> Any:
        """What an answer says."""
        name = ENVELOPES[self.protocol][1]
        return frame[name] if name else frame

    def refusal(self, answer: Any) -> str | None:
        """The code of an answer that is an error."""
        return self.inside(answer)["code"] if answer[self.name] == "error" else None

    async def answer(self, request_id: int) -> Any:
        """The answer to this command; what comes before it is kept."""
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = await self.socket.get()
                if frame.get("request_id") == request_id:
                    return frame
                self.heard.append(frame)

    async def catch_up(self) -> None:
        """Everything that was on its way: a frame that is refused at once comes after it."""
        request_id = self.next_request()
        await self.socket.send({self.name: "no such thing", "request_id": request_id})
        assert self.refusal(await self.answer(request_id)) == "unknown_command"

    # --- what it must hear --------------------------------------------------------------------

    def greeting(self, world: World) -> list[Any]:
        """The first frames."""
        if self.protocol != "miniapp":
            return []
        waiting = [m for chat in world.chats_of(self.person) for m in unread(self.person, chat)]
        waiting.sort(key=lambda message: message.id)
        data = [words.miniapp_message(message) for message in waiting]
        return [{"action": "unread_messages", "data": data}]

    def expected(self, changes: list[Change]) -> list[tuple[Chat, Any]]:
        """What it must hear of these changes, in their order, each with its chat."""
        found: list[tuple[Chat, Any]] = []
        for change in changes:
            if self.person not in change.hearers:
                continue
            told = self.words_for(change)
            if told is not None and not self._answered_instead(change):
                found.append((change.chat, told))
            if change.kind == "chat_deleted" or (
                change.kind == "left" and change.person is self.person
            ):
                self.subscriptions.discard(change.chat)
        return found

    def _answered_instead(self, change: Change) -> bool:
        return change.origin is self and self.protocol in ("miniapp", "messenger_api")

    def words_for(self, change: Change) -> Any:
        match self.protocol:
            case "nodus":
                return words.nodus(change, self.person)
            case "chatroulette":
                return words.chatroulette(change, self.person)
            case "miniapp":
                return words.miniapp(change, self.person)
        return words.messenger_api(change, change.chat in self.subscriptions)

    def place_of(self, frame: Any) -> Any:
        """The id of the chat that a frame is about, in whichever form it says it."""
        data = frame.get("data", frame)
        if frame[self.name] == "chat_created" and self.protocol == "miniapp":
            return data["id"]
        return frame.get("chat_id", data.get("chat_id"))

    def typing_words(self, chat: Chat, who: Person, is_typing: bool) -> Any:
        """What it must hear of somebody else's typing."""
        said = {"is_typing": is_typing}
        match self.protocol:
            case "nodus":
                data = {"chat_id": chat.id, "user_id": who.id, **said}
                return {"event": "user.typing", "data": data}
            case "chatroulette":
                payload = {"user_id": who.uuid, **said}
                return {"type": "typing", "chat_id": chat.uuid, "payload": payload}
            case "messenger_api" if chat in self.subscriptions:
                return {"type": "typing", "chat_id": chat.id, "user_id": who.id, **said}
        return None
