"""What every protocol must do: by loops over the registries, so that none can forget anything."""

from typing import Any, get_type_hints

import jsonschema_rs
import orjson
import pytest

from messaging.events import MessageSent
from messenger.errors import Invalid, MessengerError, RateLimited, every_error
from messenger.events import ChatEvent, Event, decode, encode
from messenger.protocols import packages, protocols
from messenger.protocols.base import Incoming, Protocol, words_of
from messenger.protocols.fields import Anything
from messenger.schemas import Schemas
from tests.samples import sample, told_events

# What some of the wrong values are right for.
RIGHT = {"[]": "array", "True": "boolean", "{}": "object"}
each_protocol = pytest.mark.parametrize("protocol", protocols(), ids=lambda p: p.name)
each_event = pytest.mark.parametrize("event", told_events(), ids=lambda e: e.kind)
each_error = pytest.mark.parametrize("error", every_error(), ids=lambda e: e.__name__)


@each_protocol
@each_event
def test_every_event_is_put_into_words_or_ignored_on_purpose(
    protocol: Protocol, event: type[Event]
) -> None:
    assert (event in protocol.renderers) != (event in protocol.ignored)


@each_protocol
@each_event
def test_the_words_for_an_event_are_json(protocol: Protocol, event: type[Event]) -> None:
    frames = protocol.frames([sample(event)])
    assert bool(frames) == (event in protocol.renderers)
    for frame in frames:
        assert isinstance(orjson.loads(frame.payload), dict)
        assert frame.wire.endswith(frame.payload)


@each_protocol
@each_event
def test_an_event_sounds_the_same_after_travelling_between_processes(
    protocol: Protocol, event: type[Event]
) -> None:
    told = sample(event)
    [travelled] = decode(encode([told]))
    assert [frame.payload for frame in protocol.frames([told])] == [
        frame.payload for frame in protocol.frames([travelled])
    ]


@each_protocol
@each_error
def test_every_error_has_its_code_its_sentence_and_the_request(
    protocol: Protocol, error: type[MessengerError]
) -> None:
    incoming = Incoming("some_command", {}, "request-1")
    words = orjson.loads(orjson.dumps(protocol.error(error(), incoming)))
    found = _leaves(words)
    assert error.code in found and error.text in found and "request-1" in found


@each_protocol
def test_an_error_names_the_fields_and_the_seconds_to_wait(protocol: Protocol) -> None:
    fields = _leaves(protocol.error(Invalid.field("chat_id", "say an integer"), None))
    assert "say an integer" in fields
    assert 3 in _leaves(protocol.error(RateLimited(retry_after=3), None))


@each_protocol
def test_every_command_refuses_fields_of_every_wrong_type(protocol: Protocol) -> None:
    for command in protocol.commands.values():
        for name, field in command.fields.items():
            if isinstance(field, Anything):
                continue
            wrongs: list[Any] = [True, [], {}, 1.5, [[]], {"a": 1}, "\x00", float(2**70)]
            for wrong in wrongs:
                if field.schema().get("type") == RIGHT.get(str(wrong)):
                    continue
                with pytest.raises(Invalid) as caught:
                    command.clean({name: wrong})
                assert name in caught.value.errors, (command.name, name, wrong)


@each_protocol
def test_every_field_of_a_command_describes_itself(protocol: Protocol) -> None:
    for command in protocol.commands.values():
        assert all(field.schema() for field in command.fields.values())


@each_protocol
def test_what_a_command_may_leave_out_may_be_null_and_is_described_so(protocol: Protocol) -> None:
    for command in protocol.commands.values():
        for name, field in command.fields.items():
            described = jsonschema_rs.validator_for(field.described())
            assert described.is_valid(None) != field.required or isinstance(field, Anything)
            if not field.required:
                assert field.clean(None) == field.default, (command.name, name)


@each_protocol
def test_everything_that_is_said_is_typed(protocol: Protocol) -> None:
    """There is a schema of what every command answers, and of what is told of every event."""
    schemas = Schemas()
    saying = [render for renderers in protocol.renderers.values() for render in renderers]
    if protocol.greet is not None:
        saying.append(protocol.greet)
    for function in saying:
        assert words_of(function), function
        for words in words_of(function):
            assert protocol.codec.name in schemas.whole(words)["properties"]
    for command in protocol.commands.values():
        for words in command.answers():
            schema = protocol.codec.answer_schema(command.name, words, schemas)
            assert "const" in schema["properties"][protocol.codec.name]
        assert command.answers() or get_type_hints(command.run)["return"] is type(None)


@each_event
def test_every_event_says_what_it_is(event: type[Event]) -> None:
    assert event.__doc__ and event.kind


def test_every_event_of_a_chat_goes_to_the_chats_group() -> None:
    for event in told_events():
        if issubclass(event, ChatEvent):
            assert sample(event, chat_id=7).groups()[0] == "chat.7"


def test_every_protocol_package_has_the_same_files() -> None:
    for package in packages():
        assert package.routes
        for name in ("shapes", "rest"):
            assert hasattr(package, name), (package.__name__, name)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def test_an_event_of_another_version_is_understood_as_far_as_it_goes() -> None:
    told = sample(MessageSent)
    [[kind, facts]] = orjson.loads(encode([told]))
    newer = {**facts, "mood": "good", "message": {**facts["message"], "mood": "good"}}
    older = {**facts, "message": dict(facts["message"])}
    del older["message"]["reply_to_uuid"]
    broken = {name: value for name, value in facts.items() if name != "chat_id"}
    body = orjson.dumps([[kind, newer], ["from_the_future", {}], [kind, broken], [kind, older]])
    first, last = decode(body)
    assert first == told
    assert last.message.reply_to_uuid is None  # type: ignore[attr-defined]
