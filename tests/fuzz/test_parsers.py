"""
Everything that reads what a client, or another process, has sent: it gives a value of the type it
says, or the error it says, and nothing else ever.
"""

import dataclasses
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson
import pytest
from django.conf import settings as django
from django.utils.functional import Promise
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from accounts import tokens
from accounts.models import fold, normal
from messaging import content, emoji
from messenger import addresses, drf, events, rest, texts
from messenger.errors import (
    Invalid,
    Malformed,
    MessengerError,
    NotFound,
    TooLarge,
    Unauthenticated,
)
from messenger.ids import MAX_ID, parse_ref
from messenger.protocols import fields, protocols, routes
from messenger.protocols.nodus.rest.chats import EPOCH, CursorField
from messenger.protocols.nodus.rest.stats import PeriodField
from messenger.realtime import handshake
from messenger.realtime.consumer import read_frame
from tests.fuzz import profile
from tests.fuzz.wire import VALUES

pytestmark = pytest.mark.once

few = settings(
    max_examples=profile.VALUES,
    derandomize=not profile.FULL,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def readable(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text


odd = st.sampled_from(
    [readable(value) for value in VALUES]
    + ["", " 1", "+1", "1_000", "0x1", "1e3", "1.0", "٣", "９", "0" * 101, "-0", str(MAX_ID)]
    + [
        None,
        True,
        False,
        1,
        MAX_ID,
        MAX_ID + 1,
        -1,
        10**19,
        1.0,
        1e300,
        float("nan"),
        [1],
        {"1": 1},
    ]
    + ["\u200b", "\ud800", "\x00", "❤", "👍🏽", "1️⃣"]
    + ["5f0c7a52-1c1e-4d2b-9f2c-0c6f1d3e5a77", "{5f0c7a521c1e4d2b9f2c0c6f1d3e5a77}", "x" * 36]
)
names = st.sampled_from(["chat_id", "type", "event", "action", "data", "request_id", "1", "0x1"])
plain = odd | st.integers() | st.text(max_size=12)
anything = plain | st.recursive(
    odd,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=4,
)
any_text = st.text(max_size=80) | st.text(st.characters(), max_size=20) | odd.map(str)
ids = st.integers(0, MAX_ID) | st.uuids()
jsonlike = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def is_a(*types: type) -> Callable[[Any], bool]:
    return lambda value: type(value) in types


def is_ref(value: Any) -> bool:
    return isinstance(value, UUID) or type(value) is int and -1 <= value <= MAX_ID


def is_sentence(value: Any) -> bool:
    """Of which something can be said, in any language."""
    return isinstance(value, str | Promise) and bool(str(value))


@dataclasses.dataclass
class Reader:
    """A function, what it is given, what it must give back, and how it may refuse."""

    read: Callable[[Any], Any]
    given: st.SearchStrategy[Any]
    gives: Callable[[Any], bool]
    refuses: tuple[type[Exception], ...] = ()


def field(one: fields.Field, gives: Callable[[Any], bool]) -> Reader:
    return Reader(one.clean, anything, lambda value: value is None or gives(value), (ValueError,))


def form_field(one: Any, gives: Callable[[Any], bool]) -> Reader:
    return Reader(one.run_validation, anything, gives, (ValidationError,))


def of_commands() -> dict[str, Reader]:
    """The fields of each command of each socket."""
    found: dict[str, Reader] = {}
    for protocol in protocols():
        for command in protocol.commands.values():
            known = frozenset(command.fields)
            found[f"{protocol.name} {command.name}"] = Reader(
                command.clean,
                st.fixed_dictionaries({}, optional=dict.fromkeys(command.fields, anything)),
                lambda value, known=known: set(value) == known,  # type: ignore[misc]
                (Invalid,),
            )
    return found


def of_forms() -> dict[str, Reader]:
    """Each body and each query of REST."""
    found: dict[str, Reader] = {}
    for route in routes():
        view: Any = route.callback
        for name in view.actions.values():
            operation = getattr(view.cls, name).operation
            # What stands in an address is text.
            forms = (operation.body_on(view.cls()), anything), (operation.query, any_text)
            for form, values in forms:
                if form is not None:
                    said = dict.fromkeys(form().fields, values)
                    found[f"{form.__module__}.{form.__name__}"] = Reader(
                        lambda data, form=form: checked(form(data=data)),  # type: ignore[misc]
                        st.fixed_dictionaries({}, optional=said),
                        is_a(dict),
                        (ValidationError,),
                    )
    return found


def checked(form: Any) -> dict[str, Any]:
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def one_of(readers: dict[str, Reader]) -> Reader:
    """Any of these each time."""
    by_name = st.sampled_from(sorted(readers))
    return Reader(
        lambda pair: (pair[0], readers[pair[0]].read(pair[1])),
        by_name.flatmap(lambda name: st.tuples(st.just(name), readers[name].given)),
        lambda pair: readers[pair[0]].gives(pair[1]),
        (Invalid, ValidationError),
    )


headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"authorization",
                b"origin",
                b"host",
                b"x-forwarded-for",
                b"accept-language",
                b"cookie",
            ]
        ),
        st.binary(max_size=60)
        | st.sampled_from(
            [b"Bearer", b"Bearer  ", b"bearer a b", b"http://[", b"http://a:b:c", b"https://\xff"]
            + [
                b"1.2.3.4, ::1",
                b"\xff",
                b"ru;q=x, en;q=9",
                b"*",
                b"en" * 2000,
                b"http://testserver",
            ]
        ),
    ),
    max_size=5,
)
scopes = st.fixed_dictionaries(
    {"headers": headers},
    optional={
        "subprotocols": st.lists(any_text, max_size=3)
        | st.builds(lambda text: ["bearer", text], any_text),
        "query_string": st.binary(max_size=60)
        | any_text.map(lambda text: b"token=" + text.encode(errors="replace")),
        "url_route": st.builds(lambda text: {"kwargs": {"token": text}}, any_text),
        "client": st.none() | st.tuples(any_text, st.integers(0, 65_535)),
    },
)


