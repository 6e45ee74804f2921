"""Each row of the mini-app's contract over TCP, on each server, between plain clients."""

import asyncio
import json

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging.models import Message
from messenger.realtime.threads import in_db
from tests.live.servers import Server, ask, get
from tests.people import token


async def test_create_chat_send_and_read_with_everything_that_others_hear(
    server: Server, alice: User, bob: User
) -> None:
    tokens = [await in_db(token, user) for user in (alice, alice, bob)]
    async with (
        server.connect(tokens[0]) as a,
        server.connect(tokens[1]) as a2,
        server.connect(tokens[2]) as b,
    ):
        for client in (a, a2, b):
            await get(client, action="unread_messages", data=[])
        frame = {"action": "create_chat", "type": "group", "name": "G", "user_ids": [str(bob.uuid)]}
        chat = await ask(a, frame, action="chat_created")
        for client in (a2, b):
            assert await get(client) == chat
        sent = await ask(
            a, {"action": "send_message", "chat_id": chat["data"]["id"], "text": "привет 👋"},
            action="message_sent",
        )  # fmt: skip
        for client in (a2, b):
            assert await get(client, action="new_message") == {**sent, "action": "new_message"}
        read = {"action": "message_read", "message_id": sent["data"]["id"]}
        receipt = await ask(b, read, action="message_read")
        assert receipt["data"]["read_by_all"] is True
        for client in (a, a2):
            heard = await get(client, action="message_read_by_all")
            assert heard["data"]["read_by"] == str(bob.uuid)


async def test_ten_parallel_sends_with_one_key_on_two_sockets_make_one_message(
    server: Server, alice: User, group: Chat
) -> None:
    frame = {"action": "send_message", "chat_id": group.id, "text": "x", "client_message_id": "k"}
    tokens = [await in_db(token, alice) for _ in range(2)]
    async with server.connect(tokens[0]) as one, server.connect(tokens[1]) as two:
        for client in (one, two):
            await get(client, action="unread_messages")
        text = json.dumps(frame)
        await asyncio.gather(*(client.send(text) for client in (one, two) for _ in range(5)))
        answers = []
        for client in (one, two):
            found = [await get(client) for _ in range(5)]
            answers += [answer["data"]["id"] for answer in found]
    assert len(set(answers)) == 1
    assert await in_db(Message.objects.count) == 1


async def test_two_hundred_messages_at_once_arrive_once_each_and_in_order(
    server: Server, alice: User, bob: User, charlie: User
) -> None:
    chat = await in_db(lambda: create_chat(alice, kind="group", name="3", members=[bob, charlie]))
    tokens = [await in_db(token, user) for user in (alice, bob, charlie)]
    async with (
        server.connect(tokens[0]) as a,
        server.connect(tokens[1]) as b,
        server.connect(tokens[2]) as c,
    ):
        for client in (a, b, c):
            await get(client, action="unread_messages")
        for number in range(200):
            frame = {"action": "send_message", "chat_id": chat.id, "text": f"{number}"}
            await a.send(json.dumps(frame))
        expected = [f"{number}" for number in range(200)]
        for client, action in ((a, "message_sent"), (b, "new_message"), (c, "new_message")):
            heard = [(await get(client, action=action))["data"]["text"] for _ in range(200)]
            assert heard == expected


async def test_junk_gets_an_error_and_the_socket_lives(
    server: Server, alice: User, group: Chat
) -> None:
    async with server.connect(await in_db(token, alice)) as a:
        await get(a, action="unread_messages")
        for junk in ("", "{", "null", "[]", "[" * 10_000, "x" * 70_000, b"\x00\xff"):
            await a.send(junk)
            await get(a, action="error")
        await ask(
            a, {"action": "send_message", "chat_id": group.id, "text": "x"}, action="message_sent"
        )


async def test_a_frame_beyond_all_measure_is_refused_before_it_is_read(
    server: Server, alice: User
) -> None:
    async with server.connect(await in_db(token, alice)) as a:
        await get(a, action="unread_messages")
        await a.send("x" * 1_000_000)
        await a.wait_closed()
        assert a.close_code in (1006, 1009)
    assert server.get("/healthz") == 200
