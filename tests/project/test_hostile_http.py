"""Whatever is sent, it is answered as a mistake of the sender's, and never is one of ours."""

from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.test import Client

from accounts.models import Login, User
from chats.models import Chat, Membership
from messaging.models import Message
from messaging.services import send_message
from messenger.realtime.threads import in_db
from tests.people import PASSWORD, bearer, post, token
from tests.project.asgi import JSON, Answer, ask, signed_in

DOORS = ["/register", "/login"] + [
    f"{start}/auth/{name}" for start in ("", "/api/v1") for name in ("register", "login", "refresh")
]
# Where a form is as good as JSON.
FORMS = ["/auth/register", "/auth/login"]
FORM = "application/x-www-form-urlencoded"
HISTORY = "/api/v1/messages"

# None of these is a JSON object.
NO_OBJECTS: dict[str, bytes] = {
    "nothing": b"",
    "space": b" \n",
    "a word": b"not json",
    "null": b"null",
    "true": b"true",
    "a number": b"1",
    "a text": b'"{}"',
    "a list": b"[]",
    "a list of objects": b'[{"email": "a@example.org"}]',
    "an open object": b'{"email": "a@example.org"',
    "a trailing comma": b'{"email": "a@example.org",}',
    "garbage behind it": b"{} x",
    "two objects": b"{}{}",
    "lines of objects": b"{}\n{}",
    "a BOM": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "single quotes": b"{'email': 'x'}",
    "a comment": b"{/* */}",
    "NaN": b'{"email": NaN}',
    "Infinity": b'{"email": -Infinity}',
    "hexadecimal": b'{"email": 0x1}',
    "octal": b'{"email": 007}',
    "half a surrogate pair": b'{"email": "\\ud800"}',
    "the other half": b'{"email": "\\udc00x"}',
    "half a pair for a key": b'{"\\ud800": 1}',
    "a surrogate in bytes": b'{"email": "\xed\xa0\x80"}',
    "an overlong NUL": b'{"email": "\xc0\x80"}',
    "bytes that are no UTF-8": b'{"email": "\xff\xfe"}',
    "a raw NUL": b'{"email": "\x00"}',
    "NULs": b"\x00" * 1000,
    "1,100 lists": b"[" * 1100,
    "60,000 lists": b"[" * 60_000,
    "10,000 objects": b'{"a":' * 10_000,
    "a deep value": b'{"email": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "a form": b"email=a%40example.org&password=x",
}

# Objects that say nothing sensible in any field.
VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "a list": [],
    "a deep list": [[[[["x"]]]]],
    "an object": {},
    "an operator": {"$gt": ""},
    "an empty text": "",
    "spaces": "   ",
    "a NUL": "a\x00b@example.org",
    "a long text": "x" * 50_000,
    "many signs of one letter": "e" + "\u0301" * 5000,
}

NO_IDS = ["abc", "-1", "+1", "1.0", "1e3", "1_000", " 1", "0x1", "١", "²", "true", "null",
          "None", "NaN", "[]", "{}", "{1}", "1,2", "1 OR 1=1", "1;--", "../1", "%", "*", "1\n",
          "x" * 60_000, "9" * 5000, "12345678-1234-1234-1234-12345678901",
          "ffffffff" * 4 + "0"]  # fmt: skip
NOBODYS_IDS = ["0", "2147483648", "9223372036854775807", "9223372036854775808", "1" + "0" * 30,
               "000", "00000000-0000-0000-0000-000000000000", "f" * 32, str(uuid4())]  # fmt: skip

KINDS = ["", "text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded",
         "multipart/form-data", "multipart/form-data; boundary=x", "application/octet-stream",
         "application/json/x", "x", "application/x-msgpack"]  # fmt: skip


@pytest.fixture(autouse=True)
def unlimited(settings: Any) -> None:
    """Here it is the contents that are hostile, and not their number."""
    settings.RATE_LIMITS = False


def refused(response: Any, *statuses: int) -> None:
    """One of these statuses, and the shape of an error."""
    assert response.status_code in statuses, response.content
    body = response.json()
    assert {"code", "detail"} <= set(body) <= {"code", "detail", "errors", "retry_after"}
    assert isinstance(body["detail"], str) and "Traceback" not in body["detail"]