# What has passed its check can be stored: nothing after it fails.


def text_after_check(text: Any) -> bytes:
    content.check_text(text, "text")
    return bytes(text.encode())


def payload_after_check(payload: Any) -> Any:
    content.check_payload(payload)
    return orjson.loads(orjson.dumps(payload))


def fingerprint_after_check(facts: dict[str, Any]) -> str:
    content.check(**facts)
    return content.fingerprint(1, *facts.values(), "x")


def digest_after_check(key: Any) -> UUID:
    content.check_key(key)
    return content.key_digest(1, key)


READERS: dict[str, Reader] = {
    "id": Reader(parse_ref, anything, lambda value: value is None or is_ref(value)),
    "id in a path": Reader(rest.ref_in_path, any_text, is_ref, (NotFound,)),
    "Identifier": field(fields.Identifier(required=False), is_ref),
    "Text": field(fields.Text(required=False, shortest=1, longest=20), is_a(str)),
    "Content": field(fields.Content(required=False), is_a(str)),
    "Anything": field(fields.Anything(required=False), lambda value: True),
    "Flag": field(fields.Flag(required=False), is_a(bool)),
    "Choice": field(fields.Choice(required=False, among=("a", "b")), lambda v: v in ("a", "b")),
    "Identifiers": field(fields.Identifiers(required=False, most=3), lambda v: all(map(is_ref, v))),
    "Positions": field(
        fields.Positions(required=False, most=3),
        lambda v: all(is_ref(ref) and 0 <= seq <= MAX_ID for ref, seq in v.items()),
    ),
    "WholeField": form_field(rest.WholeField(min_value=1, max_value=100), is_a(int)),
    "PlaceField": form_field(rest.PlaceField(min_value=0, max_value=MAX_ID), is_a(int)),
    "TextField": form_field(rest.TextField(max_length=20), is_a(str)),
    "IdField": form_field(rest.IdField(), is_ref),
    "FlagField": form_field(rest.FlagField(), is_a(bool)),
    "ContentField": form_field(rest.ContentField(), is_a(str)),
    "CursorField": Reader(
        CursorField().to_internal_value,
        any_text | st.from_regex(r"[0-9]{1,17}-[0-9]{1,19}", fullmatch=True),
        lambda v: v[0].tzinfo is UTC and 0 <= v[1] < MAX_ID,
        (ValidationError,),
    ),
    "PeriodField": form_field(PeriodField(), is_a(str)),
    "emoji": Reader(emoji.check, any_text, lambda v: emoji.qualified(v) == v, (Invalid,)),
    "text": Reader(
        text_after_check,
        anything,
        is_a(bytes),
        (Invalid,),
    ),
    "payload": Reader(
        payload_after_check,
        anything,
        lambda value: True,
        (Invalid,),
    ),
    "message": Reader(
        fingerprint_after_check,
        st.fixed_dictionaries({"content": anything, "type": anything, "payload": anything}),
        lambda value: len(value) == 32,
        (Invalid,),
    ),
    "key": Reader(
        digest_after_check,
        anything,
        is_a(UUID),
        (Invalid,),
    ),
    "problem with a text": Reader(
        content.problem_with, anything, lambda value: value is None or is_sentence(value)
    ),
    "frame": Reader(
        lambda text: read_frame({"text": text}),
        any_text | st.sampled_from(VALUES) | jsonlike.map(lambda v: orjson.dumps(v).decode()),
        is_a(dict),
        (Malformed, TooLarge),
    ),
    "binary frame": Reader(
        lambda data: read_frame({"bytes": data}), st.binary(max_size=20), is_a(dict), (Malformed,)
    ),
    "JSON body": Reader(
        lambda body: drf.JSONParser().parse(io.BytesIO(body)),
        st.binary(max_size=60) | st.sampled_from(VALUES).map(str.encode),
        lambda value: True,
        (Malformed, TooLarge),
    ),
    "form body": Reader(
        lambda body: drf.FormParser().parse(io.BytesIO(body)),
        st.binary(max_size=80),
        is_a(dict),
        (MessengerError,),
    ),
    "access token": Reader(tokens.read_access, any_text, is_a(tokens.Claims), (Unauthenticated,)),
    "refresh token": Reader(tokens.read_refresh, anything, is_a(tokens.Claims), (Unauthenticated,)),
    "origin": Reader(handshake.origin_allowed, scopes, is_a(bool)),
    "token of a handshake": Reader(handshake.token_in, scopes, is_a(str)),
    "ticket of a handshake": Reader(handshake.ticket_in, scopes, is_a(str)),
    "claims of a handshake": Reader(
        handshake.read_token, scopes, is_a(tokens.Claims), (Unauthenticated,)
    ),
    "subprotocol": Reader(
        handshake.subprotocol_for, scopes, lambda v: v is None or v.lower() == "bearer"
    ),
    "address of a handshake": Reader(addresses.address_in, scopes, is_a(str)),
    "address": Reader(
        lambda pair: addresses.client_address(*pair), st.tuples(any_text, any_text), is_a(str)
    ),
    "language": Reader(texts.language_of, headers, lambda v: v in dict(django.LANGUAGES)),
    "name": Reader(normal, any_text, is_a(str)),
    "folded name": Reader(fold, any_text, is_a(str)),
    **{
        f"frame of {protocol.name}": Reader(
            protocol.decode,
            st.dictionaries(names, anything, max_size=5),
            lambda v: isinstance(v.command, str) and isinstance(v.data, dict),
            (Malformed,),
        )
        for protocol in protocols()
    },
}
# Each by itself takes long: all commands together, and all forms, but for the full program.
MANY = {"commands": of_commands(), "forms": of_forms()}
for name, readers in MANY.items():
    READERS.update(readers if profile.FULL else {name: one_of(readers)})


