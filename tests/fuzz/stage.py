"""
The stage of the state machine: four people, their lines and their REST, the model beside them. What
is done goes over one of the ways that there are; after it each socket must have heard exactly its
frames, and REST must show what the model says.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.test import Client, override_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from accounts.models import User
from messenger.errors import every_error
from messenger.realtime import doorbell, limits
from presence import store as stores
from tests.conftest import _empty
from tests.fuzz import views, words
from tests.fuzz.lines import PRESENCE, TYPING, Line
from tests.fuzz.model import World
from tests.fuzz.things import Chat, Message, Name, Person, Refused
from tests.fuzz.ways import WAYS, Way, What
from tests.people import make_user, token
from tests.sockets import PATIENCE

TITLES = ("Alice", "Bob", "Charlie", "Dora")
CODES = {error.code: error.status for error in every_error()}


class Stage(RuleBasedStateMachine):
    """`steps`, `commands` and `refused` count for all machines of a run."""

    steps = 0
    commands: Counter[tuple[str, str]] = Counter()
    refused: Counter[str] = Counter()
    frames = 0
    compared = 0

    def __init__(self) -> None:
        super().__init__()
        self.limits = override_settings(RATE_LIMITS=False)
        self.limits.enable()
        self.runner = asyncio.Runner()
        self.users: dict[Person, User] = {}
        for title in TITLES:
            user = make_user(title.lower())
            self.users[Person(Name(user.id, str(user.uuid)), title)] = user
        self.world = World(list(self.users))
        self.clients: dict[Person, Client] = {}
        self.lines: list[Line] = []
        # Who has said somewhere that they are typing: it may end by itself.
        self.typists: set[tuple[Person, Chat]] = set()
        for person in self.world.people:
            self._sign_in(person)

    def teardown(self) -> None:
        try:
            if self.clients:
                views.compare_all(self.world, self.clients)
        finally:
            try:
                self.run(self._end())
            finally:
                self.runner.close()
                _empty()
                limits.counter = limits.Counter("")
                stores.store = stores.make_store()
                self.limits.disable()

    async def _end(self) -> None:
        for line in self.lines:
            await line.socket.communicator.disconnect()
        if doorbell.hub is not None:
            await doorbell.hub.stop()

    def run(self, work: Any) -> Any:
        async def in_time() -> Any:
            async with asyncio.timeout(60):
                return await work

        return self.runner.run(in_time())

    # --- who does what ------------------------------------------------------------------------

    def _sign_in(self, person: Person) -> None:
        access = token(self.users[person])
        self.clients[person] = Client(headers={"Authorization": f"Bearer {access}"})

    def somebody(self, data: st.DataObject) -> Person:
        """One who is not banned."""
        return data.draw(st.sampled_from(list(self.clients)), label="who")

    def anybody(self, data: st.DataObject) -> Person:
        return data.draw(st.sampled_from(self.world.people), label="whom")

    def chat(self, data: st.DataObject, person: Person) -> Chat:
        """Mostly one of theirs."""
        return self._one_of(data, self.world.chats_of(person), self.world.chats, "chat")

    def message(self, data: st.DataObject, person: Person) -> Message:
        own = [m for chat in self.world.chats_of(person) for m in chat.messages]
        return self._one_of(data, own, self.messages(), "message")

    def messages(self) -> list[Message]:
        return [message for chat in self.world.chats for message in chat.messages]

    def _one_of(self, data: st.DataObject, likely: list[Any], all: list[Any], label: str) -> Any:
        wild = not likely or data.draw(st.integers(0, 7), label="wild") == 0
        return data.draw(st.sampled_from(all if wild else likely), label=label)

    def way(self, data: st.DataObject, action: str, person: Person) -> tuple[Way, Line | None]:
        """One of the ways that this person has."""
        have = [line for line in self.lines if line.person is person]
        found: list[tuple[Way, Line | None]] = []
        for one in WAYS[action]:
            lines = [line for line in have if line.protocol == one.where]
            found += [(one, line) for line in lines]
            found += [(one, None)] if one.where == "rest" else []
        # Sockets first: they are what this is about.
        return data.draw(st.sampled_from(found), label="way") if found else (WAYS["here"][-1], None)

    def can(self, action: str, person: Person) -> bool:
        wheres = {line.protocol for line in self.lines if line.person is person} | {"rest"}
        return any(way.where in wheres for way in WAYS[action])

    def do(
        self,
        data: st.DataObject,
        action: str,
        person: Person,
        model: Callable[[What, Line | None], Any],
        /,
        **what: Any,
    ) -> Any:
        """One thing over one way: what the model says of it, the server must say too."""
        way, line = self.way(data, action, person)
        what["who"] = person
        if action in ("send", "write_to") and not way.whole:
            what |= {"type": "text", "payload": None, "reply_to": None}
            what["content"] = what["content"] or "Hello"
        refused, outcome = None, None
        try:
            outcome = model(what, line)
        except Refused as refusal:
            refused = refusal.code
        if line is not None:
            answer = self.run(self._command(way, line, what, refused is not None or way.answered))
            code = line.refusal(answer) if answer is not None else None
            said = line.inside(answer) if answer is not None else {}
        else:
            code, said = self._request(way, what, person)
        self.commands[way.where, way.command] += 1
        if refused is not None:
            self.refused[refused] += 1
        assert code == refused, f"{way} answered {code} and not {refused}: {said}"
        if refused is None:
            self.learn(person, said)
            wrong = words.differences(way.says(outcome, what), said) if way.answered else []
            assert not wrong, f"{way} answered: {'; '.join(wrong)}"
        self.settle()
        return outcome

    async def _command(self, way: Way, line: Line, what: What, answered: bool) -> Any:
        request_id = line.next_request()
        await line.socket.send(way.frame(what, request_id))
        return await line.answer(request_id) if answered else None

    def _request(self, way: Way, what: What, person: Person) -> tuple[str | None, Any]:
        method, path, body = way.request(what)
        response = self.clients[person].generic(
            method, path, views.encode(body), content_type="application/json"
        )
        said = response.json() if response.content else {}
        if response.status_code < 400:
            return None, said
        assert response.status_code == CODES[said["code"]] < 500, said
        return said["code"], said

    def learn(self, person: Person, said: Any) -> None:
        """The ids of what has just come to be."""
        for change in self.world.changes:
            chat, live = change.chat, change.live
            if not chat.id:
                views.learn_chat(chat, self.clients[person], self._newest_chat(person))
            if live is not None and not live.id:
                views.learn_message(live, self.clients[person])

    def _newest_chat(self, person: Person) -> int:
        known = {chat.id for chat in self.world.chats}
        page = self.clients[person].get("/api/v1/chats").json()["chats"]
        [new] = [chat["id"] for chat in page if chat["id"] not in known]
        return int(new)

    # --- what everybody hears -----------------------------------------------------------------

    def settle(self, typing: tuple[Person, Chat, bool] | None = None) -> None:
        """Each socket has heard what it must, and nothing else; REST shows the same."""
        changes, self.world.changes = self.world.changes, []
        Stage.steps += 1
        self.run(self._hear(changes, typing))
        if self.clients:
            viewers = list(self.clients)
            viewer = viewers[self.steps % len(viewers)]
            Stage.compared += views.compare(self.world, self.clients[viewer], viewer, changes)

    async def _hear(self, changes: list[Any], typing: tuple[Person, Chat, bool] | None) -> None:
        for line in self.lines:
            expected = line.expected(changes)
            passing = None
            if typing is not None:
                who, chat, is_typing = typing
                if line.person is not who and line.person in chat.members:
                    passing = line.typing_words(chat, who, is_typing)
            await self._hear_on(line, expected, passing)

    async def _hear_on(self, line: Line, expected: list[tuple[Chat, Any]], passing: Any) -> None:
        until = time.monotonic() + PATIENCE
        wanted = len(expected) + (passing is not None)
        heard: list[Any] = []
        while True:
            await line.catch_up()
            for frame in line.heard:
                heard += [frame] if self._counts(line, frame, passing) else []
            line.heard = []
            if len(heard) >= wanted or time.monotonic() > until:
                break
            # What a stream has to mend comes a moment later.
            await asyncio.sleep(0.01)
        Stage.frames += len(heard)
        if passing is not None:
            told = [frame for frame in heard if not words.differences(passing, frame)]
            assert len(told) == 1, f"{line} heard {heard} and not {passing}"
            heard.remove(told[0])
        # Chats are told side by side; in each of them there is one order.
        heard.sort(key=lambda frame: str(line.place_of(frame)))
        told_of = [(str(line.place_of(frame)), frame) for _, frame in expected]
        in_order = [frame for _, frame in sorted(told_of, key=lambda pair: pair[0])]
        wrong = words.differences(in_order, heard)
        assert not wrong, f"{line} heard: {'; '.join(wrong)}"

    def _counts(self, line: Line, frame: Any, passing: Any) -> bool:
        """Whether this frame must be accounted for. What is passing may come by itself."""
        name, data = frame[line.name], line.inside(frame)
        if name in PRESENCE:
            about = next(p for p in self.world.people if p.id == data["user_id"])
            assert (line.person, about) in self.world.met, f"{line} heard of {about}"
            return False
        if name in TYPING and passing is None:
            # It ends by itself, ten seconds after it was said.
            over = not data["is_typing"]
            assert over and any(
                data["user_id"] in (who.id, who.uuid) and who is not line.person
                for who, _ in self.typists
            ), f"{line} heard {frame}"
            return False
        return True
