"""
Schemathesis against the whole application: every operation of `/docs/openapi.json`, all of its
checks, as two people who share no chat.

`coverage` goes through the edges of every schema, `fuzzing` makes up requests and breaks them,
`stateful` makes things and follows their ids. Chats, messages and people that are there are mixed
in (seven of ten), or hardly a request would get past a 404; what a run deletes is mended after each
operation, and a login that it signs out of is made again. Here the same few requests come each
time. Many others, and the figures:

    SCHEMATHESIS_EXAMPLES=150 python -m pytest tests/project/test_schemathesis.py -s

so many for each operation, and so many walks, all of it as both; about seven minutes. The seed is
that of pytest-randomly: `-p randomly_seed=…` makes the same ones again.
"""

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
import schemathesis
from django.db import connection
from schemathesis.core.failures import Failure
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.run import PhaseName
from schemathesis.python import asgi
from schemathesis.schemas import BaseSchema

from accounts.models import User
from chats.models import Chat, Membership
from chats.services import create_chat
from messaging.models import Message
from messaging.sending import SendMessage
from messaging.services import add_reaction, send_messages
from messenger.apidocs import openapi
from messenger.asgi import application
from messenger.ids import lookup, parse_ref
from messenger.schemas import Schema
from tests.people import PASSWORD, client, make_user, post
from tests.project.asgi import ask

pytestmark = pytest.mark.once

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES") or 0)
OPERATIONS = {
    f"{method.upper()} {path}"
    for path, item in openapi.document()["paths"].items()
    for method in item
}

# --- what looks like a mistake and is none ---------------------------------------------------


@dataclass(frozen=True)
class Known:
    """
    What a check may complain of: `check` by the name of its failure, and of what the answer said a
    regular expression for "field: sentence", or for the code where no field was named.
    """

    check: str
    said: str
    reason: str
    only: Callable[[schemathesis.Case], bool] = lambda case: True


def has_whole_float(case: schemathesis.Case) -> bool:
    """Whether some number of the body is whole and not written so."""
    waiting = [case.body]
    while waiting:
        item = waiting.pop()
        if isinstance(item, float) and item.is_integer():
            return True
        if isinstance(item, dict | list):
            waiting.extend(item.values() if isinstance(item, dict) else item)
    return False


def has_two_ids(case: schemathesis.Case) -> bool:
    return case.operation.path.count("_id}") > 1


def was_left(case: schemathesis.Case) -> bool:
    """Whether the chat of the path was there, and is no more, or not for who asks."""
    ref = parse_ref(case.path_parameters.get("chat_id"))
    try:
        chats = Chat.objects.filter(**lookup(ref or 0))
        inside = chats.filter(deleted_at=None, memberships__user__username=case.auth_identity)
        return chats.exists() and not inside.exists()
    finally:
        connection.close()


def are_both_in(case: schemathesis.Case) -> bool:
    """Whether Ada and Zoe are in the chat that the path names, itself or by a message."""
    chat, message = (
        parse_ref(case.path_parameters.get(f"{name}_id")) for name in ("chat", "message")
    )
    chats = Chat.objects.filter(**lookup(chat or 0))
    if message is not None:
        chats = Chat.objects.filter(**lookup(message, "messages__"))
    try:
        return chats.filter(memberships__user__username__in=["ada", "zoe"]).count() == 2
    finally:
        # This is a thread of Schemathesis.
        connection.close()


VALID = "RejectedPositiveData"
KNOWN = [
    Known(VALID, r"user_ids?: there is nobody with the id .*", "who exists is in no schema"),
    Known(VALID, r"idempotency_key_reused", "which keys came before is in no schema"),
    Known(
        VALID, r"(email|username): this .* (registered already|taken)", "nor who signed up before"
    ),
    Known(VALID, r"user_ids: a private chat is with exactly one other person", "nor who is asking"),
    Known(VALID, r"user_id: say somebody else|message_id: this message is yours", "the same"),
    Known(VALID, r"around_id: say it alone", "OpenAPI has no rule between parameters of a query"),
    Known(VALID, r"password: The password is too similar to the .*", "nor one between two texts"),
    Known(VALID, r"password: This password is too common.", "a list of 20,000"),
    Known(VALID, r"emoji: say one emoji", "Unicode's list of 3,800"),
    Known(
        VALID,
        r"(type|name): .*characters that can be printed",
        "which those are is in Unicode's tables, which differ by version",
    ),
    Known(
        VALID,
        r"username: 2 to 64 letters, digits and . _ \+ -",
        "it is looked at as NFKC, which makes other characters of some letters",
    ),
    Known(
        VALID,
        r"email: this is not an e-mail address",
        "`format: email` goes beyond what mail servers of the internet take",
    ),
    Known(
        VALID,
        r"payload: (no numbers beyond 64 bits|a NUL character is not text|no more than .*)",
        "no schema bounds what is inside any JSON; the description does",
    ),
    Known(
        VALID,
        r"\w+(\.\d+)?: say an integer or a UUID",
        "34.0 is an integer to JSON Schema; the description of Id says that it is none here",
        only=has_whole_float,
    ),
    Known(
        "EnsureResourceAvailability",
        r"not_found",
        "what is new is there; the message of the body, or the other id of the path, is not",
        only=lambda case: case.operation.path.endswith("/read") or has_two_ids(case),
    ),
    Known(
        "EnsureResourceAvailability",
        r"not_found",
        "the chat was deleted or left since, by a path that does not begin like this one",
        only=lambda case: was_left(case),
    ),
    Known(
        "ObjectLevelAuthorizationViolation",
        r"",
        "everybody may see who there is",
        only=lambda case: case.operation.label == "GET /api/v1/users/{user_id}",
    ),
    Known(
        "ObjectLevelAuthorizationViolation",
        r"",
        "one has let the other one into this chat",
        only=lambda case: are_both_in(case),
    ),
]


