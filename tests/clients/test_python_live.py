"""What the Python client promises, against servers that run."""

import asyncio
import importlib.metadata
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from messenger_client import (
    Api,
    Banned,
    ChatCreated,
    ChatDeleted,
    ChatEvent,
    ChatReset,
    ChatUpdated,
    Disconnected,
    Event,
    MemberJoined,
    MemberLeft,
    MemberUpdated,
    MessageCreated,
    MessageDeleted,
    MessageRead,
    Messenger,
    MessengerError,
    ReactionAdded,
    ReactionRemoved,
    SignedOut,
    UserTyping,
    events,
)

from accounts.models import User
from accounts.services import ban, start_login
from chats.models import Chat
from messaging.models import Message
from messenger.realtime.threads import in_db
from tests.clients.fake import QUICK, until
from tests.live.servers import Server


async def client(server: Server, user: User, **options: Any) -> Messenger:
    """A client with a login of its own."""
    pair = await in_db(start_login, user)
    tokens: Any = {"access_token": pair.access, "refresh_token": pair.refresh}
    return Messenger(options.pop("url", server.url), tokens=tokens, **{**QUICK, **options})


async def heard(stream: AsyncIterator[Event], *kinds: type[Event]) -> list[Any]:
    """The next event of each of these kinds, in this order; no change to a chat between them."""
    found: list[Any] = []
    while len(found) < len(kinds):
        event = await anext(stream)
        if isinstance(event, kinds[len(found)]):
            found.append(event)
        else:
            assert not isinstance(event, ChatEvent | ChatReset), event
    return found


async def everything(me: Messenger) -> None:
    """Until events have told all that has happened so far."""
    for chat in (await me.api.sync())["chats"]:
        await until(lambda: me.seqs.get(chat["id"], 0) >= chat["seq"])  # noqa: B023


