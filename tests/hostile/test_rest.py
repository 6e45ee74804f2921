"""Whatever is sent, it is answered as a mistake of the sender's, and never is one of ours."""

import re
from typing import Any

import orjson
import pytest
from django.test import Client

from accounts.models import Login, User
from chats.models import Chat, Membership
from messaging.models import Message
from messaging.services import send_message
from messenger.realtime.threads import in_db
from tests.hostile.bystander import listening
from tests.hostile.inputs import (
    CHARSETS,
    FORM,
    KINDS,
    NO_IDS,
    NO_OBJECTS,
    NOBODYS_IDS,
    STRANGE_FORMS,
    STRANGE_HEADERS,
    STRANGE_PATHS,
    STRANGE_QUERIES,
    TEXTS,
    VALUES,
)
from tests.hostile.tally import tally
from tests.people import PASSWORD, bearer, post, token
from tests.project.asgi import JSON, Answer, ask, signed_in

pytestmark = pytest.mark.usefixtures("unlimited")
DOORS = ["/register", "/login"] + [
    f"{start}/auth/{name}" for start in ("", "/api/v1") for name in ("register", "login", "refresh")
]
# Where a form is as good as JSON.
FORMS = ["/auth/register", "/auth/login"]
HISTORY = "/api/v1/messages"
CHATS = "/api/v1/chats"


def refused(response: Any, *statuses: int) -> None:
    """One of these statuses, and the shape of an error."""
    assert response.status_code in statuses, response.content
    body = response.json()
    assert {"code", "detail"} <= set(body) <= {"code", "detail", "errors", "retry_after"}
    assert isinstance(body["detail"], str) and "Traceback" not in body["detail"]


@pytest.mark.parametrize("path", DOORS)
def test_what_is_no_object_is_400(api: Client, path: str) -> None:
    for name, body in NO_OBJECTS.items():
        response = api.generic("POST", path, body, content_type="application/json")
        refused(response, 400)
        tally.count("bodies", path, name, response.status_code)
    assert not User.objects.exists()


@pytest.mark.parametrize("path", DOORS)
def test_what_makes_no_sense_in_a_field_is_a_mistake(api: Client, alice: User, path: str) -> None:
    sound = {"email": alice.email, "name": "A", "password": "wrong-horse-7", "refresh_token": "x"}
    for field in (*sound, "username"):
        written = orjson.dumps({**sound, field: "@"}).decode()
        for value in VALUES.values():
            body = written.replace('"@"', value).encode()
            refused(api.generic("POST", path, body, "application/json"), 400, 401)
    assert User.objects.count() == 1


def test_another_kind_of_content_is_415(api: Client) -> None:
    body = b'{"email": "anna@example.org", "name": "x", "password": "correct-horse-7"}'
    for path in DOORS:
        for kind in KINDS:
            response = api.generic("POST", path, body, content_type=kind)
            refused(response, 400 if kind == FORM and path in FORMS else 415)
            tally.count("bodies", path, f"content-type {kind}", response.status_code)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json; charset=x"]
)
def test_json_is_utf8_whatever_else_is_said_of_it(api: Client, kind: str) -> None:
    body = orjson.dumps({"email": "anna@example.org", "name": "Анна", "password": PASSWORD})
    response = api.generic("POST", "/register", body, content_type=kind)
    assert (response.status_code, response.json()["name"]) == (201, "Анна")


@pytest.mark.parametrize("name", ["chat_id", "before_id"])
def test_an_id_is_plain_digits_or_a_uuid_and_nobodys_is_not_found(
    api: Client, alice: User, group: Chat, name: str
) -> None:
    send_message(alice, chat=group.id, content="x")
    headers = bearer(alice)
    for ids, status in ((NO_IDS, 400), (NOBODYS_IDS, 404)):
        for id in ids:
            query = {"chat_id": str(group.id), name: id}
            refused(api.get(HISTORY, query, headers=headers), status)
            tally.count("queries", f"{HISTORY} {name}", id, status)


def test_an_id_may_come_in_each_of_its_forms(api: Client, alice: User, group: Chat) -> None:
    headers = bearer(alice)
    uuid = str(group.uuid)
    for id in (str(group.id), f"00{group.id}", uuid, uuid.upper(), group.uuid.hex):
        assert api.get(HISTORY, {"chat_id": id}, headers=headers).status_code == 200, id


def test_a_strange_query_is_answered(api: Client, alice: User) -> None:
    headers = bearer(alice)
    for query in STRANGE_QUERIES:
        response = api.get(f"{HISTORY}?{query}", headers=headers)
        refused(response, 400, 404)
        tally.count("queries", HISTORY, query, response.status_code)


