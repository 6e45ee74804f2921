"""Everybody gets what the tables of `authorisation.py` say, and learns nothing from a refusal."""

import itertools
import re
from collections.abc import Hashable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import orjson
import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.test import Client
from django.urls import get_resolver, reverse

from accounts.models import Block, Login, Ticket, User
from accounts.services import ban, start_login
from chats.models import Chat, LogEntry, Membership
from messaging.models import Message, Reaction, ReadRange, Receipt, Revision
from messenger import health
from messenger.ids import MAX_ID
from messenger.protocols import protocols
from messenger.protocols.base import Protocol
from messenger.realtime.threads import in_db
from moderation.models import Appeal, Case, Decision, Evidence, Notice, Report
from presence import store as stores
from presence.store import Lease
from tests.people import PASSWORD, make_user, post
from tests.project.asgi import ask, signed_in
from tests.project.authorisation import (
    COLUMNS,
    COMMANDS,
    HANDSHAKES,
    PROTOCOLS,
    REST,
    SILENCE,
    Command,
    Handshake,
    Request,
    Row,
    World,
    filled,
    make_world,
    readable,
)
from tests.sockets import PATIENCE, Socket, open_socket

# Who may do what does not depend on where it is kept.
pytestmark = pytest.mark.once

STORED = (
    *(User, Login, Ticket, Block, Chat, Membership, LogEntry),
    *(Message, Revision, Receipt, ReadRange, Reaction),
    *(Case, Evidence, Report, Decision, Appeal, Notice),
)
TABLES = [model._meta.db_table for model in STORED]
CODES = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
}
CLOSED = {"type": "websocket.close", "code": 4401, "reason": "unauthenticated"}
NONSENSE = {"action": "nonsense", "type": "nonsense", "event": "nonsense"}
REFUSED = (401, 404, "not_found")
WRITING = ("POST", "PUT", "PATCH")

# Where an e-mail is told: one's own.
OWN_EMAIL = {
    *(f"POST {prefix}register" for prefix in ("", "auth/", "api/v1/auth/")),
    *(f"GET {prefix}me" for prefix in ("auth/", "api/v1/auth/")),
    "GET api/v1/sync",
    "GET api/v1/me/export",
}
# What strangers may name and not be told that it isn't there.
OPEN_TO_STRANGERS = {
    "POST chats/create of bob",
    "POST chats/create of erin",
    "POST chats/{group}/join",
    "POST chats/{open}/join",
    "POST api/v1/chats of bob",
    "POST api/v1/chats of erin",
    "POST api/v1/chats/{group}/join",
    "POST api/v1/chats/{open}/join",
    "GET api/v1/users/{alice}",
    "GET api/v1/users/{charlie}",
    "POST api/v1/reports of erin",
    "POST api/v1/blocks of erin",
    "DELETE api/v1/blocks/{erin}",
    "miniapp create_chat erin",
    "messenger_api private_message erin",
    "messenger_api private_message bob",
    *(
        f"{protocol} {command} erin"
        for protocol in ("nodus", "chatroulette")
        for command in ("report.create", "user.block", "user.unblock")
    ),
    # Answered by a verdict, which is "not_found".
    "nodus resume group",
    "nodus resume private",
    "chatroulette resume group",
    "chatroulette resume private",
}


@pytest.fixture(scope="module")
def made() -> list[Any]:
    """The world of this module and its rows: to make them takes a hundred statements."""
    return []


@pytest.fixture
def world(made: list[Any]) -> World:
    """A fresh world: the same rows for every test, and everybody is online."""
    if not made:
        made += [make_world(), stored()]
    else:
        store(made[1])
    found: World = made[0]
    everybody = [thing for thing in found.things.values() if isinstance(thing, User)]
    stores.store.take([Lease(person.id, "elsewhere") for person in everybody], 60)
    return found


