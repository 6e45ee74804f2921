"""What people do with messages and chats."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.fuzz import words
from tests.fuzz.lines import Line
from tests.fuzz.stage import Stage
from tests.fuzz.things import Chat, Person, Refused, unread
from tests.fuzz.ways import WAYS, Way, What

TEXTS = ("Hello", "Привет, мир", "👨‍👩‍👧‍👦 <b>&amp;</b>", "line\nline", " x ", "  ")
EMOJI = ("❤️", "❤", "👍", "🔥", "x")
KEYS = ("k1", "k2", "ключ")
# What is done to chats, the likelier things more than once.
MEMBERS = ("join", "join", "leave", "leave", "add", "add", "add", "remove", "remove", "remove")
CHATS = 6


def can_change(action: str, who: Person, chat: Chat, whom: Person) -> bool:
    """Whether there is something to be changed by that, and this person may."""
    member, other = chat.members.get(who), chat.members.get(whom)
    owns = member is not None and member.role == "owner" and chat.kind == "group"
    may = {
        "join": chat.is_open and member is None,
        "leave": member is not None and chat.kind == "group",
        "add": owns and other is None and not whom.banned,
        "remove": owns and other is not None and who is not whom,
        "change_role": owns and other is not None,
        "delete_chat": owns or member is not None and chat.kind == "private",
    }
    return not chat.deleted and may[action]


class Talk(Stage):
    """The rules of what is said, and where."""

    # --- messages -----------------------------------------------------------------------------

    @precondition(lambda self: self.world.chats)
    @rule(
        data=st.data(),
        content=st.sampled_from(TEXTS),
        key=st.none() | st.sampled_from(KEYS),
        custom=st.booleans(),
    )
    def send(self, data: st.DataObject, content: str, key: str | None, custom: bool) -> None:
        who = self.somebody(data)
        chat = self.chat(data, who)
        reply_to = None
        replies = data.draw(st.booleans(), label="replies")
        if chat.messages and replies:
            reply_to = self.message(data, who)
        payload = {"n": [1, None, 0.5]} if custom else None
        type = "poll" if custom else "text"
        bare = custom and not content.strip()
        self.do(
            data,
            "send",
            who,
            lambda w, line: self.world.send(
                who,
                chat,
                **{n: w[n] for n in ("content", "type", "payload", "reply_to", "key")},
                origin=line,
            ),
            chat=chat,
            content=None if bare else content,
            type=type,
            payload=payload,
            reply_to=reply_to,
            key=key,
        )

    @precondition(lambda self: self.world.keys)
    @rule(data=st.data(), other=st.booleans())
    def send_again(self, data: st.DataObject, other: bool) -> None:
        """The same key once more, wherever the first came from, and perhaps with something else."""
        known = [pair for pair in self.world.keys if pair[0] in self.clients]
        if not known:
            return
        who, key = data.draw(st.sampled_from(known), label="key")
        (chat, type, content, payload, reply_to), _ = self.world.keys[who, key]
        names = ("content", "type", "payload", "reply_to", "key")
        self.do(
            data,
            "send",
            who,
            lambda w, line: self.world.send(who, chat, **{n: w[n] for n in names}, origin=line),
            chat=chat,
            content="something else" if other else content,
            type=type,
            payload=payload,
            reply_to=reply_to,
            key=key,
        )

    @precondition(lambda self: self.lines and self.world.chats)
    @rule(data=st.data(), texts=st.lists(st.sampled_from(TEXTS), min_size=2, max_size=4))
    def send_many(self, data: st.DataObject, texts: list[str]) -> None:
        """Without waiting for answers: what was sent first is first."""
        able = [line for line in self.lines if line.protocol != "messenger_api"]
        if not able:
            return
        line = data.draw(st.sampled_from(able), label="line")
        way = next(way for way in WAYS["send"] if way.where == line.protocol)
        chat = self.chat(data, line.person)
        facts: What = {"chat": chat, "type": "text", "payload": None, "reply_to": None}
        keys = data.draw(st.lists(st.none() | st.sampled_from(KEYS), min_size=4, max_size=4))
        told: list[Any] = []
        sent: list[What] = []
        for content, key in zip(texts, keys, strict=False):
            try:
                told.append(
                    self.world.send(line.person, chat, content=content, key=key, origin=line)
                )
            except Refused as refusal:
                told.append(refusal.code)
            sent.append({**facts, "content": content, "key": key, "who": line.person})
        answers = self.run(self._send_all(line, way, sent))
        self.learn(line.person, None)
        self.commands[way.where, way.command] += len(sent)
        for outcome, what, answer in zip(told, sent, answers, strict=True):
            if isinstance(outcome, str):
                assert line.refusal(answer) == outcome, answer
            else:
                wrong = words.differences(way.says(outcome, what), line.inside(answer))
                assert line.refusal(answer) is None and not wrong, wrong or answer
        self.settle()

    async def _send_all(self, line: Line, way: Way, sent: list[What]) -> list[Any]:
        numbers = [line.next_request() for _ in sent]
        for number, what in zip(numbers, sent, strict=True):
            await line.socket.send(way.frame(what, number))
        # What is refused at once may be answered before what is being stored.
        answers: dict[int, Any] = {}
        while len(answers) < len(numbers):
            frame = await line.socket.get()
            if frame.get("request_id") in numbers:
                assert frame["request_id"] not in answers, frame
                answers[frame["request_id"]] = frame
            else:
                line.heard.append(frame)
        return [answers[number] for number in numbers]

    @precondition(lambda self: any(self.can("write_to", person) for person in self.clients))
    @rule(data=st.data(), content=st.sampled_from(TEXTS), key=st.none() | st.sampled_from(KEYS))
    def write_to(self, data: st.DataObject, content: str, key: str | None) -> None:
        able = [person for person in self.clients if self.can("write_to", person)]
        who = data.draw(st.sampled_from(able), label="who")
        whom = self.anybody(data)
        self.do(
            data,
            "write_to",
            who,
            lambda w, line: self.world.write_to(
                who, whom, content=w["content"], key=key, origin=line
            ),
            person=whom,
            content=content,
            key=key,
        )

    @precondition(lambda self: any(chat.messages for chat in self.world.chats))
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        waiting = [
            (who, message)
            for who in self.clients
            for chat in self.world.chats_of(who)
            for message in unread(who, chat)
        ]
        waits = data.draw(st.integers(0, 3), label="waits")
        if waiting and waits:
            who, message = data.draw(st.sampled_from(waiting), label="case")
        else:
            who = self.somebody(data)
            message = self.message(data, who)
        self.do(
            data, "read", who, lambda w, line: self.world.read(who, message, line), message=message
        )

    @precondition(lambda self: any(chat.messages for chat in self.world.chats))
    @rule(data=st.data())
    def read_up_to(self, data: st.DataObject) -> None:
        who = self.somebody(data)
        message = self.message(data, who)
        chat = message.chat if data.draw(st.integers(0, 7)) else self.chat(data, who)
        self.do(
            data,
            "read_up_to",
            who,
            lambda w, line: self.world.read_up_to(who, chat, message, line),
            chat=chat,
            message=message,
        )

    @precondition(lambda self: any(chat.messages for chat in self.world.chats))
    @rule(
        data=st.data(),
        action=st.sampled_from(["edit", "delete", "react", "unreact", "like", "unlike"]),
        content=st.sampled_from(TEXTS),
        emoji=st.sampled_from(EMOJI),
    )
    def change_message(self, data: st.DataObject, action: str, content: str, emoji: str) -> None:
        cases = [(m.author, m) for m in self.messages() if m.author in self.clients]
        own = data.draw(st.integers(0, 3), label="own")
        if action in ("edit", "delete") and cases and own:
            who, message = data.draw(st.sampled_from(cases[-8:]), label="case")
        else:
            who = self.somebody(data)
            message = self.message(data, who)
        world = self.world
        models: dict[str, Callable[[What, Line | None], Any]] = {
            "edit": lambda w, line: world.edit(who, message, content),
            "delete": lambda w, line: world.delete(who, message),
            "react": lambda w, line: world.react(who, message, emoji),
            "unreact": lambda w, line: world.unreact(who, message, emoji),
            "like": lambda w, line: world.like(who, message, True),
            "unlike": lambda w, line: world.like(who, message, False),
        }
        self.do(data, action, who, models[action], message=message, content=content, emoji=emoji)

    # --- chats --------------------------------------------------------------------------------

    @precondition(lambda self: len(self.world.chats) < CHATS)
    @rule(
        data=st.data(),
        kind=st.sampled_from(["group", "group", "private"]),
        title=st.sampled_from(["Group", "Книга & Co", " "]),
        is_open=st.booleans(),
    )
    def create(self, data: st.DataObject, kind: str, title: str, is_open: bool) -> None:
        who = self.somebody(data)
        most = 1 if kind == "private" and data.draw(st.integers(0, 7)) else 3
        people = st.lists(st.sampled_from(self.world.people), min_size=1, max_size=most)
        some = data.draw(people, label="people")
        self._create(data, who, kind, title, some, is_open)

    def _create(
        self,
        data: st.DataObject,
        who: Person,
        kind: str,
        title: str,
        some: list[Person],
        is_open: bool,
    ) -> None:
        self.do(
            data,
            "create_open" if is_open else "create",
            who,
            lambda w, line: self.world.create(
                who, kind=kind, title=title, people=some, is_open=is_open, origin=line
            ),
            kind=kind,
            title=title,
            people=some,
        )

    @precondition(lambda self: self.world.chats)
    @rule(
        data=st.data(),
        action=st.sampled_from((*MEMBERS, "change_role", "change_role", "delete_chat")),
        role=st.sampled_from(["owner", "member"]),
    )
    def change_chat(self, data: st.DataObject, action: str, role: str) -> None:
        cases = [
            (who, chat, whom)
            for who in self.clients
            for chat in self.world.chats
            for whom in self.world.people
        ]
        likely = [case for case in cases if can_change(action, *case)]
        who, chat, whom = self._one_of(data, likely, cases, "case")
        world = self.world
        models: dict[str, Callable[[What, Line | None], Any]] = {
            "join": lambda w, line: world.join(who, chat),
            "leave": lambda w, line: world.leave(who, chat),
            "add": lambda w, line: world.add(who, chat, whom),
            "remove": lambda w, line: world.remove(who, chat, whom),
            "change_role": lambda w, line: world.change_role(who, chat, whom, role),
            "delete_chat": lambda w, line: world.delete_chat(who, chat),
        }
        self.do(data, action, who, models[action], chat=chat, person=whom, role=role)

    @precondition(lambda self: self.world.chats)
    @rule(
        data=st.data(),
        wanted=st.fixed_dictionaries(
            {},
            optional={
                "title": st.sampled_from(["Group", "Another", " "]),
                "description": st.sampled_from(["", "About nothing"]),
                "is_open": st.booleans(),
            },
        ),
    )
    def update(self, data: st.DataObject, wanted: What) -> None:
        who = self.somebody(data)
        chat = self.chat(data, who)
        self.do(
            data,
            "update",
            who,
            lambda w, line: self.world.update(who, chat, **wanted),
            chat=chat,
            wanted=wanted,
        )
