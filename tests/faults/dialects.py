"""
How a client of each protocol talks, and how it catches up after it has come back: by resuming where
that is known, else by reading what it missed beside its socket.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.faults import wire
from tests.faults.clients import PATIENCE, PAUSE, WAIT, Client
from tests.faults.history import Place
from tests.faults.rest import Answer


class Placed(Client):
    """A client that knows its place in each chat, and resumes there. In the words of NODUS; ..."""

    protocol = "nodus"
    name, inside = "event", "data"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.places: dict[int, int | None] = {}
        self._catching_up = True
        self._waiting: list[wire.Told] = []
        self._to_load: set[int] = set()
        self._synced = False

    def path(self) -> str:
        return "/api/v1/ws"

    def opened(self) -> None:
        self._catching_up = True
        self._waiting.clear()

    def frame(self, name: str, data: dict[str, Any], request: int) -> dict[str, Any]:
        return {self.name: name, self.inside: data, "request_id": request}

    def told(self, frame: dict[str, Any]) -> wire.Told | None:
        return wire.nodus(frame, self.person.id)

    def outcome(self, frame: dict[str, Any]) -> Answer:
        said = frame[self.inside]
        return self.refused(said) if frame[self.name] == "error" else Answer("ok", body=said)

    def answered(self, frame: dict[str, Any]) -> None:
        if frame[self.name] == "resumed":
            self._catching_up = False
            said = frame[self.inside]
            for ref, seq in said["chats"].items():
                self._place(self._chat(ref), "resumed", seq)
            self._to_load.update(map(self._chat, said["new"]))

    def passing(self, frame: dict[str, Any]) -> None:
        if frame[self.name] == "reset":
            said = frame[self.inside]
            chat = self._chat(said.get("chat_id") or frame["chat_id"])
            self.places[chat] = None
            self._place(chat, "lost", None)
            if said["reason"] != "not_found":
                self._to_load.add(chat)
                if not self._catching_up:
                    self.spawn(self._load())

    def _chat(self, ref: Any) -> int:
        found = self.world.ids.get(str(ref))
        return int(ref) if found is None else found

    def _place(self, chat: int, why: Any, seq: int | None) -> None:
        self._note(Place(self.history.now(), self._session, chat, why, seq))

    # The rule of the unbroken stream.
    def follow(self, told: wire.Told) -> None:
        chat, have, seq, prev = told.chat, self.places.get(told.chat), told.seq, told.prev
        assert seq is not None and prev is not None
        own = told.person == self.person.id
        if have is None:
            if told.kind == "joined" and own:
                self.places[chat] = seq
            else:
                self._waiting.append(told)
            return
        if prev == have:
            self.places[chat] = None if told.kind == "left" and own else seq
        elif prev > have and not self._catching_up:
            self._catching_up = True
            self.spawn(self._mend())

    async def _mend(self) -> None:
        while not await self.catch_up():
            await asyncio.sleep(PAUSE)

    async def catch_up(self) -> bool:
        if not self._synced:
            answer = await self.ask("GET", "/api/v1/sync")
            if answer.result != "ok":
                return False
            self._synced = True
            for chat in answer.body["chats"]:
                self._loaded(chat["id"], chat["seq"])
        self._catching_up = True
        have = {str(chat): seq for chat, seq in self.places.items() if seq is not None}
        self._place(0, "resuming", None)
        answer = await self.command("resume", {"chats": have})
        if answer.error == "timeout":
            # Asked again on the same socket, it would be told everything twice.
            await self.reconnect()
        return answer.result == "ok" and await self._load()

    async def _load(self) -> bool:
        """Load chats anew; whether that was possible."""
        for chat in list(self._to_load):
            answer = await self.ask("GET", f"/api/v1/chats/{chat}")
            if answer.result == "info" or answer.status in WAIT.values():
                return False
            self._to_load.discard(chat)
            if answer.result == "ok" and self.places.get(chat) is None:
                self._loaded(chat, answer.body["seq"])
        return True

    def _loaded(self, chat: int, seq: int) -> None:
        self._place(chat, "loaded", seq)
        self.places[chat] = seq
        waiting, self._waiting = self._waiting, []
        for told in waiting:
            if told.chat != chat or (told.seq or 0) > seq:
                self.follow(told)

    def lags(self, last_seq: int, last_ref: str) -> bool:
        place = self.places.get(self.person.chat)
        return not self.ready.is_set() or place is None or place < last_seq

    async def send(self, content: str, key: str, timeout: float) -> Answer | None:
        data = {"chat_id": self.person.chat, "content": content, "client_message_id": key}
        return await self.command("message.send", data, timeout)

    async def read(self, ref: str, timeout: float) -> tuple[str, Answer]:
        return "socket", await self.command("message.read", {"message_id": ref}, timeout)


class Chatroulette(Placed):
    """... in those of Chatroulette."""

    protocol = "chatroulette"
    name, inside = "type", "payload"

    def path(self) -> str:
        return "/ws"

    def told(self, frame: dict[str, Any]) -> wire.Told | None:
        return wire.chatroulette(frame, self.person.id, self.world)


class MiniApp(Client):
    """It is greeted with what it has not read yet."""

    protocol = "miniapp"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._greeted = asyncio.Event()
        self._truncated = False

    def path(self) -> str:
        return "/connect"

    def opened(self) -> None:
        self._greeted.clear()

    def frame(self, name: str, data: dict[str, Any], request: int) -> dict[str, Any]:
        return {"action": name, **data, "request_id": request}

    def told(self, frame: dict[str, Any]) -> wire.Told | None:
        return wire.miniapp(frame, self.person.id, self.world)

    def outcome(self, frame: dict[str, Any]) -> Answer:
        if frame["action"] == "error":
            return self.refused(frame)
        return Answer("ok", body=frame["data"])

    def passing(self, frame: dict[str, Any]) -> None:
        if frame["action"] == "unread_messages":
            self._truncated = frame.get("truncated", False)
            refs = [str(message["id"]) for message in frame["data"]]
            self.load(self.person.chat, refs)
            self.recent.extend(refs)
            self._greeted.set()

    async def catch_up(self) -> bool:
        async with asyncio.timeout(4 * PATIENCE):
            await self._greeted.wait()
        return not self._truncated or await history_of(self)

    async def rejoined(self) -> None:
        # The greeting is without what was said before; it may have left while it was away.
        await again(self, lambda: history_of(self))

    async def send(self, content: str, key: str, timeout: float) -> Answer | None:
        data = {"chat_id": self.person.chat, "text": content, "client_message_id": key}
        return await self.command("send_message", data, timeout)

    async def read(self, ref: str, timeout: float) -> tuple[str, Answer]:
        return "socket", await self.command("message_read", {"message_id": int(ref)}, timeout)


class MessengerApi(Client):
    """It subscribes, then reads the history since the last message that it has."""

    protocol = "messenger_api"

    def path(self) -> str:
        return f"/ws/chat/{self.person.token}"

    def headers(self) -> dict[str, str]:
        return {}

    def frame(self, name: str, data: dict[str, Any], request: int) -> dict[str, Any]:
        return {"type": name, **data, "request_id": request}

    def told(self, frame: dict[str, Any]) -> wire.Told | None:
        return wire.messenger_api(frame, self.person.id, self.world)

    def outcome(self, frame: dict[str, Any]) -> Answer:
        return self.refused(frame) if frame["type"] == "error" else Answer("ok", body=frame)

    async def catch_up(self) -> bool:
        answer = await self.command("subscribe_chat", {"chat_id": self.person.chat})
        if answer.error in ("not_found", "forbidden"):
            return True
        return answer.result == "ok" and await history_of(self)

    async def rejoined(self) -> None:
        await again(self, self.catch_up)


async def again(client: Client, catch_up: Callable[[], Awaitable[bool]]) -> None:
    """Have it catch up on a socket that stays open; not, if it is lost meanwhile."""
    client.ready.clear()
    while client.connected and not await catch_up():
        await asyncio.sleep(PAUSE)
    if client.connected:
        client.ready.set()


async def history_of(client: Client) -> bool:
    """Read the messages after the last one that it has, over REST; whether that was possible."""
    while True:
        path = f"/messages/chat/{client.person.chat}?limit=100&after_id={client.newest}"
        answer = await client.ask("GET", path)
        if answer.result != "ok":
            return False
        refs = [str(message["id"]) for message in answer.body]
        client.load(client.person.chat, refs)
        client.newest = max(client.newest, *map(int, refs)) if refs else client.newest
        client.recent.extend(
            str(message["id"])
            for message in answer.body
            if message["author_id"] != client.person.id
        )
        if len(refs) < 100:
            return True


PROTOCOLS: dict[str, Callable[..., Client]] = {
    client.protocol: client for client in (Placed, Chatroulette, MiniApp, MessengerApi)
}
