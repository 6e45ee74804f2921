"""Logins: how they go on, and each of the ways in which they end."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from accounts import services
from accounts.models import Login, User
from accounts.tokens import TokenPair
from messenger.errors import Invalid, MessengerError, TokenReused, WrongCredentials
from tests.people import PASSWORD, post
from tests.races import race

ME = "/api/v1/auth/me"
REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"
NEW = "battery-staple-8"


def now() -> datetime:
    return datetime.now(UTC)


def bearer(pair: TokenPair) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair.access}"}


def alive(pair: TokenPair) -> bool:
    """Whether the login still opens anything: by its access token, and by its refresh token."""
    access = Client().get(ME, headers=bearer(pair)).status_code == 200
    refresh = post(Client(), REFRESH, {"refresh_token": pair.refresh}).status_code == 200
    assert access == refresh
    return access


@pytest.mark.parametrize("path", [REFRESH, f"{REFRESH}/"])
@pytest.mark.parametrize("field", ["refresh_token", "refresh"])
def test_a_refresh_token_is_exchanged_for_a_new_pair(
    api: Client, alice: User, path: str, field: str
) -> None:
    old = services.start_login(alice)
    response = post(api, path, {field: old.refresh})
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access_token", "refresh_token", "token_type"}
    assert body["refresh_token"] != old.refresh and body["access_token"] != old.access
    assert alive(TokenPair(body["access_token"], body["refresh_token"]))
    assert alice.logins.count() == 1


@pytest.mark.parametrize("body", [{}, {"refresh_token": ""}, {"refresh_token": None}])
def test_a_refresh_without_a_token_names_the_field(api: Client, body: Any) -> None:
    response = post(api, REFRESH, body)
    assert response.status_code == 400 and set(response.json()["errors"]) == {"refresh_token"}


def test_of_two_dozen_exchanges_at_once_exactly_one_wins(alice: User) -> None:
    for _ in range(3):
        old, arrived = services.start_login(alice), now()

        def exchange(
            n: int, token: str = old.refresh, arrived: datetime = arrived
        ) -> TokenPair | MessengerError:
            try:
                return services.refresh(token, received_at=arrived)
            except MessengerError as error:
                return error

        outcomes = race(24, exchange)
        won = [outcome for outcome in outcomes if isinstance(outcome, TokenPair)]
        assert len(won) == 1
        assert {type(outcome) for outcome in outcomes} == {TokenPair, TokenReused}
        # The others were on their way before it: nobody stole anything.
        assert alive(won[0])


def test_a_token_that_comes_back_later_ends_all_that_descends_from_it(
    api: Client, alice: User
) -> None:
    other = services.start_login(alice)
    first = services.start_login(alice)
    second = services.refresh(first.refresh, received_at=now())
    third = services.refresh(second.refresh, received_at=now())
    response = post(api, REFRESH, {"refresh_token": first.refresh})
    assert (response.status_code, response.json()["code"]) == (401, "token_reused")
    for pair in (first, second, third):
        assert api.get(ME, headers=bearer(pair)).status_code == 401
    assert post(api, REFRESH, {"refresh_token": third.refresh}).status_code == 401
    assert alive(other)
    assert alice.logins.get(ended_at__isnull=False).end_reason == "token_reused"


def test_within_the_leeway_a_token_that_comes_back_is_refused_and_no_more(
    alice: User, settings: Any
) -> None:
    settings.REFRESH_LEEWAY = timedelta(seconds=10)
    first = services.start_login(alice)
    second = services.refresh(first.refresh, received_at=now())
    with pytest.raises(TokenReused):
        services.refresh(first.refresh, received_at=now() + timedelta(seconds=9))
    assert Client().get(ME, headers=bearer(second)).status_code == 200
    with pytest.raises(TokenReused):
        services.refresh(first.refresh, received_at=now() + timedelta(seconds=11))
    assert not alive(second)


def test_a_login_that_ended_is_no_longer_exchanged_nor_called_reused(
    api: Client, alice: User
) -> None:
    pair = services.start_login(alice)
    services.log_out(alice.logins.get().id)
    response = post(api, REFRESH, {"refresh_token": pair.refresh})
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("path", [LOGOUT, f"{LOGOUT}/"])
def test_logging_out_ends_this_login_and_no_other(api: Client, alice: User, path: str) -> None:
    this, other = services.start_login(alice), services.start_login(alice)
    response = api.post(path, headers=bearer(this))
    assert (response.status_code, response.content) == (204, b"")
    assert not alive(this) and alive(other)
    assert api.post(path, headers=bearer(this)).status_code == 401


def set_by_the_service(user: User) -> None:
    services.change_password(user, NEW)


def set_on_the_model(user: User) -> None:
    user.set_password(NEW)
    user.save()


def set_by_the_command(user: User) -> None:
    """`manage.py changepassword`, in a process of its own, without a terminal."""
    database = settings.DATABASE_URL.rpartition("/")[0] + f"/{connection.settings_dict['NAME']}"
    if connection.vendor == "sqlite":
        database = f"sqlite:///{connection.settings_dict['NAME']}"
    done = subprocess.run(
        [sys.executable, Path(settings.BASE_DIR, "manage.py"), "changepassword", user.email],
        input=f"{NEW}\n{NEW}\n",
        env={**os.environ, "DATABASE_URL": database},
        text=True,
        capture_output=True,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("change", [set_by_the_service, set_on_the_model, set_by_the_command])
def test_a_new_password_ends_all_logins_however_it_is_set(
    alice: User, bob: User, change: Any
) -> None:
    pairs = [services.start_login(alice) for _ in range(3)]
    bobs = services.start_login(bob)
    change(alice)
    assert not any(alive(pair) for pair in pairs)
    assert alive(bobs)
    assert alive(services.log_in("alice", NEW))
    with pytest.raises(WrongCredentials):
        services.log_in("alice", PASSWORD)
    assert set(Login.objects.exclude(ended_at=None).values_list("end_reason", flat=True)) == {
        "password_changed"
    }


def test_saving_a_person_otherwise_ends_nothing(alice: User) -> None:
    pair = services.start_login(alice)
    alice.name = "Alice the Second"
    alice.save()
    assert services.authenticate("alice", PASSWORD) == alice
    assert alive(pair)


def test_a_weak_new_password_is_refused_and_ends_nothing(alice: User) -> None:
    pair = services.start_login(alice)
    for weak in ("", "short", "password1", "13243546576", "alice@example.org"):
        with pytest.raises(Invalid) as caught:
            services.change_password(alice, weak)
        assert set(caught.value.errors) == {"password"}
    assert alive(pair)


def test_a_login_with_the_old_password_does_not_slip_past_the_new_one(alice: User) -> None:
    outcome: list[Any] = []

    def log_in() -> None:
        try:
            outcome.append(services.log_in("alice", PASSWORD))
        except WrongCredentials as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=log_in)
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=alice.pk)
        thread.start()
        # It compares the passwords meanwhile, and finds the old one still there.
        thread.join(0.15)
        locked.set_password(NEW)
        locked.save()
    thread.join(10)
    assert isinstance(outcome[0], WrongCredentials) or not alive(outcome[0])


@pytest.mark.parametrize("shut_out", [services.ban, User.delete])
def test_who_is_banned_or_deleted_is_out_at_once(api: Client, alice: User, shut_out: Any) -> None:
    pair = services.start_login(alice)
    shut_out(alice)
    assert api.get(ME, headers=bearer(pair)).status_code == 401
    assert post(api, REFRESH, {"refresh_token": pair.refresh}).status_code == 401
    back = post(api, "/login", {"email": alice.email, "password": PASSWORD})
    assert back.status_code == (403 if shut_out == services.ban else 401)


def test_who_is_deactivated_by_hand_is_out_at_once(alice: User) -> None:
    pair = services.start_login(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert not alive(pair)


def test_who_is_let_in_again_must_sign_in_again(alice: User) -> None:
    pair = services.start_login(alice)
    services.ban(alice)
    alice.refresh_from_db()
    assert alice.banned_at is not None and not alice.is_active
    services.unban(alice)
    alice.refresh_from_db()
    assert alice.banned_at is None and alice.is_active
    assert not alive(pair)
    assert alive(services.log_in("alice", PASSWORD))


def test_logging_out_twice_keeps_the_first_time_and_reason(alice: User) -> None:
    services.start_login(alice)
    login = alice.logins.get()
    services.log_out(login.id)
    login.refresh_from_db()
    before = (login.ended_at, login.end_reason)
    services.log_out(login.id)
    services.end_logins(alice.id, reason="banned")
    login.refresh_from_db()
    assert (login.ended_at, login.end_reason) == before and login.end_reason == "logout"


def test_old_logins_are_forgotten_when_nothing_of_them_can_be_used(alice: User) -> None:
    old, current = services.start_login(alice), services.start_login(alice)
    Login.objects.filter(pk=alice.logins.order_by("created_at")[0].pk).update(
        expires_at=now() - timedelta(seconds=1)
    )
    assert services.forget_old_logins() == 1
    assert alive(current) and not alive(old)


def test_every_exchange_puts_off_the_end_of_the_login(alice: User) -> None:
    pair = services.start_login(alice)
    Login.objects.update(expires_at=now())
    services.refresh(pair.refresh, received_at=now())
    assert alice.logins.get().expires_at > now() + settings.REFRESH_TOKEN_LIFE / 2
