"""Every sentence for people in Russian, which goes where nobody says anything, and in English."""

import ast
import asyncio
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest
from babel.messages.pofile import read_po
from channels.testing import WebsocketCommunicator
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.utils import translation
from rest_framework import serializers

from accounts.models import User
from chats.models import Chat
from chats.services import update_chat
from messaging.services import send_message
from messaging.status import Status
from messenger import errors
from messenger.asgi import application
from messenger.drf import exception_handler
from messenger.management.commands import texts
from messenger.protocols import protocols, routes
from messenger.protocols.base import Incoming, Protocol
from messenger.realtime.threads import in_db
from messenger.texts import language_of
from moderation.services import claim, open_chat, report_message
from moderation.staff import GROUPS
from tests.people import PASSWORD, bearer, make_user, post, token
from tests.project.asgi import JSON, ask
from tests.sockets import PATIENCE

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
LATIN = re.compile("[a-z]", re.IGNORECASE)
# The same in every language.
UNIVERSAL = {"UUID", "REST", "AsyncAPI 3.0"}
OURS = ("accounts", "chats", "messaging", "presence", "moderation", "messenger")
# What clients say of their language, and what they hear then.
WISHES = {
    "": "ru",
    "ru": "ru",
    "ru-RU,ru;q=0.9,en;q=0.8": "ru",
    "de": "ru",
    "*": "ru",
    "nonsense;;q=": "ru",
    "en": "en",
    "en-GB,de;q=0.5": "en",
    "de,en;q=0.9,ru;q=0.8": "en",
}
ERRORS = errors.every_error()
JUNK: list[Any] = [None, "", " ", "x", "x" * 20_000, "\x00", 1, -1, True, 1.5, 10**30, [], [[]], {}]
JUNK += [{"x": -1}, {"1": -1}, list(range(2000)), {str(n): 1 for n in range(6000)}, "\ud800", "1"]


@pytest.fixture(autouse=True)
def as_a_server_starts() -> Iterator[None]:
    """Without a language, unlike other tests."""
    before = translation.get_language()
    translation.deactivate()
    yield
    translation.activate(before)


def is_in(language: str, sentence: Any) -> bool:
    """Whether a client who asked for this language can be told this."""
    if language == "ru":
        return bool(CYRILLIC.search(sentence))
    return not CYRILLIC.search(sentence) and bool(LATIN.search(sentence))


def sentences(facts: dict[str, Any]) -> list[str]:
    """All that an error says to people."""
    return [facts["detail"], *(text for told in facts.get("errors", {}).values() for text in told)]


# --- the catalogue ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def catalogue() -> Any:
    return texts.read()


def test_every_sentence_is_in_the_catalogue_and_nothing_else() -> None:
    po, _ = texts.paths()
    with po.open("rb") as file:
        there = {message.id for message in read_po(file) if message.id}
    marked = {sentence for _, sentence in texts.marked()}
    assert there == marked
    # Else `manage.py texts` has something to do.
    assert po.read_bytes() == texts.written(texts.updated())


def test_everything_is_translated(catalogue: Any) -> None:
    assert len(catalogue) > 200 and not catalogue.obsolete
    for message in catalogue:
        if not message.id:
            continue
        assert texts.translated(message), message.id
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert len(forms) == (3 if message.pluralizable else 1), message.id
        for form in forms:
            assert CYRILLIC.search(form) or form in UNIVERSAL or not LATIN.search(form), form
        for english in message.id if message.pluralizable else (message.id,):
            assert not CYRILLIC.search(english)


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)\w|%%|{\w*(?::\w+)?}|`[\w=?]+`", text))


def test_values_have_the_same_places_in_both_languages(catalogue: Any) -> None:
    for message in catalogue:
        if message.id and message.pluralizable:
            for form in message.string:
                assert placeholders(form) == placeholders(message.id[1]), message.id
        elif message.id:
            assert placeholders(message.string) == placeholders(message.id), message.id