class Proxy:
    """A line to a server that can go dead in the direction of the client."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.writers: list[asyncio.StreamWriter] = []
        self.dead: set[asyncio.StreamWriter] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        await asyncio.gather(self.copy(reader, back), self.copy(there, writer))

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if writer not in self.dead:
                    writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    def silence(self) -> None:
        """From now on nothing comes back over the connections that are open."""
        self.dead |= set(self.writers)


@asynccontextmanager
async def proxied(server: Server) -> AsyncIterator[tuple[Proxy, str]]:
    proxy = Proxy(server.port)
    async with await asyncio.start_server(proxy.carry, "127.0.0.1", 0) as listener:
        yield proxy, f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        for writer in proxy.writers:
            writer.close()


async def test_two_clients_talk(server: Server, alice: User, bob: User) -> None:
    async with await client(server, alice) as a, await client(server, bob) as b:
        await a.wait_connected()
        await b.wait_connected()
        at_a, at_b = a.events(), b.events()
        chat = await a.api.create_chat("Tea", user_ids=[bob.id], is_open=True)
        [created] = await heard(at_a, ChatCreated)
        assert (await heard(at_b, ChatCreated))[0].chat == created.chat
        assert created.chat["name"] == "Tea" and created.chat["members_count"] == 2

        pending = a.send(chat["id"], "привет 👋", payload={"n": [1]})
        stored = await pending
        [own] = await heard(at_a, MessageCreated)
        [his] = await heard(at_b, MessageCreated)
        assert own.local_key == pending.key and his.local_key is None
        bare = {"reactions": [], "likes_count": 0, "liked_by": [], "liked_at": None}
        assert {**his.message, **bare} == stored

        read = await b.api.read_up_to(chat["id"], stored["id"])
        assert read == {"chat_id": chat["id"], "read": 1, "unread_count": 0}
        for stream in (at_a, at_b):
            [receipt] = await heard(stream, MessageRead)
            assert (receipt.message_id, receipt.user_id) == (stored["id"], bob.id)
            assert receipt.read_by_all
        await b.api.add_reaction(stored["id"], "👩‍👩‍👧")
        await b.api.remove_reaction(stored["id"], "👩‍👩‍👧")
        added, removed = await heard(at_a, ReactionAdded, ReactionRemoved)
        assert added.reaction["emoji"] == removed.emoji == "👩‍👩‍👧"
        await b.command("typing", {"chat_id": chat["id"], "is_typing": True})
        assert (await heard(at_a, UserTyping)) == [UserTyping(chat["id"], bob.id, True)]
        await a.api.update_chat(chat["id"], name="Coffee")
        assert (await heard(at_a, ChatUpdated))[0].chat["name"] == "Coffee"
        await a.api.delete_message(stored["id"])
        assert (await heard(at_a, MessageDeleted))[0].message["content"] is None
        await a.api.set_role(chat["id"], bob.id, "owner")
        assert (await heard(at_a, MemberUpdated))[0].member["role"] == "owner"

        await b.api.leave(chat["id"])
        [left] = await heard(at_a, MemberLeft)
        assert left.user_id == bob.id and left.removed_by is None
        await until(lambda: b.seqs == {})
        await b.api.join(chat["id"])
        [joined] = await heard(at_a, MemberJoined)
        assert joined.member["user_id"] == bob.id and joined.seq == left.seq + 1
        await a.api.delete_chat(chat["id"])
        assert (await heard(at_a, ChatDeleted))[0].deleted_by == alice.id
        await until(lambda: a.seqs == b.seqs == {})


async def test_a_client_that_lost_its_connection_has_each_event_once_and_in_order(
    server: Server, alice: User, bob: User, group: Chat
) -> None:
    async with await client(server, alice) as a, await client(server, bob) as b:
        found: list[Any] = []
        b.on(ChatEvent, found.append)
        lost: list[Any] = []
        b.on(Disconnected, lost.append)
        start = b.seqs[group.id]
        await b.wait_connected()
        for number in range(60):
            a.send(group.id, f"{number}")
            if number % 15 == 7:
                b.drop()
            await asyncio.sleep(0.005)
        await a.flush()
        await b.wait_connected()
        await everything(b)
        await until(lambda: len(found) == 60)
        assert [event.message["content"] for event in found] == [f"{n}" for n in range(60)]
        assert [event.seq for event in found] == list(range(start + 1, start + 61))
        assert lost


async def test_what_is_sent_while_offline_is_stored_once_when_there_is_a_line_again(
    server: Server, alice: User, group: Chat
) -> None:
    async with await client(server, alice) as a:
        await a.wait_connected()
        a.drop()
        pending = [a.send(group.id, f"{number}") for number in range(5)]
        stored = [await one for one in pending]
        stream = a.events()
        told = await heard(stream, Disconnected, *[MessageCreated] * 5)
        assert [event.local_key for event in told[1:]] == [one.key for one in pending]
        assert [event.seq for event in told[1:]] == [message["seq"] for message in stored]
        assert await in_db(Message.objects.count) == 5


async def test_a_message_whose_answer_is_lost_is_stored_and_told_once(
    server: Server, alice: User, group: Chat
) -> None:
    async with proxied(server) as (proxy, url), await client(server, alice, url=url) as a:
        await a.wait_connected()
        proxy.silence()
        pending = a.send(group.id, "once")
        while not await in_db(Message.objects.count):
            await asyncio.sleep(0.01)
        assert not pending.done
        a.drop()
        stored = await pending
        [told] = (await heard(a.events(), Disconnected, MessageCreated))[1:]
        assert (told.local_key, told.message["id"]) == (pending.key, stored["id"])
        await a.send(group.id, "next")
        await heard(a.events(), MessageCreated)
        assert await in_db(Message.objects.count) == 2


async def test_a_dead_line_is_noticed_by_its_silence(
    server: Server, alice: User, group: Chat
) -> None:
    async with (
        proxied(server) as (proxy, url),
        await client(server, alice, url=url, silence=0.2, patience=0.5) as a,
    ):
        await a.wait_connected()
        await asyncio.sleep(0.5)
        assert a.state == "connected"
        proxy.silence()
        await heard(a.events(), Disconnected)
        await a.wait_connected()
        assert (await a.send(group.id, "x"))["content"] == "x"


async def test_tokens_are_exchanged_and_the_socket_goes_on_with_the_new_one(
    server: Server, alice: User, group: Chat
) -> None:
    pairs: list[Any] = []
    # A token lives for 15 minutes, and counts as old two seconds after it was made.
    async with await client(server, alice, refresh_margin=898.0, on_tokens=pairs.append) as a:
        lost: list[Any] = []
        a.on(Disconnected, lost.append)
        await a.wait_connected()
        connection = a._line.connection
        assert connection is not None
        await until(lambda: pairs)
        assert a.api.tokens.access == pairs[0]["access_token"]
        # Commands are answered in order: by now the socket's own has been.
        renewed = await a.command("auth.refresh", {"token": a.api.tokens.access})
        assert renewed["expires_at"] > "2"
        assert not connection._asked and not lost
        assert (await a.send(group.id, "x"))["seq"]
        with pytest.raises(MessengerError) as refusal:
            await a.command("auth.refresh", {"token": "nonsense"})
        assert refusal.value.status == 401


async def test_the_snapshot_and_the_events_after_it_are_a_fresh_snapshot(
    server: Server, alice: User, bob: User, charlie: User, group: Chat
) -> None:
    async with await client(server, alice) as a, await client(server, bob) as b:
        known = {chat["id"]: dict(chat) for chat in b.snapshot["chats"]}
        b.on(Event, lambda event: fold(known, event, bob.id))
        chance = Random(1)
        second = await a.api.create_chat("Second", user_ids=[bob.id])
        third = await a.api.create_chat("Third", user_ids=[bob.id])
        sent: list[Any] = []
        for number in range(60):
            chat_id = chance.choice((group.id, second["id"]))
            match chance.randrange(9):
                case 0:
                    b.drop()
                case 1:
                    await a.api.update_chat(chat_id, name=f"name {number}", is_open=number % 2 == 0)
                case 2:
                    await a.api.add_member(chat_id, charlie.id)
                case 3:
                    try:
                        await a.api.remove_member(chat_id, charlie.id)
                    except MessengerError as error:
                        assert error.status == 404
                case 4 if sent:
                    await b.api.read_up_to(*chance.choice(sent))
                case 5:
                    await b.send(chat_id, f"b{number}")
                case 6 if sent:
                    await a.api.add_reaction(sent[-1][1], "👍")
                case _:
                    message = await a.send(chat_id, f"a{number}")
                    sent.append((chat_id, message["id"]))
        await a.api.delete_chat(third["id"])
        await b.wait_connected()
        await everything(b)
        await until(lambda: set(b.seqs) == {group.id, second["id"]})
        fresh = {chat["id"]: chat for chat in (await b.api.sync())["chats"]}
        # Events are handled after they have moved the seqs.
        await until(lambda: {id: chat["seq"] for id, chat in known.items()} == b.seqs)
        assert {id: shown(chat) for id, chat in fresh.items()} == {
            id: shown(chat) for id, chat in known.items()
        }


def fold(known: dict[int, Any], event: Event, me: int) -> None:
    """What an application makes of an event."""
    if isinstance(event, ChatReset):
        known.pop(event.chat_id, None)
        if event.chat is not None:
            known[event.chat_id] = dict(event.chat)
        return
    if not isinstance(event, ChatEvent):
        return
    chat = known.get(event.chat_id, {})
    match event:
        case ChatCreated():
            chat = known[event.chat_id] = {**event.chat, "unread_count": 0, "last_message": None}
        case ChatUpdated():
            chat.update(event.chat)
        case MessageCreated():
            chat["last_message"] = event.message
            chat["unread_count"] += event.message["author_id"] != me
        case MessageRead():
            if chat["last_message"]["id"] == event.message_id:
                chat["last_message"] = {**chat["last_message"], "status": "read"}
            chat["unread_count"] -= event.user_id == me
        case MemberJoined():
            chat["members_count"] += 1
        case MemberLeft():
            chat["members_count"] -= 1
            if event.user_id == me:
                del known[event.chat_id]
        case ChatDeleted():
            del known[event.chat_id]
    chat["seq"] = event.seq


def shown(chat: Any) -> dict[str, Any]:
    names = ["id", "name", "description", "is_open", "owner_id", "members_count", "unread_count"]
    last = chat["last_message"]
    return {
        **{name: chat[name] for name in [*names, "seq"]},
        "last": last and {name: last[name] for name in ("id", "content", "seq", "status")},
    }


async def test_writers_and_readers_whose_lines_break_all_see_the_same(
    server: Server, alice: User, bob: User, group: Chat
) -> None:
    chance = Random(7)
    async with (
        await client(server, alice) as a,
        await client(server, bob, buffer=5) as b,
        await client(server, bob, ticket=True) as b2,
    ):
        people = (a, b, b2)
        told: list[list[Any]] = [[], [], []]
        for me, found in zip(people, told, strict=True):
            me.on(MessageCreated, found.append)
        pending = []
        for number in range(90):
            me = chance.choice(people)
            pending.append((me, me.send(group.id, f"{number}")))
            if chance.random() < 0.1:
                chance.choice(people).drop()
            if chance.random() < 0.2:
                await asyncio.sleep(0.02)
        for _, one in pending:
            await one
        for me in people:
            await everything(me)
        await until(lambda: all(len(found) == 90 for found in told))
        for me, found in zip(people, told, strict=True):
            assert [event.seq for event in found] == sorted({event.seq for event in found})
            keys = [event.local_key for event in found if event.local_key]
            assert keys == [one.key for who, one in pending if who is me]
        assert await in_db(Message.objects.count) == 90


async def test_a_restored_or_left_chat_is_told_as_a_reset(
    server: Server, alice: User, bob: User, group: Chat
) -> None:
    async with await client(server, alice) as a, await client(server, bob) as b:
        await b.wait_connected()
        second = await a.api.create_chat("Second", user_ids=[bob.id])
        await until(lambda: second["id"] in b.seqs)
        # As if the server had been restored, and as if it had thrown us out unheard.
        b._places.seqs[group.id] += 1000
        b._places.seqs[10**9] = 1
        del b._places.seqs[second["id"]]
        b.drop()
        resets: dict[int, str] = {}
        stream = b.events()
        while len(resets) < 3:
            event = await anext(stream)
            if isinstance(event, ChatReset):
                resets[event.chat_id] = event.reason
        assert resets == {group.id: "ahead", 10**9: "not_found", second["id"]: "new"}
        await everything(b)
        await a.send(group.id, "on")
        assert (await heard(stream, MessageCreated))[0].message["content"] == "on"


async def test_signing_out_elsewhere_and_a_ban_end_a_client(
    server: Server, alice: User, bob: User
) -> None:
    async with await client(server, alice) as a, await client(server, bob) as b:
        await a.wait_connected()
        await b.wait_connected()
        async with Api(server.url, tokens=a.api.tokens.tokens) as elsewhere:
            await elsewhere.logout()
        with pytest.raises(SignedOut):
            async for _ in a.events():
                pass
        await in_db(ban, bob)
        with pytest.raises(Banned):
            async for _ in b.events():
                pass


async def test_the_rest_of_the_api(server: Server, alice: User, bob: User, charlie: User) -> None:
    account = {"email": "dora@example.org", "password": "correct-horse-8", "username": "dora"}
    async with Api(server.url) as api:
        with pytest.raises(SignedOut):
            await api.me()
        dora = await api.register(**account, name="Dora")
        with pytest.raises(MessengerError) as refusal:
            await api.login("dora", "wrong")
        assert refusal.value.code == "wrong_credentials"
        await api.login("dora@example.org", account["password"])
        assert await api.me() == dora
        assert (await api.ws_ticket())["expires_in"] == 30
        assert (await api.user(dora["uuid"]))["username"] == "dora"
        found = await api.users("ali", limit=10)
        assert [person["id"] for person in found["users"]] == [alice.id]
        assert (await api.users(limit=2))["next_cursor"] is not None

        private = await api.create_chat(type="private", user_ids=[alice.id])
        assert private["partner"] is not None and private["partner"]["id"] == alice.id
        again = await api.create_chat(type="private", user_ids=[str(alice.uuid)])
        assert again["id"] == private["id"]
        chat = await api.create_chat("G", description="d", user_ids=[bob.id])
        page = await api.chats(limit=1)
        assert page["has_more"] and page["chats"][0]["id"] == chat["id"]
        rest = await api.chats(cursor=page["next_cursor"])
        assert [one["id"] for one in rest["chats"]] == [private["id"]]
        assert (await api.chat(chat["uuid"]))["id"] == chat["id"]
        added = await api.add_member(chat["id"], charlie.id)
        assert added in await api.members(chat["id"])
        await api.remove_member(chat["id"], charlie.id)
        assert [person["user_id"] for person in await api.members(chat["id"])] == [
            dora["id"],
            bob.id,
        ]

        ids = [(await api.send_message(chat["id"], f"{n}", key=f"{n}"))["id"] for n in range(7)]
        assert (await api.send_message(chat["id"], "6", key="6"))["id"] == ids[6]
        reply = await api.send_message(
            chat["id"], None, type="poll", payload=[1], reply_to=ids[0], key="r"
        )
        assert (await api.message(reply["uuid"]))["reply_to_id"] == ids[0]
        history = [message["id"] async for message in api.history(chat["id"], page=3)]
        assert history == [reply["id"], *reversed(ids)]
        around = await api.messages(chat["id"], around_id=ids[3], limit=3)
        assert [message["id"] for message in around["messages"]] == [ids[4], ids[3], ids[2]]
        after = await api.messages(chat["id"], after_id=ids[3], limit=2)
        assert [message["id"] for message in after["messages"]] == [ids[5], ids[4]]

        log = await api.events(chat["id"], limit=5)
        assert log["has_more"] and log["reset"] is None
        told = [events.from_frame(frame) for frame in log["events"]]
        assert [type(event) for event in told[:2]] == [ChatCreated, MemberJoined]
        last = await api.events(chat["id"], log["last_seq"])
        assert last["events"] == [] and not last["has_more"]
        ahead = await api.events(chat["id"], log["last_seq"] + 1)
        assert ahead["reset"] == {"reason": "ahead", "seq": log["last_seq"]}

        await api.heartbeat()
        assert (await api.presence())["status"] == "online"
        assert (await api.set_presence("away"))["status"] == "away"
        assert (await api.presence(bob.id))["user_id"] == bob.id
        await api.set_typing(chat["id"])
        assert await api.typing(chat["id"]) == []
        with pytest.raises(MessengerError) as refusal:
            await api.presence(10**9)
        assert refusal.value.status == 404
        snapshot = await api.sync()
        assert snapshot["user"] == dora and len(snapshot["chats"]) == 2
        await api.delete_chat(private["id"])
        await api.logout()
        with pytest.raises(SignedOut):
            await api.sync()


def test_the_package_says_what_it_needs(root: Path) -> None:
    project = tomllib.loads((root / "clients/python/pyproject.toml").read_text())["project"]
    for requirement, name in zip(project["dependencies"], ("httpx", "websockets"), strict=True):
        assert requirement.startswith(f"{name}>=")
        assert int(importlib.metadata.version(name).split(".")[0]) < int(
            requirement.rsplit("<", 1)[1]
        )