@pytest.mark.parametrize("path", DOORS)
def test_what_is_no_object_is_400(api: Client, path: str) -> None:
    for body in NO_OBJECTS.values():
        refused(api.generic("POST", path, body, content_type="application/json"), 400)
    assert not User.objects.exists()


@pytest.mark.parametrize("path", DOORS)
def test_what_makes_no_sense_in_a_field_is_a_mistake(api: Client, alice: User, path: str) -> None:
    sound = {"email": alice.email, "name": "A", "password": "wrong-horse-7", "refresh_token": "x"}
    for field in (*sound, "username"):
        for value in VALUES.values():
            refused(post(api, path, {**sound, field: value}), 400, 401)
    assert User.objects.count() == 1


def test_another_kind_of_content_is_415(api: Client) -> None:
    body = b'{"email": "anna@example.org", "name": "x", "password": "correct-horse-7"}'
    for path in DOORS:
        for kind in KINDS:
            response = api.generic("POST", path, body, content_type=kind)
            refused(response, 400 if kind == FORM and path in FORMS else 415)
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


def test_an_id_may_come_in_each_of_its_forms(api: Client, alice: User, group: Chat) -> None:
    headers = bearer(alice)
    uuid = str(group.uuid)
    for id in (str(group.id), f"00{group.id}", uuid, uuid.upper(), group.uuid.hex):
        assert api.get(HISTORY, {"chat_id": id}, headers=headers).status_code == 200, id


STRANGE_QUERIES = [
    "chat_id", "chat_id=", "chat_id=1&chat_id=", "chat_id[]=1", "chat_id=1%00", "limit=5",
    "&&&&", "=", "%", "%zz", "chat_id=%ff", "chat_id=%ED%A0%80", "a=" + "x" * 60_000,
    "format=xml", "format=api", "chat_id=0&limit=0", "chat_id=0&limit=101", "chat_id=0&limit=-5",
    "chat_id=0&limit=" + "9" * 400,
]  # fmt: skip


def test_a_strange_query_is_answered(api: Client, alice: User) -> None:
    headers = bearer(alice)
    for query in STRANGE_QUERIES:
        refused(api.get(f"{HISTORY}?{query}", headers=headers), 400, 404)


def test_more_parameters_than_anybody_needs_are_400(api: Client, alice: User) -> None:
    query, headers = "&".join(f"a{n}=1" for n in range(1500)), bearer(alice)
    for path in ("/users_list", "/api/v1/auth/me", HISTORY):
        refused(api.get(f"{path}?{query}", headers=headers), 400)
    for path in DOORS:
        refused(post(api, f"{path}?{query}", {}), 400)


STRANGE_HEADERS: list[dict[str, str]] = [
    {"authorization": "Bearer \xff\xfe"},
    {"authorization": "\x00"},
    {"authorization": "Bearer " + "x" * 60_000},
    {"accept": "text/html"},
    {"accept": "application/xml;q=1"},
    {"accept": ";;;,,,/"},
    {"accept": "*/*;q=x"},
    {"accept": "a/b," * 5000},
    {"accept-language": "\xff" * 1000},
    {"accept-encoding": "gzip;q=\xff"},
    {"cookie": "sessionid=" + "x" * 5000},
    {"cookie": "sessionid=\xff; csrftoken=\x01; =; ;;; a"},
    {"range": "bytes=0-1,2-3,-"},
    {"if-modified-since": "x"},
    {"if-none-match": '"\xff"'},
    {"x-forwarded-for": "\xff," * 5000},
    {"x-forwarded-proto": "https"},
    {"x-forwarded-host": "evil.example"},
    {"x-http-method-override": "DELETE"},
    {"daphne-root-path": "/x"},
    {"content-type": "\xff"},
    {"content-type": "application/json; x*=nonsense''%41"},
    {"content-type": "application/json; x*=idna''%ff"},
    {"content-type": "application/json; charset=\x00"},
    {"content-encoding": "gzip"},
    {"transfer-encoding": "chunked"},
    {"expect": "100-continue"},
    {"upgrade": "websocket"},
    {f"x-{n}": "x" for n in range(1000)},
]