def test_what_the_server_reads_is_the_catalogue(catalogue: Any) -> None:
    _, mo = texts.paths()
    assert mo.read_bytes() == texts.compiled(catalogue)


def test_the_command_leaves_a_catalogue_that_is_up_to_date_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [path.read_bytes() for path in texts.paths()]
    monkeypatch.setattr(texts, "paths", lambda: (tmp_path / "a" / "po", tmp_path / "a" / "mo"))
    said = io.StringIO()
    call_command("texts", stdout=said)
    assert re.fullmatch(r"(\d+) sentences, \1 without a translation.\n", said.getvalue())
    (tmp_path / "a" / "po").write_bytes(before[0])
    call_command("texts", stdout=said)
    assert said.getvalue().endswith(" 0 without a translation.\n")
    assert [path.read_bytes() for path in texts.paths()] == before


def test_russian_counts_in_three_forms() -> None:
    with translation.override("ru"):
        said = [str(errors.TooLarge.beyond(number).detail) for number in (1, 2, 5, 11, 21)]
    assert said == [
        "Не более 1 байта.",
        "Не более 2 байт.",
        "Не более 5 байт.",
        "Не более 11 байт.",
        "Не более 21 байта.",
    ]


def test_no_sentence_of_an_error_is_left_unmarked() -> None:
    """A plain text, or one with values in it, where an error takes a sentence for people."""
    names = {error.__name__ for error in ERRORS} | {"ValidationError", "field"}
    found = []
    for app in OURS:
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py"):
            fields = path.name == "fields.py"
            for call in ast.walk(ast.parse(path.read_text())):
                if not isinstance(call, ast.Call):
                    continue
                function = call.func
                name = getattr(function, "attr", getattr(function, "id", ""))
                if name not in names and not (fields and name == "ValueError"):
                    continue
                told = call.args[1:] if name == "field" else call.args
                if any(isinstance(arg, ast.JoinedStr) or _plain(arg) for arg in told):
                    found.append(f"{path.relative_to(settings.BASE_DIR)}:{call.lineno}")
    # The documentation's example, in English as all of it.
    assert [place for place in found if "apidocs/asyncapi.py" not in place] == []


def _plain(arg: ast.expr) -> bool:
    return isinstance(arg, ast.Constant) and isinstance(arg.value, str) and bool(arg.value)


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_told_in_both_languages(
    error: type[errors.MessengerError], language: str
) -> None:
    made = error()
    with translation.override(language):
        response = exception_handler(made, {})
        assert response is not None and response.data["code"] == error.code
        assert is_in(language, response.data["detail"])
        for protocol in protocols():
            frame = protocol.error(made, Incoming("command", {}, 1))
            facts = frame.get("data") or frame.get("payload") or frame
            assert facts["code"] == error.code
            assert is_in(language, facts["detail"])
            orjson.dumps(frame)
    # Russian again: it was not put into words before.
    assert is_in("ru", made.facts()["detail"])


def test_a_mistake_in_several_fields_is_told_of_each() -> None:
    error = errors.Invalid.fields({"a": [translation.gettext_lazy("say something")], "b": ["{}"]})
    assert error.facts()["detail"] == "a: напишите что-нибудь; b: {}"
    with translation.override("en"):
        assert error.facts()["detail"] == "a: say something; b: {}"


def test_statuses_are_called_as_they_were_asked_for() -> None:
    with translation.override("ru"):
        assert [str(status.label) for status in Status] == [
            "Отправлено",
            "Доставлено",
            "Прочитано",
            "Изменено",
            "Удалено",
        ]
    with translation.override("en"):
        found = [str(status.label) for status in Status]
        assert found == ["Sent", "Delivered", "Read", "Edited", "Deleted"]


# Forms whose fields are all texts.
QUERIES: set[type[serializers.Serializer]] = set()