@pytest.mark.parametrize("name", READERS)
def test_it_reads_or_refuses(name: str) -> None:
    reader = READERS[name]

    @few
    @given(reader.given)
    def reads_or_refuses(value: Any) -> None:
        try:
            found = reader.read(value)
        except reader.refuses as error:
            # What is refused can be told, whatever was in it.
            detail = error.facts() if isinstance(error, MessengerError) else error.args
            assert orjson.dumps(detail, default=str, option=orjson.OPT_NON_STR_KEYS)
        else:
            assert reader.gives(found), found

    reads_or_refuses()


def test_the_figures() -> None:
    profile.report("parsers", functions=len(READERS), cases=len(READERS) * profile.VALUES)


# --- there and back --------------------------------------------------------------------------


@few
@given(ids)
def test_an_id_is_read_in_each_of_its_forms(ref: int | UUID) -> None:
    assert parse_ref(ref) == parse_ref(str(ref)) == ref
    assert rest.IdField().to_internal_value(rest.IdField().to_representation(ref)) == ref


@few
@given(
    st.integers(0, 10**16 - 1).map(lambda number: EPOCH + timedelta(microseconds=number)),
    st.integers(0, 10**18 - 1),
)
def test_a_cursor_comes_back_as_it_was_given(at: datetime, chat_id: int) -> None:
    place = (at, chat_id)
    cursor = CursorField()
    assert cursor.to_internal_value(cursor.to_representation(place)) == place


