"""The mini-app's list of people."""

from typing import Any

import pytest
from django.test import Client

from accounts import services
from accounts.models import User
from tests.people import bearer, make_user

PATH = "/users_list"


def names(client: Client, viewer: User, **query: Any) -> list[str]:
    response = client.get(PATH, query, headers=bearer(viewer))
    assert response.status_code == 200, response.content
    return [person["name"] for person in response.json()["users"]]


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
def test_everybody_is_there_by_uuid_and_name_and_nothing_else(
    api: Client, alice: User, bob: User, path: str
) -> None:
    response = api.get(path, headers=bearer(alice))
    assert response.status_code == 200
    assert response.json() == {
        "users": [
            {"user_uuid": str(alice.uuid), "name": "Alice"},
            {"user_uuid": str(bob.uuid), "name": "Bob"},
        ]
    }


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
def test_nobody_sees_it_without_signing_in(api: Client, alice: User, path: str) -> None:
    response = api.get(path)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


def test_who_is_banned_is_not_in_it(api: Client, alice: User, bob: User, charlie: User) -> None:
    services.ban(bob)
    assert names(api, alice) == ["Alice", "Charlie"]
    services.unban(bob)
    assert names(api, alice) == ["Alice", "Bob", "Charlie"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["Viewer", "Ёжик Туманов", "Zoë (QA_1)", "100%", "C++ Fan"]),
        ("ёжик", ["Ёжик Туманов"]),
        ("ТУМАН", ["Ёжик Туманов"]),
        ("жик т", ["Ёжик Туманов"]),
        ("HEDGEHOG", ["Ёжик Туманов"]),
        ("zoË", ["Zoë (QA_1)"]),
        ("(qa", ["Zoë (QA_1)"]),
        ("_", ["Zoë (QA_1)"]),
        ("%", ["100%"]),
        (".", []),
        ("\\", []),
        ("c++ F", ["C++ Fan"]),
        ("nobody", []),
        ("' OR 1=1 --", []),
    ],
)
def test_search_finds_a_part_of_name_or_username_in_any_case(
    api: Client, search: str, found: list[str]
) -> None:
    viewer = make_user("viewer")
    for username, name in (
        ("hedgehog", "Ёжик Туманов"),
        ("zoe", "Zoë (QA_1)"),
        ("hundred", "100%"),
        ("fan", "C++ Fan"),
    ):
        User.objects.create_user(f"{username}@example.org", username=username, name=name)
    assert names(api, viewer, search=search) == found


def test_joined_pages_are_the_whole_list(api: Client, alice: User) -> None:
    for n in range(9):
        make_user(f"person{n}")
    everybody = names(api, alice)
    assert len(everybody) == 10
    pages = [names(api, alice, limit=3, offset=start) for start in range(0, 12, 3)]
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert sum(pages, []) == everybody
    assert names(api, alice, offset=8) == everybody[8:]
    assert names(api, alice, offset=100) == []


@pytest.mark.parametrize("people", [1, 60])
def test_a_longer_list_takes_no_more_queries(
    api: Client, alice: User, django_assert_max_num_queries: Any, people: int
) -> None:
    for n in range(people):
        User.objects.create_user(f"{n}@example.org", username=f"person{n}")
    headers = bearer(alice)
    with django_assert_max_num_queries(2):
        assert len(api.get(PATH, headers=headers).json()["users"]) == people + 1


NO_NUMBERS = ["-1", "x", "1.0", "1e3", "1_000", "١", "+1", " 1", "0x1", "true", "null", "[]",
              "1" + "0" * 30, "9" * 5000, str(2**63), "\x00", "\ud800"]  # fmt: skip


@pytest.mark.parametrize("name", ["limit", "offset"])
def test_a_number_is_plain_digits(api: Client, alice: User, name: str) -> None:
    headers = bearer(alice)
    for value in NO_NUMBERS:
        query = {name: value.encode("utf-8", "surrogatepass")}
        response = api.get(PATH, query, headers=headers)
        assert response.status_code == 400, value
        assert set(response.json()["errors"]) == {name}


@pytest.mark.parametrize("search", ["x" * 101, "a\x00b"])
def test_a_search_that_nobody_means_is_refused(api: Client, alice: User, search: str) -> None:
    response = api.get(PATH, {"search": search}, headers=bearer(alice))
    assert response.status_code == 400
    assert set(response.json()["errors"]) == {"search"}
