"""
Four people do whatever can be done, over whichever socket or REST: the rules of coming and going,
and of what a socket wants to hear, on top of those of what is said.
"""

import asyncio
from datetime import timedelta
from typing import Any

from django.test import Client
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.services import ban, start_login, unban
from messenger.realtime.threads import in_db
from tests.fuzz import views, words
from tests.fuzz.lines import PRESENCE, TYPING, Line
from tests.fuzz.stage import Stage
from tests.fuzz.talk import Talk
from tests.fuzz.things import Chat, Person, Refused
from tests.fuzz.ways import PATHS, WAYS, What
from tests.people import PASSWORD, token
from tests.sockets import PATIENCE, Socket, open_socket

KINDS = ("nodus", "chatroulette", "miniapp", "messenger_api")
SOCKETS = 2
# Frames that are no commands, and what is said to that.
NONSENSE = {
    "not json": "malformed",
    "[]": "malformed",
    "null": "malformed",
    '"text"': "malformed",
    '{"a": NaN}': "malformed",
    "{}": "malformed",
    '{"action": 5, "type": [], "event": {}}': "malformed",
    '{"action": "new_message", "type": "websocket.disconnect", "event": "__init__"}': (
        "unknown_command"
    ),
}


class Machine(Talk):
    """All rules."""

    # --- what passes --------------------------------------------------------------------------

    @precondition(lambda self: self.world.chats)
    @rule(data=st.data(), is_typing=st.booleans())
    def typing(self, data: st.DataObject, is_typing: bool) -> None:
        who = self.somebody(data)
        chat = self.chat(data, who)
        way, line = self.way(data, "typing", who)
        what = {"who": who, "chat": chat, "is_typing": is_typing}
        inside = not chat.deleted and who in chat.members
        if line is not None:
            answer = self.run(self._command(way, line, what, way.answered or not inside))
            code = line.refusal(answer) if answer is not None else None
        else:
            code, _ = self._request(way, what, who)
        self.commands[way.where, way.command] += 1
        assert code == (None if inside else "not_found"), code
        if inside:
            self.typists.add((who, chat))
        self.settle((who, chat, is_typing) if inside else None)

    @rule(data=st.data(), away=st.booleans())
    def here(self, data: st.DataObject, away: bool) -> None:
        who = self.somebody(data)
        way, line = self.way(data, "here", who)
        what = {"who": who, "away": away}
        if line is not None:
            answer = self.run(self._command(way, line, what, True))
            assert line.refusal(answer) is None, answer
        else:
            code, _ = self._request(way, what, who)
            assert code is None
            if not (away and way.command.startswith("PUT")):
                me = self.clients[who].get("/api/v1/presence/me").json()
                assert (me["user_id"], me["status"]) == (who.id, "online")
        self.commands[way.where, way.command] += 1
        self.settle()

    # --- sockets and logins -------------------------------------------------------------------

    @initialize(data=st.data(), kinds=st.permutations(KINDS), size=st.integers(2, 4))
    def begin(self, data: st.DataObject, kinds: list[str], size: int) -> None:
        """Each of the four has a socket of another protocol, and some are in a group."""
        for who, kind in zip(self.world.people, kinds, strict=True):
            self.lines.append(self.run(self._open(who, kind, by_ticket=False)))
        self._create(data, self.world.people[0], "group", "Group", self.world.people[:size], False)

    @rule(
        data=st.data(),
        what=st.sampled_from(
            ["connect", "connect", "connect", "disconnect", "bad token", "log out", "ban", "unban"]
            + ["unban", "nonsense"]
        ),
        kind=st.sampled_from(KINDS),
        chance=st.booleans(),
    )
    def come_and_go(self, data: st.DataObject, what: str, kind: str, chance: bool) -> None:
        banned = [person for person in self.world.people if person.banned]
        if what == "connect":
            self._connect(data, kind, chance)
        elif what == "bad token":
            self._knock_with_a_bad_token(data, kind, chance)
        elif what == "unban" and banned:
            self._unban(data.draw(st.sampled_from(banned), label="who"))
        elif what == "ban" and len(self.clients) > 2:
            self._ban(self.somebody(data))
        elif self.lines:
            line = data.draw(st.sampled_from(self.lines), label="line")
            if what == "disconnect":
                self.lines.remove(line)
                self.run(line.socket.communicator.disconnect())
                self.settle()
            elif what == "log out":
                self._log_out(line)
            else:
                self._say_nonsense(line, data.draw(st.sampled_from(sorted(NONSENSE))))

    def _connect(self, data: st.DataObject, kind: str, ticket: bool) -> None:
        who = self.somebody(data)
        if sum(line.person is who for line in self.lines) >= SOCKETS:
            return
        by_ticket = ticket and kind != "messenger_api"
        line = self.run(self._open(who, kind, by_ticket))
        self.lines.append(line)
        self.settle()

    async def _open(self, who: Person, kind: str, by_ticket: bool) -> Line:
        access = await in_db(token, self.users[who])
        if by_ticket:
            client = Client(headers={"Authorization": f"Bearer {access}"})
            answer = await in_db(client.post, "/api/v1/auth/ws-ticket")
            socket = await open_socket(f"{PATHS[kind]}?ticket={answer.json()['ticket']}")
        else:
            socket = await self._knock(kind, access)
        line = Line(who, kind, socket, access)
        for expected in line.greeting(self.world):
            wrong = words.differences(expected, await socket.get())
            assert not wrong, f"{line} was greeted: {'; '.join(wrong)}"
        await line.catch_up()
        return line

    async def _knock(self, kind: str, access: str) -> Socket:
        if kind == "messenger_api":
            return await open_socket(f"/ws/chat/{access}")
        return await open_socket(PATHS[kind], headers={"Authorization": f"Bearer {access}"})

    def _knock_with_a_bad_token(self, data: st.DataObject, kind: str, garbage: bool) -> None:
        access = "no.such.token" if garbage else expired(self.users[self.anybody(data)])
        assert self.run(self._refused(kind, access)) == 4401
        client = Client(headers={"Authorization": f"Bearer {access}"})
        assert client.get("/api/v1/sync").status_code == 401
        self.settle()

    async def _refused(self, kind: str, access: str) -> int:
        socket = await self._knock(kind, access)
        code = await socket.closed()
        await socket.communicator.disconnect()
        return code

    @precondition(lambda self: any(self.can("renew", person) for person in self.clients))
    @rule(
        data=st.data(),
        shown=st.sampled_from(["fresh", "fresh", "expired", "garbage", "somebody else's"]),
    )
    def renew(self, data: st.DataObject, shown: str) -> None:
        able = [person for person in self.clients if self.can("renew", person)]
        who = data.draw(st.sampled_from(able), label="who")
        other = next(person for person in self.world.people if person is not who)
        tokens = {
            "fresh": (lambda: token(self.users[who]), None),
            "expired": (lambda: expired(self.users[who]), "unauthenticated"),
            "garbage": (lambda: "no.such.token", "unauthenticated"),
            "somebody else's": (lambda: token(self.users[other]), "forbidden"),
        }
        make, refused = tokens[shown]
        access = make()

        def model(what: What, line: Line | None) -> None:
            if refused is not None:
                raise Refused(refused)
            assert line is not None
            line.access = access

        self.do(data, "renew", who, model, token=access)

    def _log_out(self, line: Line) -> None:
        """The login of one socket: that socket closes, and no other."""
        client = Client(headers={"Authorization": f"Bearer {line.access}"})
        assert client.post("/api/v1/auth/logout").status_code == 204
        self._closes([line], 4401)

    def _ban(self, who: Person) -> None:
        ban(self.users[who])
        who.banned = True
        refused = self.clients.pop(who)
        assert refused.get("/api/v1/sync").status_code == 401
        self._closes([line for line in self.lines if line.person is who], 4403)

    def _unban(self, who: Person) -> None:
        unban(self.users[who])
        who.banned = False
        login = {"email": f"{who.title.lower()}@example.org", "password": PASSWORD}
        answer = Client().post("/login", login, content_type="application/json")
        assert answer.status_code == 200, answer.content
        access = answer.json()["token"]
        self.clients[who] = Client(headers={"Authorization": f"Bearer {access}"})
        self.settle()

    def _closes(self, lines: list[Line], code: int) -> None:
        self.lines = [line for line in self.lines if line not in lines]
        for line in lines:
            assert self.run(line.socket.closed()) == code, line
            self.run(line.socket.communicator.disconnect())
        self.settle()

    # --- what a socket wants to hear ----------------------------------------------------------

    @precondition(lambda self: any(line.protocol == "messenger_api" for line in self.lines))
    @rule(data=st.data(), wanted=st.integers(0, 3))
    def subscribe(self, data: st.DataObject, wanted: int) -> None:
        if not self.world.chats:
            return
        able = [person for person in self.clients if self.can("subscribe", person)]
        who = data.draw(st.sampled_from(able), label="who")
        chat = self.chat(data, who)

        def model(what: What, line: Line | None) -> None:
            assert line is not None
            if chat.deleted or who not in chat.members:
                raise Refused("not_found")
            (line.subscriptions.add if wanted else line.subscriptions.discard)(chat)

        self.do(data, "subscribe" if wanted else "unsubscribe", who, model, chat=chat)

    @precondition(lambda self: any(self.can("resume", person) for person in self.clients))
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        able = [line for line in self.lines if line.protocol in ("nodus", "chatroulette")]
        line = data.draw(st.sampled_from(able), label="line")
        known: dict[Chat, int] = {}
        for chat in self.world.chats:
            if data.draw(st.booleans()):
                known[chat] = data.draw(st.integers(0, chat.seq + 1), label=f"seq of {chat}")
        expected, seqs = views.missed(self.world, line, known)
        way = next(way for way in WAYS["resume"] if way.where == line.protocol)
        answer = self.run(self._command(way, line, {"known": known}, True))
        self.commands[way.where, way.command] += 1
        frames = [f for f in line.heard if f[line.name] not in PRESENCE | TYPING]
        line.heard = [f for f in line.heard if f[line.name] in PRESENCE | TYPING]
        Stage.frames += len(frames)
        wrong = words.differences(expected, frames)
        assert not wrong, f"{line} was told: {'; '.join(wrong)}"
        said = line.inside(answer)
        unnamed = {chat for chat in self.world.chats_of(line.person) if chat not in known}
        by = "id" if line.protocol == "nodus" else "uuid"
        assert said["chats"] == seqs, said
        assert sorted(said["new"]) == sorted(getattr(chat, by) for chat in unnamed), said
        self.settle()

    def _say_nonsense(self, line: Line, text: str) -> None:
        answer = self.run(self._nonsense(line, text))
        assert line.refusal(answer) == NONSENSE[text], answer
        self.settle()

    async def _nonsense(self, line: Line, text: str) -> Any:
        await line.socket.send(text)
        async with asyncio.timeout(PATIENCE):
            while (frame := await line.socket.get())[line.name] != "error":
                line.heard.append(frame)
        return frame


def expired(user: User) -> str:
    """An access token of a good login, a minute too old."""
    access = AccessToken(start_login(user).access)  # type: ignore[arg-type]
    access.set_exp(lifetime=timedelta(seconds=-60))
    return str(access)
