"""Errors over HTTP: one shape, the right status, a code that stays."""

import logging
import re
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.urls import URLPattern

from accounts.models import User
from chats.models import Chat
from messenger import errors
from messenger.drf import exception_handler
from messenger.protocols import routes
from tests.people import PASSWORD, bearer, post
from tests.project.asgi import JSON, ask

# What clients were told once, and go by.
CODES = {
    "error": 400,
    "invalid": 400,
    "unknown_users": 400,
    "malformed": 400,
    "unknown_command": 400,
    "unauthenticated": 401,
    "wrong_credentials": 401,
    "token_reused": 401,
    "forbidden": 403,
    "banned": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
    "internal_error": 500,
    "unavailable": 503,
}
ALL = errors.every_error()
SHAPE = {"code", "detail"}


def sample(route: URLPattern) -> str:
    """A path that the route matches."""
    regex = str(route.pattern)
    return "/" + re.sub(r"\(\?P<\w+>[^)]*\)", "1", regex.removeprefix("^").removesuffix("/?$"))


PATHS = [sample(route) for route in routes()]


def test_every_error_has_a_code_of_its_own_that_stays() -> None:
    found = {error.code: error.status for error in ALL}
    assert len(found) == len(ALL)
    assert {code: found.get(code) for code in CODES} == CODES


@pytest.mark.parametrize("error", ALL)
def test_every_error_has_one_shape(error: type[errors.MessengerError]) -> None:
    plain = exception_handler(error(), {})
    assert plain is not None and plain.status_code == error.status
    assert plain.data == {"code": error.code, "detail": error.text}
    told = exception_handler(error("Why.", errors={"name": ("this",)}, retry_after=2.2), {})
    assert told is not None and told["Retry-After"] == "3"
    assert told.data == {
        "code": error.code,
        "detail": "Why.",
        "errors": {"name": ["this"]},
        "retry_after": 2.2,
    }
    assert (error.status == 401) == ("WWW-Authenticate" in told)


def failing(api: Client, headers: dict[str, str], chat: Chat) -> dict[str, tuple[int, Any]]:
    text = api.post("/register", "name=x", content_type="text/plain")
    form = api.post("/register", {"name": "x"})
    tag = "application/x-www-form-urlencoded"
    return {
        "malformed": (400, api.post("/register", "nope", content_type="application/json")),
        "invalid": (400, post(api, "/register", {})),
        "unauthenticated": (401, api.get("/users_list")),
        "wrong_credentials": (401, post(api, "/login", {"email": "x", "password": PASSWORD})),
        "not_found": (404, api.get("/nowhere")),
        "not_found, no such chat": (404, api.get("/api/v1/messages?chat_id=0", headers=headers)),
        "not_found, not mine": (
            404,
            api.get(f"/api/v1/messages?chat_id={chat.id}", headers=headers),
        ),
        "method_not_allowed": (405, api.delete("/register")),
        "unsupported_media_type, text": (415, text),
        "unsupported_media_type, parts": (415, form),
        "unsupported_media_type, form": (415, api.post("/register", "a=b", content_type=tag)),
        "too_large": (413, api.post("/register", b" " * 70_000, content_type="application/json")),
        "invalid, no JSON wanted": (400, api.get("/users_list", headers={"Accept": "image/png"})),
    }


def test_every_failure_comes_in_one_shape(api: Client, charlie: User, group: Chat) -> None:
    for name, (status, response) in failing(api, bearer(charlie), group).items():
        assert response.status_code == status, name
        assert response["Content-Type"] == "application/json", name
        body = response.json()
        assert SHAPE <= set(body) <= {*SHAPE, "errors"}, name
        assert body["code"] == name.partition(",")[0] and body["detail"], name
        assert (status == 401) == ("WWW-Authenticate" in response), name


def test_a_chat_that_is_not_mine_and_one_that_is_not_there_look_the_same(
    api: Client, charlie: User, group: Chat
) -> None:
    answers = [
        api.get("/api/v1/messages", {"chat_id": str(id)}, headers=bearer(charlie))
        for id in (group.id, group.uuid, group.id + 1000, 2**63)
    ]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert {answer.status_code for answer in answers} == {404}


def test_one_request_too_many_is_told_when_to_come_again(api: Client) -> None:
    for _ in range(30):
        assert post(api, "/register", {}).status_code == 400
    response = post(api, "/register", {})
    assert response.status_code == 429
    body = response.json()
    assert set(body) == {*SHAPE, "retry_after"} and body["code"] == "rate_limited"
    assert 1 <= int(response["Retry-After"]) == body["retry_after"] <= 20


@pytest.mark.parametrize("error", [OperationalError("password=x"), InterfaceError("closed")])
def test_when_the_database_is_away_it_is_503_for_a_while(error: Exception) -> None:
    response = exception_handler(error, {})
    assert response is not None
    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert response.data["code"] == "unavailable" and "password" not in str(response.data)


def test_a_mistake_of_ours_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = exception_handler(ValueError("in /srv/secret.py"), {})
    assert response is not None and response.status_code == 500
    assert response.data == {"code": "internal_error", "detail": errors.Internal.text}
    assert "in /srv/secret.py" in caplog.text


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_a_path_does_not_take_is_405_and_says_which_it_does(
    api: Client, alice: User, path: str
) -> None:
    headers = bearer(alice)
    allowed = {word.strip() for word in api.options(path, headers=headers)["Allow"].split(",")}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - allowed:
        for form in (path, f"{path}/"):
            response = api.generic(method, form, headers=headers)
            assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
            assert {word.strip() for word in response["Allow"].split(",")} == allowed


@pytest.mark.parametrize("path", PATHS)
def test_only_the_doors_open_without_a_token(api: Client, path: str) -> None:
    door = path.rsplit("/")[-1] in ("register", "login", "refresh")
    for form in (path, f"{path}/"):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            response = api.generic(method, form, "{}", content_type="application/json")
            # What else a path takes is nothing that a stranger needs to know.
            assert response.status_code in ((200, 400, 405) if door else (401,)), method


async def test_errors_of_the_server_itself_have_the_same_shape() -> None:
    for answer in (
        await ask("POST", "/register", headers={**JSON, "content-length": "x"}),
        await ask("GET", "/", headers={"host": "evil.example"}),
        await ask("GET", "/nowhere"),
        await ask("GET", "/\x00"),
    ):
        assert answer.status in (400, 404)
        assert set(answer.json()) == SHAPE
        assert answer.headers["content-type"] == "application/json"
