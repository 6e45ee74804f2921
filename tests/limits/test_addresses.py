"""Whose address counts: never what a client says of itself, and a network where one is as good."""

from typing import Any

import pytest
from channels.testing import WebsocketCommunicator

from accounts.models import User
from messenger.addresses import client_address
from messenger.asgi import application
from messenger.realtime import limits
from messenger.realtime.limits import Limit
from messenger.realtime.threads import in_db
from tests.people import token
from tests.project import asgi
from tests.project.asgi import JSON

# What a client may send in the hope of being somebody else, each with another value every time.
FORGED = [
    "x-forwarded-for",
    "x_forwarded_for",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
]


def value(header: str, number: int) -> str:
    address = f"203.0.113.{number}"
    return {"forwarded": f"for={address};host=evil.example", "x-forwarded-proto": "https"}.get(
        header, address
    )


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three handshakes, and no more for the length of a test."""
    monkeypatch.setattr(limits, "CONNECTS", Limit("connects", 3, 600.0, "closed"))


async def handshake(path: str, *headers: tuple[bytes, bytes], client: str = "127.0.0.1") -> int:
    """The code with which a handshake without a token is closed: 4401, or 4429."""
    communicator = WebsocketCommunicator(application, path, headers=list(headers))
    communicator.scope["client"] = [client, 40000]
    await communicator.connect(15)
    closed = await communicator.receive_output(15)
    assert closed["type"] == "websocket.close", closed
    return int(closed["code"])


@pytest.mark.parametrize("proxies", [0, 1])
@pytest.mark.parametrize("header", FORGED)
async def test_no_header_makes_somebody_else_of_a_client(
    settings: Any, header: str, proxies: int
) -> None:
    settings.PROXIES = proxies
    # Behind a proxy of ours, which has added the last word.
    real = {"x-forwarded-for": "192.0.2.1"} if proxies else {}
    statuses = []
    for number in range(35):
        said = value(header, number)
        headers = {**JSON, header: said, **real}
        if proxies and header == "x-forwarded-for":
            headers[header] = f"{said}, {real[header]}"
        answer = await asgi.ask("POST", "/register", body=b"{}", headers=headers)
        statuses.append(answer.status)
    assert statuses == [400] * 30 + [429] * 5


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("path", ["/connect", "/ws/chat/x", "/api/v1/ws", "/ws"])
@pytest.mark.parametrize("header", FORGED)
async def test_nor_of_one_that_opens_sockets(path: str, header: str) -> None:
    codes = [
        await handshake(path, (header.encode(), value(header, number).encode()))
        for number in range(5)
    ]
    assert codes == [4401] * 3 + [4429] * 2


@pytest.mark.usefixtures("few")
async def test_behind_a_proxy_a_socket_counts_by_the_last_entry_of_the_last_line(
    settings: Any,
) -> None:
    settings.PROXIES = 1

    async def attempt(number: int, last: bytes) -> int:
        forged = (b"x-forwarded-for", f"203.0.113.{number}".encode())
        return await handshake("/ws", forged, (b"x-forwarded-for", b"198.51.100.1, " + last))

    codes = [await attempt(number, b"192.0.2.1") for number in range(5)]
    assert codes == [4401] * 3 + [4429] * 2
    assert await attempt(9, b"192.0.2.2") == 4401


@pytest.mark.usefixtures("few")
async def test_the_addresses_of_one_network_of_ipv6_count_as_one(alice: User) -> None:
    codes = [await handshake("/ws", client=f"2001:db8:1:2::{number}") for number in range(1, 6)]
    assert codes == [4401] * 3 + [4429] * 2
    assert await handshake("/ws", client="2001:db8:1:3::1") == 4401


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ("2001:DB8:1:2::1", "2001:0db8:0001:0002:0:0:0:1"),
        ("[2001:db8:1:2::1]:443", "2001:db8:1:2::9"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:50123", "192.0.2.1:50124"),
        ("192.0.2.1:50123", "192.0.2.1"),
    ],
)
def test_these_are_one_address(one: str, other: str) -> None:
    assert client_address(one, "") == client_address(other, "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "192.0.2.2"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ("192.0.2.1", ""),
        ("unknown", "192.0.2.1"),
        ("1" * 100_000, "2" * 100_000),
    ],
)
def test_these_are_two(one: str, other: str) -> None:
    assert client_address(one, "") != client_address(other, "")


async def test_who_shows_no_token_or_a_bad_one_is_counted_too(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REQUESTS", Limit("requests", 4, 600.0, "closed"))
    bad = [{}, {"authorization": "Bearer x"}, {"authorization": "Basic x"}]
    statuses = [
        (await asgi.ask("GET", "/api/v1/auth/me", headers=bad[number % 3])).status
        for number in range(6)
    ]
    assert statuses == [401] * 4 + [429] * 2
    refused = await asgi.ask("GET", "/users_list", headers={})
    assert refused.json()["code"] == "rate_limited" and int(refused.headers["retry-after"]) >= 1
    # Who is signed in has an allowance of their own, at the same address.
    mine = {"authorization": f"Bearer {await in_db(token, alice)}"}
    assert (await asgi.ask("GET", "/api/v1/auth/me", headers=mine)).status == 200
