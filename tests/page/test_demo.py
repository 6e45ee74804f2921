"""One click to enter as one of the demo people: only where the settings say so."""

import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts import demo, services
from accounts.models import User
from tests.people import make_user

BUTTON = re.compile('<button name="username" value="([^"]*)">([^<]*)</button>')


@pytest.fixture
def on(settings: Any) -> None:
    settings.DEMO = True
    settings.RATE_LIMITS = False


def who(browser: Client) -> str:
    token = browser.post("/access").json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return str(Client().get("/api/v1/auth/me", headers=headers).json()["username"])


def test_unless_the_settings_say_so_there_is_no_such_door(api: Client) -> None:
    call_command("seed_demo", verbosity=0)
    answer = api.post("/enter", {"username": "anna"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert api.post("/access").status_code == 401
    for path in ("/", "/sign-in"):
        assert "anna" not in api.get(path).text and "demonstration" not in api.get(path).text


@pytest.mark.usefixtures("on")
def test_the_door_names_them_and_one_click_is_enough() -> None:
    call_command("seed_demo", verbosity=0)
    door = Client().get("/").text
    assert dict(BUTTON.findall(door)) == demo.PEOPLE and "This is a demonstration" in door
    browsers = {name: Client() for name in demo.PEOPLE}
    for name, browser in browsers.items():
        assert browser.post("/enter", {"username": name})["Location"] == "/"
    # Each browser is somebody else, all at the same time.
    assert {name: who(browser) for name, browser in browsers.items()} == {
        name: name for name in demo.PEOPLE
    }
    assert "demonstration" in Client().get("/about").text


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    "username", ["alice", "alice@example.org", "", "Anna", "anna@demo.example"]
)
def test_nobody_but_the_demo_people_is_entered_as(alice: User, username: str) -> None:
    call_command("seed_demo", verbosity=0)
    browser = Client()
    answer = browser.post("/enter", {"username": username})
    assert answer.status_code == 404 and 'role="alert"' in answer.text
    assert browser.post("/access").status_code == 401


@pytest.mark.usefixtures("on")
def test_who_had_the_name_before_them_is_nobodys_to_be() -> None:
    make_user("anna")
    call_command("seed_demo", verbosity=0)
    assert Client().post("/enter", {"username": "anna"}).status_code == 404


@pytest.mark.usefixtures("on")
def test_before_they_are_made_and_when_banned_they_are_not_there() -> None:
    browser = Client()
    assert browser.post("/enter", {"username": "anna"}).status_code == 404
    call_command("seed_demo", verbosity=0)
    services.ban(demo.find("anna"))
    assert browser.post("/enter", {"username": "anna"}).status_code == 404


def test_entering_is_limited_as_signing_in_is(api: Client, settings: Any) -> None:
    settings.DEMO = True
    statuses = [api.post("/enter", {"username": "anna"}).status_code for _ in range(31)]
    assert statuses == [404] * 30 + [429]


def test_what_seeding_prints_says_how_to_come_in(settings: Any, capsys: Any) -> None:
    for settings.DEMO, told in ((False, False), (True, True)):
        call_command("seed_demo")
        said = capsys.readouterr().out
        assert demo.PASSWORD in said and ("by a click" in said) is told
