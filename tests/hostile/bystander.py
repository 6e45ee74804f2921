"""Somebody else in the same chat, who must hear everything that is said there, whatever happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from chats.models import Chat
from messaging.services import send_message
from messenger.realtime.threads import in_db
from tests.hostile.tally import tally
from tests.sockets import PATIENCE, Socket, nodus


@dataclass
class Bystander:
    """
    A native socket in a chat. Every frame about the chat says which one it follows, so that one
    which is lost, comes twice or out of order shows.
    """

    socket: Socket
    chat: Chat
    speaker: User
    seq: int
    words: int = 0

    async def still_hears(self) -> None:
        """Somebody says a word; it must arrive, after everything that happened before it."""
        self.words += 1
        word = f"Do you hear me? {self.words}"
        tally.said += 1
        sent = await in_db(lambda: send_message(self.speaker, chat=self.chat.id, content=word))
        async with asyncio.timeout(PATIENCE):
            while not self.follow(await self.socket.get(), sent.message.id):
                pass
        tally.heard += 1

    def follow(self, frame: dict[str, Any], message_id: int) -> bool:
        """Take a frame in its order; whether it is this message."""
        if frame.get("chat_id") != self.chat.id or "prev_seq" not in frame:
            return False
        assert frame["prev_seq"] == self.seq, frame
        self.seq = frame["seq"]
        return bool(frame["event"] == "message.created" and frame["data"]["id"] == message_id)


@asynccontextmanager
async def listening(user: User, chat: Chat, speaker: User) -> AsyncIterator[Bystander]:
    """`user` listens in this chat, in which `speaker` speaks."""
    async with nodus(user) as socket:
        # Typing and presence are not of the chat's log, and as many as there are attempts.
        seq = await in_db(lambda: Chat.objects.values_list("last_seq", flat=True).get(id=chat.id))
        bystander = Bystander(socket, chat, speaker, seq)
        await bystander.still_hears()
        yield bystander
        await bystander.still_hears()
