"""Signing in: by e-mail or username, and with no word about what was wrong."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import Login, User
from messenger.times import iso
from tests.people import PASSWORD, bearer, make_user, post

MINIAPP = "/login"
NATIVE = "/api/v1/auth/login"
PATHS = [MINIAPP, NATIVE]


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_mini_app_gets_the_access_token_twice(api: Client, alice: User, slash: str) -> None:
    response = post(api, MINIAPP + slash, {"email": alice.email, "password": PASSWORD})
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"token", "access_token", "refresh_token", "token_type"}
    assert body["token"] == body["access_token"] != body["refresh_token"]
    assert body["token_type"] == "bearer"


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_native_api_gets_both_tokens(api: Client, alice: User, slash: str) -> None:
    response = post(api, NATIVE + slash, {"username": "alice", "password": PASSWORD})
    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "refresh_token", "token_type"}


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_access_token_tells_who_one_is(api: Client, alice: User, slash: str) -> None:
    access = post(api, NATIVE, {"email": alice.email, "password": PASSWORD}).json()["access_token"]
    me = api.get(f"/api/v1/auth/me{slash}", headers={"Authorization": f"Bearer {access}"})
    assert me.status_code == 200
    body = me.json()
    assert set(body) == {"id", "uuid", "username", "name", "email", "is_active", "created_at"}
    assert (body["id"], body["uuid"]) == (alice.id, str(alice.uuid))


@pytest.mark.parametrize(
    "login", ["жанна", "ЖАННА", "Жанна", " жанна ", "Жанна@Example.org", "жанна@EXAMPLE.ORG"]
)
def test_email_and_username_are_as_good_in_any_case(api: Client, login: str) -> None:
    make_user("жанна")
    for path in PATHS:
        for field in ("email", "username"):
            assert post(api, path, {field: login, "password": PASSWORD}).status_code == 200


def test_who_signed_up_in_one_protocol_signs_in_by_the_other(api: Client) -> None:
    person = {"name": "Anna", "email": "Anna@example.org", "password": PASSWORD}
    assert post(api, "/register", person).status_code == 201
    assert post(api, NATIVE, {"username": "anna", "password": PASSWORD}).status_code == 200
    person = {"username": "Boris", "email": "b@example.org", "password": PASSWORD}
    assert post(api, "/api/v1/auth/register", person).status_code == 201
    assert post(api, MINIAPP, {"email": "b@example.org", "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(
    api: Client, alice: User, path: str
) -> None:
    banned, passwordless = make_user("bob"), make_user("charlie")
    services.ban(banned)
    gone = make_user("dora", is_active=False)
    passwordless.set_unusable_password()
    passwordless.save()
    answers = [
        post(api, path, {"email": login, "password": password})
        for login, password in [
            (alice.email, "wrong-horse-7"),
            (alice.email, PASSWORD.upper()),
            (alice.email, f"{PASSWORD} "),
            (alice.email, "x" * 129),
            ("nobody@example.org", PASSWORD),
            ("alice@example.org'--", PASSWORD),
            (banned.email, "wrong-horse-7"),
            (gone.email, PASSWORD),
            (passwordless.email, PASSWORD),
        ]
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert {str(sorted(answer.items())) for answer in answers} == {str(sorted(answers[0].items()))}
    assert answers[0].json()["code"] == "wrong_credentials"
    assert not Login.objects.exists()


@pytest.mark.parametrize("path", PATHS)
def test_who_is_banned_and_knows_their_password_is_told_until_when(api: Client, path: str) -> None:
    bob = make_user("bob")
    until = timezone.now() + timedelta(days=3)
    services.ban(bob, until=until)
    answer = post(api, path, {"email": bob.email, "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (403, "banned")
    assert answer.json()["until"] == iso(until)
    assert f"{until:%Y-%m-%d %H:%M}" in answer.json()["detail"]
    assert not Login.objects.exists()


def test_a_ban_ends_by_itself(api: Client) -> None:
    bob, dora = make_user("bob"), make_user("dora")
    for person in (bob, dora):
        services.ban(person, until=timezone.now() + timedelta(days=3))
    User.objects.filter(id=bob.id).update(banned_until=timezone.now())
    answer = post(api, NATIVE, {"email": bob.email, "password": PASSWORD})
    assert answer.status_code == 200
    assert services.end_bans() == 0
    dora.refresh_from_db()
    assert dora.banned_at and not dora.is_active
    User.objects.filter(id=dora.id).update(banned_until=timezone.now())
    assert services.end_bans() == 1
    dora.refresh_from_db()
    assert dora.is_active and dora.banned_at is None and dora.banned_until is None


class CountedHasher(MD5PasswordHasher):
    """Counts the passwords that were hashed."""

    hashed = 0

    def encode(self, password: str, salt: str) -> str:
        CountedHasher.hashed += 1
        return super().encode(password, salt)


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("alice", PASSWORD),
        ("alice", "wrong-horse-7"),
        ("alice", "x" * 129),
        ("nobody", PASSWORD),
        ("nobody", "x" * 129),
        ("bob", PASSWORD),
    ],
)
def test_every_attempt_costs_the_work_of_one_hash(
    api: Client, settings: Any, login: str, password: str
) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountedHasher"]
    make_user("alice")
    services.ban(make_user("bob"))
    CountedHasher.hashed = 0
    post(api, NATIVE, {"username": login, "password": password})
    assert CountedHasher.hashed == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "password"),
        ({"password": PASSWORD}, "email"),
        ({"email": "", "password": PASSWORD}, "email"),
        ({"email": "alice@example.org"}, "password"),
        ({"email": "alice@example.org", "password": ""}, "password"),
        ({"email": "a\x00lice@example.org", "password": PASSWORD}, "email"),
        ({"email": {"$ne": ""}, "password": PASSWORD}, "email"),
        ({"email": "alice@example.org", "password": ["x"]}, "password"),
        ({"email": "alice@example.org", "password": "x" * 4097}, "password"),
        ({"username": "x" * 255, "password": PASSWORD}, "username"),
    ],
)
def test_what_is_missing_or_no_text_is_named(api: Client, body: Any, field: str) -> None:
    for path in PATHS:
        response = post(api, path, body)
        assert response.status_code == 400
        assert field in response.json()["errors"]


def test_every_login_is_one_of_its_own(api: Client, alice: User) -> None:
    for _ in range(3):
        post(api, NATIVE, {"username": "alice", "password": PASSWORD})
    assert alice.logins.count() == 3


def test_signing_in_needs_no_token_and_minds_no_bad_one(api: Client, alice: User) -> None:
    body = {"username": "alice", "password": PASSWORD}
    for headers in ({"Authorization": "Bearer x"}, bearer(alice), {"Cookie": "sessionid=x"}):
        assert post(api, NATIVE, body, headers).status_code == 200


def test_no_session_cookie_is_ever_set_by_signing_in(api: Client, alice: User) -> None:
    response = post(api, MINIAPP, {"email": alice.email, "password": PASSWORD})
    assert not response.cookies