@pytest.mark.parametrize("headers", STRANGE_HEADERS, ids=lambda headers: next(iter(headers)))
async def test_strange_headers_change_nothing_or_are_a_mistake(
    alice: User, headers: dict[str, str]
) -> None:
    own = signed_in(await in_db(token, alice))
    for path in ("/users_list", "/", "/static/home.css", "/admin/login/", "/nowhere"):
        answer = await ask("GET", path, headers={**own, **headers})
        assert 200 <= answer.status < 500, (path, answer.body)
    posted = await ask("POST", "/register", body=b"[]", headers={**JSON, **headers})
    shaped(posted, 400, 415)


STRANGE_PATHS = [
    "", "//", "/register//", "//register", "/Register", "/register\n", "/register\r", "/register ",
    "/register\\", "/register;x", "/./register", "/x/../register", "/%72egister", "/register.json",
    "/\ud800", "/\u202e", "/" + "x" * 60_000, "/" + "a/" * 5000, "/api/v1/", "/api/v2/auth/me",
    "/api/v1/auth/me\n", "/users_list\n", "/login%0a", "/.git/config", "/connect", "/static/",
    "/static/%2e%2e%2fmanage.py", "/static/\\..\\manage.py", "/admin\\", "/healthz\n",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_strange_path_is_nowhere(method: str) -> None:
    for path in STRANGE_PATHS:
        shaped(await ask(method, path, body=b"{}", headers=JSON), 404)


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
]
# Paths with an id in them.
IDS_IN_PATHS = [
    *(("GET", path) for path in ("/chats/{}", "/messages/chat/{}", "/ws/chat/{}/online-users")),
    *(("DELETE", path) for path in ("/chats/{}", "/chats/{}/leave", "/messages/delete/{}")),
    ("PUT", "/chats/{}"),
    ("PATCH", "/chats/{}"),
    ("POST", "/chats/{}/join"),
    ("DELETE", "/chats/{}/members/0"),
    ("DELETE", "/chats/{chat}/members/{}"),
    ("PUT", "/messages/edit/{}"),
    ("GET", f"{HISTORY}/{{}}"),
    ("DELETE", f"{HISTORY}/{{}}"),
    ("DELETE", f"{HISTORY}/{{}}/reactions/x"),
    ("DELETE", f"{HISTORY}/{{message}}/reactions/{{}}"),
]
# JSON as it is written: Python would write some of it in another way.
LITERALS = ["NaN", "1e999", "1" + "0" * 30, "9" * 5000, "-0.0", "1.0", "1e3", "0x1", "1_000", "01",
            "+1", "-1", "9223372036854775808", "true", "null", "[null]", "[[]]", "[1.0]", "{}",
            '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '["9223372036854775808"]', '" 1"',
            '"\u0661"', '"1_000"', "[" * 500 + "]" * 500]  # fmt: skip


@pytest.fixture
def inside(alice: User, group: Chat) -> dict[str, int]:
    """What paths are filled with: a group of Alice's, and a message of hers in it."""
    sent = send_message(alice, chat=group.id, content="as it was").message
    return {"chat": group.id, "message": sent.id}


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
    for body in NO_OBJECTS.values():
        # To change nothing is no mistake: there an empty body is an object without fields.
        if path.startswith("/chats/") and not body and method != "POST":
            continue
        refused(signed_in.generic(method, path, body, "application/json"), 400)
    for kind in KINDS:
        refused(signed_in.generic(method, path, orjson.dumps(sound), kind), 415)
    assert stored() == before


