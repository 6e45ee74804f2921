"""Requests before Django sees them: how much of them is read, and when they arrived."""

from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts import services
from accounts.models import User
from accounts.tokens import TokenPair
from messenger.handler import Handler
from messenger.held import comes_again
from messenger.realtime.threads import in_db
from tests.people import PASSWORD, token
from tests.project.asgi import JSON, ask, signed_in

ANNA = {"name": "Анна", "email": "anna@example.org", "password": PASSWORD}
ME = "/api/v1/auth/me"
REFRESH = "/api/v1/auth/refresh"


def body(value: object = ANNA) -> bytes:
    return orjson.dumps(value)


def of_size(size: int) -> bytes:
    """A registration of exactly so many bytes."""
    empty = body({**ANNA, "x": ""})
    return body({**ANNA, "x": "x" * (size - len(empty))})


async def test_a_body_may_be_as_large_as_the_limit() -> None:
    answer = await ask("POST", "/register", body=of_size(settings.MAX_BODY), headers=JSON)
    assert answer.status == 201


async def test_one_byte_more_is_413() -> None:
    answer = await ask("POST", "/register", body=of_size(settings.MAX_BODY + 1), headers=JSON)
    assert (answer.status, answer.json()["code"]) == (413, "too_large")
    assert await in_db(User.objects.count) == 0


@pytest.mark.parametrize("path", ["/register", "/", "/nowhere", "/admin/login/"])
async def test_a_body_that_is_said_to_be_too_large_is_not_read_at_all(path: str) -> None:
    answer = await ask("POST", path, body=None, headers={**JSON, "content-length": "10000000"})
    assert (answer.status, answer.asked) == (413, 0)
    assert set(answer.json()) == {"code", "detail"}


async def test_a_body_that_never_ends_is_read_no_further_than_the_limit() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"[" * 16_384

    answer = await ask("POST", "/register", body=endless(), headers=JSON)
    assert (answer.status, answer.asked) == (413, 5)


async def test_a_false_length_does_not_let_more_through() -> None:
    headers = {**JSON, "content-length": "10"}
    answer = await ask("POST", "/register", body=of_size(70_000), headers=headers)
    assert answer.status == 413


@pytest.mark.parametrize("length", ["x", "-1", "1e3", "+5", "9" * 5000, "²", "1, 1"])
async def test_a_length_that_is_no_number_is_400(length: str) -> None:
    headers = {**JSON, "content-length": length}
    answer = await ask("POST", "/register", body=body(), headers=headers)
    assert (answer.status, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_body_in_pieces_and_without_a_length_is_as_good(size: int) -> None:
    whole = body()
    pieces = [*(whole[at : at + size] for at in range(0, len(whole), size)), b""]
    answer = await ask("POST", "/register", body=pieces, headers=JSON)
    assert (answer.status, answer.json().get("name")) == (201, "Анна")


async def test_a_client_that_hangs_up_amid_its_body_has_done_nothing() -> None:
    answer = await ask("POST", "/register", body=[body()[:50]], headers=JSON)
    assert (answer.status, answer.body) == (0, b"")
    assert await in_db(User.objects.count) == 0


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/\x00", b""),
        ("/users_list\x00", b""),
        ("/users_list", b"search=\x00"),
        ("/users_list", b"search=%00"),
        ("/users_list", b"unknown=%00"),
        ("/users_list", b"%00=1"),
        ("/users_list", b"search=\xff"),
        ("/admin/accounts/user/", b"username=%00"),
        ("/admin/accounts/user/\x00/change/", b""),
    ],
)
async def test_an_address_that_is_no_text_is_400(alice: User, path: str, query: bytes) -> None:
    answer = await ask("GET", path, query=query, headers=signed_in(await in_db(token, alice)))
    assert answer.status == 400
    assert set(answer.json()) >= {"code", "detail"}


async def test_bytes_that_are_no_utf8_are_searched_as_signs_nobody_uses(alice: User) -> None:
    answer = await ask(
        "GET", "/users_list", query=b"search=%ff", headers=signed_in(await in_db(token, alice))
    )
    assert (answer.status, answer.json()) == (200, {"users": []})


async def test_a_request_counts_from_when_it_came_and_not_from_when_it_was_read(
    alice: User,
) -> None:
    old = await in_db(services.start_login, alice)
    new: list[TokenPair] = []

    def rotate() -> None:
        new.append(services.refresh(old.refresh, received_at=datetime.now(UTC)))

    refresh = body({"refresh_token": old.refresh})
    for before, me in ((lambda: in_db(rotate), 200), (None, 401)):
        answer = await ask("POST", REFRESH, body=refresh, headers=JSON, before=before)
        assert (answer.status, answer.json()["code"]) == (401, "token_reused")
        # Only what comes after the exchange is called a theft, and ends the login.
        assert (await ask("GET", ME, headers=signed_in(new[0].access))).status == me


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/", 200, "text/html"),
        ("/static/about.css", 200, "text/css"),
        ("/static/admin/css/base.css", 200, "text/css"),
        ("/static/../messenger/settings.py", 404, "application/json"),
        ("/static/%2e%2e/manage.py", 404, "application/json"),
        ("/.env", 404, "application/json"),
        ("/admin/", 302, "text/html"),
    ],
)
async def test_pages_and_files_go_the_same_way(path: str, status: int, kind: str) -> None:
    answer = await ask("GET", path)
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (status, kind)


@pytest.mark.parametrize(("path", "again"), [("/", "True"), ("/admin/", "False")])
async def test_requests_may_come_again_and_pages_of_the_admin_wait(
    monkeypatch: pytest.MonkeyPatch, path: str, again: str
) -> None:
    def respond(self: Handler, request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(comes_again()))

    monkeypatch.setattr(Handler, "get_response", respond)
    assert (await ask("GET", path)).body.decode() == again


async def test_pages_may_not_be_framed_sniffed_or_told_of_elsewhere() -> None:
    answer = await ask("GET", "/")
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "a b", "[::1", ""])
async def test_under_another_name_nothing_is_served(host: str) -> None:
    for path in ("/", "/users_list", "/admin/login/"):
        answer = await ask("GET", path, headers={"host": host})
        assert answer.status == 400
        assert host == "" or host not in answer.body.decode()
