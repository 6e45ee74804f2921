"""The documentation of the REST paths: whole, valid, served without anybody's help, and held."""

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from accounts.models import User
from chats.models import Chat
from messenger import health
from messenger.apidocs import openapi
from messenger.protocols import routes
from messenger.protocols.base import as_written
from messenger.protocols.messenger_api import shapes
from messenger.schemas import Error, Schema
from tests import contracts
from tests.people import bearer, client, post

DOCUMENT = openapi.document()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
each_operation = pytest.mark.parametrize(
    "operation", [pytest.param(found, id=name) for name, found in OPERATIONS.items()]
)


# --- the document ----------------------------------------------------------------------------


def test_it_is_valid_and_nothing_had_to_be_guessed() -> None:
    with GENERATOR_STATS.silence():
        again = SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS
    assert DOCUMENT["openapi"] == "3.1.0"
    validate_schema(again)
    assert again == DOCUMENT
    # The order too, whatever the seed of Python's hashes.
    assert orjson.dumps(again) == orjson.dumps(DOCUMENT)


def test_every_path_and_method_is_in_it_and_nothing_else() -> None:
    there = {
        f"{method.upper()} {as_written(str(route.pattern))}"
        for route in routes()
        for method in route.callback.actions  # type: ignore[attr-defined]
        # DRF adds HEAD beside GET with the first request.
        if method != "head"
    }
    assert set(OPERATIONS) == there | {f"GET {path}" for path in health.PATHS}
    # As people write it, and without what only a regular expression can say.
    assert all(re.fullmatch(r"\w+ (/[\w{}-]+)+", name) for name in OPERATIONS)


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]+", name) for name in names)
    assert "nodus_messages_list" in names


@each_operation
def test_an_operation_says_what_it_does_takes_and_answers(operation: Schema) -> None:
    assert operation["summary"] and not operation["summary"].endswith(".")
    (tag,) = operation["tags"]
    assert tag in {about["name"] for about in DOCUMENT["tags"]}
    good = {status: one for status, one in operation["responses"].items() if status < "300"}
    assert good
    for status, answer in good.items():
        assert ("content" in answer) == (status != "204")
        assert status == "204" or answer["content"]["application/json"]["schema"]
    if tag == "health":
        return
    assert {"400", "429", "503"} <= set(operation["responses"])
    assert ("401" in operation["responses"]) or not operation["security"]
    assert ("requestBody" in operation) == ("415" in operation["responses"])


def test_every_tag_is_told_of() -> None:
    assert all(about["description"] for about in DOCUMENT["tags"])


def test_every_error_has_one_shape() -> None:
    """The statuses are those of real errors, and what their bodies hold is what `facts` gives."""
    for answer in DOCUMENT["components"]["responses"].values():
        schema = answer["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Error"} and answer["description"]
    shape = DOCUMENT["components"]["schemas"]["Error"]
    assert set(shape["properties"]) == set(Error.__annotations__)
    assert shape["required"] == ["code", "detail"]


def test_what_a_form_takes_has_its_bounds() -> None:
    forms = DOCUMENT["components"]["schemas"]
    chat = forms["MessengerApiNewMessageForm"]
    assert chat["required"] == ["chat_id", "text"]
    text = contracts.compiled(chat["properties"]["text"], forms)
    assert not any(map(text.is_valid, ("", "  \n", "a\x00b", "x" * 4097, None, 5)))
    assert text.is_valid("x" * 4096) and text.is_valid(" два\nслова ")
    id = contracts.compiled(forms["Id"], forms)
    right: list[Any] = [0, 7, "7", "01890a5d-ac96-774b-bcce-b302099a8057"]
    assert [one for one in right if not id.is_valid(one)] == []
    wrong: list[Any] = ["", "x", "-1", -1, "1.0", 1.5, True, None, [1]]
    assert [one for one in wrong if id.is_valid(one)] == []


def test_the_command_of_spectacular_has_nothing_to_complain_of(capsys: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json")
    assert orjson.loads(capsys.readouterr().out) == DOCUMENT


# --- the pages -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/docs", "/docs/openapi.json", "/docs/openapi.yaml"])
def test_a_page_is_for_everybody_with_and_without_a_slash(api: Client, path: str) -> None:
    pages = [api.get(path), api.get(f"{path}/"), api.get(path, headers={"Authorization": "x"})]
    assert [page.status_code for page in pages] == [200] * 3
    assert len({page.content for page in pages}) == 1
    assert not pages[0].cookies


def test_the_document_is_served_as_it_is(api: Client) -> None:
    response = api.get("/docs/openapi.json")
    assert response["Content-Type"] == "application/json"
    assert response.json() == DOCUMENT
    assert api.get("/docs/openapi.yaml").content.startswith(b"openapi: 3.1.0\n")


def test_the_page_needs_nobody_else_and_runs_nothing_that_stands_in_it(api: Client) -> None:
    page = api.get("/docs").content.decode()
    needed = re.findall(r'(?:src|href|data-document)="([^"]*)"', page)
    assert len(needed) == 10 and all(re.match(r"/(?!/)", address) for address in needed)
    for address in needed:
        with closing(api.get(address)) as file:
            assert file.status_code == 200, address
    assert re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL) == ["", ""]
    assert not re.search(r"<style|style=|\son\w+=|javascript:", page)
    for name in ("docs.js", "docs.css"):
        page += Path(str(finders.find(name))).read_text()
    assert "//" not in re.sub(r"^// .*$", "", page, flags=re.MULTILINE)
    # Else the page would ask somebody else's server for a badge.
    assert "validatorUrl: null" in page