@pytest.mark.parametrize(("method", "path", "sound"), BODIES, ids=lambda v: str(v)[:20])
def test_behind_the_doors_too_nonsense_in_a_field_is_a_mistake_or_said_as_text(
    alice: User, inside: dict[str, int], method: str, path: str, sound: dict[str, Any]
) -> None:
    before, signed_in, path = stored(), Client(headers=bearer(alice)), path.format(**inside)
    values = [orjson.dumps(value).decode() for value in VALUES.values()] + LITERALS
    for field in sound:
        written = orjson.dumps({**sound, field: "@"}).decode()
        for value in values:
            body = written.replace('"@"', value)
            response = signed_in.generic(method, path, body.encode(), "application/json")
            if response.status_code == 200:
                # A text that is merely odd, or a null that leaves things as they are.
                assert value == "null" or isinstance(orjson.loads(value), str), (field, value)
                again = orjson.dumps(sound)
                signed_in.generic(method, path, again, "application/json")
            else:
                refused(response, 400, 404)
    assert stored() == before


@pytest.mark.parametrize(("method", "path"), IDS_IN_PATHS)
async def test_what_is_no_id_in_a_path_is_not_there(
    alice: User, inside: dict[str, int], method: str, path: str
) -> None:
    before = await in_db(stored)
    headers = {**signed_in(await in_db(token, alice)), **JSON}
    body = b'{"name": "y", "text": "y"}'
    for id in [*NO_IDS, *NOBODYS_IDS, "\ud800", "\u202e", "%00", "1//", "."]:
        shaped(await ask(method, path.format(id, **inside), body=body, headers=headers), 404, 405)
    shaped(await ask(method, path.format("\x00", **inside), body=body, headers=headers), 400)
    assert await in_db(stored) == before


def test_a_strange_query_is_answered_behind_the_doors_too(
    alice: User, inside: dict[str, int]
) -> None:
    signed_in = Client(headers=bearer(alice))
    chat, message = f"/messages/chat/{inside['chat']}", inside["message"]
    for query in (
        "limit=%00", "limit=5&limit=x", "skip=%ff", "skip=%ED%A0%80", "before_id=%D9%A1",
        f"before_id={message}%0A", "after_id=[]", "after_id=" + "9" * 60_000, "format=xml",
        "&".join(f"a{n}=1" for n in range(1500)),
    ):  # fmt: skip
        refused(signed_in.get(f"{chat}?{query}"), 400, 404)
        if "_id" not in query:
            refused(signed_in.get(f"/chats/?{query}"), 400, 404)
    for query in ("&&&&", "=", "%", "%zz", "limit", "limit=", "a=" + "x" * 60_000):
        assert signed_in.get(f"{chat}?{query}").status_code == 200, query


# --- forms -----------------------------------------------------------------------------------

STRANGE_FORMS: dict[str, bytes] = {
    "nothing": b"",
    "JSON": b'{"username": "alice", "password": "correct-horse-7"}',
    "no fields": b"&&&=&%&%zz=%",
    "a NUL": b"username=alice%00&password=correct-horse-7",
    "a raw NUL": b"username=alice\x00&password=correct-horse-7",
    "bytes that are no UTF-8": b"username=alice\xff&password=%ff%fe",
    "a surrogate": b"username=alice%ED%A0%80&password=\xed\xa0\x80",
    "UTF-7": b"username=+AGEAbABpAGMAZQ-&password=correct-horse-7",
    "UTF-16": "username=alice&password=correct-horse-7".encode("utf-16"),
    "lists": b"username[]=alice&password[]=correct-horse-7",
    "semicolons": b"username=alice;password=correct-horse-7",
    "a wrong one last": b"username=alice&password=correct-horse-7&password=x",
    "2,000 fields": b"&".join(b"a%d=1" % n for n in range(2000)),
    "one field 2,000 times": b"username=alice&" * 2000 + b"password=correct-horse-7",
    "a long password": b"username=alice&password=" + b"x" * 60_000,
    "many escapes": b"username=alice&password=" + b"%41" * 20_000,
}
CHARSETS = ["utf-8", "hex", "idna", "utf-7", "utf-16", "rot13", "unicode_escape", "punycode",
            "undefined", "nonsense", "\xff", '"', "utf-8; boundary=x"]  # fmt: skip


@pytest.mark.parametrize("path", FORMS)
async def test_a_strange_form_signs_nobody_in_nor_up(alice: User, path: str) -> None:
    for body in STRANGE_FORMS.values():
        shaped(await ask("POST", path, body=body, headers={"content-type": FORM}), 400, 401)
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
