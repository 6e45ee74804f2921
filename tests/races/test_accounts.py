"""Signing up, refreshing and tickets, all at the same moment."""

import unicodedata
from functools import partial

from accounts.models import Login, User, fold
from accounts.services import ban, end_logins
from tests.people import PASSWORD
from tests.races.arena import CROWD, Arena, Call, Caller, by_hand, statuses


def test_a_refresh_token_is_exchanged_once(arena: Arena) -> None:
    for _ in arena.each_round():
        alice = arena.person()
        body = {"refresh_token": alice.tokens.refresh}
        answers = arena.race([Call("POST", "/api/v1/auth/refresh", body)] * CROWD)
        assert statuses(answers) == {200: 1, 401: CROWD - 1}


def test_who_is_banned_has_no_login_left_whoever_refreshes(arena: Arena) -> None:
    for _ in arena.each_round():
        alice = arena.person()
        logins = [Caller(alice.user) for _ in range(CROWD - 1)]

        path = "/api/v1/auth/refresh"
        refreshes = [Call("POST", path, {"refresh_token": o.tokens.refresh}) for o in logins]
        answers = arena.race([*refreshes, by_hand(ban, alice.user)])
        assert set(statuses(answers[:-1])) <= {200, 401}
        assert not Login.objects.filter(user_id=alice.id, ended_at=None).exists()
        for answer in answers[:-1]:
            if answer.status == 200:
                fresh = {"Authorization": f"Bearer {answer.body['access_token']}"}
                assert arena.ask(Call("GET", "/api/v1/auth/me", headers=fresh)).status == 401


def test_one_username_is_one_person_in_whatever_letters(arena: Arena) -> None:
    """In three cases, composed and not, in full width, with spaces around."""
    for number, _ in enumerate(arena.each_round()):
        name = f"josé{number}"
        wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name)
        forms = [name, name.upper(), name.title(), unicodedata.normalize("NFD", name), wide]
        forms += [f"{form}  " for form in forms[:3]]
        assert {fold(form.strip()) for form in forms} == {name}
        answers = arena.race(
            [
                Call(
                    "POST",
                    "/auth/register",
                    {
                        "username": forms[n % len(forms)],
                        "email": f"{number}.{n}@example.org",
                        "password": PASSWORD,
                    },
                )
                for n in range(CROWD)
            ]
        )
        assert statuses(answers) == {201: 1, 400: CROWD - 1}
        assert User.objects.filter(username_key=name).count() == 1


def test_one_e_mail_is_one_person_at_all_doors(arena: Arena) -> None:
    """The three ways to sign up, in three cases; usernames are made from the e-mail."""
    for number, _ in enumerate(arena.each_round()):
        mails = [
            f"anna{number}@example.org",
            f"Anna{number}@Example.org",
            f"ANNA{number}@EXAMPLE.ORG",
        ]
        paths = ["/register", "/auth/register", "/api/v1/auth/register"]
        answers = arena.race(
            [
                Call(
                    "POST",
                    paths[n % 3],
                    {
                        "name": "Anna",
                        "username": f"anna{number}.{n}",
                        "email": mails[n // 3 % 3],
                        "password": PASSWORD,
                    },
                )
                for n in range(CROWD)
            ]
        )
        assert statuses(answers) == {201: 1, 400: CROWD - 1}
        assert User.objects.filter(email_key=mails[0]).count() == 1


def test_a_ticket_opens_one_socket(arena: Arena) -> None:
    for _ in arena.each_round():
        alice = arena.person()
        ticket = arena.ask(alice("POST auth/ws-ticket")).body["ticket"]

        turn = partial(arena.let_in, f"/api/v1/ws?ticket={ticket}")
        codes = [answer.body for answer in arena.race([turn] * CROWD)]
        assert sorted(codes) == [0, *[4401] * (CROWD - 1)]


def test_no_ticket_outlives_its_login(arena: Arena) -> None:
    for _ in arena.each_round():
        alice = arena.person()

        answers = arena.race(
            [
                *[alice("POST auth/ws-ticket")] * (CROWD - 1),
                by_hand(end_logins, alice.id, reason="logout"),
            ]
        )
        assert set(statuses(answers[:-1])) <= {201, 401}
        tickets = [answer.body["ticket"] for answer in answers if answer.status == 201]
        for ticket in tickets[:3]:
            assert arena.let_in(f"/api/v1/ws?ticket={ticket}").body == 4401
