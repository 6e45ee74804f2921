"""Who knocks with something hostile gets a close code or a 403, and nobody else hears of it."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from channels.testing import WebsocketCommunicator
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.services import start_login
from chats.models import Chat
from messenger.asgi import application
from messenger.protocols import protocols
from messenger.protocols.base import Protocol
from messenger.realtime.threads import in_db
from tests.hostile.bystander import listening
from tests.hostile.tally import tally
from tests.hostile.tokens import BAD, claims_of, signed
from tests.people import token
from tests.project.asgi import ask
from tests.sockets import open_socket

each_protocol = pytest.mark.parametrize("protocol", protocols(), ids=lambda found: found.name)


def doors(protocol: Protocol, access: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The ways to show a token: each by its name, with the path and the options of a handshake."""
    path = "/" + re.sub(r"\(\?P<token>[^)]*\)", quote(access, safe="") or "none", protocol.path)
    if path != f"/{protocol.path}":
        yield "path", path, {}
        return
    yield "header", path, {"headers": {"Authorization": f"Bearer {access}"}}
    yield "query", f"{path}?token={quote(access, safe='')}", {}
    yield "ticket", f"{path}?ticket={quote(access, safe='')}", {}
    if access.isascii() and access.isprintable():
        yield "subprotocol", path, {"subprotocols": ["bearer", access]}


@each_protocol
@pytest.mark.usefixtures("unlimited")
async def test_a_token_that_somebody_made_opens_nothing(
    alice: User, bob: User, group: Chat, protocol: Protocol
) -> None:
    claims = claims_of(await in_db(token, alice))
    async with listening(bob, group, alice) as bystander:
        for name, make in BAD.items():
            for door, path, options in doors(protocol, make(claims)):
                async with await open_socket(path, **options) as socket:
                    assert await socket.closed() == 4401, (name, door)
                tally.count("handshakes", f"{protocol.name} {door}", f"token {name}", 4401)
        await bystander.still_hears()
    # The hand that makes bad ones can make good ones.
    _, path, options = next(doors(protocol, signed(claims)))
    async with await open_socket(path, **options) as socket:
        frame = {protocol.codec.name: "nonsense", "request_id": 1}
        await socket.send(frame)
        assert (await socket.until(request_id=1))[protocol.codec.name] == "error"