def forms_of() -> dict[str, type[serializers.Serializer]]:
    """What is checked of a body or a query, by the name of its class."""
    found = {}
    for pattern in routes():
        callback: Any = pattern.callback
        for action in callback.actions.values():
            operation = getattr(getattr(callback.cls, action), "operation", None)
            if operation is None:
                continue
            for form in (operation.body_on(callback.cls), operation.query):
                if form is not None:
                    found[f"{form.__module__}.{form.__qualname__}"] = form
            if operation.query is not None:
                QUERIES.add(operation.query)
    return found


FORMS = forms_of()


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("name", FORMS)
def test_every_field_of_a_body_or_a_query_says_what_is_wrong(name: str, language: str) -> None:
    form, told = FORMS[name], set()
    with translation.override(language):
        for junk in JUNK:
            if form in QUERIES and not isinstance(junk, str):
                continue
            data = dict.fromkeys(form().fields, junk)
            for sent in (data, {}):
                checked = form(data=sent)
                if not checked.is_valid():
                    response = exception_handler(serializers.ValidationError(checked.errors), {})
                    assert response is not None
                    told |= set(sentences(response.data))
    assert told
    assert {sentence for sentence in told if not is_in(language, sentence)} == set()


COMMANDS = [
    pytest.param(protocol, name, id=f"{protocol.name} {name}")
    for protocol in protocols()
    for name, command in protocol.commands.items()
    if command.fields
]


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("protocol, name", COMMANDS)
def test_every_field_of_a_command_says_what_is_wrong(
    protocol: Protocol, name: str, language: str
) -> None:
    command, wrong = protocol.commands[name], 0
    for junk in JUNK:
        try:
            command.clean(dict.fromkeys(command.fields, junk))
        except errors.Invalid as error:
            wrong += 1
            with translation.override(language):
                for sentence in sentences(error.facts()):
                    assert is_in(language, sentence), sentence
    assert wrong


@pytest.mark.parametrize("language", ["ru", "en"])
def test_what_the_domain_refuses_is_told(
    api: Client, alice: User, bob: User, charlie: User, group: Chat, language: str
) -> None:
    """Refusals that come from the services, over the native API."""
    private = {"type": "private", "user_ids": [bob.id]}
    theirs = {"Accept-Language": language, **bearer(alice)}
    bobs = {"Accept-Language": language, **bearer(bob)}
    chat = f"/api/v1/chats/{group.id}"
    sent = send_message(bob, chat=group.id, content="Hello").message.id

    def put(path: str, body: Any, headers: dict[str, str], method: str = "POST") -> Any:
        return api.generic(
            method, path, orjson.dumps(body), content_type="application/json", headers=headers
        )

    direct = put("/api/v1/chats", private, theirs).json()["id"]
    answers = [
        put("/api/v1/chats", {"type": "group"}, theirs),
        put("/api/v1/chats", {"type": "private", "user_ids": []}, theirs),
        put("/api/v1/chats", {"type": "private", "user_ids": [10**9]}, theirs),
        put(f"{chat}/members", {"user_id": charlie.id}, bobs),
        put(f"{chat}/members", {"user_id": 10**9}, theirs),
        put(f"{chat}/members/{alice.id}", {"role": "member"}, theirs, "PATCH"),
        put(f"/api/v1/chats/{direct}/leave", {}, theirs),
        put(f"/api/v1/chats/{direct}", {"name": "x"}, theirs, "PATCH"),
        put(f"/api/v1/messages/{sent}", {"content": "x"}, theirs, "PATCH"),
        put(f"/api/v1/messages/{sent}/reactions", {"emoji": "x"}, theirs),
        put("/api/v1/messages", {"chat_id": group.id, "type": "x\x07", "content": "x"}, theirs),
        put(
            "/api/v1/messages",
            {"chat_id": group.id, "type": "x", "payload": ["x" * 20_000]},
            theirs,
        ),
        put(
            "/api/v1/messages", {"chat_id": group.id, "content": "x", "reply_to_id": 10**9}, theirs
        ),
        put("/login", {"email": "x", "password": PASSWORD}, theirs),
    ]
    for answer in answers:
        assert answer.status_code >= 400, answer.request
        for sentence in sentences(answer.json()):
            assert is_in(language, sentence), (answer.request["PATH_INFO"], sentence)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_who_signs_up_is_told_what_is_wrong_with_a_password_too(
    api: Client, alice: User, language: str
) -> None:
    told = set()
    for account in (
        {"username": "x y", "email": "nobody", "password": "123"},
        {"username": "alice", "email": alice.email, "password": PASSWORD},
        {"username": "boris", "email": "boris@example.org", "password": "boris@example.org"},
        {"username": "boris", "email": "boris@example.org", "password": "password"},
    ):
        answer = post(api, "/auth/register", account, {"Accept-Language": language})
        assert answer.status_code == 400
        told |= set(sentences(answer.json()))
    assert len(told) > 8
    assert {sentence for sentence in told if not is_in(language, sentence)} == set()