def complaints(response: schemathesis.Response) -> list[str]:
    """What the answer said: "field: sentence" for each, or its code, "" if it was no error."""
    try:
        said = orjson.loads(response.content)
    except ValueError:
        return []
    if not isinstance(said, dict):
        return [""]
    if "errors" not in said and "code" not in said:
        return [""]
    found = [f"{name}: {text}" for name, texts in said.get("errors", {}).items() for text in texts]
    return found or [said.get("code", "")]


def is_known(
    failure: Failure, case: schemathesis.Case, response: schemathesis.Response
) -> list[Known]:
    """The reasons for all that was complained of; none if one is missing."""
    reasons: list[Known] = []
    for complaint in complaints(response):
        here = [
            known
            for known in KNOWN
            if known.check == type(failure).__name__
            and re.fullmatch(known.said, complaint)
            and known.only(case)
        ]
        if not here:
            return []
        reasons += here
    return reasons


# --- the world -------------------------------------------------------------------------------


class World:
    """Ada and Zoe, who share no chat: each owns groups and has private chats with two others."""

    def __init__(self) -> None:
        names = ("ada", "zoe", "kurt", "emmy", "alan", "grace")
        self.people = ada, zoe, *others = [make_user(name) for name in names]
        self.groups: list[Chat] = []
        self.private: list[Chat] = []
        for owner, friends in ((ada, others[:2]), (zoe, others[2:])):
            for number in range(14):
                open = number % 3 == 0
                self.groups.append(
                    create_chat(owner, kind="group", name="Group", members=friends, is_open=open)
                )
            for friend in friends:
                self.private.append(create_chat(owner, kind="private", members=[friend]))
        self.memberships = list(Membership.objects.filter(chat__in=self.groups))
        send_messages(
            [
                SendMessage(author_id=member.user_id, chat=member.chat_id, content=text)
                for member in Membership.objects.all()
                for text in ("Hello", "world")
            ]
        )
        self.messages = list(Message.objects.select_related("author"))
        for message in self.messages[::5]:
            assert message.author
            add_reaction(message.author, message=message.id, emoji="👍")

    def mend(self) -> None:
        """The groups are there again, with whom they had, and the messages."""
        Chat.objects.filter(id__in=[chat.id for chat in self.groups]).update(deleted_at=None)
        Membership.objects.bulk_create(
            [
                Membership(chat_id=m.chat_id, user_id=m.user_id, role=m.role)
                for m in self.memberships
            ],
            update_conflicts=True,
            unique_fields=["chat", "user"],
            update_fields=["role"],
        )
        gone = Message.objects.filter(deleted_at__isnull=False)
        gone.filter(id__in=[message.id for message in self.messages]).update(
            deleted_at=None, content="again"
        )

    def known(self) -> dict[str, list[int | str]]:
        """What is mixed in, by the name of a parameter or field. Each goes by one of its ids."""

        def refs(rows: list[Any]) -> list[int | str]:
            return [row.id if number % 3 else str(row.uuid) for number, row in enumerate(rows)]

        messages = refs(self.messages)
        return {
            "chat_id": refs(self.groups + self.private),
            "user_id": refs(self.people),
            "user_ids[*]": refs(self.people),
            "emoji": ["👍", "❤️", "☕"],
            **{
                f"{name}_id": messages
                for name in ("message", "before", "after", "around", "reply_to", "up_to_message")
            },
        }


# --- a run -----------------------------------------------------------------------------------


