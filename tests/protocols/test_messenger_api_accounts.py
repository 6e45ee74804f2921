"""The Messenger API's accounts: signing up, in and out, and the paths of the whole protocol."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from django.test import Client

from accounts import services
from accounts.models import Login, User
from messenger.realtime.threads import in_db
from tests.people import PASSWORD, bearer, make_user, post, token
from tests.project.asgi import ask, signed_in
from tests.sockets import open_socket

REGISTER, LOGIN, REFRESH = "/auth/register", "/auth/login", "/auth/refresh"
LOGOUT, ME = "/auth/logout", "/auth/me"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PERSON = {"id", "username", "email", "is_active", "created_at"}
TOKENS = {"access_token", "refresh_token", "token_type"}
NEWCOMER = {"username": "Anna", "email": "anna@example.org", "password": PASSWORD}

# Every path of the protocol that asks who one is, with the methods that it takes.
PATHS = [
    ("/auth/logout", "POST"),
    ("/auth/me", "GET"),
    ("/chats", "GET"),
    ("/chats/create", "POST"),
    ("/chats/1", "GET PUT PATCH DELETE"),
    ("/chats/1/join", "POST"),
    ("/chats/1/leave", "DELETE"),
    ("/chats/1/members/1", "DELETE"),
    ("/messages/send", "POST"),
    ("/messages/chat/1", "GET"),
    ("/messages/edit/1", "PUT"),
    ("/messages/delete/1", "DELETE"),
    ("/ws/online-users", "GET"),
    ("/ws/chat/1/online-users", "GET"),
]
DOORS = [(REGISTER, "POST"), (LOGIN, "POST"), (REFRESH, "POST")]


def holder(access: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access}"}


def form(api: Client, fields: Any, path: str = LOGIN) -> Any:
    return api.generic("POST", path, urlencode(fields), content_type=FORM)


# --- paths -----------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_path_is_there_with_and_without_a_slash(api: Client, bob: User, slash: str) -> None:
    def call(method: str, path: str, status: int, body: Any = None) -> Any:
        response = api.generic(
            method,
            path + slash,
            b"" if body is None else orjson.dumps(body),
            content_type=JSON,
            headers=headers,
        )
        assert response.status_code == status, (path, response.content)
        return response.json() if response.content else None

    headers: dict[str, str] = {}
    call("POST", REGISTER, 201, NEWCOMER)
    pair = call("POST", LOGIN, 200, {"username": "anna", "password": PASSWORD})
    pair = call("POST", REFRESH, 200, {"refresh_token": pair["refresh_token"]})
    headers = holder(pair["access_token"])
    call("GET", ME, 200)
    chat = call("POST", "/chats/create", 201, {"name": "x", "user_ids": [bob.id]})["id"]
    call("GET", "/chats", 200)
    call("GET", f"/chats/{chat}", 200)
    call("PUT", f"/chats/{chat}", 200, {"name": "y"})
    call("PATCH", f"/chats/{chat}", 200, {"name": "z"})
    call("POST", f"/chats/{chat}/join", 200)
    message = call("POST", "/messages/send", 201, {"chat_id": chat, "text": "x"})["id"]
    call("GET", f"/messages/chat/{chat}", 200)
    call("PUT", f"/messages/edit/{message}", 200, {"text": "y"})
    call("DELETE", f"/messages/delete/{message}", 204)
    call("GET", "/ws/online-users", 200)
    call("GET", f"/ws/chat/{chat}/online-users", 200)
    call("DELETE", f"/chats/{chat}/members/{bob.id}", 204)
    call("DELETE", f"/chats/{chat}/leave", 204)
    chat = call("POST", "/chats/create", 201, {"name": "x"})["id"]
    call("DELETE", f"/chats/{chat}", 204)
    call("POST", LOGOUT, 204)


def test_without_a_good_token_every_path_asks_to_sign_in(api: Client, alice: User) -> None:
    refresh = services.start_login(alice).refresh
    bad = [{}, holder("x"), holder(refresh), {"Authorization": f"Token {token(alice)}"}]
    for path, methods in PATHS:
        for method in methods.split():
            answers = [
                api.generic(method, path, b"{}", content_type=JSON, headers=headers)
                for headers in bad
            ]
            for answer in answers:
                assert answer.status_code == 401, (method, path, answer.content)
                assert answer.json()["code"] == "unauthenticated"
                assert answer["WWW-Authenticate"].startswith("Bearer")


def test_another_method_is_405_and_is_told_as_every_error(api: Client, alice: User) -> None:
    headers = bearer(alice)
    for path, methods in [*PATHS, *DOORS]:
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(methods.split()):
            response = api.generic(method, path, b"{}", content_type=JSON, headers=headers)
            assert response.status_code == 405, (method, path)
            assert response.json()["code"] == "method_not_allowed"


# --- signing up ------------------------------------------------------------------------------


def test_who_signs_up_is_told_what_they_are(api: Client) -> None:
    response = post(api, REGISTER, NEWCOMER)
    assert response.status_code == 201
    user = User.objects.get()
    assert response.json() == {
        "id": user.id,
        "username": "Anna",
        "email": "anna@example.org",
        "is_active": True,
        "created_at": user.created_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": None}, "username"),
        ({"username": ""}, "username"),
        ({"username": "a"}, "username"),
        ({"username": "two words"}, "username"),
        ({"username": "ALICE"}, "username"),
        ({"username": 12345}, "username"),
        ({"email": "anna"}, "email"),
        ({"email": "Alice@Example.org"}, "email"),
        ({"password": "short1"}, "password"),
        ({"password": "1234567890123"}, "password"),
        ({"password": 10**15}, "password"),
        ({"password": "x1" * 65}, "password"),
    ],
)
def test_what_is_wrong_with_a_sign_up_is_named(
    api: Client, alice: User, change: dict[str, Any], field: str
) -> None:
    response = post(api, REGISTER, {**NEWCOMER, **change})
    assert response.status_code == 400
    body = response.json()
    assert body["code"] == "invalid" and set(body["errors"]) == {field}
    assert User.objects.count() == 1


def test_every_field_of_a_sign_up_that_is_missing_is_named(api: Client) -> None:
    body = post(api, REGISTER, {}).json()
    assert set(body["errors"]) == {"username", "email", "password"}


# --- signing in ------------------------------------------------------------------------------

LOGINS: list[dict[str, str]] = [
    {"username": "alice"},
    {"username": "ALICE"},
    {"username": "alice@example.org"},
    {"email": "Alice@Example.org"},
    {"email": "alice"},
]


@pytest.mark.parametrize("login", LOGINS)
def test_json_and_a_form_sign_in_alike(api: Client, alice: User, login: dict[str, str]) -> None:
    body = {**login, "password": PASSWORD}
    for response in (post(api, LOGIN, body), form(api, body)):
        assert response.status_code == 200
        pair = response.json()
        assert set(pair) == TOKENS and pair["token_type"] == "bearer"
        me = api.get(ME, headers=holder(pair["access_token"]))
        assert me.json()["id"] == alice.id


def test_the_password_form_of_oauth2_is_a_form_as_any(api: Client, alice: User) -> None:
    fields = {"grant_type": "password", "username": "alice", "password": PASSWORD, "scope": ""}
    extra = {"client_id": "", "client_secret": "", "state": "x"}
    assert form(api, fields).status_code == 200
    assert form(api, {**fields, **extra, "scope": "me chats"}).status_code == 200
    for kind in (f"{FORM}; charset=utf-8", f"{FORM};charset=UTF-8", FORM.upper()):
        response = api.generic("POST", LOGIN, urlencode(fields), content_type=kind)
        assert response.status_code == 200, kind


def test_a_form_may_hold_any_letter(api: Client) -> None:
    user = make_user("жанна")
    user.set_password("пароль & +7=%41\u202e🐈")
    user.save()
    fields = {"username": "ЖАННА", "password": "пароль & +7=%41\u202e🐈"}
    assert form(api, fields).status_code == 200
    assert post(api, LOGIN, fields).status_code == 200


def test_signing_up_takes_a_form_too(api: Client) -> None:
    response = form(api, NEWCOMER, REGISTER)
    assert response.status_code == 201 and set(response.json()) == PERSON


def test_who_signed_up_by_one_form_signs_in_by_all(api: Client) -> None:
    people = {
        "/register": {"name": "Anna A.", "email": "a@example.org", "password": PASSWORD},
        "/api/v1/auth/register": {"username": "bb", "email": "b@example.org", "password": PASSWORD},
        REGISTER: {"username": "cc", "email": "c@example.org", "password": PASSWORD},
    }
    for path, person in people.items():
        assert post(api, path, person).status_code == 201
        body = {"email": person["email"], "password": PASSWORD}
        pairs = [post(api, login, body) for login in ("/login", "/api/v1/auth/login", LOGIN)]
        for pair in (*pairs, form(api, {"username": person["email"], "password": PASSWORD})):
            headers = holder(pair.json()["access_token"])
            for me in (ME, "/api/v1/auth/me"):
                assert api.get(me, headers=headers).json()["email"] == person["email"]


def test_signing_in_never_tells_whether_the_email_exists(api: Client, alice: User) -> None:
    services.ban(make_user("bob"))
    answers = []
    for login in (alice.email, "bob@example.org", "nobody@example.org", "alice'--"):
        for name in ("username", "email"):
            fields = {name: login, "password": "wrong-horse-7"}
            answers += [post(api, LOGIN, fields), form(api, fields)]
    first = answers[0]
    assert (first.status_code, first.json()["code"]) == (401, "wrong_credentials")
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, first.content)}
    assert {str(sorted(answer.items())) for answer in answers} == {str(sorted(first.items()))}
    assert not Login.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "password"),
        ({"username": "alice"}, "password"),
        ({"password": PASSWORD}, "email"),
        ({"username": "", "password": PASSWORD}, "username"),
        ({"username": "alice", "password": ""}, "password"),
        ({"username": "a\x00", "password": PASSWORD}, "username"),
        ({"username": "alice", "password": "\x00"}, "password"),
        ({"username": "x" * 255, "password": PASSWORD}, "username"),
    ],
)
def test_what_is_missing_is_named_to_json_and_to_a_form(
    api: Client, alice: User, fields: dict[str, str], field: str
) -> None:
    for response in (post(api, LOGIN, fields), form(api, fields)):
        assert response.status_code == 400
        assert response.json()["code"] == "invalid" and field in response.json()["errors"]


@pytest.mark.parametrize("change", [{}, {"password": "wrong-horse-7"}])
def test_too_many_attempts_are_429_whichever_way_they_come(
    api: Client, alice: User, change: dict[str, str]
) -> None:
    fields = {"username": "alice", "password": PASSWORD, **change}
    for _ in range(5):
        for response in (post(api, LOGIN, fields), form(api, fields)):
            assert response.status_code in (200, 401)
    for response in (post(api, LOGIN, fields), form(api, fields), post(api, "/login", fields)):
        assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
        assert int(response["Retry-After"]) >= 1


# --- who one is ------------------------------------------------------------------------------


def test_who_one_is_has_the_uuid_and_the_name_besides(api: Client) -> None:
    registered = post(api, REGISTER, NEWCOMER).json()
    user = User.objects.get()
    me = api.get(ME, headers=bearer(user))
    assert me.status_code == 200
    assert me.json() == {**registered, "uuid": str(user.uuid), "name": user.name}


# --- refreshing and signing out --------------------------------------------------------------


def test_a_refresh_token_is_good_once(api: Client, alice: User) -> None:
    first = post(api, LOGIN, {"username": "alice", "password": PASSWORD}).json()
    response = post(api, REFRESH, {"refresh_token": first["refresh_token"]})
    assert response.status_code == 200
    second = response.json()
    assert set(second) == TOKENS and second["token_type"] == "bearer"
    assert second["refresh_token"] != first["refresh_token"]
    assert api.get(ME, headers=holder(second["access_token"])).status_code == 200
    again = post(api, REFRESH, {"refresh_token": first["refresh_token"]})
    assert (again.status_code, again.json()["code"]) == (401, "token_reused")


@pytest.mark.parametrize("refresh", ["x", "a.b.c", "\ufffd", "x" * 4096])
def test_what_is_no_refresh_token_is_401(api: Client, refresh: str) -> None:
    response = post(api, REFRESH, {"refresh_token": refresh})
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


def test_an_access_token_refreshes_nothing(api: Client, alice: User) -> None:
    assert post(api, REFRESH, {"refresh_token": token(alice)}).status_code == 401


def test_after_signing_out_the_tokens_are_dead_and_other_logins_live(
    api: Client, alice: User
) -> None:
    this, other = services.start_login(alice), services.start_login(alice)
    response = api.post(LOGOUT, headers=holder(this.access))
    assert (response.status_code, response.content) == (204, b"")
    assert api.get(ME, headers=holder(this.access)).status_code == 401
    assert api.post(LOGOUT, headers=holder(this.access)).status_code == 401
    assert post(api, REFRESH, {"refresh_token": this.refresh}).status_code == 401
    assert api.get(ME, headers=holder(other.access)).status_code == 200
    assert post(api, REFRESH, {"refresh_token": other.refresh}).status_code == 200


async def test_signing_out_closes_the_sockets_of_this_login_within_a_second(alice: User) -> None:
    this, other = await in_db(token, alice), await in_db(token, alice)
    async with (
        await open_socket(f"/ws/chat/{this}") as here,
        await open_socket(f"/connect?token={this}") as there,
        await open_socket(f"/ws/chat/{other}") as elsewhere,
    ):
        answer = await ask("POST", LOGOUT, headers=signed_in(this))
        assert answer.status == 204
        async with asyncio.timeout(1):
            assert await here.closed() == await there.closed() == 4401
        assert await elsewhere.silent()
    async with await open_socket(f"/ws/chat/{this}") as again:
        assert await again.closed() == 4401
