"""The native API's people: who there is to talk to."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.services import ban, service_account
from moderation.services import erase
from tests.people import client, make_user

USERS = "/api/v1/users"


def words(user: User) -> dict[str, Any]:
    return {"id": user.id, "uuid": str(user.uuid), "username": user.username, "name": user.name}


def page(user: User, **query: Any) -> Any:
    response = client(user).get(USERS, query)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.mark.parametrize("path", [USERS, f"{USERS}/"])
def test_everybody_is_listed_by_id_and_without_an_address(
    alice: User, bob: User, charlie: User, path: str
) -> None:
    response = client(bob).get(path)
    assert response.status_code == 200
    assert response.json() == {
        "users": [words(alice), words(bob), words(charlie)],
        "has_more": False,
        "next_cursor": None,
    }


def test_one_person_goes_by_any_form_of_their_id(alice: User, bob: User) -> None:
    for ref in (bob.id, f"00{bob.id}", bob.uuid, str(bob.uuid).upper(), bob.uuid.hex):
        for path in (f"{USERS}/{ref}", f"{USERS}/{ref}/"):
            response = client(alice).get(path)
            assert (response.status_code, response.json()) == (200, words(bob))


def test_who_is_banned_is_not_there(alice: User, bob: User) -> None:
    ban(bob)
    answers = [
        client(alice).get(f"{USERS}/{ref}")
        for ref in (10**9, bob.id, bob.uuid, uuid4(), 2**63, -1, "x", "1.0")
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, answers[0].content)
    }
    assert page(alice)["users"] == [words(alice)]


def test_nor_are_the_account_of_notices_and_who_is_erased(alice: User, bob: User) -> None:
    service_account()
    erase(bob, by=bob)
    assert page(alice)["users"] == [words(alice)]
    assert client(alice).get(f"{USERS}/{bob.id}").status_code == 404


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 100])
def test_joined_pages_are_everybody(alice: User, limit: int) -> None:
    people = [alice, *(make_user(f"user{n}") for n in range(6))]
    ban(people[3])
    found = page(alice, limit=limit)
    joined = list(found["users"])
    while found["has_more"]:
        assert found["next_cursor"] == str(found["users"][-1]["id"])
        found = page(alice, limit=limit, cursor=found["next_cursor"])
        assert 0 < len(found["users"]) <= limit
        joined += found["users"]
    assert found["next_cursor"] is None
    assert joined == [words(person) for person in people if person != people[3]]


def test_a_page_costs_one_query_and_goes_to_fifty(alice: User) -> None:
    for n in range(55):
        User.objects.create(username=f"u{n}", email=f"u{n}@example.org")
    as_alice = client(alice)
    with CaptureQueriesContext(connection) as captured:
        found = as_alice.get(USERS).json()
    # And one for who asks.
    assert len(captured) == 2
    assert len(found["users"]) == 50 and found["has_more"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["viewer", "hedgehog", "zoe", "АННА"]),
        ("ёжик", ["hedgehog"]),
        ("ТУМАН", ["hedgehog"]),
        ("HEDGE", ["hedgehog"]),
        ("zoË", ["zoe"]),
        ("(qa", ["zoe"]),
        ("анна", ["АННА"]),
        ("нн", ["АННА"]),
        ("%", []),
        ("_", ["zoe"]),
        (".", []),
        ("example.org", []),
        ("' OR 1=1 --", []),
    ],
)
def test_search_finds_a_part_of_name_or_username_in_any_case(search: str, found: list[str]) -> None:
    viewer = make_user("viewer")
    for username, name in (("hedgehog", "Ёжик Туманов"), ("zoe", "Zoë (QA_1)"), ("АННА", "")):
        User.objects.create(
            email=f"{len(username)}{username[0]}@example.org", username=username, name=name
        )
    assert [person["username"] for person in page(viewer, search=search)["users"]] == found


def test_pages_of_what_was_found_are_of_that(alice: User) -> None:
    for n in range(5):
        make_user(f"x{n}")
        make_user(f"y{n}")
    first = page(alice, search="X", limit=3)
    second = page(alice, search="X", limit=3, cursor=first["next_cursor"])
    names = [person["username"] for person in (*first["users"], *second["users"])]
    assert names == [f"x{n}" for n in range(5)] and not second["has_more"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("cursor", ["", "x", "-1", "1.0", "1_0", "+1", " 1", "١", "1\n", "9" * 30, "1-1", "null"]),
        ("limit", ["0", "101", "x", "-1", "1.0", "1e1"]),
        ("search", ["x" * 101, "a\x00b"]),
    ],
)
def test_what_is_no_page_is_refused(alice: User, name: str, values: list[str]) -> None:
    for value in values:
        response = client(alice).get(USERS, {name: value})
        assert response.status_code == 400, value
        assert response.json()["code"] == "invalid" and set(response.json()["errors"]) == {name}


def test_behind_the_last_one_there_is_nobody(alice: User) -> None:
    for cursor in (alice.id, 2**63 - 1):
        found = page(alice, cursor=cursor)
        assert found == {"users": [], "has_more": False, "next_cursor": None}
    # Where somebody was who is gone, it goes on.
    assert page(alice, cursor=0)["users"] == page(alice, cursor="000")["users"]
