"""Signing up: who may be called what, and who was first."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from accounts.models import User
from tests.people import PASSWORD, post
from tests.races import race

MINIAPP = "/register"
NATIVE = "/api/v1/auth/register"
ANNA: dict[str, Any] = {"name": "Анна", "email": "anna@example.org", "password": PASSWORD}
NATIVE_KEYS = {"id", "uuid", "username", "name", "email", "is_active", "created_at"}


@pytest.mark.parametrize("path", [MINIAPP, MINIAPP + "/"])
def test_the_mini_app_gets_the_uuid_the_name_and_the_email(api: Client, path: str) -> None:
    response = post(api, path, ANNA)
    assert response.status_code == 201
    anna = User.objects.get()
    assert response.json() == {
        "user_uuid": str(anna.uuid),
        "name": "Анна",
        "email": "anna@example.org",
    }


@pytest.mark.parametrize("path", [NATIVE, NATIVE + "/"])
def test_the_native_api_gets_both_ids_and_no_password(api: Client, path: str) -> None:
    response = post(api, path, {**ANNA, "username": "anna"})
    assert response.status_code == 201
    body = response.json()
    assert set(body) == NATIVE_KEYS
    anna = User.objects.get()
    assert (body["id"], UUID(body["uuid"])) == (anna.id, anna.uuid)
    assert (body["username"], body["name"], body["is_active"]) == ("anna", "Анна", True)
    assert body["created_at"].endswith("Z")


@pytest.mark.parametrize(
    ("email", "username"),
    [
        ("anna@example.org", "anna"),
        ("anna.k+chat@example.org", "anna.k+chat"),
        ("a@example.org", "a_"),
        ("!#$@example.org", "user"),
    ],
)
def test_a_username_is_made_from_the_email(api: Client, email: str, username: str) -> None:
    body = post(api, NATIVE, {"email": email, "password": PASSWORD}).json()
    assert (body["username"], body["name"]) == (username, username)


def test_a_made_username_steps_aside_for_one_that_is_taken(api: Client) -> None:
    names = [
        post(api, NATIVE, {"email": f"anna@{n}.example.org", "password": PASSWORD}).json()
        for n in range(3)
    ]
    assert [body["username"] for body in names] == ["anna", "anna2", "anna3"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": None}, "email"),
        ({"email": ""}, "email"),
        ({"email": "anna"}, "email"),
        ({"email": "anna@"}, "email"),
        ({"email": "an na@example.org"}, "email"),
        ({"email": "anna@example.org, bob@example.org"}, "email"),
        ({"email": "a" * 250 + "@example.org"}, "email"),
        (
            {"email": "a@" + "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 60 + ".org"},
            "email",
        ),
        ({"email": ["anna@example.org"]}, "email"),
        ({"name": "x" * 101}, "name"),
        ({"name": "An\x00na"}, "name"),
        ({"name": "Anna\r\nINFO accounts: granted"}, "name"),
        ({"name": "Anna\u202egnp.exe"}, "name"),
        ({"name": {"first": "Anna"}}, "name"),
        ({"password": None}, "password"),
        ({"password": ""}, "password"),
        ({"password": "short1"}, "password"),
        ({"password": "password1"}, "password"),
        ({"password": "8402750163"}, "password"),
        ({"password": "anna@example.org"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"password": "correct\x00horse"}, "password"),
        ({"password": True}, "password"),
    ],
)
def test_a_field_that_will_not_do_is_named(api: Client, change: dict[str, Any], field: str) -> None:
    for path in (MINIAPP, NATIVE):
        response = post(api, path, {**ANNA, **change})
        assert response.status_code == 400
        body = response.json()
        assert body["code"] == "invalid" and set(body["errors"]) == {field}
        assert body["errors"][field] and body["detail"]
    assert not User.objects.exists()


@pytest.mark.parametrize("path", [MINIAPP, NATIVE])
def test_space_around_name_and_email_is_a_slip_of_the_hand(api: Client, path: str) -> None:
    response = post(api, path, {**ANNA, "name": " Анна\n", "email": "\tanna@example.org "})
    assert response.status_code == 201
    assert (response.json()["name"], response.json()["email"]) == ("Анна", "anna@example.org")


def test_a_username_is_kept_in_plain_letters(api: Client) -> None:
    body = post(api, NATIVE, {**ANNA, "username": "Ａｎｎа"}).json()
    assert body["username"] == "Annа"


@pytest.mark.parametrize(
    "username",
    ["a", "x" * 65, "an na", "anna@example.org", "anna/bob", "<b>anna</b>", "anna\n.", "ﷺ" * 20],
)
def test_a_username_is_letters_digits_and_a_few_signs(api: Client, username: str) -> None:
    response = post(api, NATIVE, {**ANNA, "username": username})
    assert response.status_code == 400 and set(response.json()["errors"]) == {"username"}
    assert not User.objects.exists()


def test_all_fields_that_are_wrong_are_told_at_once(api: Client) -> None:
    response = post(api, NATIVE, {"email": "x", "username": "?", "password": "1"})
    assert set(response.json()["errors"]) == {"email", "username", "password"}


def test_an_email_belongs_to_one_in_whatever_case(api: Client) -> None:
    assert post(api, MINIAPP, ANNA).status_code == 201
    for email in ("anna@example.org", "ANNA@example.org", "Anna@Example.ORG"):
        for path in (MINIAPP, NATIVE):
            response = post(api, path, {**ANNA, "email": email})
            assert response.status_code == 400
            assert response.json()["errors"] == {"email": ["this e-mail is registered already"]}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("anna", "ANNA"),
        ("anna", "ａｎｎａ"),
        ("Жанна", "жАННА"),
        ("Straße", "STRASSE"),
        ("ﬁona", "fiona"),
        ("Йорик", "И\u0306орик"),
    ],
)
def test_a_username_belongs_to_one_in_whatever_letters(
    api: Client, first: str, second: str
) -> None:
    assert post(api, NATIVE, {**ANNA, "username": first}).status_code == 201
    response = post(api, NATIVE, {**ANNA, "email": "b@example.org", "username": second})
    assert response.status_code == 400
    assert response.json()["errors"] == {"username": ["this username is taken"]}


def test_of_a_dozen_with_one_email_in_many_cases_exactly_one_gets_it() -> None:
    def register(n: int) -> Any:
        email = "".join(c.upper() if n >> i & 1 else c for i, c in enumerate("anna"))
        return post(Client(), MINIAPP, {**ANNA, "email": f"{email}@example.org"})

    responses = race(12, register)
    assert sorted(response.status_code for response in responses) == [201, *[400] * 11]
    assert all(
        set(response.json()["errors"]) == {"email"}
        for response in responses
        if response.status_code == 400
    )
    assert User.objects.count() == 1


def test_of_a_dozen_with_one_username_in_many_forms_exactly_one_gets_it() -> None:
    forms = ("жанна", "ЖАННА", "Жанна", "жАнНа")

    def register(n: int) -> Any:
        return post(
            Client(),
            NATIVE,
            {"email": f"{n}@example.org", "password": PASSWORD, "username": forms[n % 4]},
        )

    responses = race(12, register)
    assert sorted(response.status_code for response in responses) == [201, *[400] * 11]
    assert User.objects.count() == 1


def test_a_dozen_with_like_emails_all_get_names_of_their_own() -> None:
    def register(n: int) -> Any:
        return post(Client(), MINIAPP, {**ANNA, "email": f"anna@{n}.example.org"})

    assert {response.status_code for response in race(12, register)} == {201}
    assert len(set(User.objects.values_list("username_key", flat=True))) == 12


@pytest.mark.parametrize("path", [MINIAPP, NATIVE])
def test_nobody_gives_himself_powers_by_signing_up(api: Client, path: str) -> None:
    powers = {"is_staff": True, "is_superuser": True, "is_active": False, "id": 7, "groups": [1]}
    assert post(api, path, {**ANNA, **powers}).status_code == 201
    anna = User.objects.get(email="anna@example.org")
    assert not anna.is_staff and not anna.is_superuser and anna.is_active and anna.id != 7


def test_the_password_is_kept_with_the_spaces_around_it(api: Client) -> None:
    assert post(api, MINIAPP, {**ANNA, "password": f" {PASSWORD} "}).status_code == 201
    anna = User.objects.get()
    assert anna.check_password(f" {PASSWORD} ") and not anna.check_password(PASSWORD)