def test_the_other_pages_lead_there(api: Client) -> None:
    assert b'href="/docs"' in api.get("/about").content
    assert b'href="/about"' in api.get("/").content


# --- that it is held -------------------------------------------------------------------------


def changed(monkeypatch: pytest.MonkeyPatch, name: str, change: Any) -> None:
    """Another shape than the one that is documented."""
    shape = getattr(shapes, name)
    monkeypatch.setattr(shapes, name, lambda *args, **more: change(shape(*args, **more)))


WRONG: dict[str, Any] = {
    "phone": lambda words: {**words, "phone": None},
    "is_active": lambda words: {**words, "is_active": "yes"},
    "created_at": lambda words: {**words, "created_at": "yesterday"},
    "uuid": lambda words: {**words, "uuid": 5},
    "required": lambda words: {name: words[name] for name in words if name != "name"},
    "null": lambda words: {**words, "email": None},
}


@pytest.mark.parametrize("name", WRONG)
def test_another_answer_than_documented_fails_the_test_that_sees_it(
    alice: User, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert client(alice).get("/auth/me").status_code == 200
    changed(monkeypatch, "me", WRONG[name])
    with pytest.raises(contracts.Undocumented, match=name):
        client(alice).get("/auth/me")


def test_what_is_wrong_deep_inside_is_seen_too(
    alice: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = client(alice)
    assert visitor.get(f"/chats/{group.id}/").status_code == 200
    changed(monkeypatch, "members", lambda all: [{**one, "email": "x"} for one in all])
    with pytest.raises(contracts.Undocumented, match="members"):
        visitor.get(f"/chats/{group.id}/")


def check(method: str, path: str, status: int, body: bytes = b"", **headers: str) -> None:
    kind = {"Content-Type": "application/json"} if body else {}
    contracts.rest().check(method, path, status, {**kind, **headers}, body)


def test_the_checker_bites() -> None:
    error = b'{"code": "not_found", "detail": "Not found."}'
    check("GET", "/chats/5", 404, error)
    check("GET", "/chats/", 200, b"[]")
    check("GET", "/nowhere", 418, b"x")
    check("DELETE", "/chats/5", 204)
    check("DELETE", "/auth/me", 405, error)
    for method, path, status, body, what in (
        ("GET", "/chats/5", 409, error, "409 is not documented"),
        ("GET", "/chats/5", 500, error, "500 is not documented"),
        ("GET", "/chats", 200, b"{}", "array"),
        ("GET", "/chats/5", 404, b'{"detail": "Not found."}', "code"),
        ("GET", "/chats/5", 404, b'{"code": "x", "detail": "y", "trace": "z"}', "trace"),
        ("GET", "/chats/5", 401, error, "WWW-Authenticate"),
        ("GET", "/chats/5", 429, error, "Retry-After"),
        ("DELETE", "/chats/5", 204, b"{}", "has a body"),
        ("DELETE", "/auth/me", 200, b"{}", "DELETE /auth/me"),
        ("DELETE", "/auth/me", 405, b"{}", "DELETE /auth/me"),
    ):
        with pytest.raises(contracts.Undocumented, match=what):
            check(method, path, status, body)
    with pytest.raises(contracts.Undocumented, match="text/html"):
        contracts.rest().check("GET", "/chats", 200, {"Content-Type": "text/html"}, b"[]")


def test_what_was_taken_must_be_documented_as_well(alice: User, api: Client) -> None:
    body = b'{"name": 5}'
    answer = client(alice).post("/chats/create", b'{"name": "x"}', "application/json")
    assert answer.status_code == 201
    headers = {"Content-Type": "application/json"}
    with pytest.raises(contracts.Undocumented, match="The body of post /chats/create: name"):
        contracts.rest().check("POST", "/chats/create", 201, headers, answer.content, body)


def test_nobody_passes_by_the_checker(alice: User, api: Client) -> None:
    seen = contracts.rest().seen
    seen.clear()
    api.get("/auth/me/", headers=bearer(alice))
    assert post(api, "/auth/login?x=1", {}).status_code == 400
    assert seen == {("/auth/me", "get", "200"), ("/auth/login", "post", "400")}