def stored() -> dict[str, list[Any]]:
    """Everything that there is."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f'SELECT * FROM "{table}"')
            found[table] = sorted(cursor.fetchall(), key=repr)
    return found


def store(everything: dict[str, list[Any]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for table, rows in everything.items():
            if rows:
                values = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f'INSERT INTO "{table}" VALUES ({values})', rows)


def each(rows: Sequence[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in rows])


def each_cell(rows: Sequence[Row]) -> pytest.MarkDecorator:
    cells = [
        pytest.param(row, column, id=f"{row.name}-{column}") for row in rows for column in COLUMNS
    ]
    return pytest.mark.parametrize(("row", "column"), cells)


def send(api: Client, row: Request, ids: dict[str, Any], token: str, **extra: Any) -> Any:
    """The answer to the request of a row, with what is `extra` to its body."""
    body = {**extra, **filled(row.body or {}, ids)}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if row.form:
        content, kind = urlencode(body, doseq=True).encode(), "application/x-www-form-urlencoded"
    else:
        content, kind = orjson.dumps(body) if body else b"", "application/json"
    path = f"/{filled(row.path, ids)}"
    return api.generic(row.method, path, content, content_type=kind, headers=headers)


def address(protocol: Protocol, token: str) -> tuple[str, dict[str, str]]:
    """Path and headers of a handshake with a token, or without one."""
    path, in_path = re.subn(r"\(\?P<token>[^)]*\)", token or "none", protocol.path)
    return f"/{path}", {"Authorization": f"Bearer {token}"} if token and not in_path else {}


async def knock(protocol: Protocol, token: str) -> Socket:
    path, headers = address(protocol, token)
    return await open_socket(path, headers=headers)


async def shut(socket: Socket) -> bool:
    """Whether it is closed with 4401 before a word is said."""
    return bool(await socket.communicator.receive_output(PATIENCE) == CLOSED)


async def answer(socket: Socket, *frames: dict[str, Any]) -> bytes:
    """What is heard first about these frames, as it came."""
    for frame in frames:
        await socket.send({**frame, "request_id": "this"})
    while True:
        output = await socket.communicator.receive_output(PATIENCE)
        if '"request_id":"this"' in output.get("text", ""):
            return str(output["text"]).encode()


def facts_of(protocol: Protocol, frame: dict[str, Any]) -> dict[str, Any]:
    """The fields of a frame, wherever the protocol has them."""
    return protocol.decode(frame).data


def check_no_secrets(world: World, column: str, content: bytes, *, own_email: bool) -> None:
    """Nobody is told a password, a digest, or the e-mail of anybody else."""
    text = content.decode()
    for person in (thing for thing in world.things.values() if isinstance(thing, User)):
        assert person.password not in text
        assert (person == world.people[column] and own_email) or person.email not in text
    if text.startswith(("{", "[")):
        for key in keys_in(orjson.loads(text)):
            assert not re.search("password|hash|key|digest|fingerprint", key)
            assert own_email or "email" not in key


def keys_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keys_in, value.values()))
    return set().union(*map(keys_in, value)) if isinstance(value, list) else set()


# --- the tables ------------------------------------------------------------------------------


def test_every_path_and_method_has_a_row_and_every_row_a_path_and_method() -> None:
    there = set()
    for pattern in get_resolver().url_patterns:
        view = getattr(pattern, "callback", None)
        actions = getattr(view, "actions", None) or getattr(view, "methods", ["GET"])
        # DRF adds HEAD beside GET with the first request.
        methods = {method.upper() for method in actions} - {"HEAD"}
        there |= {f"{method} {readable(str(pattern.pattern))}" for method in methods}
    assert {row.route for row in REST} == there


def test_every_command_has_a_row_and_every_row_a_command() -> None:
    rows = {(row.protocol.name, row.command) for row in COMMANDS}
    assert rows == {(protocol.name, name) for protocol in protocols() for name in protocol.commands}


def test_every_handshake_has_a_row_and_every_row_a_handshake() -> None:
    assert {row.protocol.name for row in HANDSHAKES} == {p.name for p in protocols()}


def test_every_row_is_there_once() -> None:
    names = [row.name for row in (*REST, *COMMANDS, *HANDSHAKES)]
    assert len(names) == len(set(names))


def test_strangers_can_name_only_what_is_meant_for_them() -> None:
    rows: list[Request | Command] = [*REST, *COMMANDS]
    rows = [row for row in rows if row.named]
    for column in ("stranger", "ex-member"):
        told = {row.name for row in rows if row.answer(column) not in REFUSED}
        assert told == OPEN_TO_STRANGERS


# --- the cells -------------------------------------------------------------------------------


@each_cell(REST)
def test_a_request_is_answered_as_the_table_says(
    api: Client, made: list[Any], world: World, row: Request, column: str
) -> None:
    response = send(api, row, world.ids(), world.tokens[column])
    assert response.status_code == row.answer(column), response.content
    assert (response.status_code == 401) == ("WWW-Authenticate" in response)
    if response.status_code >= 400:
        # A form comes again, with what is wrong told in it.
        if row.route != "POST appeal":
            assert response.json()["code"] == CODES[response.status_code]
        assert stored() == made[1]
    # The documentation names every field and tells of nobody.
    if not row.path.startswith("docs"):
        check_no_secrets(world, column, response.content, own_email=row.route in OWN_EMAIL)


@each_cell(COMMANDS)
async def test_a_command_is_answered_as_the_table_says(
    world: World, row: Command, column: str
) -> None:
    before = await in_db(stored)
    expected = row.answer(column)
    async with await knock(row.protocol, world.tokens[column]) as socket:
        if expected == 4401:
            assert await shut(socket)
        else:
            after = [NONSENSE] if expected == SILENCE else []
            content = await answer(socket, filled(row.frame, world.ids()), *after)
            words = orjson.loads(content)
            word = row.protocol.decode(words).command
            error = facts_of(row.protocol, words)
            assert (error["code"] if word == "error" else word) == expected
            assert (error.get("request") == "nonsense") == (expected == SILENCE)
            check_no_secrets(world, column, content, own_email=False)
            if word != "error":
                return
    assert await in_db(stored) == before


@each_cell(HANDSHAKES)
async def test_a_handshake_ends_as_the_table_says(
    world: World, row: Handshake, column: str
) -> None:
    async with await knock(row.protocol, world.tokens[column]) as socket:
        if row.answer(column) == "open":
            assert b"unknown_command" in await answer(socket, NONSENSE)
        else:
            assert await shut(socket)


# --- what is hidden --------------------------------------------------------------------------


def variations(world: World, names: Sequence[str]) -> list[dict[str, Any]]:
    """The ids of the world, and for these names also UUIDs and ids that nobody has, all mixed."""
    ids, uuids = world.ids(), world.ids("uuid")
    choices = [(ids[name], uuids[name], MAX_ID - 7, str(uuid4())) for name in names]
    return [
        {**ids, **dict(zip(names, chosen, strict=True))} for chosen in itertools.product(*choices)
    ]


@each([row for row in REST if row.named])
def test_what_is_not_yours_is_answered_to_the_byte_as_what_is_not_there(
    api: Client, world: World, row: Request
) -> None:
    for column in (column for column in COLUMNS if row.answer(column) in REFUSED):
        answers = set()
        for ids in variations(world, row.named):
            response = send(api, row, ids, world.tokens[column])
            answers.add((response.status_code, response.content, *response.items()))
        assert [answer[0] for answer in answers] == [row.answer(column)], column


@each([row for row in COMMANDS if "not_found" in row.answers])
async def test_what_is_not_yours_is_as_silent_on_a_socket_as_what_is_not_there(
    world: World, row: Command
) -> None:
    answers = set()
    for column in (column for column in COLUMNS if row.answer(column) == "not_found"):
        async with await knock(row.protocol, world.tokens[column]) as socket:
            for ids in variations(world, row.named):
                answers.add(await answer(socket, filled(row.frame, ids)))
    assert len(answers) == 1
    assert facts_of(row.protocol, orjson.loads(answers.pop()))["code"] == "not_found"


def test_lists_hold_nothing_of_chats_that_one_is_not_in(api: Client, world: World) -> None:
    def listed(path: str, name: str, inside: str = "") -> list[set[Any]]:
        headers = [
            {"Authorization": f"Bearer {world.tokens[column]}"}
            for column in ("stranger", "ex-member", "member", "owner")
        ]
        answers = [api.get(path, headers=shown).json() for shown in headers]
        return [{item[name] for item in (a[inside] if inside else a)} for a in answers]

    def ids(*names: str) -> set[int]:
        return {world.things[name].id for name in names}

    chats = ids("group", "open", "private")
    assert listed("/chats", "id") == [ids("den"), set(), chats, chats]
    assert listed("/api/v1/chats", "id", "chats") == [ids("den"), set(), chats, chats]
    online = [set(), set(), ids("alice", "erin"), ids("bob", "erin")]
    assert listed("/ws/online-users", "user_id") == online


async def test_a_group_of_the_miniapp_is_closed_and_one_of_the_messenger_api_open(
    api: Client, world: World
) -> None:
    def join(chat_id: int) -> int:
        headers = {"Authorization": f"Bearer {world.tokens['stranger']}"}
        return int(api.post(f"/chats/{chat_id}/join", headers=headers).status_code)

    async with await knock(PROTOCOLS["miniapp"], world.tokens["owner"]) as socket:
        frame = {"action": "create_chat", "type": "group", "name": "New"}
        closed = orjson.loads(await answer(socket, frame))["data"]["id"]
    create = next(row for row in REST if row.route == "POST chats/create")
    opened = (await in_db(send, api, create, world.ids(), world.tokens["owner"])).json()["id"]
    assert [await in_db(join, chat_id) for chat_id in (closed, opened)] == [403, 200]


# --- who is nobody ---------------------------------------------------------------------------

INSIDE = [row for row in REST if row.answer("anonymous") == 401]


def check_outside(api: Client, world: World, header: str) -> None:
    for row in INSIDE:
        path = f"/{filled(row.path, world.ids())}"
        response = api.generic(row.method, path, headers={"Authorization": header})
        assert (response.status_code, response.json()["code"]) == (401, "unauthenticated"), row.name
        assert response["WWW-Authenticate"] == 'Bearer realm="messenger"'


async def test_what_is_no_access_token_opens_no_path_and_no_socket(
    api: Client, world: World, unlimited: None
) -> None:
    bad = ("x", "x.y.z", world.refresh, world.tokens["owner"][:-1], world.tokens["expired"])
    before = await in_db(stored)
    for token in bad:
        await in_db(check_outside, api, world, f"Bearer {token}")
        for row in HANDSHAKES:
            async with await knock(row.protocol, token) as socket:
                assert await shut(socket)
    for header in ("", "Bearer", f"Basic {world.tokens['owner']}", world.tokens["owner"]):
        await in_db(check_outside, api, world, header)
    assert await in_db(stored) == before


async def test_who_is_banned_is_nobody_and_cannot_come_back(
    api: Client, world: World, unlimited: None
) -> None:
    bob, access = world.things["bob"], world.tokens["member"]
    pair = await in_db(start_login, bob)
    await in_db(ban, bob)
    before = await in_db(stored)
    for token in (access, pair.access):
        await in_db(check_outside, api, world, f"Bearer {token}")
        for row in HANDSHAKES:
            async with await knock(row.protocol, token) as socket:
                assert await shut(socket)
    for prefix in ("", "/auth", "/api/v1/auth"):
        body = {"email": bob.email, "password": PASSWORD}
        assert (await in_db(post, api, f"{prefix}/login", body)).status_code == 403
    for prefix in ("/auth", "/api/v1/auth"):
        body = {"refresh_token": pair.refresh}
        assert (await in_db(post, api, f"{prefix}/refresh", body)).status_code == 401
    assert await in_db(stored) == before


def test_the_admin_is_for_staff_only(api: Client, world: World) -> None:
    names = ["index", "password_change"]
    for model in admin.site._registry:
        opts = model._meta
        names += [f"{opts.app_label}_{opts.model_name}_{page}" for page in ("changelist", "add")]
    pages = [reverse(f"admin:{name}") for name in names]
    for column in COLUMNS:
        person, token = world.people[column], world.tokens[column]
        visitor = Client(headers={"Authorization": f"Bearer {token}"} if token else {})
        for _ in range(2):
            for page in pages:
                response = visitor.get(page)
                assert response.status_code == 302
                assert response["Location"].startswith(reverse("admin:login"))
            # Nor does a session help who is not of the staff.
            if person is not None:
                visitor.force_login(person)
    api.force_login(make_user("moderator", is_staff=True))
    assert api.get(reverse("admin:index")).status_code == 200


async def test_anybody_may_ask_how_the_process_is(world: World) -> None:
    for column in COLUMNS:
        for path in health.PATHS:
            answered = await ask("GET", path, headers=signed_in(world.tokens[column]))
            # Not ready is an answer too.
            assert answered.status in (200, 503)


# --- what is not the sender's to say ---------------------------------------------------------

NUMBER, MOMENT = 987_654_321, datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
IDENTITY, PAIR = UUID("01890a5d-ac96-774b-bcce-b302099a8057"), "0:0"
FORGED: dict[str, Any] = {
    **dict.fromkeys(("id", "pk", "seq", "last_seq", "position", "last_position"), NUMBER),
    **dict.fromkeys(("uuid", "origin", "key_digest"), str(IDENTITY)),
    **dict.fromkeys(("created_at", "deleted_at", "edited_at", "banned_at"), MOMENT.isoformat()),
    **dict.fromkeys(("is_staff", "is_superuser", "is_open", "is_deleted"), True),
    "is_active": False,
    "role": "owner",
    "kind": "private",
    "pair": PAIR,
}


def forged(world: World) -> dict[str, Any]:
    """Fields that no request has, with Charlie for the person wherever there is one."""
    names = ("owner", "owner_id", "author", "author_id", "sender", "sender_id", "user", "members")
    return {**FORGED, **dict.fromkeys(names, world.things["charlie"].id)}


def roles() -> dict[int, str]:
    return dict(Membership.objects.values_list("id", "role"))


def check_nothing_forged(world: World, roles_before: dict[int, str]) -> None:
    for model in STORED:
        for values in model._default_manager.values():
            assert not {NUMBER, IDENTITY, MOMENT, PAIR} & {
                value for value in values.values() if isinstance(value, Hashable)
            }
    ordinary = {"is_staff": False, "is_superuser": False, "is_active": True, "banned_at": None}
    assert not User.objects.exclude(**ordinary).exists()
    assert not Message.objects.exclude(deleted_at=None).exists()
    assert not Chat.objects.exclude(deleted_at=None).exists()
    assert not Chat.objects.get(id=world.things["group"].id).is_open
    # Charlie has what he had, and everybody else the roles that they had.
    charlie, den = world.things["charlie"], world.things["den"]
    assert Membership.objects.get(user=charlie).chat_id == den.id
    assert not Message.objects.filter(author=charlie).exists()
    assert roles().items() >= roles_before.items()
    # Notices come in a private chat of the service with each.
    owners = Membership.objects.filter(role="owner", user__is_service=False).exclude(chat=den)
    assert set(owners.values_list("user__username", flat=True)) == {"alice"}


# To leave takes no fields, and when the owner leaves another one owns. The others want a session,
# or demo people.
NO_FIELDS = {"POST api/v1/chats/{chat_id}/leave", "POST access", "POST enter", "POST appeal"}
DONE = (200, 201, 204, 302)
FORGEABLE = [
    row
    for row in REST
    if row.method in WRITING and row.answer("owner") in DONE and row.route not in NO_FIELDS
]


def test_every_writing_path_is_tried_with_forged_fields() -> None:
    writing = {row.route for row in REST if row.method in WRITING} - NO_FIELDS
    assert {row.route for row in FORGEABLE} == writing


@each(FORGEABLE)
def test_a_request_changes_nothing_but_what_its_fields_say(
    api: Client, world: World, row: Request
) -> None:
    before = roles()
    response = send(api, row, world.ids(), world.tokens["owner"], **forged(world))
    assert response.status_code == row.answer("owner")
    check_nothing_forged(world, before)


@each(COMMANDS)
async def test_a_command_changes_nothing_but_what_its_fields_say(
    world: World, row: Command
) -> None:
    before = await in_db(roles)
    frame = filled(row.frame, world.ids())
    extra = {name: value for name, value in forged(world).items() if name not in str(row.frame)}
    # Where the protocol has its fields: in what it puts them in, or in the frame itself.
    frame.get(getattr(row.protocol.codec, "inside", None), frame).update(extra)
    assert facts_of(row.protocol, frame).items() >= extra.items()
    async with await knock(row.protocol, world.tokens["owner"]) as socket:
        after = [NONSENSE] if row.answer("owner") == SILENCE else []
        words = orjson.loads(await answer(socket, frame, *after))
    error = facts_of(row.protocol, words)
    assert error.get("code", row.answer("owner")) == row.answer("owner")
    await in_db(check_nothing_forged, world, before)