# --- who is spoken to in which language -------------------------------------------------------


@pytest.mark.parametrize("wish, language", WISHES.items())
async def test_a_request_is_answered_in_its_language(wish: str, language: str) -> None:
    headers = {"accept-language": wish} if wish else {}
    raw = {**JSON, **headers}
    for answer in (
        await ask("GET", "/users_list", headers=headers),
        await ask("POST", "/register", body=b"{}", headers=raw),
        await ask("GET", "/nowhere", headers=headers),
        await ask("GET", "/", headers={**headers, "host": "evil.example"}),
        # Here Django's middleware is not asked.
        await ask("POST", "/register", headers={**raw, "content-length": "x"}),
        await ask("POST", "/register", body=b" " * 70_000, headers=raw),
        await ask("POST", "/register", body=[b"{", b" " * 70_000], headers=raw),
        await ask("GET", "/users_list", query=b"search=%00", headers=headers),
        await ask("POST", "/healthz", headers=headers),
    ):
        assert answer.status >= 400
        assert is_in(language, answer.json()["detail"]), answer
        assert answer.headers["content-language"] == language
        assert "Accept-Language" in answer.headers["vary"]


async def test_an_address_that_is_no_text_is_refused_in_the_clients_language() -> None:
    kind = {"content-type": "multipart/form-data; boundary=x; charset=\xff"}
    for language in ("ru", "en"):
        headers = {**kind, "accept-language": language}
        answer = await ask("POST", "/register", body=b"x", headers=headers)
        assert answer.status >= 400 and is_in(language, answer.json()["detail"])


async def test_no_language_stays_behind_in_a_thread() -> None:
    def active() -> str | None:
        return translation.get_language()

    async def refused(wish: str) -> tuple[str, str]:
        headers = {"accept-language": wish} if wish else {}
        answer = await ask("GET", "/nowhere", headers=headers)
        return WISHES[wish], answer.json()["detail"]

    told = await asyncio.gather(*(refused(wish) for _ in range(20) for wish in WISHES))
    assert {said for language, said in told if language == "en"} == {"Not found."}
    assert {said for language, said in told if language == "ru"} == {"Не найдено."}
    assert set(await asyncio.gather(*(in_db(active) for _ in range(50)))) == {"ru"}
    assert translation.get_language() == "ru"


def test_what_somebody_chose_on_a_page_goes_before_what_their_browser_says() -> None:
    named = {
        "accept-language": b"ru",
        "cookie": f"a=b; {settings.LANGUAGE_COOKIE_NAME}=en".encode(),
    }
    assert language_of([(name.encode(), value) for name, value in named.items()]) == "en"
    assert language_of([(b"cookie", b"django_language=xx; \xff")]) == "ru"
    assert language_of([(b"accept-language", b"\xff\xfe" * 1000)]) == "ru"
    assert language_of([]) == "ru"