@dataclass
class Figures:
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    phases: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def note(self, event: events.ScenarioFinished) -> None:
        cases, interactions = event.recorder.cases, event.recorder.interactions
        for id, interaction in interactions.items():
            operation = cases[id].value.operation.label
            status = interaction.response.status_code if interaction.response else 0
            self.statuses.setdefault(operation, Counter())[status] += 1
            self.phases[event.phase.value] += 1
        for id, checks in event.recorder.checks.items():
            for check in checks:
                self.checks[check.name] += 1
                if check.status != Status.SUCCESS:
                    self._failed(cases[id].value.operation.label, check, interactions.get(id))

    def _failed(self, operation: str, check: Any, interaction: Any) -> None:
        said, sample = "the check itself failed", ""
        if check.failure_info is not None:
            said, sample = str(check.failure_info.failure), check.failure_info.code_sample
        response = interaction and interaction.response
        answer = f"{response.status_code} {response.content[:300]!r}" if response else ""
        self.failures.setdefault(f"{operation}: {check.name}: {said}\n{answer}", sample[:1000])

    def poor(self) -> set[str]:
        """The operations that did not show both what they do and what they refuse."""
        return {
            operation
            for operation, statuses in self.statuses.items()
            if {status // 100 for status in statuses} != {2, 4}
        }

    def __str__(self) -> str:
        lines = [f"{len(self.statuses)} of {len(OPERATIONS)} operations"]
        lines += [f"  {count} requests of {phase}" for phase, count in self.phases.items()]
        lines += [f"    {name}: {count}" for name, count in sorted(self.checks.items())]
        lines += [f"  {count} × {said}" for said, count in self.known.most_common()]
        lines += [f"  FAILED {said}\n{sample}" for said, sample in self.failures.items()]
        return "\n".join(lines)


# Whose answers hold the id of something new, and how paths call it. From the document alone
# Schemathesis finds few of these ways.
MAKE = {
    "chat_id": ("/api/v1/chats", "/chats/create"),
    "message_id": ("/api/v1/messages", "/messages/send"),
    "user_id": ("/api/v1/auth/register", "/auth/register"),
}
# From one's own id to a new chat, and from there to a message.
ID = "$response.body#/id"
WAYS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("get /api/v1/auth/me", "200", "/api/v1/chats", {"user_ids": [ID]}),
    ("get /auth/me", "200", "/chats/create", {"user_ids": [ID]}),
    ("post /api/v1/chats", "201", "/api/v1/messages", {"chat_id": ID}),
    ("post /chats/create", "201", "/messages/send", {"chat_id": ID}),
]


def prepared(document: Schema, known: dict[str, list[int | str]]) -> Schema:
    """
    The document with an example of each known id, from which the edges of the rest are tried, and
    with a link from each of those to each operation that takes such an id.
    """
    document = deepcopy(document)
    for item in document["paths"].values():
        for operation in item.values():
            for one in operation.get("parameters", []):
                if one["name"] in known and (one["in"] == "path" or one.get("required")):
                    one["schema"] = {**one["schema"], "examples": known[one["name"]][:1]}
    for parameter, makers in MAKE.items():
        links = {
            f"{operation['operationId']}_{parameter}": {
                "operationId": operation["operationId"],
                "parameters": {parameter: ID},
            }
            for path, item in document["paths"].items()
            for operation in item.values()
            if f"{{{parameter}}}" in path
        }
        for maker in makers:
            document["paths"][maker]["post"]["responses"]["201"]["links"] = dict(links)
    for source, status, target, body in WAYS:
        method, _, path = source.partition(" ")
        answer = document["paths"][path][method]["responses"][status]
        operation = document["paths"][target]["post"]["operationId"]
        link = {"operationId": operation, "requestBody": body}
        answer.setdefault("links", {})[operation] = link
    return document


def login(name: str) -> dict[str, Any]:
    """How Schemathesis signs somebody in, in the form of Web Fuzzing Commons."""
    return {
        "name": name,
        "loginEndpointAuth": {
            "endpoint": "/api/v1/auth/login",
            "verb": "POST",
            "contentType": "application/json",
            "payloadRaw": orjson.dumps({"username": name, "password": PASSWORD}).decode(),
            "token": {
                "extractFrom": "body",
                "extractSelector": "/access_token",
                "sendIn": "header",
                "sendName": "Authorization",
                "sendTemplate": "Bearer {token}",
            },
        },
    }


