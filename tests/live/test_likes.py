"""One person likes on every device at once, at two processes: one like, told once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from websockets.asyncio.client import ClientConnection

from accounts.models import User
from chats.models import Chat
from messaging.models import Reaction
from messaging.services import send_message
from messenger.realtime.threads import in_db
from tests.chats.helpers import log
from tests.live.servers import get, serving
from tests.people import token

pytestmark = [
    pytest.mark.skipif(not settings.REDIS_URL, reason="needs Redis"),
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="PostgreSQL"),
]


async def until_silence(client: ClientConnection) -> list[Any]:
    """What has been told by now; it is over when a second brings nothing."""
    heard = []
    try:
        while True:
            heard.append(await asyncio.wait_for(get(client), 1))
    except TimeoutError:
        return heard


async def test_24_likes_at_two_processes_at_once_are_one(
    alice: User, bob: User, group: Chat, tmp_path: Path
) -> None:
    sent = (await in_db(lambda: send_message(alice, chat=group.id, content="x"))).message
    tokens = [await in_db(token, user) for user in (alice, alice, bob)]
    bearers = [{"Authorization": f"Bearer {access}"} for access in tokens]
    with serving(tmp_path) as one, serving(tmp_path, "uvicorn") as two:
        async with (
            one.open("/ws", additional_headers=bearers[0]) as a,
            two.open("/ws", additional_headers=bearers[1]) as a2,
            httpx.AsyncClient(headers=bearers[2], timeout=20) as client,
        ):
            for socket in (a, a2):
                await socket.send(json.dumps({"type": "ping"}))
                await get(socket, type="ack")
            urls = [f"{s.url}/api/v1/messages/{sent.uuid}/like" for s in (one, two)] * 12

            async def all_at_once(method: str) -> Any:
                """The one answer of all, and the one event that everybody hears."""
                answers = await asyncio.gather(*(client.request(method, url) for url in urls))
                assert [answer.status_code for answer in answers] == [200] * 24
                [said] = {answer.text for answer in answers}
                heard, elsewhere = await asyncio.gather(until_silence(a), until_silence(a2))
                assert len(heard) == 1 and heard == elsewhere
                return json.loads(said), heard[0]

            liked, event = await all_at_once("POST")
            assert liked["likes_count"] == 1 and liked.pop("is_liked") is True
            assert liked["liked_by"] == [str(bob.uuid)]
            assert event == {
                "type": "message_liked",
                "chat_id": str(group.uuid),
                "seq": 3,
                "prev_seq": 2,
                "payload": {**liked, "id": sent.uuid, "is_liked_by_user": False},
            }
            assert await in_db(Reaction.objects.count) == 1

            unliked, event = await all_at_once("DELETE")
            assert unliked["likes_count"] == 0 and unliked.pop("is_liked") is False
            assert (event["type"], event["seq"]) == ("message_unliked", 4)
            assert event["payload"] == {**unliked, "id": sent.uuid, "is_liked_by_user": False}
            assert await in_db(Reaction.objects.count) == 0
    kinds = [kind for _, kind in await in_db(log, group)]
    assert kinds == ["chat_created", "message_sent", "reaction_added", "reaction_removed"]