async def opened(user: User, path: str, wish: str | None) -> WebsocketCommunicator:
    """A socket whose client says this of its language, or nothing."""
    access = await in_db(token, user)
    headers = [(b"accept-language", wish.encode())] if wish is not None else []
    if "token" in path:
        path = re.sub(r"{\w+}", access, path)
    else:
        headers.append((b"authorization", f"Bearer {access}".encode()))
    communicator = WebsocketCommunicator(application, path, headers=headers)
    assert (await communicator.connect(PATIENCE))[0]
    return communicator


async def refusal(communicator: WebsocketCommunicator, text: str) -> str:
    """What the next error says, after this frame."""
    await communicator.send_to(text_data=text)
    while True:
        frame = orjson.loads(await communicator.receive_from(PATIENCE))
        facts = frame.get("data") if "data" in frame else frame.get("payload", frame)
        if "error" in (frame.get("type"), frame.get("event"), frame.get("action")):
            return str(facts["detail"])


@pytest.mark.parametrize("protocol", protocols(), ids=lambda protocol: protocol.name)
async def test_sockets_of_one_process_are_answered_each_in_its_language(
    protocol: Protocol, alice: User
) -> None:
    wishes = {None: "ru", "en": "en", "ru": "ru", "de, en;q=0.5": "en"}
    sockets = {wish: await opened(alice, protocol.address, wish) for wish in wishes}
    name = protocol.codec.name
    # Refused before the command is found, and by a thread's work.
    command = next(name for name, command in protocol.commands.items() if command.fields)
    frames = ["nonsense", orjson.dumps({name: "no such"}).decode()]
    frames.append(orjson.dumps({name: command}).decode())
    for frame in frames:
        for _ in range(3):
            told = await asyncio.gather(
                *(refusal(communicator, frame) for communicator in sockets.values())
            )
            for language, sentence in zip(wishes.values(), told, strict=True):
                assert is_in(language, sentence), sentence
    assert translation.get_language() == "ru"
    for communicator in sockets.values():
        await communicator.disconnect()


@pytest.mark.parametrize("language", ["ru", "en"])
async def test_what_a_batch_refuses_is_told_in_the_language_of_each(
    alice: User, bob: User, group: Chat, language: str
) -> None:
    def frame(chat: int) -> str:
        data = {"chat_id": chat, "content": "x", "reply_to_id": 10**9}
        return orjson.dumps({"event": "message.send", "data": data}).decode()

    one = await opened(alice, "/api/v1/ws", language)
    other = await opened(bob, "/api/v1/ws", "en" if language == "ru" else "ru")
    mine, theirs = await asyncio.gather(
        refusal(one, frame(group.id)), refusal(other, frame(group.id))
    )
    assert is_in(language, mine) and not is_in(language, theirs)
    await one.disconnect()
    await other.disconnect()


