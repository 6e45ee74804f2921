"""At the door for who is banned: that they are, until when, and their word against it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services import ban
from moderation import services
from moderation.models import Appeal, Decision
from tests.page.test_doors import enter, input_of, is_in
from tests.people import PASSWORD, make_user

TEXT = "It was not me"


@pytest.fixture
def olga() -> User:
    """Bans people."""
    return make_user("olga", is_staff=True, is_superuser=True)


def banned(moderator: User, person: User, until: datetime | None = None) -> Decision:
    case = services.open_case(moderator, user=person, reason="Seen in many groups")
    reason = "<b>Advertising</b>"
    [decision] = services.decide(moderator, case, action="ban", reason=reason, until=until)
    return decision


def appeal(text: str = TEXT, *, login: str = "bob", password: str = PASSWORD) -> Any:
    return Client().post("/appeal", {"login": login, "password": password, "text": text})


def test_who_is_banned_and_knows_the_password_is_told_until_when_and_where_to_appeal(
    olga: User, bob: User
) -> None:
    assert 'href="/appeal"' in Client().get("/sign-in").text
    until = timezone.now() + timedelta(days=3)
    banned(olga, bob, until)
    browser = Client()
    answer = enter(browser, "bob")
    assert answer.status_code == 403 and not is_in(browser)
    told = f"This account is banned until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    assert told in answer.text and ">Appeal against the ban</a>" in answer.text
    # Whoever does not know it learns nothing.
    refused = enter(browser, "bob", "wrong-horse-7")
    assert refused.status_code == 400 and "is banned" not in refused.text


def test_an_appeal_is_made_once_and_tells_what_became_of_it(olga: User, bob: User) -> None:
    decision = banned(olga, bob)
    sent = appeal(" It was <i>not</i> me ")
    assert sent.status_code == 200 and "nobody has decided yet" in sent.text
    assert "&lt;b&gt;Advertising&lt;/b&gt;" in sent.text and "&lt;i&gt;not" in sent.text
    assert Appeal.objects.get().text == "It was <i>not</i> me"
    # Again, with or without another text: the same one.
    for text in ("", "Let me in"):
        assert "It was &lt;i&gt;not&lt;/i&gt; me" in appeal(text).text
    other = make_user("rita", is_staff=True, is_superuser=True)
    services.decide_appeal(other, decision.appeal, grant=False, reason="It was")
    decided = appeal("").text
    assert "The decision stays. It was" in decided and "nobody has decided yet" not in decided


def test_who_is_let_in_again_is_told_to_sign_in(olga: User, bob: User) -> None:
    decision = banned(olga, bob)
    appeal()
    other = make_user("rita", is_staff=True, is_superuser=True)
    services.decide_appeal(other, decision.appeal, grant=True, reason="It was not")
    answer = appeal("")
    assert answer.status_code == 409
    assert "This account is not banned. You can sign in." in answer.text


@pytest.mark.parametrize(("login", "password"), [("bob", "wrong-horse-7"), ("nobody", PASSWORD)])
def test_a_wrong_password_and_an_unknown_account_are_answered_alike(
    olga: User, bob: User, login: str, password: str
) -> None:
    banned(olga, bob)
    answer = appeal(login=login, password=password)
    assert answer.status_code == 400 and not Appeal.objects.exists()
    assert "No active account has this name and password." in answer.text
    # What was said is there again, but the password.
    assert TEXT in answer.text and "value=" not in input_of(answer.text, "password")


@pytest.mark.parametrize("text", ["", "   ", "x" * 1001, "a\x00b"])
def test_an_appeal_says_something_that_can_be_read(olga: User, bob: User, text: str) -> None:
    banned(olga, bob)
    answer = appeal(text)
    assert answer.status_code == 400 and not Appeal.objects.exists()
    assert 'id="id_text_error"' in answer.text


def test_a_ban_that_no_moderator_decided_is_not_theirs_to_undo(bob: User) -> None:
    ban(bob)
    answer = appeal()
    assert answer.status_code == 403 and not Appeal.objects.exists()
    assert "This ban can&#x27;t be appealed here." in answer.text


def test_guesses_are_counted_with_those_of_signing_in(olga: User, bob: User) -> None:
    banned(olga, bob)
    for n in range(10):
        tried = enter(Client(), "bob", "wrong-7") if n % 2 else appeal(password="wrong-7")
        assert tried.status_code == 400
    stopped = appeal()
    assert stopped.status_code == 429 and int(stopped["Retry-After"]) >= 1
    assert not Appeal.objects.exists()
