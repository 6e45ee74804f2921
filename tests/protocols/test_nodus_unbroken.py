"""
The unbroken stream: whoever writes and whenever readers lose their sockets, each reader ends with
what a fresh one sees, having heard of each change once and in order.
"""

import asyncio
import random
from functools import partial
from typing import Any

import pytest

from accounts.models import User
from chats import services as chats
from chats.models import Chat
from messaging import services as messaging
from messaging.models import Message
from messenger.errors import MessengerError
from messenger.realtime.threads import in_db
from tests.people import client, make_user
from tests.protocols.nodus_state import NotThere, State
from tests.sockets import Socket, nodus

EMOJI = ("👍", "❤️", "🔥")


class Reader:
    """A native client whose line is bad. Resumes as its document says."""

    def __init__(self, user: User, chance: random.Random) -> None:
        self.user = user
        self.chance = chance
        self.client = client(user)
        self.state = State(user.id)
        # (chat, seq) of everything applied, and of what was passed over because it came again.
        self.applied: list[tuple[int, int]] = []
        self.resumes = 0

    async def listen(self, over: asyncio.Event) -> None:
        """Connect, resume, listen for a while, vanish; again until it is over and all is told."""
        while True:
            last = over.is_set()
            async with nodus(self.user) as socket:
                await self.resume(socket)
                if last:
                    return
                await self.hear(socket, self.chance.randrange(1, 25))
            # Away: what happens now is missed.
            await asyncio.sleep(self.chance.random() * 0.03)

    async def resume(self, socket: Socket) -> None:
        self.resumes += 1
        seqs = {str(id): seq for id, seq in self.state.seqs.items()}
        await socket.send({"event": "resume", "data": {"chats": seqs}, "request_id": "r"})
        while (frame := await socket.get())["event"] != "resumed":
            if frame["event"] == "reset":
                await self.reset(frame["data"])
            else:
                await self.take(frame)
        for id, seq in frame["data"]["chats"].items():
            # More where a chat was loaded anew meanwhile.
            assert self.state.seqs.get(int(id), seq) >= seq, "something was left out"
        for id in frame["data"]["new"]:
            await self.load(id)

    async def reset(self, data: Any) -> None:
        self.state._forget(data["chat_id"])
        if data["seq"] is not None:
            await self.load(data["chat_id"])

    async def load(self, id: int) -> None:
        if id in self.state.chats:
            return
        # Of what they were told before they asked nothing is lost: it comes by the next resume.
        await in_db(self._load, id)

    def _load(self, id: int) -> None:
        self.state._read_all(self.client, id)
        self._load_if_there(id)

    def _load_if_there(self, id: int) -> None:
        try:
            self.state.load(self.client, id)
        except NotThere:
            pass

    async def hear(self, socket: Socket, count: int) -> None:
        try:
            async with asyncio.timeout(0.25):
                for _ in range(count):
                    await self.take(await socket.get())
        except TimeoutError:
            pass

    async def take(self, frame: Any) -> None:
        if "seq" not in frame:
            return
        id, seq = frame["chat_id"], frame["seq"]
        known = self.state.seqs.get(id)
        if frame["event"] == "chat.created" and known is None:
            self.state.apply(frame)
            if frame["data"]["members_count"] and seq > 1:
                # There was something before they came. They may be gone again: that comes.
                await in_db(self._load_if_there, id)
            return
        if known is None or seq <= known:
            return
        if frame["prev_seq"] != known:
            # Heard before it was asked for: it comes again, in its place.
            return
        self.state.apply(frame)
        self.applied.append((id, seq))


class Writer:
    """Does anything that a member can do, at random. What is refused is refused."""

    def __init__(self, user: User, people: list[User], rooms: list[Chat], chance: Any) -> None:
        self.user, self.people, self.rooms, self.chance = user, people, rooms, chance

    def act(self) -> None:
        room = self.chance.choice(self.rooms)
        recent = list(Message.objects.filter(chat=room).order_by("-id")[:8])
        message = self.chance.choice(recent).id if recent else 0
        other = self.chance.choice(self.people)
        say = partial(messaging.send_message, self.user, chat=room.id, content="x")
        deeds = [
            say,
            say,
            say,
            partial(
                messaging.edit_message, self.user, message=message, content=f"{random.random()}"
            ),
            partial(messaging.delete_message, self.user, message=message),
            partial(messaging.read_message, self.user, message=message),
            partial(messaging.read_up_to, self.user, chat=room.id, message=message),
            partial(messaging.add_reaction, self.user, message=message, emoji=EMOJI[0]),
            partial(messaging.add_reaction, self.user, message=message, emoji=EMOJI[1]),
            partial(messaging.remove_reaction, self.user, message=message, emoji=EMOJI[0]),
            partial(chats.update_chat, self.user, chat=room, name=f"{random.random()}"),
            partial(chats.add_member, self.user, chat=room, user=other),
            partial(chats.remove_member, self.user, chat=room, user=other),
            partial(chats.change_role, self.user, chat=room, user=other.id, role="owner"),
            partial(chats.create_chat, self.user, kind="group", name="New", members=[other]),
        ]
        try:
            self.chance.choice(deeds)()
        except MessengerError:
            pass


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_loses_the_line_ends_with_what_a_fresh_reader_sees(
    alice: User, bob: User, charlie: User, seed: int, unlimited: None
) -> None:
    chance = random.Random(seed)
    dora = await in_db(make_user, "dora")
    people = [alice, bob, charlie, dora]
    rooms = [
        await in_db(partial(chats.create_chat, alice, kind="group", name=name, members=people))
        for name in ("one", "two")
    ]
    readers = [
        await in_db(Reader, user, random.Random(f"{seed} {user.username}")) for user in people[1:]
    ]
    for reader in readers:
        await in_db(reader.state.sync, reader.client)
    over = asyncio.Event()
    listening = [asyncio.create_task(reader.listen(over)) for reader in readers]
    writers = [Writer(user, people, rooms, chance) for user in people[:3]]

    def enough() -> bool:
        """Whether the readers have been through what this is about, however fast they are."""
        heard = sum(len(reader.applied) for reader in readers)
        return heard > 50 and all(reader.resumes > 2 for reader in readers)

    async def write(writer: Writer) -> None:
        acts = 0
        while acts < 40 or (acts < 2000 and not enough()):
            await in_db(writer.act)
            await asyncio.sleep(chance.random() * 0.005)
            acts += 1

    await asyncio.gather(*(write(writer) for writer in writers))
    over.set()
    await asyncio.gather(*listening)

    assert enough()
    for reader in readers:
        assert len(reader.applied) == len(set(reader.applied))
        for id in {id for id, _ in reader.applied}:
            seqs = [seq for chat, seq in reader.applied if chat == id]
            assert seqs == sorted(seqs)
        fresh = State(reader.user.id)
        await in_db(partial(fresh_view, fresh, reader))
        assert reader.state.view() == fresh.view()


def fresh_view(fresh: State, reader: Reader) -> None:
    """What somebody sees who has just come; `unread` by the server's own count."""
    for chat in reader.client.get("/api/v1/sync").json()["chats"]:
        fresh.load(reader.client, chat["id"])
        unread = reader.state.unread.get(chat["id"], set())
        assert chat["unread_count"] == len(unread), chat
        fresh.unread[chat["id"]] = unread