# --- pages ------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """
    What a page says to people: its texts and labels, without code and without what is marked as
    being in another language.
    """

    SILENT = {"code", "pre", "script", "style"}
    VOID = {"meta", "link", "input", "br", "img", "hr"}

    def __init__(self) -> None:
        super().__init__()
        self.language = ""
        self.open: list[tuple[str, bool]] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "html":
            self.language = named.get("lang") or ""
        silent = tag in self.SILENT or (tag != "html" and "lang" in named)
        silent = silent or any(inside for _, inside in self.open)
        if not silent:
            self.said += [named[label] or "" for label in ("aria-label", "title") if label in named]
        if tag not in self.VOID:
            self.open.append((tag, silent))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(silent for _, silent in self.open):
            self.said.append(" ".join(data.split()))


def read(page: bytes) -> Reader:
    reader = Reader()
    reader.feed(page.decode())
    return reader


def untranslated(reader: Reader) -> set[str]:
    """What a Russian page says in the very words of our code."""
    ours: set[str] = set()
    for message in texts.read():
        ours |= set(message.id if isinstance(message.id, tuple) else [message.id])
    # An admin's form capitalises names and puts a colon behind them.
    ours |= {text[:1].upper() + text[1:] for text in ours}
    return {said for said in reader.said if said.rstrip(":") in ours - UNIVERSAL - {""}}


PAGES = ["/", "/sign-in", "/sign-up", "/appeal", "/about", "/docs", "/docs/ws"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_in_the_language_of_who_looks_at_it(api: Client, path: str) -> None:
    # The cached page is not that of whoever looked first.
    for wish, language in [*WISHES.items(), *WISHES.items()]:
        answer = api.get(path, headers={"Accept-Language": wish})
        assert answer["Content-Language"] == language and "Accept-Language" in answer["Vary"]
        reader = read(answer.content)
        assert reader.language == language
        if language == "ru":
            assert untranslated(reader) == set()
            assert sum(bool(CYRILLIC.search(said)) for said in reader.said) > 5
            if path != "/docs/ws":
                english = {said for said in reader.said if not CYRILLIC.search(said)}
                assert english <= UNIVERSAL | {protocol.name for protocol in protocols()}
        else:
            assert [said for said in reader.said if CYRILLIC.search(said)] == []


@pytest.mark.parametrize("path", PAGES)
def test_somebody_chooses_a_language_on_a_page(api: Client, path: str) -> None:
    page = api.get(path).content.decode()
    [form] = re.findall(r'<form class="languages".*?</form>', page, re.DOTALL)
    assert 'method="post"' in form and 'action="/language"' in form
    assert re.findall(r'<button name="language" value="(\w+)" lang="\1"', form) == ["ru", "en"]
    [there] = re.findall(r'name="next" value="([^"]*)"', form)
    assert there == path
    for language in ("ru", "en", "ru"):
        answer = api.post("/language", {"language": language, "next": there})
        assert (answer.status_code, answer["Location"]) == (302, path)
        cookie = answer.cookies[settings.LANGUAGE_COOKIE_NAME]
        assert cookie["httponly"] and cookie["samesite"] == "Lax"
        chosen = api.get(path).content
        assert read(chosen).language == language
        [pressed] = re.findall(r'lang="(\w+)" aria-current="true"', chosen.decode())
        assert pressed == language


def test_choosing_a_language_leads_to_no_strangers_page(api: Client) -> None:
    for there in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        answer = api.post("/language", {"language": "en", "next": there})
        assert answer["Location"] == "/"
    answer = api.post("/language", {"language": "xx", "next": "/docs"})
    assert settings.LANGUAGE_COOKIE_NAME not in answer.cookies


# --- the admin --------------------------------------------------------------------------------


def names() -> Iterator[tuple[str, Any]]:
    """(what, its name) of all of ours that the admin shows by a name."""
    for label in OURS:
        yield label, apps.get_app_config(label).verbose_name
    shown = set(admin.site._registry)
    for registered in admin.site._registry.values():
        shown |= {inline.model for inline in registered.inlines}
    for model in apps.get_models():
        if model._meta.app_label not in OURS:
            continue
        yield model.__name__, model._meta.verbose_name
        yield f"{model.__name__}s", model._meta.verbose_name_plural
        if model not in shown:
            continue
        for field in model._meta.fields:
            # What no page shows has no name for people.
            hidden = field.name.endswith(("_key", "_digest")) or field.name in HIDDEN
            if not (field.primary_key or hidden):
                yield f"{model.__name__}.{field.name}", field.verbose_name
            for value, name in field.choices or ():
                yield f"{model.__name__}.{field.name}={value}", name


HIDDEN = {"pair", "position", "seq", "fingerprint", "joined_seq", "joined_position"}
HIDDEN |= {"read_position"}


def test_everything_has_a_name_in_russian_and_in_english() -> None:
    for what, name in names():
        with translation.override("ru"):
            assert is_in("ru", str(name)) or str(name) in UNIVERSAL, what
        with translation.override("en"):
            assert is_in("en", str(name)), what


@pytest.fixture
def moderator(client: Client) -> Client:
    """A browser in which a superuser is signed in."""
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def admin_pages(user: User, chat: Chat, message_id: int, case_id: int) -> list[str]:
    return [
        "/admin/",
        "/admin/accounts/",
        "/admin/accounts/user/",
        "/admin/accounts/user/add/",
        f"/admin/accounts/user/{user.id}/change/",
        f"/admin/accounts/user/{user.id}/history/",
        "/admin/chats/chat/",
        f"/admin/chats/chat/{chat.id}/change/",
        f"/admin/chats/chat/{chat.id}/stats/",
        "/admin/messaging/message/",
        f"/admin/messaging/message/{message_id}/change/",
        *(
            f"/admin/accounts/user/{user.id}/{act}/"
            for act in ("case", "appoint", "export", "erase")
        ),
        "/admin/moderation/",
        "/admin/moderation/case/",
        f"/admin/moderation/case/{case_id}/change/",
        "/admin/moderation/appeal/",
        "/admin/moderation/opening/",
        "/admin/moderation/auditentry/",
        "/admin/moderation/auditentry/1/change/",
        "/admin/moderation/rule/",
        "/admin/moderation/rule/add/",
        "/admin/moderation/dashboard/",
        "/admin/password_change/",
    ]


def test_the_admin_is_in_both_languages(
    moderator: Client, alice: User, bob: User, group: Chat
) -> None:
    message_id = send_message(alice, chat=group.id, type="note", content="Hello").message.id
    update_chat(alice, chat=group, name="Kitchen")
    root = User.objects.get(username="root")
    open_chat(root, chat=group, reason="42 42")
    case = report_message(bob, message=message_id, reason="spam").case
    claim(root, case)
    # It is called by what the server's own language has for it.
    User.objects.filter(is_service=True).update(name="42")
    for path in admin_pages(alice, group, message_id, case.pk):
        answer = moderator.get(path, headers={"Accept-Language": ""})
        assert answer.status_code == 200, path
        reader = read(answer.content)
        # Names of powers and groups are in the database, in English: Django's own way.
        assert reader.language == "ru" and untranslated(reader) <= set(GROUPS), path
        assert "Мессенджер" in " ".join(reader.said)
        reader = read(moderator.get(path, headers={"Accept-Language": "en"}).content)
        assert reader.language == "en"
        assert [said for said in reader.said if CYRILLIC.search(said)] == [], path


def test_what_a_moderator_does_is_told_in_their_language(
    moderator: Client, alice: User, bob: User, group: Chat
) -> None:
    send_message(alice, chat=group.id, content="Hello")
    open_chat(User.objects.get(username="root"), chat=group, reason="Alice asked for help")
    for path, action, ids, said in (
        ("accounts/user", "ban", [bob.id], "Bob: заблокирован."),
        ("accounts/user", "unban", [bob.id], "Bob: блокировка снята."),
        ("messaging/message", "remove", "all", "Удалено 1 сообщение."),
        ("chats/chat", "close", [group.id], "Закрыт 1 чат."),
    ):
        if ids == "all":
            ids = list(group.messages.values_list("id", flat=True))
        answer = moderator.post(
            f"/admin/{path}/",
            {"action": action, "_selected_action": ids, "reason": "Against the rules"},
            follow=True,
            headers={"Accept-Language": "ru"},
        )
        assert said in answer.content.decode()
    page = moderator.post(
        "/admin/accounts/user/add/",
        {"email": "x", "username": "a b", "password1": "1", "password2": "2"},
        headers={"Accept-Language": "ru"},
    ).content.decode()
    assert "от 2 до 64 букв, цифр и знаков . _ + -" in page


def test_the_doors_of_the_admin_are_in_both_languages(api: Client) -> None:
    for language, word in (("ru", "Пароль"), ("en", "Password")):
        page = api.get("/admin/login/", headers={"Accept-Language": language}).content.decode()
        assert word in page and read(page.encode()).language == language
