"""The WebSocket consumer, after the Channels tutorial (part 3)."""

# The type checker has loaded another Django project, and Channels has no types.
# mypy: disable-error-code="attr-defined, untyped-decorator"

import json
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from .models import Chat, Message


class ChatConsumer(AsyncWebsocketConsumer):
    """One socket of one person, joined to the groups of all of the person's chats."""

    async def connect(self) -> None:
        """Refuse strangers; join the groups; say what is unread (nothing here)."""
        self.user = self.scope["user"]
        self.chat_ids: list[int] = []
        if not self.user.is_authenticated:
            await self.close()
            return
        self.chat_ids = await self.get_chat_ids()
        for chat_id in self.chat_ids:
            await self.channel_layer.group_add(f"chat_{chat_id}", self.channel_name)
        await self.accept()
        await self.send(text_data=json.dumps({"action": "unread_messages", "data": []}))

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        for chat_id in self.chat_ids:
            await self.channel_layer.group_discard(f"chat_{chat_id}", self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Store a message, acknowledge it, and pass it to the chat's group."""
        command = json.loads(text_data or "{}")
        if command.get("action") != "send_message":
            await self.send_error("unknown_action")
            return
        chat_id = command["chat_id"]
        if not await self.is_member(chat_id):
            await self.send_error("not_a_member")
            return
        message = await self.create_message(chat_id, command["text"])
        data = {
            "id": message.pk,
            "chat_id": chat_id,
            "sender_uuid": self.user.username,
            "text": message.text,
            "timestamp": message.timestamp.isoformat(),
            "read_status": False,
        }
        await self.send(text_data=json.dumps({"action": "message_sent", "data": data}))
        await self.channel_layer.group_send(
            f"chat_{chat_id}",
            {"type": "chat_message", "data": data, "sender_channel": self.channel_name},
        )

    async def chat_message(self, event: dict[str, Any]) -> None:
        """Pass a message of the group on to this socket, unless it sent it."""
        if event["sender_channel"] != self.channel_name:
            await self.send(text_data=json.dumps({"action": "new_message", "data": event["data"]}))

    async def send_error(self, code: str) -> None:
        """Tell the client that a command failed."""
        await self.send(text_data=json.dumps({"action": "error", "code": code, "detail": code}))

    @database_sync_to_async
    def get_chat_ids(self) -> list[int]:
        """The ids of the person's chats."""
        return list(self.user.chats.values_list("id", flat=True))

    @database_sync_to_async
    def is_member(self, chat_id: int) -> bool:
        """Whether the person may write to the chat."""
        return Chat.objects.filter(id=chat_id, members=self.user).exists()

    @database_sync_to_async
    def create_message(self, chat_id: int, text: str) -> Message:
        """Insert one message."""
        return Message.objects.create(chat_id=chat_id, sender=self.user, text=text)
