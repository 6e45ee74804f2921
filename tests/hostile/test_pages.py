"""The same inputs in the forms of the pages: a mistake in a form, and never one of ours."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import User
from tests.hostile.inputs import FORM, KINDS, NO_OBJECTS, STRANGE_QUERIES, TEXTS
from tests.hostile.tally import tally
from tests.people import PASSWORD, visitor

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("unlimited")]
SOUND: dict[str, dict[str, str]] = {
    "/sign-in": {"login": "alice", "password": "wrong-horse-7", "next": "/"},
    "/sign-up": {"name": "N", "username": "", "email": "n@x.example", "password": "1", "next": "/"},
    "/appeal": {"login": "alice", "password": "wrong-horse-7", "text": "No"},
    "/enter": {"username": "anna"},
    "/sign-out": {"next": "/"},
    "/access": {"refused": "x"},
}
PLACES = [(path, field) for path, fields in SOUND.items() for field in fields]
MARKUP = ("<script>alert", "<img src=x", "<svg/onload", '" onmouseover="', "<b>", "<!--")


@pytest.fixture(autouse=True)
def demo(settings: Any) -> None:
    settings.DEMO = True


def judge(path: str, name: str, answer: Any) -> None:
    tally.count("pages", path, name, answer.status_code)
    assert answer.status_code < 500, (path, name, answer.content[:300])
    assert answer.get("Location", "/") in ("/", "/sign-in"), (path, name)
    if answer["Content-Type"].startswith("text/html"):
        text = answer.text.replace('<b class="', "")
        assert not [markup for markup in MARKUP if markup in text], (path, name)
    elif answer.content:
        assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(("path", "field"), PLACES)
def test_each_text_in_each_field(alice: User, path: str, field: str) -> None:
    browsers = (Client(), visitor(alice)) if path == "/access" else (Client(),)
    for name, text in TEXTS.items():
        body = urlencode({**SOUND[path], field: text}).encode()
        for browser in browsers:
            judge(path, name, browser.generic("POST", path, body, content_type=FORM))
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD) and alice.is_active


@pytest.mark.parametrize("path", SOUND)
def test_what_is_no_form(alice: User, path: str) -> None:
    browser = visitor(alice)
    bodies = {
        **NO_OBJECTS,
        "a field twice": b"login=a&login=b&email=a&email=b",
        "2,000 fields": b"&".join(b"a%d=1" % n for n in range(2000)),
        "a NUL": b"login=%00&password=%00&email=%00&name=%00&username=%00&next=%00",
        "no UTF-8": b"login=%ff%fe&password=%ed%a0%80&next=%c0%80",
    }
    for name, body in bodies.items():
        judge(path, name, browser.generic("POST", path, body, content_type=FORM))
    for kind in KINDS:
        judge(path, f"content-type {kind}", browser.generic("POST", path, b"a=b", kind))


@pytest.mark.parametrize("path", ["/", "/sign-in", "/sign-up", "/appeal", "/about"])
def test_strange_queries(api: Client, path: str) -> None:
    for query in (*STRANGE_QUERIES, "next=%00", "next=%0d%0aSet-Cookie:x=y", "next[]=/"):
        judge(path, query, api.get(f"{path}?{query}"))
