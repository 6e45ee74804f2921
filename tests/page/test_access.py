"""What the page's script gets: a fresh token of the session's login, and nothing to keep."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.models import Login, User
from accounts.services import service_account
from chats.models import Chat
from messenger.pages import sessions
from messenger.realtime import limits
from messenger.realtime.limits import Limit
from tests.people import post, visitor

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def token_of(browser: Client) -> dict[str, str]:
    return {"Authorization": f"Bearer {browser.post('/access').json()['access_token']}"}


def test_the_token_is_that_of_who_is_signed_in_and_opens_what_is_theirs(
    api: Client, alice: User, bob: User, charlie: User, group: Chat
) -> None:
    for person, status in ((alice, 200), (bob, 200), (charlie, 404)):
        headers = token_of(visitor(person))
        assert api.get("/api/v1/auth/me", headers=headers).json()["id"] == person.id
        assert api.get(f"/api/v1/chats/{group.id}", headers=headers).status_code == status
        assert post(api, "/api/v1/auth/ws-ticket", {}, headers).status_code == 201


def test_each_is_fresh_and_of_the_same_login(alice: User) -> None:
    browser = visitor(alice)
    refused = token_of(browser)["Authorization"].partition(" ")[2]
    answer = post(browser, "/access", {"refused": refused}).json()
    assert answer.keys() == {"access_token", "notices_from"}
    assert Login.objects.count() == 1


def test_it_comes_with_whose_messages_are_notices(alice: User) -> None:
    browser = visitor(alice)
    assert browser.post("/access").json()["notices_from"] is None
    from_now_on = service_account().id
    assert browser.post("/access").json()["notices_from"] == from_now_on


def test_nobody_keeps_a_copy_of_it(alice: User) -> None:
    answer = visitor(alice).post("/access")
    assert "no-store" in answer["Cache-Control"] and "private" in answer["Cache-Control"]
    assert answer["Content-Type"] == "application/json"


def test_who_is_not_signed_in_is_told_so_as_everywhere(api: Client) -> None:
    answer = api.post("/access", headers=BROWSER)
    assert answer.status_code == 401 and set(answer.json()) == {"code", "detail"}
    assert answer["WWW-Authenticate"] == 'Bearer realm="messenger"'
    assert "no-store" in answer["Cache-Control"]


def test_neither_a_bearer_token_nor_a_forged_session_is_a_session(api: Client, alice: User) -> None:
    assert api.post("/access", headers=token_of(visitor(alice))).status_code == 401
    for forged in ("x", "a" * 32, str(Login.objects.get().id)):
        api.cookies["sessionid"] = forged
        assert api.post("/access").status_code == 401


def test_it_is_limited_by_login(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REFRESHES", Limit("refreshes", 3, 600.0, "closed"))
    browser, other = visitor(alice), visitor(alice)
    assert [browser.post("/access").status_code for _ in range(4)] == [200] * 3 + [429]
    refused = browser.post("/access")
    assert refused.json()["code"] == "rate_limited" and int(refused["Retry-After"]) <= 600
    assert other.post("/access").status_code == 200
    assert visitor(bob).post("/access").status_code == 200


def test_who_knocks_without_a_session_is_counted_by_address(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REQUESTS", Limit("requests", 3, 600.0, "closed"))
    assert [api.post("/access").status_code for _ in range(5)] == [401] * 3 + [429] * 2
    assert api.post("/access", REMOTE_ADDR="10.0.0.9").status_code == 401


def test_a_page_that_is_used_stays_signed_in(alice: User) -> None:
    browser = visitor(alice)
    soon = timezone.now() + timedelta(days=1)
    Login.objects.update(expires_at=soon)
    assert browser.post("/access").status_code == 200
    assert Login.objects.get().expires_at > soon + timedelta(days=20)
    # The cookie is given anew on another day, and not each time.
    assert "sessionid" not in browser.post("/access").cookies
    session = browser.session
    session[sessions.DAY] = "2001-02-03"
    session.save()
    for again in (True, False):
        assert ("sessionid" in browser.post("/access").cookies) is again


def test_a_login_whose_time_is_over_is_over(alice: User) -> None:
    browser = visitor(alice)
    Login.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert browser.post("/access").status_code == 401


def away(*args: Any, **more: Any) -> Any:
    raise OperationalError("connection to server at 10.0.0.5 failed: password=x")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/sign-in"), ("POST", "/access")]
)
def test_while_the_database_is_away_it_is_503_and_nobodys_mistake(
    alice: User, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    browser = visitor(alice)
    browser.raise_request_exception = False
    monkeypatch.setattr("accounts.selectors.login_user", away)
    answer = browser.generic(method, path)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    page = browser.generic(method, path, headers=BROWSER)
    assert (page.status_code, page["Retry-After"]) == (503, "1")
    if method == "GET":
        assert "<h1>The service is busy or restarting. Try again in a moment.</h1>" in page.text
    assert "10.0.0.5" not in page.text + answer.text
    monkeypatch.undo()
    # Nobody was signed out by it.
    assert "data-access" in browser.get("/").text


def test_in_a_browser_an_error_is_a_page(api: Client) -> None:
    answer = api.get("/nowhere", headers=BROWSER)
    assert answer.status_code == 404 and "<h1>Not found.</h1>" in answer.text
    assert 'href="/"' in answer.text and "Accept" in answer["Vary"]
    for accept in ("", "*/*", "application/json", "image/png"):
        assert api.get("/nowhere", headers={"Accept": accept}).json()["code"] == "not_found"
