"""
Who may do what: every REST route, socket command and handshake, for everybody there is.

The tables are written by hand, and `test_authorisation.py` holds the project against them. Words in
braces stand for what `make_world` makes. There is a row for each thing that is treated differently:
a group and a private chat, one's own message and another's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.urls import resolve
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.services import start_login
from chats.models import Chat
from chats.services import create_chat, leave_chat, remove_member
from messaging.services import send_message
from messenger.protocols import protocols
from messenger.protocols.base import Protocol, as_written
from moderation.models import Case, Decision
from tests.people import PASSWORD, make_user

# Nobody; the owner's token, expired; Charlie, who shares no chat with anybody; Dora, who was taken
# out of the closed group and left the open one; Bob; Alice, who made the chats.
COLUMNS = ("anonymous", "expired", "stranger", "ex-member", "member", "owner")
# What is heard instead of an answer: that the frame after it makes no sense.
SILENCE = "unknown_command"


@dataclass(frozen=True)
class World:
    """What there is, and what everybody shows for themselves."""

    # What rows name: people, chats, messages, and a decision about Alice.
    things: dict[str, Any]
    people: dict[str, User | None]
    tokens: dict[str, str]
    refresh: str

    def ids(self, form: str = "id") -> dict[str, Any]:
        """By name the integers, or the UUIDs as text."""
        ids = {name: getattr(thing, form, thing.id) for name, thing in self.things.items()}
        ids = {name: id if isinstance(id, int) else str(id) for name, id in ids.items()}
        return {**ids, "refresh": self.refresh, "access": self.tokens["owner"]}


def make_world() -> World:
    names = ("alice", "bob", "charlie", "dora", "erin")
    alice, bob, charlie, dora, erin = people = [make_user(name) for name in names]

    def group(name: str, **options: Any) -> Chat:
        return create_chat(alice, kind="group", name=name, members=[bob, dora, erin], **options)

    closed, opened = group("Closed"), group("Open", is_open=True)
    private = create_chat(alice, kind="private", members=[bob])
    things: dict[str, Any] = {
        **dict(zip(names, people, strict=True)),
        "group": closed,
        "open": opened,
        "private": private,
        # Charlie's own: here the stranger is at home.
        "den": create_chat(charlie, kind="group", name="Den"),
    }
    for name, author, chat in (
        ("alices", alice, closed),
        ("bobs", bob, closed),
        ("doras", dora, closed),
        ("whisper", alice, private),
    ):
        things[name] = send_message(author, chat=chat.id, content=f"Said by {author.name}").message
    things["warning"] = warned(alice, by=erin)
    remove_member(alice, chat=closed, user=dora)
    leave_chat(dora, opened)

    pair = start_login(alice)
    expired = AccessToken(pair.access)  # type: ignore[arg-type]
    expired.set_exp(from_time=expired.current_time, lifetime=-timedelta(minutes=1))
    signed_in = {"stranger": charlie, "ex-member": dora, "member": bob, "owner": alice}
    return World(
        things=things,
        people={"anonymous": None, "expired": None, **signed_in},
        tokens={
            "anonymous": "",
            "expired": str(expired),
            **{column: start_login(person).access for column, person in signed_in.items()},
        },
        refresh=start_login(alice).refresh,
    )


def warned(person: User, *, by: User) -> Decision:
    """A decision that the person may appeal against."""
    case = Case.objects.create(kind=Case.Kind.PERSON, person=person, state=Case.State.CLOSED)
    return Decision.objects.create(
        case=case, action=Decision.Action.WARN, person=person, moderator=by, reason="Too loud"
    )


def filled(template: Any, ids: Mapping[str, Any]) -> Any:
    """The template with ids for the words in braces; a word alone becomes the id itself."""
    if isinstance(template, dict):
        return {name.format_map(ids): filled(value, ids) for name, value in template.items()}
    if isinstance(template, list):
        return [filled(value, ids) for value in template]
    if not isinstance(template, str):
        return template
    alone = re.fullmatch(r"{(\w+)}", template)
    return ids[alone[1]] if alone else template.format_map(ids)


def named_in(*templates: Any) -> list[str]:
    """The people, chats and messages in them."""
    found = re.findall(r"{(\w+)}", str(templates))
    return [name for name in dict.fromkeys(found) if name not in ("refresh", "access")]


@dataclass(frozen=True)
class Row:
    """What each column gets."""

    answers: tuple[int | str, ...]

    @property
    def name(self) -> str:
        raise NotImplementedError

    def answer(self, column: str) -> int | str:
        return self.answers[COLUMNS.index(column)]


@dataclass(frozen=True)
class Request(Row):
    """
    A method, a path with perhaps a query, and a body, which is JSON or that of a form. The answers
    are statuses.
    """

    method: str
    path: str
    body: dict[str, Any] | None = None
    form: bool = False

    @property
    def name(self) -> str:
        names = [name for name in named_in(self.body) if name not in named_in(self.path)]
        return " of ".join([f"{self.method} {self.path}", *names])

    @property
    def named(self) -> list[str]:
        return named_in(self.path, self.body)

    @property
    def route(self) -> str:
        path = re.sub(r"{\w+}", "1", self.path).partition("?")[0]
        return f"{self.method} {readable(resolve(f'/{path}').route)}"


@dataclass(frozen=True)
class Command(Row):
    """A frame of a protocol. The answers are the words or codes that come back."""

    protocol: Protocol
    frame: dict[str, Any]

    @property
    def command(self) -> str:
        return self.protocol.decode(self.frame).command

    @property
    def name(self) -> str:
        return " ".join([self.protocol.name, self.command, *self.named])

    @property
    def named(self) -> list[str]:
        return named_in(self.frame)


@dataclass(frozen=True)
class Handshake(Row):
    """A new socket. The answers are close codes, or "open"."""

    protocol: Protocol

    @property
    def name(self) -> str:
        return self.protocol.name


def readable(pattern: str) -> str:
    """The regular expression of a route as people write it: "chats/{chat_id}"."""
    return as_written(pattern).removeprefix("/")


def rest(line: str, *answers: int, body: dict[str, Any] | None = None) -> Request:
    method, _, path = line.partition(" ")
    assert len(answers) == len(COLUMNS), line
    return Request(answers, method, path, body)


def page(line: str, status: int, body: dict[str, Any] | None = None) -> Request:
    """A page of ours or its form: a token opens none, so each is the same for everybody."""
    method, _, path = line.partition(" ")
    return Request((status,) * len(COLUMNS), method, path, body, form=True)


def command(protocol: str, frame: dict[str, Any], *answers: int | str) -> Command:
    assert len(answers) == len(COLUMNS), frame
    return Command(answers, PROTOCOLS[protocol], frame)


def nodus(event: str, data: dict[str, Any], *answers: int | str) -> Command:
    return command("nodus", {"event": event, "data": data}, *answers)


def roulette(type: str, payload: dict[str, Any], *answers: int | str) -> Command:
    return command("chatroulette", {"type": type, "payload": payload}, *answers)


def handshake(protocol: str, *answers: int | str) -> Handshake:
    assert len(answers) == len(COLUMNS), protocol
    return Handshake(answers, PROTOCOLS[protocol])


PROTOCOLS = {protocol.name: protocol for protocol in protocols()}
NEWCOMER = {"email": "new@example.org", "password": PASSWORD}
ALICE = {"email": "alice@example.org", "password": PASSWORD}
REFRESH = {"refresh_token": "{refresh}"}
GROUP, PAIR = {"name": "New", "user_ids": ["{bob}"]}, {"is_group": False, "user_ids": ["{erin}"]}
NAME, TEXT = {"name": "Renamed"}, {"text": "Other words"}
# What is said of a thing is what it is already, so that no row changes what others look at.
CLOSED, MEMBER = {**NAME, "is_open": False}, {"role": "member"}
CONTENT, EMOJI = {"content": "Other words"}, {"emoji": "👍"}
HERE = {"status": "online"}
SPAM, FAREWELL = {"reason": "spam"}, {"password": PASSWORD}

# fmt: off
REST = [
    #                                                  anon. exp. str.  ex   mem.  own.
    # Pages, for who has no session. For who has one: tests/page/test_doors.py.
    page("GET ",                                        200),
    page("GET about",                                   200),
    page("GET sign-in",                                 200),
    page("POST sign-in",                                302,
         body={"login": "alice@example.org", "password": PASSWORD}),
    page("GET sign-up",                                 200),
    page("POST sign-up",                                302, body={"name": "New", **NEWCOMER}),
    page("GET appeal",                                  200),
    page("POST appeal",                                 409,
         body={"login": "alice", "password": PASSWORD, "text": "No"}),
    page("POST sign-out",                               302),
    page("POST enter",                                  404, body={"username": "anna"}),
    page("POST access",                                 401),
    # The admin sends everybody to its own login.
    rest("GET admin/",                                  302, 302, 302, 302, 302, 302),
    rest("GET admin/moderation/dashboard/",             302, 302, 302, 302, 302, 302),
    rest("GET admin/password_change/",                  302, 302, 302, 302, 302, 302),
    rest("GET language",                                302, 302, 302, 302, 302, 302),
    rest("GET docs",                                    200, 200, 200, 200, 200, 200),
    rest("GET docs/openapi.json",                       200, 200, 200, 200, 200, 200),
    rest("GET docs/openapi.yaml",                       200, 200, 200, 200, 200, 200),
    rest("GET docs/ws",                                 200, 200, 200, 200, 200, 200),
    rest("GET docs/ws.json",                            200, 200, 200, 200, 200, 200),

    # The mini-app.
    rest("POST register",                               201, 201, 201, 201, 201, 201,
         body={"name": "New", **NEWCOMER}),
    rest("POST login",                                  200, 200, 200, 200, 200, 200, body=ALICE),
    rest("GET users_list",                              401, 401, 200, 200, 200, 200),

    # The native API.
    rest("POST api/v1/auth/register",                   201, 201, 201, 201, 201, 201,
         body=NEWCOMER),
    rest("POST api/v1/auth/login",                      200, 200, 200, 200, 200, 200, body=ALICE),
    rest("POST api/v1/auth/refresh",                    200, 200, 200, 200, 200, 200, body=REFRESH),
    rest("POST api/v1/auth/logout",                     401, 401, 204, 204, 204, 204),
    rest("GET api/v1/auth/me",                          401, 401, 200, 200, 200, 200),
    rest("POST api/v1/auth/ws-ticket",                  401, 401, 201, 201, 201, 201),
    rest("GET api/v1/messages?chat_id={group}",         401, 401, 404, 404, 200, 200),
    rest("GET api/v1/messages?chat_id={open}",          401, 401, 404, 404, 200, 200),
    rest("GET api/v1/messages?chat_id={private}",       401, 401, 404, 404, 200, 200),
    rest("GET api/v1/messages?chat_id={group}&before_id={doras}",
                                                        401, 401, 404, 404, 200, 200),
    # A message of another chat is no place in one's own.
    rest("GET api/v1/messages?chat_id={den}&before_id={bobs}",
                                                        401, 401, 404, 404, 404, 404),

    rest("GET api/v1/messages?chat_id={group}&after_id={doras}",
                                                        401, 401, 404, 404, 200, 200),
    rest("GET api/v1/messages?chat_id={den}&around_id={bobs}",
                                                        401, 401, 404, 404, 404, 404),
    rest("POST api/v1/messages",                        401, 401, 404, 404, 201, 201,
         body={"chat_id": "{group}", **CONTENT}),
    rest("POST api/v1/messages",                        401, 401, 404, 404, 201, 201,
         body={"chat_id": "{group}", **CONTENT, "reply_to_id": "{doras}"}),
    rest("GET api/v1/messages/{alices}",                401, 401, 404, 404, 200, 200),
    rest("GET api/v1/messages/{whisper}",               401, 401, 404, 404, 200, 200),
    rest("DELETE api/v1/messages/{alices}",             401, 401, 404, 404, 403, 204),
    rest("DELETE api/v1/messages/{bobs}",               401, 401, 404, 404, 204, 204),
    rest("DELETE api/v1/messages/{whisper}",            401, 401, 404, 404, 403, 204),
    rest("POST api/v1/messages/{alices}/reactions",     401, 401, 404, 404, 201, 201, body=EMOJI),
    rest("POST api/v1/messages/{whisper}/reactions",    401, 401, 404, 404, 201, 201, body=EMOJI),
    rest("DELETE api/v1/messages/{alices}/reactions/👍", 401, 401, 404, 404, 404, 404),

    # Chatroulette: what has become of a message, and who likes it.
    rest("PUT api/v1/messages/{alices}/read",           401, 401, 404, 404, 200, 200),
    rest("PUT api/v1/messages/{doras}/read",            401, 401, 404, 404, 200, 200),
    rest("PUT api/v1/messages/{whisper}/read",          401, 401, 404, 404, 200, 200),
    rest("PUT api/v1/messages/{alices}/edit",           401, 401, 404, 404, 403, 200, body=CONTENT),
    rest("PUT api/v1/messages/{bobs}/edit",             401, 401, 404, 404, 200, 403, body=CONTENT),
    rest("PUT api/v1/messages/{doras}/edit",            401, 401, 404, 404, 403, 403, body=CONTENT),
    rest("PUT api/v1/messages/{whisper}/edit",          401, 401, 404, 404, 403, 200, body=CONTENT),
    rest("GET api/v1/messages/{alices}/status",         401, 401, 404, 404, 200, 200),
    rest("GET api/v1/messages/{doras}/status",          401, 401, 404, 404, 200, 200),
    rest("GET api/v1/messages/{whisper}/status",        401, 401, 404, 404, 200, 200),
    rest("POST api/v1/messages/{alices}/like",          401, 401, 404, 404, 200, 200),
    rest("POST api/v1/messages/{doras}/like",           401, 401, 404, 404, 200, 200),
    rest("POST api/v1/messages/{whisper}/like",         401, 401, 404, 404, 200, 200),
    # Taking off what is not there changes nothing.
    rest("DELETE api/v1/messages/{alices}/like",        401, 401, 404, 404, 200, 200),
    rest("DELETE api/v1/messages/{whisper}/like",       401, 401, 404, 404, 200, 200),
    rest("GET api/v1/messages/{alices}/likes",          401, 401, 404, 404, 200, 200),
    rest("GET api/v1/messages/{doras}/likes",           401, 401, 404, 404, 200, 200),
    rest("GET api/v1/messages/{whisper}/likes",         401, 401, 404, 404, 200, 200),

    # Its chats.
    rest("GET api/v1/chats",                            401, 401, 200, 200, 200, 200),
    rest("POST api/v1/chats",                           401, 401, 201, 201, 201, 201, body=NAME),
    rest("POST api/v1/chats",                           401, 401, 201, 201, 201, 201, body=GROUP),
    rest("POST api/v1/chats",                           401, 401, 201, 201, 201, 201,
         body={"type": "private", "user_ids": ["{erin}"]}),
    rest("GET api/v1/chats/{group}",                    401, 401, 404, 404, 200, 200),
    rest("GET api/v1/chats/{open}",                     401, 401, 404, 404, 200, 200),
    rest("GET api/v1/chats/{private}",                  401, 401, 404, 404, 200, 200),
    rest("PUT api/v1/chats/{group}",                    401, 401, 404, 404, 403, 200, body=CLOSED),
    rest("PUT api/v1/chats/{open}",                     401, 401, 404, 404, 403, 200, body=CLOSED),
    rest("PUT api/v1/chats/{private}",                  401, 401, 404, 404, 403, 403, body=CLOSED),
    rest("PATCH api/v1/chats/{group}",                  401, 401, 404, 404, 403, 200, body=CLOSED),
    rest("PATCH api/v1/chats/{open}",                   401, 401, 404, 404, 403, 200, body=CLOSED),
    rest("PATCH api/v1/chats/{private}",                401, 401, 404, 404, 403, 403, body=CLOSED),
    rest("DELETE api/v1/chats/{group}",                 401, 401, 404, 404, 403, 204),
    rest("DELETE api/v1/chats/{open}",                  401, 401, 404, 404, 403, 204),
    rest("DELETE api/v1/chats/{private}",               401, 401, 404, 404, 204, 204),
    rest("POST api/v1/chats/{group}/join",              401, 401, 403, 403, 200, 200),
    rest("POST api/v1/chats/{open}/join",               401, 401, 200, 200, 200, 200),
    rest("POST api/v1/chats/{private}/join",            401, 401, 404, 404, 404, 404),
    rest("POST api/v1/chats/{group}/leave",             401, 401, 404, 404, 204, 204),
    rest("POST api/v1/chats/{open}/leave",              401, 401, 404, 404, 204, 204),
    rest("POST api/v1/chats/{private}/leave",           401, 401, 404, 404, 403, 403),
    rest("GET api/v1/chats/{group}/events",             401, 401, 404, 404, 200, 200),
    rest("GET api/v1/chats/{private}/events",           401, 401, 404, 404, 200, 200),
    rest("GET api/v1/chats/{group}/stats",              401, 401, 404, 404, 200, 200),
    rest("GET api/v1/chats/{open}/stats?period=all",    401, 401, 404, 404, 200, 200),
    rest("GET api/v1/chats/{private}/stats",            401, 401, 404, 404, 200, 200),
    rest("GET api/v1/sync",                             401, 401, 200, 200, 200, 200),
    rest("POST api/v1/chats/{group}/read",              401, 401, 404, 404, 200, 200,
         body={"up_to_message_id": "{doras}"}),
    rest("POST api/v1/chats/{private}/read",            401, 401, 404, 404, 200, 200,
         body={"up_to_message_id": "{whisper}"}),
    # A message of another chat is no mark in one's own.
    rest("POST api/v1/chats/{open}/read",               401, 401, 404, 404, 404, 404,
         body={"up_to_message_id": "{bobs}"}),
    rest("POST api/v1/chats/{den}/read",                401, 401, 404, 404, 404, 404,
         body={"up_to_message_id": "{bobs}"}),

    rest("GET api/v1/chats/{group}/members",            401, 401, 404, 404, 200, 200),
    rest("GET api/v1/chats/{open}/members",             401, 401, 404, 404, 200, 200),
    rest("GET api/v1/chats/{private}/members",          401, 401, 404, 404, 200, 200),
    rest("POST api/v1/chats/{group}/members",           401, 401, 404, 404, 403, 201,
         body={"user_id": "{dora}"}),
    rest("POST api/v1/chats/{open}/members",            401, 401, 404, 404, 403, 201,
         body={"user_id": "{dora}"}),
    rest("POST api/v1/chats/{group}/members",           401, 401, 404, 404, 403, 200,
         body={"user_id": "{bob}"}),
    rest("POST api/v1/chats/{private}/members",         401, 401, 404, 404, 403, 403,
         body={"user_id": "{dora}"}),
    rest("PATCH api/v1/chats/{group}/members/{bob}",    401, 401, 404, 404, 403, 200, body=MEMBER),
    rest("PATCH api/v1/chats/{open}/members/{erin}",    401, 401, 404, 404, 403, 200, body=MEMBER),
    # Somebody must own it.
    rest("PATCH api/v1/chats/{group}/members/{alice}",  401, 401, 404, 404, 403, 409, body=MEMBER),
    rest("PATCH api/v1/chats/{group}/members/{charlie}",
                                                        401, 401, 404, 404, 403, 404, body=MEMBER),
    rest("PATCH api/v1/chats/{group}/members/{dora}",   401, 401, 404, 404, 403, 404, body=MEMBER),
    rest("PATCH api/v1/chats/{private}/members/{bob}",  401, 401, 404, 404, 403, 403, body=MEMBER),
    rest("DELETE api/v1/chats/{group}/members/{erin}",  401, 401, 404, 404, 403, 204),
    rest("DELETE api/v1/chats/{open}/members/{erin}",   401, 401, 404, 404, 403, 204),
    # Who removes themselves leaves.
    rest("DELETE api/v1/chats/{group}/members/{alice}", 401, 401, 404, 404, 403, 204),
    rest("DELETE api/v1/chats/{group}/members/{bob}",   401, 401, 404, 404, 204, 204),
    rest("DELETE api/v1/chats/{group}/members/{charlie}",
                                                        401, 401, 404, 404, 403, 404),
    rest("DELETE api/v1/chats/{group}/members/{dora}",  401, 401, 404, 404, 403, 404),
    rest("DELETE api/v1/chats/{private}/members/{alice}",
                                                        401, 401, 404, 404, 403, 403),
    rest("DELETE api/v1/chats/{private}/members/{bob}", 401, 401, 404, 404, 403, 403),

    # Its presence.
    rest("POST api/v1/presence/heartbeat",              401, 401, 204, 204, 204, 204),
    rest("GET api/v1/presence/me",                      401, 401, 200, 200, 200, 200),
    rest("PUT api/v1/presence/me",                      401, 401, 200, 200, 200, 200, body=HERE),
    rest("GET api/v1/presence/{bob}",                   401, 401, 404, 404, 200, 200),
    rest("GET api/v1/presence/{erin}",                  401, 401, 404, 404, 200, 200),
    rest("POST api/v1/presence/typing",                 401, 401, 404, 404, 204, 204,
         body={"chat_id": "{group}", "is_typing": True}),
    rest("POST api/v1/presence/typing",                 401, 401, 404, 404, 204, 204,
         body={"chat_id": "{private}", "is_typing": True}),
    rest("GET api/v1/presence/typing/{group}",          401, 401, 404, 404, 200, 200),
    rest("GET api/v1/presence/typing/{open}",           401, 401, 404, 404, 200, 200),
    rest("GET api/v1/presence/typing/{private}",        401, 401, 404, 404, 200, 200),

    # Its people.
    rest("GET api/v1/users",                            401, 401, 200, 200, 200, 200),
    rest("GET api/v1/users/{alice}",                    401, 401, 200, 200, 200, 200),
    rest("GET api/v1/users/{charlie}",                  401, 401, 200, 200, 200, 200),

    # Telling moderators of what one can see, and of anybody; but not of oneself.
    rest("POST api/v1/reports",                         401, 401, 404, 404, 400, 201,
         body={"message_id": "{bobs}", **SPAM}),
    rest("POST api/v1/reports",                         401, 401, 404, 404, 201, 400,
         body={"message_id": "{whisper}", **SPAM}),
    rest("POST api/v1/reports",                         401, 401, 201, 201, 201, 201,
         body={"user_id": "{erin}", **SPAM}),
    rest("POST api/v1/reports",                         401, 401, 404, 404, 201, 201,
         body={"user_id": "{erin}", "chat_id": "{group}", **SPAM}),
    rest("GET api/v1/blocks",                           401, 401, 200, 200, 200, 200),
    rest("POST api/v1/blocks",                          401, 401, 201, 201, 201, 201,
         body={"user_id": "{erin}"}),
    rest("DELETE api/v1/blocks/{erin}",                 401, 401, 204, 204, 204, 204),
    rest("GET api/v1/me/decisions",                     401, 401, 200, 200, 200, 200),
    # Alice was warned.
    rest("POST api/v1/me/appeals",                      401, 401, 404, 404, 404, 201,
         body={"decision_id": "{warning}", "text": "I did not"}),
    rest("GET api/v1/me/export",                        401, 401, 200, 200, 200, 200),
    rest("DELETE api/v1/me",                            401, 401, 204, 204, 204, 204,
         body=FAREWELL),

    # The Messenger API: accounts.
    rest("POST auth/register",                          201, 201, 201, 201, 201, 201,
         body={"username": "new", **NEWCOMER}),
    rest("POST auth/login",                             200, 200, 200, 200, 200, 200, body=ALICE),
    rest("POST auth/refresh",                           200, 200, 200, 200, 200, 200, body=REFRESH),
    rest("POST auth/logout",                            401, 401, 204, 204, 204, 204),
    rest("GET auth/me",                                 401, 401, 200, 200, 200, 200),

    # Chats.
    rest("GET chats",                                   401, 401, 200, 200, 200, 200),
    rest("POST chats/create",                           401, 401, 201, 201, 201, 201, body=NAME),
    rest("POST chats/create",                           401, 401, 201, 201, 201, 201, body=GROUP),
    rest("POST chats/create",                           401, 401, 201, 201, 201, 201, body=PAIR),
    rest("GET chats/{group}",                           401, 401, 404, 404, 200, 200),
    rest("GET chats/{open}",                            401, 401, 404, 404, 200, 200),
    rest("GET chats/{private}",                         401, 401, 404, 404, 200, 200),
    rest("PUT chats/{group}",                           401, 401, 404, 404, 403, 200, body=NAME),
    rest("PUT chats/{open}",                            401, 401, 404, 404, 403, 200, body=NAME),
    rest("PUT chats/{private}",                         401, 401, 404, 404, 403, 403, body=NAME),
    rest("PATCH chats/{group}",                         401, 401, 404, 404, 403, 200, body=NAME),
    rest("PATCH chats/{open}",                          401, 401, 404, 404, 403, 200, body=NAME),
    rest("PATCH chats/{private}",                       401, 401, 404, 404, 403, 403, body=NAME),
    rest("DELETE chats/{group}",                        401, 401, 404, 404, 403, 204),
    rest("DELETE chats/{open}",                         401, 401, 404, 404, 403, 204),
    rest("DELETE chats/{private}",                      401, 401, 404, 404, 204, 204),

    # Coming and going. That a group exists can be seen at its door, whether open or closed.
    rest("POST chats/{group}/join",                     401, 401, 403, 403, 200, 200),
    rest("POST chats/{open}/join",                      401, 401, 200, 200, 200, 200),
    rest("POST chats/{private}/join",                   401, 401, 404, 404, 404, 404),
    rest("DELETE chats/{group}/leave",                  401, 401, 404, 404, 204, 204),
    rest("DELETE chats/{open}/leave",                   401, 401, 404, 404, 204, 204),
    rest("DELETE chats/{private}/leave",                401, 401, 404, 404, 403, 403),
    rest("DELETE chats/{group}/members/{erin}",         401, 401, 404, 404, 403, 204),
    rest("DELETE chats/{open}/members/{erin}",          401, 401, 404, 404, 403, 204),
    # Who removes themselves leaves.
    rest("DELETE chats/{group}/members/{alice}",        401, 401, 404, 404, 403, 204),
    rest("DELETE chats/{group}/members/{bob}",          401, 401, 404, 404, 204, 204),
    rest("DELETE chats/{group}/members/{charlie}",      401, 401, 404, 404, 403, 404),
    rest("DELETE chats/{group}/members/{dora}",         401, 401, 404, 404, 403, 404),
    rest("DELETE chats/{private}/members/{alice}",      401, 401, 404, 404, 403, 403),
    rest("DELETE chats/{private}/members/{bob}",        401, 401, 404, 404, 403, 403),

    # Messages.
    rest("POST messages/send",                          401, 401, 404, 404, 201, 201,
         body={"chat_id": "{group}", **TEXT}),
    rest("POST messages/send",                          401, 401, 404, 404, 201, 201,
         body={"chat_id": "{open}", **TEXT}),
    rest("POST messages/send",                          401, 401, 404, 404, 201, 201,
         body={"chat_id": "{private}", **TEXT}),
    rest("GET messages/chat/{group}",                   401, 401, 404, 404, 200, 200),
    rest("GET messages/chat/{open}",                    401, 401, 404, 404, 200, 200),
    rest("GET messages/chat/{private}",                 401, 401, 404, 404, 200, 200),
    rest("GET messages/chat/{group}?after_id={alices}", 401, 401, 404, 404, 200, 200),
    rest("GET messages/chat/{den}?before_id={bobs}",    401, 401, 404, 404, 404, 404),
    rest("GET messages/chat/{den}?after_id={bobs}",     401, 401, 404, 404, 404, 404),
    rest("PUT messages/edit/{alices}",                  401, 401, 404, 404, 403, 200, body=TEXT),
    rest("PUT messages/edit/{bobs}",                    401, 401, 404, 404, 200, 403, body=TEXT),
    rest("PUT messages/edit/{doras}",                   401, 401, 404, 404, 403, 403, body=TEXT),
    rest("PUT messages/edit/{whisper}",                 401, 401, 404, 404, 403, 200, body=TEXT),
    rest("DELETE messages/delete/{alices}",             401, 401, 404, 404, 403, 204),
    rest("DELETE messages/delete/{bobs}",               401, 401, 404, 404, 204, 204),
    rest("DELETE messages/delete/{doras}",              401, 401, 404, 404, 403, 204),
    rest("DELETE messages/delete/{whisper}",            401, 401, 404, 404, 403, 204),

    # Who is online.
    rest("GET ws/online-users",                         401, 401, 200, 200, 200, 200),
    rest("GET ws/chat/{group}/online-users",            401, 401, 404, 404, 200, 200),
    rest("GET ws/chat/{open}/online-users",             401, 401, 404, 404, 200, 200),
    rest("GET ws/chat/{private}/online-users",          401, 401, 404, 404, 200, 200),
]

OUT = (4401, 4401)
HIDDEN = (*OUT, "not_found", "not_found")
COMMANDS = [
    #       anonymous, expired, stranger, ex-member, member, owner
    command("miniapp", {"action": "create_chat", "type": "group", "name": "New"},
            *OUT, "chat_created", "chat_created", "chat_created", "chat_created"),
    command("miniapp", {"action": "create_chat", "type": "private", "user_ids": ["{erin}"]},
            *OUT, "chat_created", "chat_created", "chat_created", "chat_created"),
    command("miniapp", {"action": "send_message", "chat_id": "{group}", **TEXT},
            *HIDDEN, "message_sent", "message_sent"),
    command("miniapp", {"action": "send_message", "chat_id": "{open}", **TEXT},
            *HIDDEN, "message_sent", "message_sent"),
    command("miniapp", {"action": "send_message", "chat_id": "{private}", **TEXT},
            *HIDDEN, "message_sent", "message_sent"),
    command("miniapp", {"action": "message_read", "message_id": "{alices}"},
            *HIDDEN, "message_read", "message_read"),
    command("miniapp", {"action": "message_read", "message_id": "{doras}"},
            *HIDDEN, "message_read", "message_read"),
    command("miniapp", {"action": "message_read", "message_id": "{whisper}"},
            *HIDDEN, "message_read", "message_read"),

    command("messenger_api", {"type": "subscribe_chat", "chat_id": "{group}"},
            *HIDDEN, "subscribed", "subscribed"),
    command("messenger_api", {"type": "subscribe_chat", "chat_id": "{open}"},
            *HIDDEN, "subscribed", "subscribed"),
    command("messenger_api", {"type": "subscribe_chat", "chat_id": "{private}"},
            *HIDDEN, "subscribed", "subscribed"),
    command("messenger_api", {"type": "unsubscribe_chat", "chat_id": "{group}"},
            *HIDDEN, "unsubscribed", "unsubscribed"),
    command("messenger_api", {"type": "unsubscribe_chat", "chat_id": "{private}"},
            *HIDDEN, "unsubscribed", "unsubscribed"),
    command("messenger_api", {"type": "typing", "chat_id": "{group}", "is_typing": True},
            *HIDDEN, SILENCE, SILENCE),
    command("messenger_api", {"type": "typing", "chat_id": "{open}", "is_typing": True},
            *HIDDEN, SILENCE, SILENCE),
    command("messenger_api", {"type": "typing", "chat_id": "{private}", "is_typing": True},
            *HIDDEN, SILENCE, SILENCE),
    # Anybody may speak to anybody, but not to themselves.
    command("messenger_api", {"type": "private_message", "user_id": "{erin}", **TEXT},
            *OUT, "new_message", "new_message", "new_message", "new_message"),
    command("messenger_api", {"type": "private_message", "user_id": "{bob}", **TEXT},
            *OUT, "new_message", "new_message", "invalid", "new_message"),

    nodus("message.send", {"chat_id": "{group}", **CONTENT},         *HIDDEN, "ack", "ack"),
    nodus("message.send", {"chat_id": "{open}", **CONTENT},          *HIDDEN, "ack", "ack"),
    nodus("message.send", {"chat_id": "{private}", **CONTENT},       *HIDDEN, "ack", "ack"),
    nodus("message.read", {"message_id": "{alices}"},                *HIDDEN, "ack", "ack"),
    nodus("message.read", {"message_id": "{doras}"},                 *HIDDEN, "ack", "ack"),
    nodus("message.read", {"message_id": "{whisper}"},               *HIDDEN, "ack", "ack"),
    nodus("chat.read", {"chat_id": "{group}", "up_to_message_id": "{alices}"},
          *HIDDEN, "ack", "ack"),
    # A message of another chat.
    nodus("chat.read", {"chat_id": "{group}", "up_to_message_id": "{whisper}"},
          *HIDDEN, "not_found", "not_found"),
    nodus("typing", {"chat_id": "{group}", "is_typing": True},       *HIDDEN, "ack", "ack"),
    nodus("typing", {"chat_id": "{open}", "is_typing": True},        *HIDDEN, "ack", "ack"),
    nodus("typing", {"chat_id": "{private}", "is_typing": True},     *HIDDEN, "ack", "ack"),
    nodus("heartbeat", {},                                     *OUT, "ack", "ack", "ack", "ack"),
    nodus("ping", {},                                          *OUT, "ack", "ack", "ack", "ack"),
    nodus("presence.set", {"status": "online"},                *OUT, "ack", "ack", "ack", "ack"),
    # The owner's own token.
    nodus("auth.refresh", {"token": "{access}"},
          *OUT, "forbidden", "forbidden", "forbidden", "ack"),
    nodus("report.create", {"message_id": "{bobs}", **SPAM},         *HIDDEN, "invalid", "ack"),
    nodus("report.create", {"message_id": "{whisper}", **SPAM},      *HIDDEN, "ack", "invalid"),
    nodus("report.create", {"user_id": "{erin}", **SPAM},      *OUT, "ack", "ack", "ack", "ack"),
    nodus("report.create", {"user_id": "{erin}", "chat_id": "{group}", **SPAM},
          *HIDDEN, "ack", "ack"),
    nodus("user.block", {"user_id": "{erin}"},                 *OUT, "ack", "ack", "ack", "ack"),
    nodus("user.unblock", {"user_id": "{erin}"},               *OUT, "ack", "ack", "ack", "ack"),
    # Of each chat there is a verdict.
    nodus("resume", {"chats": {"{group}": 1}},
          *OUT, "resumed", "resumed", "resumed", "resumed"),
    nodus("resume", {"chats": {"{private}": 1}},
          *OUT, "resumed", "resumed", "resumed", "resumed"),

    # The same commands in Chatroulette's words.
    roulette("message.send", {"chat_id": "{group}", **CONTENT},      *HIDDEN, "ack", "ack"),
    roulette("message.send", {"chat_id": "{open}", **CONTENT},       *HIDDEN, "ack", "ack"),
    roulette("message.send", {"chat_id": "{private}", **CONTENT},    *HIDDEN, "ack", "ack"),
    roulette("message.read", {"message_id": "{alices}"},             *HIDDEN, "ack", "ack"),
    roulette("message.read", {"message_id": "{doras}"},              *HIDDEN, "ack", "ack"),
    roulette("message.read", {"message_id": "{whisper}"},            *HIDDEN, "ack", "ack"),
    roulette("chat.read", {"chat_id": "{group}", "up_to_message_id": "{alices}"},
             *HIDDEN, "ack", "ack"),
    # A message of another chat.
    roulette("chat.read", {"chat_id": "{group}", "up_to_message_id": "{whisper}"},
             *HIDDEN, "not_found", "not_found"),
    roulette("typing", {"chat_id": "{group}", "is_typing": True},    *HIDDEN, "ack", "ack"),
    roulette("typing", {"chat_id": "{private}", "is_typing": True},  *HIDDEN, "ack", "ack"),
    # The chat may stand beside the payload.
    command("chatroulette", {"type": "typing", "chat_id": "{open}", "payload": {"is_typing": True}},
            *HIDDEN, "ack", "ack"),
    roulette("heartbeat", {},                                  *OUT, "ack", "ack", "ack", "ack"),
    roulette("ping", {},                                       *OUT, "ack", "ack", "ack", "ack"),
    roulette("presence.set", {"status": "online"},             *OUT, "ack", "ack", "ack", "ack"),
    roulette("auth.refresh", {"token": "{access}"},
             *OUT, "forbidden", "forbidden", "forbidden", "ack"),
    roulette("report.create", {"message_id": "{bobs}", **SPAM},      *HIDDEN, "invalid", "ack"),
    roulette("report.create", {"message_id": "{whisper}", **SPAM},   *HIDDEN, "ack", "invalid"),
    roulette("report.create", {"user_id": "{erin}", **SPAM},   *OUT, "ack", "ack", "ack", "ack"),
    roulette("report.create", {"user_id": "{erin}", "chat_id": "{group}", **SPAM},
             *HIDDEN, "ack", "ack"),
    roulette("user.block", {"user_id": "{erin}"},              *OUT, "ack", "ack", "ack", "ack"),
    roulette("user.unblock", {"user_id": "{erin}"},            *OUT, "ack", "ack", "ack", "ack"),
    roulette("resume", {"chats": {"{group}": 1}},
             *OUT, "resumed", "resumed", "resumed", "resumed"),
    roulette("resume", {"chats": {"{private}": 1}},
             *OUT, "resumed", "resumed", "resumed", "resumed"),
]

HANDSHAKES = [
    handshake("miniapp",                               *OUT, "open", "open", "open", "open"),
    handshake("messenger_api",                         *OUT, "open", "open", "open", "open"),
    handshake("nodus",                                 *OUT, "open", "open", "open", "open"),
    handshake("chatroulette",                          *OUT, "open", "open", "open", "open"),
]
# fmt: on
