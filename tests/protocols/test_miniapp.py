"""The mini-app, line by line of its contract, frame by frame."""

import asyncio
from uuid import uuid4

from accounts.models import User
from chats.models import Chat
from chats.services import add_member, create_chat
from messaging.models import Message
from messaging.reading import read_message
from messaging.services import delete_message, edit_message, send_message
from messenger.realtime.threads import in_db
from tests.sockets import connected, miniapp, together


async def test_on_connect_the_unread_messages_come_first_oldest_first(
    alice: User, bob: User, group: Chat
) -> None:
    for text in ("one", "two"):
        await in_db(lambda text=text: send_message(alice, chat=group.id, content=text))
    async with connected(bob) as socket:
        frame = await socket.get(action="unread_messages")
    assert [message["text"] for message in frame["data"]] == ["one", "two"]
    assert set(frame["data"][0]) == {
        "id", "chat_id", "sender_uuid", "text", "timestamp", "read_status"
    }  # fmt: skip
    assert frame["data"][0]["read_status"] == "unread"
    assert frame["data"][0]["sender_uuid"] == str(alice.uuid)
    assert frame["data"][0]["chat_id"] == group.id


async def test_on_connect_an_empty_list_comes_when_nothing_is_unread(alice: User) -> None:
    async with connected(alice) as socket:
        assert await socket.get() == {"action": "unread_messages", "data": []}


async def test_creating_a_group_tells_the_creator_and_the_members(alice: User, bob: User) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        answer = await a.ask(
            {"action": "create_chat", "type": "group", "name": "Кот", "user_ids": [str(bob.uuid)]},
            action="chat_created",
        )
        assert await b.get(action="chat_created") == answer
        assert await a.silent()
    chat = answer["data"]
    assert set(chat) == {"id", "uuid", "type", "name", "user_ids", "created_at"}
    assert (chat["type"], chat["name"]) == ("group", "Кот")
    assert chat["user_ids"] == [str(alice.uuid), str(bob.uuid)]


async def test_a_private_chat_is_one_for_a_pair(alice: User, bob: User) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        first = await a.ask(
            {"action": "create_chat", "type": "private", "name": "", "user_ids": [str(bob.uuid)]}
        )
        await b.get(action="chat_created")
        again = await b.ask(
            {"action": "create_chat", "type": "private", "user_ids": [str(alice.uuid)]}
        )
        assert again["data"]["id"] == first["data"]["id"]
        assert await a.silent()


async def test_an_unknown_member_is_named_and_nothing_is_created(alice: User) -> None:
    nobody = str(uuid4())
    async with miniapp(alice) as a:
        error = await a.ask(
            {"action": "create_chat", "type": "group", "name": "x", "user_ids": [nobody]},
            action="error",
            code="unknown_users",
            request="create_chat",
        )
    assert nobody in error["detail"]
    assert await in_db(Chat.objects.count) == 0


