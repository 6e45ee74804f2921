"""Tokens that somebody made himself, found, kept or bent: none of them opens anything."""

import time
from typing import Any

import pytest
from django.test import Client

from accounts import services, tokens
from accounts.models import User
from messenger.errors import Unauthenticated
from tests.hostile.tokens import BAD, claims_of, signed
from tests.people import post, token

ME = "/api/v1/auth/me"
REFRESH = "/api/v1/auth/refresh"
# Seconds of this process's work for two requests, whatever else the machine does.
FAST = 0.25


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused_at_once(api: Client, alice: User, name: str) -> None:
    pair = services.start_login(alice)
    access = BAD[name](claims_of(pair.access))
    refresh = BAD[name](claims_of(pair.refresh))
    # The first request of a process loads what answers it.
    api.get(ME)
    started = time.process_time()
    me = api.get(ME, headers={"Authorization": f"Bearer {access}"})
    refreshed = post(api, REFRESH, {"refresh_token": refresh})
    assert time.process_time() - started < FAST
    assert (me.status_code, me.json()["code"]) == (401, "unauthenticated")
    assert me["WWW-Authenticate"] == 'Bearer realm="messenger"'
    # What no token can be, by its length alone, is refused before it is looked at.
    expected = 413 if len(refresh) > 64_000 else 401 if 0 < len(refresh) <= 4096 else 400
    assert refreshed.status_code == expected
    assert alice.logins.get().ended_at is None


def test_the_hand_that_makes_bad_tokens_can_make_good_ones(api: Client, alice: User) -> None:
    pair = services.start_login(alice)
    access = signed(claims_of(pair.access))
    assert api.get(ME, headers={"Authorization": f"Bearer {access}"}).status_code == 200
    refresh = signed(claims_of(pair.refresh))
    assert post(api, REFRESH, {"refresh_token": refresh}).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x", "bearer  x"])
def test_a_header_without_a_token_is_401(api: Client, header: str) -> None:
    response = api.get(ME, headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="messenger"'


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_the_scheme_may_be_in_any_case(api: Client, alice: User, scheme: str) -> None:
    response = api.get(ME, headers={"Authorization": f"{scheme} {token(alice)}"})
    assert response.status_code == 200


def test_a_refresh_token_is_no_access_token_nor_the_other_way(api: Client, alice: User) -> None:
    pair = services.start_login(alice)
    assert api.get(ME, headers={"Authorization": f"Bearer {pair.refresh}"}).status_code == 401
    assert post(api, REFRESH, {"refresh_token": pair.access}).status_code == 401
    assert alice.logins.get().ended_at is None


def test_a_token_in_the_address_or_a_cookie_opens_nothing(api: Client, alice: User) -> None:
    access = token(alice)
    assert api.get(ME, {"token": access, "access_token": access}).status_code == 401
    api.cookies["access_token"] = access
    api.force_login(alice)
    assert api.get(ME).status_code == 401


def test_an_access_token_is_short_lived_and_says_no_more_than_it_must(alice: User) -> None:
    claims = claims_of(token(alice))
    assert set(claims) == {"token_type", "exp", "iat", "jti", "iss", "user_id", "sid"}
    assert 0 < claims["exp"] - claims["iat"] <= 15 * 60


@pytest.mark.parametrize("value", [None, 5, b"x", ["x"], {}])
def test_what_is_no_text_is_no_token(value: Any) -> None:
    for read in (tokens.read_access, tokens.read_refresh):
        with pytest.raises(Unauthenticated):
            read(value)