STRANGE_QUERIES = [
    "token", "token=", "token=%00", "token=%ff", "token=%ED%A0%80", "token[]=x", "token=x&token=",
    "ticket=", "ticket=%00", "ticket=" + "x" * 5000, "ticket=../x", "ticket='%20OR%201=1",
    "&&&=", "%", "%zz", "a=" + "x" * 60_000, "&".join(f"a{n}=1" for n in range(2000)),
    "access_token=x", "authorization=Bearer%20x", "user_id=1", "session=x",
]  # fmt: skip
STRANGE_HEADERS: list[dict[str, str]] = [
    {"Cookie": "sessionid=x"},
    {"Cookie": "sessionid=x; token=x; access_token=x; Authorization=Bearer"},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer  "},
    {"Authorization": "Bearer a b"},
    {"Authorization": "Basic YWxpY2U6Y29ycmVjdC1ob3JzZS03"},
    {"Authorization": "Digest username=alice"},
    {"Authorization": "bearer\x00x"},
    {"Authorization": "x" * 60_000},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": "\u00ff," * 5000},
    {"X-Forwarded-User": "alice"},
    {"Remote-User": "alice"},
    {"Daphne-Root-Path": "/x"},
    {"Accept-Language": "\u00ff" * 1000},
    {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits=99"},
    {"Host": "\u00ff"},
    {"Host": "[::1"},
    {"Origin": "http://testserver"},
]


@each_protocol
@pytest.mark.usefixtures("unlimited")
async def test_nothing_but_a_token_opens_a_socket(
    alice: User, bob: User, group: Chat, protocol: Protocol
) -> None:
    path = "/" + re.sub(r"\(\?P<token>[^)]*\)", "none", protocol.path)
    async with listening(bob, group, alice) as bystander:
        for query in STRANGE_QUERIES:
            async with await open_socket(f"{path}?{query}") as socket:
                assert await socket.closed() == 4401, query
            tally.count("handshakes", f"{protocol.name} query", f"query {query[:60]}", 4401)
        for headers in STRANGE_HEADERS:
            async with await open_socket(path, headers={"Host": "testserver", **headers}) as socket:
                assert await socket.closed() == 4401, headers
            tally.count("handshakes", f"{protocol.name} headers", f"{headers!r:.80}", 4401)
        await bystander.still_hears()


@pytest.mark.usefixtures("unlimited")
async def test_a_session_of_the_admin_opens_no_socket_and_no_path(
    bob: User, group: Chat, alice: User
) -> None:
    def session() -> str:
        client = Client()
        alice.is_staff = alice.is_superuser = True
        alice.save()
        client.force_login(alice)
        assert client.get("/admin/").status_code == 200
        return client.cookies["sessionid"].value

    cookie = {"Cookie": f"sessionid={await in_db(session)}"}
    async with listening(bob, group, alice):
        for protocol in protocols():
            path = "/" + re.sub(r"\(\?P<token>[^)]*\)", "none", protocol.path)
            async with await open_socket(path, headers=cookie) as socket:
                assert await socket.closed() == 4401
            tally.count("handshakes", f"{protocol.name} headers", "a session of the admin", 4401)
        for path in ("/users_list", "/auth/me", "/api/v1/chats"):
            answer = await ask("GET", path, headers={"cookie": cookie["Cookie"]})
            assert answer.status == 401


async def test_a_socket_without_a_token_is_accepted_and_closed_with_4401() -> None:
    async with await open_socket("/connect") as socket:
        assert await socket.closed() == 4401


@pytest.mark.parametrize("bad", ["x", "x.y.z", "", "a" * 5000, "\u00ff"])
async def test_a_bad_token_is_closed_with_4401(bad: str) -> None:
    async with await open_socket("/connect", headers={"Authorization": f"Bearer {bad}"}) as socket:
        assert await socket.closed() == 4401


async def test_a_refresh_token_opens_nothing(alice: User) -> None:
    pair = await in_db(start_login, alice)
    headers = {"Authorization": f"Bearer {pair.refresh}"}
    async with await open_socket("/connect", headers=headers) as socket:
        assert await socket.closed() == 4401


async def test_a_token_of_somebody_elses_login_opens_nothing(alice: User, bob: User) -> None:
    access = AccessToken(await in_db(token, alice))  # type: ignore[arg-type]
    access["user_id"] = bob.id
    async with await open_socket("/connect", headers={"Authorization": f"Bearer {access}"}) as a:
        assert await a.closed() == 4401


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://testserver", True),
        ("http://testserver:8000", False),
        ("https://app.example", True),
        ("https://app.example:444", False),
        ("http://app.example", False),
        ("http://evil.example", False),
        ("null", False),
        ("http://[::1", False),
        ("file://testserver", False),
        ("", True),
        (" ", False),
        ("http://", False),
        ("http://testserver/", False),
        ("http://testserver@evil.example", False),
        ("http://evil.example@testserver", False),
        ("http://testserver.evil.example", False),
        ("http://testserver#evil.example", False),
        ("http://[::1]", False),
        ("http://[testserver]", False),
        ("http://testserver:x", False),
        ("http://testserver:99999", False),
        ("//testserver", False),
        ("testserver", False),
        ("HTTP://testserver", False),
        ("javascript://testserver", False),
        ("http://testserver http://testserver", False),
        ("http://\u0442estserver", False),
        ("https://app.example.", False),
        ("https://APP.example", False),
        ("x" * 60_000, False),
    ],
)
async def test_a_page_must_be_ours_or_listed_to_the_letter(
    alice: User, settings: Any, origin: str | None, allowed: bool
) -> None:
    settings.ALLOWED_ORIGINS = ["https://app.example"]
    access = await in_db(token, alice)
    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {access}".encode())]
    if origin:
        headers.append((b"origin", origin.encode()))
    tally.count("handshakes", "Origin", f"origin {origin!r:.60}")
    communicator = WebsocketCommunicator(application, "/connect", headers=headers)
    accepted, _ = await communicator.connect()
    assert accepted is allowed
    if accepted:
        await communicator.disconnect()


async def test_a_session_cookie_opens_nothing(alice: User) -> None:
    async with await open_socket("/connect", headers={"Cookie": "sessionid=x"}) as socket:
        assert await socket.closed() == 4401


async def test_an_unknown_path_is_closed_with_a_code_that_a_browser_can_read() -> None:
    async with await open_socket("/nowhere") as socket:
        assert await socket.closed() == 4404


async def test_a_name_that_somebody_points_at_us_is_not_ours(alice: User) -> None:
    access = await in_db(token, alice)
    headers = [
        (b"host", b"rebound.example:8000"),
        (b"origin", b"http://rebound.example:8000"),
        (b"authorization", f"Bearer {access}".encode()),
    ]
    communicator = WebsocketCommunicator(application, "/connect", headers=headers)
    accepted, _ = await communicator.connect()
    assert not accepted
