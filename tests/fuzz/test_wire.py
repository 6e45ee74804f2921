"""
Mutated frames against a real server: it goes on, nobody else notices, nothing is an error of its
own, and what is still a text frame is answered and closes nothing.
"""

import asyncio
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.conf import settings

from accounts.models import User
from chats.services import create_chat
from messaging.services import send_message
from messenger.realtime.threads import in_db
from tests.fuzz import profile
from tests.fuzz.things import Chat, Message, Name, Person
from tests.fuzz.ways import PATHS, WAYS, commands
from tests.fuzz.wire import OF_BYTES, OF_TEXT, Wire
from tests.hostile.wire import CLOSE, TEXT, frame
from tests.live.servers import PATIENCE, Server, serving
from tests.people import make_user, token
from tests.processes import memory_of

pytestmark = pytest.mark.once

# Mutated texts on one connection, and what is refused before so many are.
TOGETHER = 20
# A command that there is not, in the words of every protocol: its answer says that all is read.
THE_END = "the end"
END = json.dumps(
    {**dict.fromkeys(("action", "type", "event"), "no such"), "request_id": THE_END}
).encode()
# Seconds after which a server that says nothing is taken to wait for the rest of a frame.
THOUGHT = 0.05
# Bytes by which the server may have grown.
GROWTH = 48 * 1024 * 1024
# Half of them by default, all of them in the full program.
SERVERS = ["daphne", "uvicorn"]
HERE = SERVERS if profile.FULL else [SERVERS[bool(settings.REDIS_URL)]]


