"""A process dies between the commit and the answer: the message is there, once."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from messenger.realtime.threads import in_db
from tests.faults.crashes import EXIT_CODE
from tests.live.servers import PATIENCE, Server, ask, get, serving
from tests.people import token


@pytest.mark.skipif(not settings.REDIS_URL, reason="needs Redis")
@pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="PostgreSQL")
async def test_what_was_committed_when_the_process_died_is_there_once_and_a_retry_finds_it(
    running: Callable[[str], Server], alice: User, bob: User, group: Chat, tmp_path: Path
) -> None:
    access, other = [await in_db(token, user) for user in (alice, bob)]
    headers = {"Authorization": f"Bearer {access}", "Idempotency-Key": "k"}
    said = {"chat_id": group.id, "content": "Is it there?"}
    crashing = {"DJANGO_SETTINGS_MODULE": "tests.faults.settings", "CRASH": "send.committed:1"}
    staying = running("daphne")
    with serving(tmp_path, **crashing) as dying:
        listening = {"Authorization": f"Bearer {other}"}
        async with (
            staying.open("/api/v1/ws", additional_headers=listening) as reader,
            httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client,
        ):
            await ask(reader, {"event": "ping"}, event="ack")
            with pytest.raises(httpx.TransportError):
                await client.post(f"{dying.url}/api/v1/messages", json=said)
            assert await asyncio.to_thread(dying.process.wait, PATIENCE) == EXIT_CODE

            # Nobody was told; the other process finds it in the log.
            async with asyncio.timeout(PATIENCE):
                event = await get(reader, event="message.created")
            again = [await client.post(f"{staying.url}/api/v1/messages", json=said) for _ in "ab"]
    stored = await in_db(Message.objects.get)
    for answer in again:
        assert answer.status_code == 200
        body = answer.json()
        assert (body["id"], body["seq"]) == (stored.id, stored.seq)
    assert (event["data"]["id"], event["seq"]) == (stored.id, stored.seq)