def test_more_parameters_than_anybody_needs_are_400(api: Client, alice: User) -> None:
    query, headers = "&".join(f"a{n}=1" for n in range(1500)), bearer(alice)
    for path in ("/users_list", "/api/v1/auth/me", HISTORY):
        refused(api.get(f"{path}?{query}", headers=headers), 400)
    for path in DOORS:
        refused(post(api, f"{path}?{query}", {}), 400)


@pytest.mark.parametrize("headers", STRANGE_HEADERS, ids=lambda headers: next(iter(headers)))
async def test_strange_headers_change_nothing_or_are_a_mistake(
    alice: User, headers: dict[str, str]
) -> None:
    own = signed_in(await in_db(token, alice))
    for path in ("/users_list", "/", "/static/about.css", "/admin/login/", "/nowhere"):
        answer = await ask("GET", path, headers={**own, **headers})
        assert 200 <= answer.status < 500, (path, answer.body)
        tally.count("headers", path, headers, answer.status)
    posted = await ask("POST", "/register", body=b"[]", headers={**JSON, **headers})
    shaped(posted, 400, 415)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_strange_path_is_nowhere(method: str) -> None:
    for path in STRANGE_PATHS:
        shaped(await ask(method, path, body=b"{}", headers=JSON), 404)
        tally.count("paths", method, path, 404)


def shaped(answer: Answer, *statuses: int) -> None:
    assert answer.status in statuses, answer.body
    assert {"code", "detail"} <= set(answer.json()) <= {"code", "detail", "errors"}


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "{{7*7}}", "=HYPERLINK(1)", "é" * 99]
)
def test_what_is_said_back_is_said_as_text(api: Client, alice: User, text: str) -> None:
    for response in (
        api.get(f"/{text}"),
        api.get(HISTORY, {"chat_id": text}, headers=bearer(alice)),
        api.generic("POST", "/login", orjson.dumps({text: text}), content_type="application/json"),
    ):
        refused(response, 400, 404)
        assert response["Content-Type"] == "application/json"
        assert response["X-Content-Type-Options"] == "nosniff"


# --- behind the doors ------------------------------------------------------------------------

# Paths that take a body, with one in which only what is put in its place is wrong.
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/chats/create", {"name": "x", "description": "", "is_group": False, "user_ids": [0]}),
    ("PUT", "/chats/{chat}", {"name": "Group", "description": ""}),
    ("PATCH", "/chats/{chat}", {"name": "Group", "description": ""}),
    ("POST", "/messages/send", {"chat_id": 0, "text": "x", "client_message_id": "k"}),
    ("POST", HISTORY, {"chat_id": 0, "content": "x", "payload": {}, "reply_to_id": 0, "type": "x"}),
    ("POST", f"{HISTORY}/{{message}}/reactions", {"emoji": "no emoji"}),
    ("PUT", "/messages/edit/{message}", {"text": "as it was"}),
    ("PUT", f"{HISTORY}/{{message}}/edit", {"content": "as it was"}),
    ("POST", CHATS, {"type": "private", "name": "", "description": "", "is_open": False,
                     "user_ids": [0]}),
    ("PUT", f"{CHATS}/{{chat}}", {"name": "Group", "description": "", "is_open": False}),
    ("PATCH", f"{CHATS}/{{chat}}", {"name": "Group", "description": "", "is_open": False}),
    ("POST", f"{CHATS}/{{chat}}/read", {"up_to_message_id": 0}),
    ("POST", f"{CHATS}/{{chat}}/members", {"user_id": 0}),
    ("PATCH", f"{CHATS}/{{chat}}/members/{{owner}}", {"role": "owner"}),
    ("PUT", "/api/v1/presence/me", {"status": "offline"}),
    ("POST", "/api/v1/presence/typing", {"chat_id": 0, "is_typing": True}),
]  # fmt: skip


@pytest.fixture
def inside(alice: User, group: Chat) -> dict[str, int]:
    """What paths are filled with: a group of Alice's, a message of hers in it, and herself."""
    sent = send_message(alice, chat=group.id, content="as it was").message
    return {"chat": group.id, "message": sent.id, "owner": alice.id}


def stored() -> list[Any]:
    """Everything that the bodies above could change."""
    chats = Chat.objects.order_by("id").values_list("id", "name", "description", "deleted_at")
    messages = Message.objects.order_by("id").values_list("id", "content", "deleted_at")
    members = Membership.objects.order_by("id").values_list("chat_id", "user_id", "role")
    return [*chats, *messages, *members]


