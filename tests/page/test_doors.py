"""The door: signing up, in and out on a page, without a script; and who is let in, for how long."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts import services
from accounts.models import Login, User
from messenger.realtime import limits, threads
from messenger.realtime.threads import in_db
from tests.people import PASSWORD, bearer, make_user, post, visitor
from tests.project.asgi import ask
from tests.sockets import open_socket

NEW = "battery-staple-8"
SIGN_UP = {"name": "New", "username": "", "email": "new@example.org", "password": NEW}
FORM = {"content-type": "application/x-www-form-urlencoded"}
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ELSEWHERE = "10.0.0.9"


def enter(browser: Client, login: str, password: str = PASSWORD, **more: Any) -> Any:
    return browser.post("/sign-in", {"login": login, "password": password, **more})


def is_in(browser: Client) -> bool:
    """Whether the messenger is shown, and not the door."""
    page = browser.get("/").text
    assert ("data-access=" in page) != ('id="id_login"' in page)
    return "data-access=" in page


def input_of(page: str, name: str) -> str:
    [found] = re.findall(rf'<input[^>]*name="{name}"[^>]*>', page)
    return str(found)


def told_about(page: str, name: str) -> str:
    """What a screen reader says to a field: all that it is described by."""
    described = re.findall('aria-describedby="([^"]*)"', input_of(page, name))
    parts = []
    for id in " ".join(described).split():
        [part] = re.findall(rf'<(div|p) [^>]*id="{id}"[^>]*>(.*?)</\1>', page, re.DOTALL)
        parts.append(" ".join(re.sub("<[^>]*>", " ", part[1]).split()))
    return " | ".join(parts)


# --- signing in --------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["alice", "ALICE", "alice@example.org", " Alice "])
def test_one_signs_in_with_email_or_username_and_sees_the_messenger(
    api: Client, alice: User, login: str
) -> None:
    assert not is_in(api)
    answer = enter(api, login)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert is_in(api)


@pytest.mark.parametrize(
    ("login", "password"), [("alice", NEW), ("nobody", PASSWORD), ("charlie", NEW)]
)
def test_nobody_else_gets_in_nor_learns_who_is_there(
    api: Client, alice: User, charlie: User, login: str, password: str
) -> None:
    services.ban(charlie)
    answer = enter(api, login, password)
    assert answer.status_code == 400 and not is_in(api)
    assert "No active account has this name and password." in answer.text
    # What was typed is there again, but the password; there one goes on.
    assert f'value="{login}"' in input_of(answer.text, "login")
    again = input_of(answer.text, "password")
    assert "value=" not in again and "autofocus" in again
    assert "No active account" in told_about(answer.text, "password")


def test_what_is_missing_is_told_at_its_field(api: Client) -> None:
    answer = enter(api, "", "")
    assert answer.status_code == 400
    for name in ("login", "password"):
        assert 'aria-invalid="true"' in input_of(answer.text, name)
        assert told_about(answer.text, name) == "This field is required."
    assert "autofocus" in input_of(answer.text, "login")
    assert answer.text.count("autofocus") == 1


def test_who_is_signed_in_is_not_asked_again(alice: User) -> None:
    browser = visitor(alice)
    for path in ("/sign-in", "/sign-up"):
        assert browser.get(path)["Location"] == "/"
    assert browser.get("/sign-in?next=/about")["Location"] == "/about"


@pytest.mark.parametrize(
    ("there", "goes_to"),
    [
        ("/about", "/about"),
        ("/?chat=5", "/?chat=5"),
        ("/docs/ws#nodus", "/docs/ws#nodus"),
        ("", "/"),
        ("about", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        (" //evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/" + "x" * 3000, "/"),
    ],
)
def test_one_goes_on_where_one_was_going_but_only_here(
    api: Client, alice: User, there: str, goes_to: str
) -> None:
    page = api.get("/sign-in", {"next": there}).text
    kept = re.findall('name="next" value="([^"]*)">', page.split('action="/sign-in"')[1])
    assert kept == ([goes_to] if goes_to != "/" else [])
    answer = enter(api, "alice", next=there)
    assert answer.status_code == 302
    location = answer["Location"]
    assert location == goes_to or (there.startswith("/\t") and location.startswith("/%09"))


# --- signing up --------------------------------------------------------------------------------


def test_who_signs_up_is_signed_in(api: Client) -> None:
    assert api.post("/sign-up", SIGN_UP)["Location"] == "/"
    assert is_in(api)
    person = User.objects.get()
    assert (person.name, person.username, person.email) == ("New", "new", "new@example.org")
    assert enter(Client(), "new", NEW).status_code == 302


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("email", "new", "This is not an e-mail address"),
        ("email", "ALICE@example.org", "This e-mail is registered already"),
        ("username", "Alice", "This username is taken"),
        ("username", "a b", "2 to 64 letters, digits and . _ + -"),
        ("password", "12345678", "This password is entirely numeric."),
        ("password", "short-7", "This password is too short."),
        ("name", "", "This field is required."),
        ("name", "x" * 101, "Ensure this value has at most 100 characters"),
    ],
)
def test_what_will_not_do_is_told_at_its_field(
    api: Client, alice: User, field: str, value: str, sentence: str
) -> None:
    answer = api.post("/sign-up", {**SIGN_UP, field: value})
    assert answer.status_code == 400 and User.objects.count() == 1
    assert sentence in told_about(answer.text, field)
    assert 'aria-invalid="true"' in input_of(answer.text, field)
    assert answer.text.count("aria-invalid") == 1
    assert answer.text.count("autofocus") == 1 and "autofocus" in input_of(answer.text, field)
    assert not is_in(api)


def test_what_somebody_types_is_only_text(api: Client) -> None:
    text = '"><script>alert(1)</script>{{ 7|add:7 }}'
    pages = [
        enter(api, text, text).text,
        api.post("/sign-up", {**SIGN_UP, "name": text, "email": text}).text,
        api.get("/sign-in", {"next": f"/{text}"}).text,
    ]
    for page in pages:
        assert "<script" not in page and "{{ 7" in page.replace("%7B", "{")


# --- limits ------------------------------------------------------------------------------------


def test_guesses_are_counted_with_those_of_every_other_login(api: Client, alice: User) -> None:
    for n in range(10):
        if n % 2:
            assert enter(api, "alice", NEW).status_code == 400
        else:
            body = {"username": "alice@example.org", "password": NEW}
            assert post(api, "/api/v1/auth/login", body).status_code == 401
    stopped = enter(api, "alice")
    assert stopped.status_code == 429 and not is_in(api)
    seconds = int(stopped["Retry-After"])
    assert 1 <= seconds <= 20
    assert f"Too many attempts. Try again in {seconds} second" in stopped.text
    assert enter(Client(REMOTE_ADDR=ELSEWHERE), "alice").status_code == 302


def test_signing_up_is_limited_as_everywhere(api: Client) -> None:
    for _ in range(30):
        assert api.post("/sign-up", {}).status_code == 400
    assert api.post("/sign-up", SIGN_UP).status_code == 429
    assert not User.objects.exists()
    assert post(api, "/register", {}).status_code == 429


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up", "/appeal"])
async def test_who_may_try_no_more_is_told_so_on_a_page(path: str) -> None:
    """Before the form is read, as behind every door that hashes passwords."""
    limit = limits.REGISTER if path == "/sign-up" else limits.LOGIN_ADDRESS
    for _ in range(30):
        limits.check(limit, "127.0.0.1")
    refused = await ask("POST", path, headers={**FORM, **BROWSER})
    assert (refused.status, refused.headers["content-type"]) == (429, "text/html; charset=utf-8")
    wait = refused.headers["retry-after"]
    assert f"<h1>Слишком много попыток. Повторите через {wait} секунд" in refused.body.decode()
    english = await ask("POST", path, headers={**FORM, **BROWSER, "accept-language": "en"})
    assert b"<h1>Too many attempts. Try again in" in english.body
    assert (await ask("POST", path, headers=FORM)).json()["code"] == "rate_limited"


async def test_where_too_many_passwords_wait_a_page_says_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads.hashers, "most", 0)
    headers = {**FORM, **BROWSER, "accept-language": "en"}
    busy = await ask("POST", "/sign-in", headers=headers)
    assert (busy.status, busy.headers["retry-after"]) == (503, "2")
    assert b"<h1>The service is busy or restarting. Try again in a moment.</h1>" in busy.body
    assert "Accept" in busy.headers["vary"]
    # To look at the form needs no password.
    assert (await ask("GET", "/sign-in", headers=headers)).status == 200


# --- pages of others ---------------------------------------------------------------------------

FORMS = ("/sign-in", "/sign-up", "/appeal", "/sign-out", "/enter", "/access")


@pytest.mark.parametrize("path", FORMS)
def test_no_page_of_others_sends_our_forms(alice: User, settings: Any, path: str) -> None:
    settings.DEMO = True
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = visitor(alice).cookies
    answer = browser.post(path, {"login": "alice", "password": PASSWORD}, headers=BROWSER)
    assert answer.status_code == 403 and is_in(browser)
    assert "This page is out of date, or cookies are blocked. Load it again." in answer.text
    assert browser.post(path).json()["code"] == "forbidden"


def test_a_form_is_sent_with_the_token_that_stands_in_it(alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/").text
    [token] = re.findall('name="csrfmiddlewaretoken" value="([^"]*)"', page)
    assert enter(browser, "alice", csrfmiddlewaretoken=token).status_code == 302
    # What was known before one signed in opens nothing afterwards.
    assert browser.post("/sign-out", {"csrfmiddlewaretoken": token}).status_code == 403
    [token] = re.findall('data-csrf="([^"]*)"', browser.get("/").text)
    assert browser.post("/sign-out", {"csrfmiddlewaretoken": token}).status_code == 302
    assert not is_in(browser)


def test_the_cookie_is_for_the_server_only_and_a_new_one_for_every_signing_in(
    api: Client, alice: User
) -> None:
    keys = []
    for _ in range(2):
        cookie = enter(api, "alice").cookies["sessionid"]
        assert cookie["httponly"] and cookie["samesite"] == "Lax"
        assert 0 < int(cookie["max-age"]) <= 14 * 86_400
        keys.append(cookie.value)
    assert keys[0] != keys[1]
    stolen = Client()
    stolen.cookies["sessionid"] = keys[0]
    assert not is_in(stolen)


@pytest.mark.parametrize("path", ["/", "/sign-in", "/sign-up", "/appeal"])
def test_nobody_keeps_a_copy_of_a_page(alice: User, path: str) -> None:
    for browser in (Client(), visitor(alice)):
        assert "no-store" in browser.get(path)["Cache-Control"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/", "GET"), ("/about", "GET")]
    + [(path, "GET, POST") for path in ("/sign-in", "/sign-up", "/appeal")]
    + [(path, "POST") for path in ("/sign-out", "/access", "/enter")],
)
def test_a_page_takes_its_methods_with_and_without_a_slash(
    api: Client, path: str, allowed: str
) -> None:
    for form in dict.fromkeys((path, f"{path.rstrip('/')}/")):
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - set(allowed.split(", ")):
            answer = api.generic(method, form)
            assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
            assert answer["Allow"] == allowed
        for method in allowed.split(", "):
            assert api.generic(method, form).status_code != 405


# --- signing out, and whatever else ends it ----------------------------------------------------


def test_signing_out_ends_the_login_and_no_other(alice: User) -> None:
    browser, other, elsewhere = visitor(alice), visitor(alice), bearer(alice)
    token = browser.post("/access").json()["access_token"]
    assert browser.post("/sign-out")["Location"] == "/"
    assert not is_in(browser) and is_in(other)
    shown = {"Authorization": f"Bearer {token}"}
    assert Client().get("/api/v1/auth/me", headers=shown).status_code == 401
    assert Client().get("/api/v1/auth/me", headers=elsewhere).status_code == 200
    assert Login.objects.filter(end_reason="logout").count() == 1
    # Again: nothing happens.
    assert browser.post("/sign-out").status_code == 302


def test_signing_in_anew_ends_what_was_before_in_this_browser(alice: User, bob: User) -> None:
    browser = visitor(alice)
    enter(browser, "bob")
    assert [login.user for login in Login.objects.filter(ended_at=None)] == [bob]
    assert browser.post("/access").status_code == 200


ENDS: dict[str, Any] = {
    "a new password": lambda user: services.change_password(user, NEW),
    "a ban": services.ban,
    "a word from elsewhere": lambda user: services.end_logins(user.id, reason="logout"),
    "to be switched off": lambda user: User.objects.filter(id=user.id).update(is_active=False),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_session_ends_with_its_login(alice: User, bob: User, how: str) -> None:
    browser, other = visitor(alice), visitor(bob)
    ENDS[how](alice)
    refused = browser.post("/access")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    page = browser.get("/sign-in").text
    assert 'role="status"' in page and "You are not signed in any more" in page
    # It is told once.
    assert "You are not signed in any more" not in browser.get("/sign-in").text
    assert not is_in(browser) and is_in(other)


def test_the_admin_and_the_page_do_not_open_each_others_doors(alice: User) -> None:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    page, admin = visitor(alice), Client()
    assert page.get("/admin/").status_code == 302
    admin.post("/admin/login/", {"username": "alice", "password": PASSWORD, "next": "/admin/"})
    assert admin.get("/admin/").status_code == 200 and not is_in(admin)
    assert admin.post("/access").status_code == 401


def test_who_signs_out_in_the_admin_has_signed_out(alice: User) -> None:
    alice.is_staff = True
    alice.save()
    browser = visitor(alice)
    browser.post("/admin/login/", {"username": "alice", "password": PASSWORD, "next": "/admin/"})
    assert is_in(browser)
    browser.post("/admin/logout/")
    assert not is_in(browser)
    assert not Login.objects.filter(ended_at=None).exists()


async def test_signing_out_closes_the_sockets_of_the_page(alice: User) -> None:
    browser = await in_db(visitor, alice)
    answer = await in_db(browser.post, "/access")
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    async with await open_socket("/api/v1/ws", headers=headers) as socket:
        await in_db(browser.post, "/sign-out")
        while (output := await socket.communicator.receive_output(10))["type"] != "websocket.close":
            pass
        assert output["code"] == 4401


def test_a_person_who_took_anothers_name_for_theirs_is_not_them(alice: User) -> None:
    """Nothing of a session is believed but what the server wrote into it."""
    mallory = visitor(make_user("mallory"))
    token = mallory.post("/access", {"login": "alice", "user_id": alice.id}).json()["access_token"]
    me = Client().get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"}).json()
    assert me["username"] == "mallory"