@few
@given(st.integers(1, MAX_ID), st.uuids())
def test_a_token_says_who_it_was_made_for(user_id: int, login_id: UUID) -> None:
    pair, jti = tokens.issue(user_id, login_id)
    access, refresh = tokens.read_access(pair.access), tokens.read_refresh(pair.refresh)
    assert {(access.user_id, access.login_id), (refresh.user_id, refresh.login_id)} == {
        (user_id, login_id)
    }
    assert refresh.jti == jti


@few
@given(st.sampled_from(sorted(emoji._QUALIFIED.values())))
def test_an_emoji_is_the_same_however_it_is_typed(text: str) -> None:
    assert emoji.check(text) == emoji.check(text.replace(emoji.SELECTOR, "")) == text


def made_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of an event's field; numbers are no larger than a row can hold."""
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        named = {one.name: made_of(hints[one.name]) for one in dataclasses.fields(hint)}
        return st.builds(hint, **named)  # type: ignore[arg-type]
    if hint is int:
        return st.integers(0, MAX_ID)
    if hint is Any:
        return jsonlike
    if get_origin(hint) is list:
        [inner] = get_args(hint)
        return st.lists(made_of(inner), max_size=3)
    if get_origin(hint) in (Union, UnionType):
        return st.one_of(*map(made_of, get_args(hint)))
    return st.from_type(hint)


@few
@given(
    st.sampled_from(sorted(events.EVENTS)).flatmap(lambda kind: made_of(events.EVENTS[kind])),
    st.dictionaries(st.text(max_size=5), jsonlike, max_size=2),
)
def test_an_event_comes_as_it_was_sent(event: events.Event, newer: dict[str, Any]) -> None:
    """From a process of another version, too: what is not known here is passed over."""
    body = events.encode([event])
    assert events.decode(body) == [event]
    [[kind, facts]] = orjson.loads(body)
    new = {f"newer_{name}": value for name, value in newer.items()}
    assert events.decode(orjson.dumps([[kind, {**facts, **new}]])) == [event]
    left_out = [["of_tomorrow", facts], [kind, {}], [kind, facts]]
    assert events.decode(orjson.dumps(left_out)) == [event]