async def test_a_message_reaches_the_others_and_the_senders_other_sockets(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    async with miniapp(alice) as a, miniapp(alice) as a2, miniapp(bob) as b, miniapp(charlie) as c:
        sent = await a.ask(
            {"action": "send_message", "chat_id": group.id, "text": "привет"},
            action="message_sent",
        )
        for socket in (a2, b):
            assert (await socket.get(action="new_message"))["data"] == sent["data"]
        assert await a.silent() and await c.silent()
    assert sent["data"]["sender_uuid"] == str(alice.uuid)
    assert sent["data"]["read_status"] == "unread"
    assert sent["data"]["timestamp"].endswith("Z")


async def test_ids_are_taken_in_every_form(alice: User, bob: User, group: Chat) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        for ref in (group.id, str(group.id), str(group.uuid)):
            await a.ask(
                {"action": "send_message", "chat_id": ref, "text": "x"}, action="message_sent"
            )
            frame = await b.get(action="new_message")
            await b.ask(
                {"action": "message_read", "message_id": str(frame["data"]["id"])},
                action="message_read",
            )
            await a.get(action="message_read_by_all")


async def test_the_sender_hears_once_when_the_last_of_the_others_has_read(
    alice: User, bob: User, charlie: User
) -> None:
    chat = await in_db(lambda: create_chat(alice, kind="group", name="3", members=[bob, charlie]))
    async with miniapp(alice) as a, miniapp(bob) as b, miniapp(charlie) as c:
        sent = await a.ask({"action": "send_message", "chat_id": chat.id, "text": "x"})
        read = {"action": "message_read", "message_id": sent["data"]["id"]}
        await b.get(action="new_message")
        await c.get(action="new_message")
        first = await b.ask(read, action="message_read")
        assert await a.silent()
        last = await c.ask(read, action="message_read")
        heard = await a.get(action="message_read_by_all")
        again = await c.ask(read, action="message_read")
        assert await a.silent()
    assert first["data"]["read_by_all"] is False
    assert last["data"]["read_by_all"] is True
    assert again == last
    assert last["data"]["read_by"] == str(charlie.uuid)
    assert heard["data"] == {
        "message_id": sent["data"]["id"],
        "chat_id": chat.id,
        "read_by": str(charlie.uuid),
        "read_at": last["data"]["read_at"],
    }


async def test_reading_ones_own_message_changes_nothing(
    alice: User, bob: User, group: Chat
) -> None:
    async with miniapp(alice) as a:
        sent = await a.ask({"action": "send_message", "chat_id": group.id, "text": "x"})
        read = await a.ask(
            {"action": "message_read", "message_id": sent["data"]["id"]}, action="message_read"
        )
    assert read["data"]["read_at"] is None and read["data"]["read_by_all"] is False


async def test_reading_one_message_leaves_the_earlier_ones_unread(
    alice: User, bob: User, group: Chat
) -> None:
    sent = [
        (await in_db(lambda n=n: send_message(alice, chat=group.id, content=f"{n}"))).message
        for n in range(3)
    ]
    await in_db(lambda: read_message(bob, message=sent[2].id))
    async with connected(bob) as socket:
        frame = await socket.get(action="unread_messages")
    assert [message["text"] for message in frame["data"]] == ["0", "1"]


async def test_the_same_client_message_id_is_one_message(
    alice: User, bob: User, group: Chat
) -> None:
    frame = {"action": "send_message", "chat_id": group.id, "text": "x", "client_message_id": "k"}
    async with miniapp(alice) as a, miniapp(alice) as a2, miniapp(bob) as b:
        for _ in range(5):
            await together(a.send(frame), a2.send(frame))
        got = [await socket.get() for socket in (a, a2) for _ in range(5)]
        await b.get(action="new_message")
        # One of the two sent it; the other one also hears of it as of any message.
        answers = [frame for frame in got if frame["action"] == "message_sent"]
        assert await b.silent()
    assert len({frame["data"]["id"] for frame in got}) == 1 and len(answers) >= 9
    assert await in_db(Message.objects.count) == 1


async def test_the_same_client_message_id_with_another_text_is_an_error(
    alice: User, group: Chat
) -> None:
    frame = {"action": "send_message", "chat_id": group.id, "client_message_id": "k"}
    async with miniapp(alice) as a:
        await a.ask({**frame, "text": "x"}, action="message_sent")
        await a.ask({**frame, "text": "y"}, action="error", code="idempotency_key_reused")
        await a.ask({**frame, "text": "x"}, action="message_sent")


async def test_edits_and_deletions_reach_the_mini_app(alice: User, bob: User, group: Chat) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        sent = await a.ask({"action": "send_message", "chat_id": group.id, "text": "x"})
        await b.get(action="new_message")
        id = sent["data"]["id"]
        await in_db(lambda: edit_message(alice, message=id, content="y"))
        for socket in (a, b):
            frame = await socket.get(action="message_edited")
            assert frame["data"] == {**sent["data"], "text": "y"}
        await in_db(lambda: delete_message(alice, message=id))
        for socket in (a, b):
            frame = await socket.get(action="message_deleted")
            assert frame["data"] == {"message_id": id, "chat_id": group.id}


async def test_an_edited_message_is_read_to_those_who_have_read_it(
    alice: User, bob: User, charlie: User
) -> None:
    chat = await in_db(lambda: create_chat(alice, kind="group", name="3", members=[bob, charlie]))
    sent = await in_db(lambda: send_message(alice, chat=chat.id, content="x"))
    await in_db(lambda: read_message(bob, message=sent.message.id))
    async with miniapp(alice) as a, miniapp(bob) as b, miniapp(charlie) as c:
        await in_db(lambda: edit_message(alice, message=sent.message.id, content="y"))
        status = [(await s.get(action="message_edited"))["data"]["read_status"] for s in (a, b, c)]
    assert status == ["unread", "read", "unread"]


async def test_who_is_added_later_gets_the_chat_and_what_follows(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    async with miniapp(alice) as a, miniapp(charlie) as c:
        await in_db(lambda: add_member(alice, chat=group, user=charlie))
        frame = await c.get(action="chat_created")
        assert frame["data"]["id"] == group.id
        await a.ask({"action": "send_message", "chat_id": group.id, "text": "x"})
        await c.get(action="new_message")


async def test_two_hundred_messages_at_once_arrive_once_each_and_in_order(
    alice: User, bob: User, group: Chat
) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        for n in range(200):
            await a.send({"action": "send_message", "chat_id": group.id, "text": f"{n}"})
        acked = [(await a.get(action="message_sent"))["data"] for _ in range(200)]
        heard = [(await b.get(action="new_message"))["data"] for _ in range(200)]
        assert await a.silent() and await b.silent()
    assert [message["text"] for message in heard] == [f"{n}" for n in range(200)]
    assert acked == heard
    assert [m["id"] for m in heard] == sorted(m["id"] for m in heard)


async def test_a_request_id_comes_back_with_the_answer_and_with_the_error(
    alice: User, group: Chat
) -> None:
    async with miniapp(alice) as a:
        frame = {"action": "send_message", "chat_id": group.id, "text": "x", "request_id": "r-1"}
        await a.ask(frame, action="message_sent", request_id="r-1")
        await a.ask({**frame, "chat_id": 0}, action="error", code="not_found", request_id="r-1")


async def test_a_message_that_comes_while_connecting_is_told_once(
    alice: User, bob: User, group: Chat
) -> None:
    async def chatter() -> list[int]:
        ids = []
        for n in range(40):
            sent = await in_db(lambda n=n: send_message(alice, chat=group.id, content=f"{n}"))
            ids.append(sent.message.id)
        return ids

    talking = asyncio.create_task(chatter())
    await asyncio.sleep(0.02)
    async with connected(bob) as b:
        greeting = await b.get(action="unread_messages")
        ids = await talking
        told = [message["id"] for message in greeting["data"]]
        while told[-1:] != ids[-1:]:
            told.append((await b.get(action="new_message"))["data"]["id"])
        assert await b.silent()
    assert told == ids
