"""Two real server processes, of which one is attacked, and bystanders on both."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection

from accounts.models import User
from chats.models import Chat
from messenger.realtime.threads import in_db
from tests.hostile.tally import tally
from tests.hostile.wire import PATIENCE, address
from tests.live.servers import Server
from tests.people import token


@dataclass
class Ear:
    """A native socket on one of the processes, which follows a chat without a gap."""

    client: ClientConnection
    chat_id: int
    seq: int = 0

    async def hear(self, message_id: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = json.loads(await self.client.recv())
                if frame.get("chat_id") != self.chat_id or "prev_seq" not in frame:
                    continue
                assert self.seq in (0, frame["prev_seq"]), frame
                self.seq = frame["seq"]
                if frame["event"] == "message.created" and frame["data"]["id"] == message_id:
                    return


@dataclass
class Scene:
    """An attacked server, Alice who speaks on it, and Bob who hears her there and elsewhere."""

    server: Server
    chat: Chat
    speaker: ClientConnection
    ears: list[Ear]
    words: int = 0
    log: int = field(default=0)

    async def still_hear(self) -> None:
        """What Alice says arrives in both processes, after all that was said before."""
        self.words += 1
        tally.said += len(self.ears)
        data = {"chat_id": self.chat.id, "content": f"Do you hear me? {self.words}"}
        frame = {"event": "message.send", "data": data, "request_id": self.words}
        await self.speaker.send(json.dumps(frame))
        async with asyncio.timeout(PATIENCE):
            while True:
                said = json.loads(await self.speaker.recv())
                if said.get("request_id") == self.words:
                    break
        assert said["event"] == "ack", said
        for ear in self.ears:
            await ear.hear(said["data"]["id"])
            tally.heard += 1

    def check_log(self) -> None:
        """Nothing of all this was a mistake of ours."""
        new = self.server.log.read_text(errors="replace")[self.log :]
        for entry in re.split(r"^(?=\d{4}-\d\d-\d\d )", new, flags=re.MULTILINE):
            # Django's word on a request with somebody else's Host: not on itself.
            if "django.security.DisallowedHost" not in entry:
                assert "Traceback" not in entry and " ERROR " not in entry, entry[-3000:]


@asynccontextmanager
async def scene(
    server: Server, other: Server, alice: User, bob: User, chat: Chat
) -> AsyncIterator[Scene]:
    """Two people in a chat, whose sockets are open before and after."""
    async with AsyncExitStack() as stack:

        async def native(at: Server, person: User) -> ClientConnection:
            access = await in_db(token, person)
            headers = {"Authorization": f"Bearer {access}", "X-Forwarded-For": address()}
            opened = at.open("/api/v1/ws", additional_headers=headers, max_queue=None)
            client = await stack.enter_async_context(opened)
            # It is accepted before it is taken in: an answer says that it is.
            await ask(client, "ping")
            return client

        speaker = await native(server, alice)
        ears = [Ear(await native(at, bob), chat.id) for at in (server, other)]
        log = len(server.log.read_text(errors="replace"))
        found = Scene(server, chat, speaker, ears, log=log)
        await found.still_hear()
        yield found
        await found.still_hear()
        found.check_log()


async def ask(client: ClientConnection, event: str, **data: Any) -> dict[str, Any]:
    """The answer to a native command; what else comes is passed over."""
    await client.send(json.dumps({"event": event, "data": data, "request_id": event}))
    async with asyncio.timeout(PATIENCE):
        while True:
            said: dict[str, Any] = json.loads(await client.recv())
            if said.get("request_id") == event:
                return said