@pytest.mark.parametrize(("method", "path", "sound"), BODIES, ids=lambda v: str(v)[:20])
def test_behind_the_doors_too_what_is_no_object_is_400(
    alice: User, inside: dict[str, int], method: str, path: str, sound: dict[str, Any]
) -> None:
    before, signed_in, path = stored(), Client(headers=bearer(alice)), path.format(**inside)
    for name, body in NO_OBJECTS.items():
        # To change nothing is no mistake: there an empty body is an object without fields.
        if re.fullmatch("(/api/v1)?/chats/[0-9]+", path) and not body:
            continue
        refused(signed_in.generic(method, path, body, "application/json"), 400)
        tally.count("bodies", f"{method} {path}", name, 400)
    for kind in KINDS:
        refused(signed_in.generic(method, path, orjson.dumps(sound), kind), 415)
        tally.count("bodies", f"{method} {path}", f"content-type {kind}", 415)
    assert stored() == before


@pytest.mark.parametrize(("method", "path", "sound"), BODIES, ids=lambda v: str(v)[:20])
def test_behind_the_doors_too_nonsense_in_a_field_is_a_mistake_or_said_as_text(
    alice: User, inside: dict[str, int], method: str, path: str, sound: dict[str, Any]
) -> None:
    before, signed_in, path = stored(), Client(headers=bearer(alice)), path.format(**inside)
    for field in sound:
        written = orjson.dumps({**sound, field: "@"}).decode()
        for value in VALUES.values():
            body = written.replace('"@"', value)
            response = signed_in.generic(method, path, body.encode(), "application/json")
            if response.status_code == 200:
                if (field, value) == ("is_open", "true"):
                    signed_in.generic(method, path, orjson.dumps(sound), "application/json")
                    continue
                # A text that is merely odd, or a null that leaves things as they are.
                assert value == "null" or isinstance(orjson.loads(value), str), (field, value)
                again = orjson.dumps(sound)
                signed_in.generic(method, path, again, "application/json")
            else:
                refused(response, 400, 404)
    assert stored() == before


def test_a_strange_query_is_answered_behind_the_doors_too(
    alice: User, inside: dict[str, int]
) -> None:
    signed_in = Client(headers=bearer(alice))
    chat, message = f"/messages/chat/{inside['chat']}", inside["message"]
    for query in (
        "limit=%00", "limit=5&limit=x", "skip=%ff", "skip=%ED%A0%80", "before_id=%D9%A1",
        f"before_id={message}%0A", "after_id=[]", "after_id=" + "9" * 60_000,
        "&".join(f"a{n}=1" for n in range(1500)),
    ):  # fmt: skip
        refused(signed_in.get(f"{chat}?{query}"), 400, 404)
        if "_id" not in query:
            refused(signed_in.get(f"/chats/?{query}"), 400, 404)
    for query in ("&&&&", "=", "%", "%zz", "limit", "limit=", "format=xml", "a=" + "x" * 60_000):
        assert signed_in.get(f"{chat}?{query}").status_code == 200, query


async def test_any_text_comes_back_as_it_went_in(alice: User, bob: User, group: Chat) -> None:
    own = {**signed_in(await in_db(token, alice)), **JSON}
    texts = [text for text in (*TEXTS.values(), "😀" * 4096) if text.strip() and len(text) <= 4096]
    async with listening(bob, group, alice):
        for text in texts:
            body = orjson.dumps({"chat_id": group.id, "content": text})
            sent = await ask("POST", HISTORY, body=body, headers=own)
            assert sent.status == 201, text
            page = await ask("GET", f"{HISTORY}/{sent.json()['id']}", headers=own)
            assert page.json()["content"] == text
            tally.count("bodies", "round trip", text[:60], page.status)


# --- forms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FORMS)
async def test_a_strange_form_signs_nobody_in_nor_up(alice: User, path: str) -> None:
    for name, body in STRANGE_FORMS.items():
        answer = await ask("POST", path, body=body, headers={"content-type": FORM})
        shaped(answer, 400, 401)
        tally.count("bodies", path, f"a form: {name}", answer.status)
    large = b"username=alice&password=" + b"x" * 70_000
    shaped(await ask("POST", path, body=large, headers={"content-type": FORM}), 413)
    shaped(await ask("POST", path, body=[large[:999]] * 71, headers={"content-type": FORM}), 413)
    for charset in CHARSETS:
        headers = {"content-type": f"{FORM}; charset={charset}"}
        for body in (b"username=%61%ff&password=%78", b"\xff", b""):
            shaped(await ask("POST", path, body=body, headers=headers), 400, 401)
    assert await in_db(User.objects.count) == 1 and not await in_db(Login.objects.count)


async def test_a_form_is_utf8_whatever_charset_it_claims(alice: User) -> None:
    body = f"username=%61lice&password={PASSWORD}".encode()
    for charset in CHARSETS:
        headers = {"content-type": f"{FORM}; charset={charset}"}
        answer = await ask("POST", "/auth/login", body=body, headers=headers)
        assert answer.status == 200, (charset, answer.body)
