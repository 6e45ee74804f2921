"""People, and what they hold in their hands."""

from typing import Any

import orjson
from django.test import Client

from accounts.models import User
from accounts.services import start_login

PASSWORD = "correct-horse-7"


def make_user(name: str, **extra: Any) -> User:
    """`name`@example.org, with PASSWORD."""
    return User.objects.create_user(
        f"{name}@example.org", username=name, name=name.title(), password=PASSWORD, **extra
    )


def token(user: User) -> str:
    """A fresh access token of a fresh login."""
    return start_login(user).access


def bearer(user: User) -> dict[str, str]:
    """The headers of a signed-in request of Django's test client."""
    return {"Authorization": f"Bearer {token(user)}"}


def client(user: User) -> Client:
    """A client of `user`, signed in."""
    return Client(headers=bearer(user))


def visitor(user: User) -> Client:
    """A browser in which `user` is signed in on the page."""
    browser = Client()
    answer = browser.post("/sign-in", {"login": user.username, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return browser


def post(client: Client, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
    """POST JSON; the response."""
    return client.post(
        path, orjson.dumps(body), content_type="application/json", headers=headers or {}
    )