def run(
    figures: Figures,
    world: World,
    who: str,
    folder: Path,
    most: dict[str, int],
    operations: set[str] = OPERATIONS,
) -> None:
    """Go through the operations as `who`, so many times in each of these phases; 0 for not."""
    logins = folder / "logins.json"
    logins.write_bytes(orjson.dumps({"auth": [login("ada"), login("zoe")]}))
    known = world.known()
    config = schemathesis.Config.from_dict(
        {
            "headers": {"Accept-Language": "en"},
            "seed": random.getrandbits(64) if EXAMPLES else 1,
            "suppress-health-check": ["all"],
            "continue-on-failure": True,
            "auth": {"wfc": {"path": str(logins), "user": who, "peers": ["ada", "zoe"]}},
            "dictionaries": {name.strip("[*]"): {"values": known[name]} for name in known},
            "parameters": {
                f"{place}.{name}": {
                    "dictionary": name.strip("[*]"),
                    # Where a page is, is not said each time, nor in all ways at once.
                    "probability": 0.2 if name in ("before_id", "after_id", "around_id") else 0.7,
                }
                for name in known
                for place in (("body",) if "[" in name else ("path", "query", "body"))
            },
            "generation": {"database": "none", "deterministic": not EXAMPLES, "no-shrink": True},
            "phases": {
                phase: {
                    "enabled": bool(count),
                    **({} if phase == "coverage" else {"generation": {"max-examples": count}}),
                }
                for phase, count in most.items()
            },
        }
    )
    schema: BaseSchema = schemathesis.openapi.from_dict(
        prepared(openapi.document(), known), config=config
    )
    schema.app = application
    schema = schema.include(lambda context: context.operation.label in operations)

    @schema.hook("filter_failure")
    def is_mistake(context: Any, failure: Failure, case: Any, response: Any) -> bool:
        found = is_known(failure, case, response)
        figures.known.update(known.said for known in found)
        return not found

    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                figures.note(event)
                if event.phase != PhaseName.STATEFUL_TESTING:
                    # There what is gone must stay gone.
                    world.mend()
            case events.NonFatalError():
                figures.failures[f"{event.label}: {event.value!r}"] = ""
            case events.FatalError():
                raise event.exception
            case events.EngineFinished():
                assert event.stop_reason == "completed"


@pytest.fixture(autouse=True)
def application_stops(database: None, settings: Any) -> Iterator[None]:
    """What Schemathesis started on its own event loop ends before the database is emptied."""
    settings.RATE_LIMITS = False
    yield
    asgi.shutdown_lifespans()


NONE = {"examples": 0, "coverage": 0, "fuzzing": 0, "stateful": 0}
CHECKS = {
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance", "negative_data_rejection"),
    *("positive_data_acceptance", "missing_required_header", "unsupported_method"),
    *("allow_header_conformance", "use_after_free", "ensure_resource_availability"),
    *("ignored_auth", "object_level_authorization"),
}


# Schemathesis makes the rest of an example with a `random` that Hypothesis does not look after.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@pytest.mark.parametrize("who", ["ada", "zoe"])
def test_what_is_documented_is_what_happens(tmp_path: Path, who: str) -> None:
    # The edges are the same for everybody, and many.
    edges = {"examples", "coverage"} if who == "ada" or EXAMPLES else set()
    figures, world = Figures(), World()
    some = {"fuzzing": EXAMPLES or 2, "stateful": 10}
    run(figures, world, who, tmp_path, NONE | some | dict.fromkeys(edges, 1))
    for _ in range(EXAMPLES // 10):
        # Where an answer depends on what went before, a series of walks ends after some.
        world.mend()
        run(figures, world, who, tmp_path, NONE | {"stateful": 50})
    if edges and (poor := figures.poor()):
        # Of a few requests none may have come through, or all.
        run(figures, world, who, tmp_path, NONE | {"fuzzing": 40}, poor)
    if EXAMPLES:
        print(f"\n{who}: {figures}")
    assert not figures.failures, str(figures)
    assert set(figures.checks) == CHECKS
    assert set(figures.statuses) == OPERATIONS
    assert set(figures.phases) == edges | {"fuzzing", "stateful"}
    if edges:
        assert not figures.poor(), figures.statuses


# --- what it found -------------------------------------------------------------------------


def test_a_key_that_is_empty_is_no_key(group: Chat, alice: User) -> None:
    """Sent twice with it a message would be there twice, and its sender trusts that it is not."""
    by = client(alice)
    for path, text in (("/messages/send", "text"), ("/api/v1/messages", "content")):
        response = post(by, path, {"chat_id": group.id, text: "x"}, {"Idempotency-Key": ""})
        assert response.status_code == 400 and "Idempotency-Key" in response.json()["errors"]
    assert not Message.objects.exists()


def test_an_empty_place_is_not_the_beginning(group: Chat, alice: User) -> None:
    by = client(alice)
    for path, names in (
        (f"/messages/chat/{group.id}?", ("before_id", "after_id")),
        (f"/api/v1/messages?chat_id={group.id}&", ("before_id", "after_id", "around_id")),
        (f"/api/v1/chats/{group.id}/events?", ("after_seq",)),
        ("/api/v1/chats?", ("cursor",)),
        ("/api/v1/users?", ("cursor",)),
    ):
        for name in names:
            response = by.get(f"{path}{name}=")
            assert response.status_code == 400 and name in response.json()["errors"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_is_only_read(path: str) -> None:
    answer = await ask("POST", path)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["code"] == "method_not_allowed"
