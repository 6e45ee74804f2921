"""Several processes are one server: through Redis, and through the log while Redis is away."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from django.conf import settings
from websockets.asyncio.client import ClientConnection

from accounts import tickets
from accounts.models import User
from accounts.services import ban
from accounts.tokens import read_access
from chats.models import Chat
from chats.services import remove_member
from messenger.realtime.threads import in_db
from tests.faults.services import Redis
from tests.live.servers import ask, closed, get, serving
from tests.people import token

pytestmark = [
    pytest.mark.skipif(not settings.REDIS_URL, reason="needs Redis"),
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="PostgreSQL"),
]


async def test_two_processes_are_one_server(
    alice: User, bob: User, charlie: User, group: Chat, tmp_path: Path
) -> None:
    with serving(tmp_path) as one, serving(tmp_path, "uvicorn") as two:
        async with (
            one.connect(await in_db(token, alice)) as a,
            two.connect(await in_db(token, bob)) as b,
            two.connect(await in_db(token, charlie)) as c,
        ):
            for client in (a, b, c):
                await get(client, action="unread_messages")
            # Both write to one chat at the same time; each hears the other's once and in order.
            frame = {"action": "send_message", "chat_id": group.id}
            for number in range(30):
                await asyncio.gather(
                    a.send(json.dumps({**frame, "text": f"a{number}"})),
                    b.send(json.dumps({**frame, "text": f"b{number}"})),
                )
            for client, other in ((a, "b"), (b, "a")):
                got = [await get(client) for _ in range(60)]
                heard = [f["data"]["text"] for f in got if f["action"] == "new_message"]
                assert heard == [f"{other}{number}" for number in range(30)]
            # A new private chat, made in one, reaches the other.
            create = {"action": "create_chat", "type": "private", "user_ids": [str(charlie.uuid)]}
            await ask(a, create, action="chat_created")
            await get(c, action="chat_created")
            # So do a removal and a ban, done here in a third.
            await in_db(lambda: remove_member(alice, chat=group, user=bob))
            await in_db(ban, charlie)
            assert await closed(c) == 4403
            await ask(a, {**frame, "text": "x"}, action="message_sent")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(b.recv(), 0.3)


async def test_without_redis_messages_cross_by_the_log_and_it_comes_back_by_itself(
    alice: User, bob: User, group: Chat, tmp_path: Path, own_redis: Redis
) -> None:
    frame = {"action": "send_message", "chat_id": group.id}
    with (
        serving(tmp_path, REDIS_URL=own_redis.url) as one,
        serving(tmp_path, REDIS_URL=own_redis.url) as two,
    ):
        async with (
            one.connect(await in_db(token, alice)) as a,
            two.connect(await in_db(token, bob)) as b,
        ):
            await get(a, action="unread_messages")
            await get(b, action="unread_messages")
            own_redis.kill()
            for number in range(10):
                started = time.monotonic()
                await ask(a, {**frame, "text": f"{number}"}, action="message_sent")
                assert time.monotonic() - started < 1.5
                await asyncio.sleep(0.1)
            async with asyncio.timeout(5):
                heard = [(await get(b))["data"]["text"] for _ in range(10)]
            assert heard == [f"{number}" for number in range(10)]
            assert two.get("/healthz") == 200 and two.get("/readyz") == 503

            own_redis.start()
            until = time.monotonic() + 15
            while two.get("/readyz") != 200 or one.get("/readyz") != 200:
                assert time.monotonic() < until, two.log.read_text()
                await asyncio.sleep(0.2)
            started = time.monotonic()
            await ask(a, {**frame, "text": "back"}, action="message_sent")
            assert (await get(b))["data"]["text"] == "back"
            assert time.monotonic() - started < 0.5


async def test_who_loses_a_process_resumes_at_another(
    alice: User, bob: User, group: Chat, tmp_path: Path
) -> None:
    """What bob had not heard when his process was killed he hears from the other one, in order."""
    with serving(tmp_path) as one, serving(tmp_path, "uvicorn") as two:
        path = "/api/v1/ws"
        alices = {"Authorization": f"Bearer {await in_db(token, alice)}"}
        access = await in_db(token, bob)
        async with two.open(path, additional_headers=alices) as a:
            heard: list[int] = []

            async def say(text: str) -> None:
                data = {"chat_id": group.id, "content": text}
                await a.send(json.dumps({"event": "message.send", "data": data}))

            async def hear(client: ClientConnection) -> None:
                frame = await get(client)
                if "seq" in frame:
                    assert frame["prev_seq"] == (heard[-1] if heard else 1)
                    heard.append(frame["seq"])

            async with one.open(
                path, additional_headers={"Authorization": f"Bearer {access}"}
            ) as b:
                await b.send(json.dumps({"event": "ping", "request_id": 1}))
                while (await get(b)).get("request_id") != 1:
                    pass
                for number in range(5):
                    await say(f"{number}")
                while len(heard) < 5:
                    await hear(b)
                one.process.kill()
                for number in range(20):
                    await say(f"missed {number}")
            # A single-use ticket, made in one process, opens a socket at any.
            claims = read_access(access)
            ticket = await in_db(tickets.issue, claims)
            async with two.open(f"{path}?ticket={ticket}") as b:
                await say("while it connects")
                resume = {"chats": {str(group.id): heard[-1]}}
                await b.send(json.dumps({"event": "resume", "data": resume, "request_id": 2}))
                while (frame := await get(b)).get("event") != "resumed":
                    # What came before it was asked for, comes again.
                    if frame.get("prev_seq") == heard[-1]:
                        heard.append(frame["seq"])
                await say("afterwards")
                while len(heard) < 27:
                    await hear(b)
            assert heard == list(range(2, 29))
