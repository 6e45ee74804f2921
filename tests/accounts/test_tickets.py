"""Tickets: one socket for each, soon, and for as long as the token that it stands for."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import tickets
from accounts.models import Ticket, User
from accounts.services import ban, start_login
from accounts.tokens import Claims, read_access
from messenger.errors import Unauthenticated
from tests.people import client, token
from tests.races import at_once

PATH = "/api/v1/auth/ws-ticket"


@pytest.fixture
def claims(alice: User) -> Claims:
    """Of a fresh token of Alice's."""
    return read_access(token(alice))


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """So much later."""
    moment = timezone.now() + timedelta(seconds=seconds)
    monkeypatch.setattr(timezone, "now", lambda: moment)


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
def test_who_is_signed_in_gets_a_ticket_for_what_their_token_says(alice: User, path: str) -> None:
    access = token(alice)
    response = Client(headers={"Authorization": f"Bearer {access}"}).post(path)
    assert response.status_code == 201
    body = response.json()
    assert body == {"ticket": body["ticket"], "expires_in": 30}
    assert len(body["ticket"]) >= 40
    found, shown = tickets.redeem(body["ticket"]), read_access(access)
    assert (found.user_id, found.login_id, found.expires) == (
        alice.id,
        shown.login_id,
        shown.expires,
    )


def test_nobody_else_gets_one(api: Client, alice: User) -> None:
    banned = client(alice)
    ban(alice)
    for nobody in (api, banned, Client(headers={"Authorization": "Bearer x"})):
        response = nobody.post(PATH)
        assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    # Nor is a refresh token anything here, or another method.
    pair = start_login(User.objects.create_user("b@example.org", username="b"))
    refresh = Client(headers={"Authorization": f"Bearer {pair.refresh}"})
    assert refresh.post(PATH).status_code == 401
    assert Client(headers={"Authorization": f"Bearer {pair.access}"}).get(PATH).status_code == 405
    assert not Ticket.objects.exists()


def test_a_ticket_is_good_once(claims: Claims) -> None:
    one, other = (tickets.issue(claims) for _ in range(2))
    assert one != other
    tickets.redeem(one)
    with pytest.raises(Unauthenticated):
        tickets.redeem(one)
    tickets.redeem(other)
    assert not Ticket.objects.exists()


def test_of_eight_with_one_ticket_one_is_let_in(claims: Claims) -> None:
    for _ in range(5):
        outcomes = at_once(*[partial(tickets.redeem, tickets.issue(claims))] * 8)
        let_in = [outcome for outcome in outcomes if isinstance(outcome, Claims)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, Unauthenticated)]
        assert (len(let_in), len(refused)) == (1, 7), outcomes


def test_a_ticket_is_good_for_thirty_seconds(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (tickets.issue(claims) for _ in range(2))
    later(monkeypatch, 29)
    tickets.redeem(one)
    later(monkeypatch, 2)
    with pytest.raises(Unauthenticated):
        tickets.redeem(other)


def test_what_is_no_ticket_opens_nothing(alice: User, claims: Claims) -> None:
    tickets.issue(claims)
    [row] = Ticket.objects.all()
    wrong: list[Any] = ["", "x", "\x00", "\ud800", "x" * 10_000, row.digest, token(alice)]
    for ticket in wrong:
        with pytest.raises(Unauthenticated):
            tickets.redeem(ticket)
    assert Ticket.objects.count() == 1


def test_what_is_kept_of_a_ticket_does_not_open_anything(claims: Claims) -> None:
    ticket = tickets.issue(claims)
    [row] = Ticket.objects.values()
    assert ticket not in str(row)


def test_what_nobody_used_is_forgotten(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        tickets.issue(claims)
    assert tickets.forget_old() == 0
    later(monkeypatch, 31)
    fresh = tickets.issue(claims)
    assert tickets.forget_old() == 2 and Ticket.objects.count() == 1
    tickets.redeem(fresh)