class Bystander:
    """Somebody on another socket, who must hear everything of their chats, once and in order."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.seqs: dict[int, int] = {}
        self.texts: asyncio.Queue[str] = asyncio.Queue()

    async def listen(self) -> None:
        while True:
            opcode, payload = await self.wire.get()
            assert opcode == TEXT, (opcode, payload)
            heard = json.loads(payload)
            if "seq" in heard:
                before = self.seqs.get(heard["chat_id"], heard["prev_seq"])
                assert heard["prev_seq"] == before, heard
                self.seqs[heard["chat_id"]] = heard["seq"]
            if heard["event"] == "message.created":
                self.texts.put_nowait(heard["data"]["content"])


class Attack:
    """One attacker after another, each from an address of their own, on every kind of socket."""

    def __init__(
        self, port: int, people: dict[str, str], texts: dict[str, list[bytes]], chance: Random
    ) -> None:
        self.port = port
        self.people = list(people.values())
        self.texts = texts
        self.chance = chance
        self.connections = 0
        self.answers: Counter[str] = Counter()
        self.codes: Counter[int | str | None] = Counter()

    async def connect(self, protocol: str) -> Wire:
        access = self.people[self.connections % len(self.people)]
        self.connections += 1
        number = self.connections
        address = f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"
        path = PATHS.get(protocol, f"/ws/chat/{access}")
        return await Wire.open(self.port, path, access, address)

    async def with_texts(self) -> int:
        """Some mutated texts on one socket: each is answered, or done in silence."""
        protocol = self.chance.choice(sorted(self.texts))
        wire = await self.connect(protocol)
        pieces = [
            frame(
                self.chance.choice(OF_TEXT)(self.chance.choice(self.texts[protocol]), self.chance)
            )
            for _ in range(TOGETHER)
        ]
        await wire.send(*pieces, frame(END))
        while True:
            opcode, payload = await wire.get()
            assert opcode != CLOSE, f"{protocol} was closed: {payload!r} after {pieces}"
            said = json.loads(payload)
            facts = said.get("data", said.get("payload", said))
            if "detail" in facts:
                self.answers[facts["code"]] += 1
            if said.get("request_id") == THE_END:
                break
        await wire.until_the_end()
        return TOGETHER

    async def with_bytes(self) -> int:
        """One mutated frame, or a few that belong together; whatever the server makes of it."""
        protocol = self.chance.choice(sorted(self.texts))
        wire = await self.connect(protocol)
        text = self.chance.choice(self.texts[protocol])
        try:
            await wire.send(*self.chance.choice(OF_BYTES)(text, self.chance), frame(END))
            self.codes[await self.made_of_it(wire) or await wire.until_the_end()] += 1
        finally:
            wire.cut()
        return 1

    async def made_of_it(self, wire: Wire) -> int | str | None:
        """What it says: "answered" or a close code; None if it waits for more, or is gone."""
        try:
            async with asyncio.timeout(THOUGHT):
                while True:
                    opcode, payload = await wire.get()
                    if opcode == CLOSE:
                        return int.from_bytes(payload[:2])
                    if opcode == TEXT and json.loads(payload).get("request_id") == THE_END:
                        await wire.until_the_end()
                        return "answered"
        except (TimeoutError, asyncio.IncompleteReadError, OSError):
            return None


@pytest.mark.parametrize("kind", HERE)
def test_mutated_frames_harm_nobody(kind: str, tmp_path: Path, alice: User, bob: User) -> None:
    own = {"REDIS_PREFIX": f"{settings.REDIS_PREFIX}-wire"}
    with serving(tmp_path, kind, **own) as server:
        attackers = [make_user(f"mallory{number}") for number in range(4)]
        texts = valid_texts(attackers[0], alice, attackers)
        assert sum(map(len, texts.values())) >= 30
        people = {user.username: token(user) for user in attackers}
        chance = Random(None if profile.FULL else 1)
        attack = Attack(server.port, people, texts, chance)
        shared = create_chat(alice, kind="group", name="Shared", members=[bob, *attackers])
        figures = asyncio.run(run(server, attack, alice, bob, shared.id))
        assert server.process.poll() is None
        log = server.log.read_text(errors="replace")
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]
    assert "internal_error" not in attack.answers, attack.answers
    profile.report(f"mutated frames, {kind}", **figures)


async def run(server: Server, attack: Attack, alice: User, bob: User, chat: int) -> dict[str, Any]:
    """The attack, with a bystander who must hear what somebody writes meanwhile."""
    tokens = [await in_db(token, user) for user in (alice, bob)]
    path, here = PATHS["nodus"], "127.0.0.1"
    wires = [await Wire.open(server.port, path, access, here) for access in tokens]
    bystander, writer = Bystander(wires[0]), wires[1]
    listening = asyncio.create_task(bystander.listen())
    frames = written = 0
    resident = 0
    try:
        while frames < profile.FRAMES:
            for _ in range(TOGETHER):
                frames += await within(attack.with_bytes())
            frames += await within(attack.with_texts())
            written += 1
            said = {"event": "message.send", "data": {"chat_id": chat, "content": f"n {written}"}}
            await writer.send(frame(json.dumps(said).encode()))
            await within(hears(bystander, listening, f"n {written}"))
            if not resident and frames >= profile.FRAMES // 5:
                resident = memory_of(server.process.pid)
    finally:
        listening.cancel()
        writer.cut()
        bystander.wire.cut()
    grown = memory_of(server.process.pid) - resident
    assert grown < GROWTH, f"{grown / 1e6:.1f} MB more"
    return {
        "frames": frames,
        "connections": attack.connections,
        "refusals": sum(attack.answers.values()),
        "closes": dict(attack.codes.most_common()),
        "restarts": 0,
        "sockets of others lost": 0,
        "bystander's messages": f"{written}/{written}",
        "memory": f"{grown / 1e6:+.1f} MB",
    }


async def within(work: Any) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await work


async def hears(bystander: Bystander, listening: "asyncio.Task[None]", text: str) -> None:
    """Until the bystander has heard this, after whatever the attackers managed to say."""
    while True:
        heard = asyncio.ensure_future(bystander.texts.get())
        await asyncio.wait({heard, listening}, return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            heard.cancel()
            listening.result()
        if heard.result() == text:
            return


def valid_texts(user: User, other: User, people: list[User]) -> dict[str, list[bytes]]:
    """A frame for each command of each protocol, and for some two, which this person may give."""
    row = create_chat(user, kind="group", name="Group", members=[other, *people[1:]])
    sent = send_message(other, chat=row.id, content="Hello").message
    me, them = (Person(Name(one.id, str(one.uuid)), one.name) for one in (user, other))
    chat = Chat("group", "Group", "", False, 1, name=Name(row.id, str(row.uuid)))
    message = Message(chat, them, 1, 2, "text", "Hello", None, None, name=Name(sent.id, sent.uuid))
    what = {
        "who": me, "person": them, "chat": chat, "message": message, "people": [them],
        "kind": "group", "title": "Книга", "type": "poll", "content": "Привет 👋",
        "payload": {"n": [1, None, {"a": 0.5}]}, "reply_to": message, "key": None,
        "is_typing": True, "away": False, "token": token(user), "known": {chat: 1},
    }  # fmt: skip
    keyed = {**what, "key": "ключ", "reply_to": None, "kind": "private"}
    found: dict[str, list[bytes]] = {}
    for way in (way for ways in WAYS.values() for way in ways if way.where != "rest"):
        for facts in (what, keyed):
            text = json.dumps(way.frame(facts, 7), ensure_ascii=False).encode()
            if text not in found.setdefault(way.where, []):
                found[way.where].append(text)
    assert set(found) == {protocol for protocol, _ in commands()}
    return found
