"""The document of the sockets: sound in itself, complete, and true of what is said."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
from django.test import Client

from messenger.apidocs.asyncapi import CLOSES, document
from messenger.errors import every_error
from messenger.events import Event
from messenger.protocols import protocols
from messenger.protocols.base import Incoming, Protocol
from messenger.schemas import Schema
from tests.contracts import Undocumented, compiled
from tests.contracts_ws import SocketContract, at, of_protocol
from tests.samples import UUID, sample, told_events

each_protocol = pytest.mark.parametrize("protocol", protocols(), ids=lambda p: p.name)
each_event = pytest.mark.parametrize("event", told_events(), ids=lambda e: e.kind)

TOP = {"asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components"}
KEY = re.compile(r"[\w.-]+")


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def resolved(reference: str) -> Any:
    found: Any = document()
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return resolved(found["$ref"]) if "$ref" in found else found


def messages_of(name: str) -> dict[str, Any]:
    keys = document()["channels"][name]["messages"]
    return {key: resolved(reference["$ref"]) for key, reference in keys.items()}


# --- sound -----------------------------------------------------------------------------------


def test_it_is_asyncapi_3_with_nothing_missing_or_unknown_at_the_top() -> None:
    found = document()
    assert found["asyncapi"] == "3.0.0" and set(found) == TOP
    assert set(found["info"]) == {"title", "version", "description"}
    for server in found["servers"].values():
        assert server["protocol"] == "wss"
        assert set(re.findall(r"{(\w+)}", server["host"])) == set(server["variables"])
    for kind in ("channels", "operations"):
        assert all(KEY.fullmatch(key) for key in found[kind])
    for components in found["components"].values():
        assert all(KEY.fullmatch(key) for key in components)
    # It is plain JSON.
    assert orjson.loads(orjson.dumps(found)) == found


def test_every_reference_leads_somewhere_and_every_component_is_referred_to() -> None:
    found = set(references(document()))
    for reference in found:
        assert isinstance(resolved(reference), dict), reference
    for kind, components in document()["components"].items():
        assert {f"#/components/{kind}/{name}" for name in components} <= found, kind


@each_protocol
def test_a_channel_is_where_its_sockets_connect(protocol: Protocol) -> None:
    channel = document()["channels"][protocol.name]
    parameters = set(re.findall(r"{(\w+)}", channel["address"]))
    assert parameters == set(channel.get("parameters", ()))
    assert re.fullmatch(f"/{protocol.path}", re.sub(r"{\w+}", "x", channel["address"]))
    assert channel["title"] and channel["description"]


def test_every_operation_receives_or_sends_messages_of_its_channel() -> None:
    for name, operation in document()["operations"].items():
        assert set(operation) <= {"action", "channel", "messages", "reply", "description"}, name
        assert operation["action"] in ("send", "receive")
        sides = [operation, *([operation["reply"]] if "reply" in operation else [])]
        for side in sides:
            channel = side["channel"]["$ref"]
            assert channel.startswith("#/channels/") and side["messages"]
            for message in side["messages"]:
                assert message["$ref"].startswith(f"{channel}/messages/"), name


@each_protocol
def test_every_payload_is_a_schema_that_its_example_fits(protocol: Protocol) -> None:
    forms = document()["components"]["schemas"]
    for key, message in messages_of(protocol.name).items():
        jsonschema_rs.meta.validate({**message["payload"], "$schema": _dialect()})
        [example] = message["examples"]
        assert compiled(message["payload"], forms).is_valid(example["payload"]), (key, example)
    for schema in forms.values():
        jsonschema_rs.meta.validate({**schema, "$schema": _dialect()})


def _dialect() -> str:
    return "https://json-schema.org/draft/2020-12/schema"


@each_protocol
def test_every_example_of_a_command_is_one_that_the_server_takes(protocol: Protocol) -> None:
    for key, message in messages_of(protocol.name).items():
        if key.startswith("command."):
            incoming = protocol.decode(message["examples"][0]["payload"])
            protocol.find(incoming).clean(incoming.data)


# --- complete --------------------------------------------------------------------------------


@each_protocol
def test_every_command_and_event_is_in_it(protocol: Protocol) -> None:
    operations = document()["operations"]
    own = {name for name in operations if name.startswith(f"{protocol.name}.")}
    expected = {f"{protocol.name}.receive.{name}" for name in protocol.commands}
    expected |= {f"{protocol.name}.send.{event.kind}" for event in protocol.renderers}
    expected |= {f"{protocol.name}.send.error"}
    if protocol.greet is not None:
        expected |= {f"{protocol.name}.send.greeting"}
    assert own == expected
    for name, command in protocol.commands.items():
        operation = operations[f"{protocol.name}.receive.{name}"]
        assert bool(command.answers()) == ("reply" in operation)
    for event in protocol.renderers:
        assert operations[f"{protocol.name}.send.{event.kind}"]["description"]


@each_protocol
def test_every_field_of_a_command_is_in_it(protocol: Protocol) -> None:
    for name, command in protocol.commands.items():
        payload = messages_of(protocol.name)[f"command.{name}"]["payload"]
        properties = payload["properties"]
        inside = properties.get("data") or properties.get("payload") or payload
        assert command.fields.keys() <= inside["properties"].keys()
        # What may stand beside the rest is required in neither place.
        beside = inside["properties"].keys() & properties.keys() if inside != payload else set()
        required = {name for name, field in command.fields.items() if field.required} - beside
        assert required <= set(inside["required"])
        assert "request_id" in payload["properties"]


def test_every_way_to_sign_in_is_in_it() -> None:
    schemes = document()["components"]["securitySchemes"].values()
    assert {scheme.get("name", scheme["type"]) for scheme in schemes} == {
        "http", "Sec-WebSocket-Protocol", "ticket", "token"
    }  # fmt: skip


def test_every_close_code_is_in_it(root: Path) -> None:
    files = [root / "messenger/asgi.py", *(root / "messenger/realtime").glob("*.py")]
    code = re.compile(r"(?:close|refuse)\((\d{4})\b|\"code\": (\d{4})\b|: (4\d{3})\}")
    used = {int("".join(groups)) for file in files for groups in code.findall(file.read_text())}
    assert len(used) > 5 and used <= set(CLOSES)
    assert all(f"- {code}: " in document()["info"]["description"] for code in used)


# --- true ------------------------------------------------------------------------------------


@each_protocol
@each_event
def test_what_is_told_of_an_event_is_as_it_says(protocol: Protocol, event: type[Event]) -> None:
    for frame in protocol.frames([sample(event)]):
        of_protocol(protocol.name).check(orjson.loads(frame.payload))


@each_protocol
def test_every_error_is_as_it_says(protocol: Protocol) -> None:
    for error in every_error():
        if error.code == "error":
            continue
        for incoming in (None, Incoming("some_command", {}), Incoming("x" * 99, {}, "request")):
            words = protocol.error(error(errors={"a": ["b"]}, retry_after=1.5), incoming)
            of_protocol(protocol.name).check(words)


# --- the checker -----------------------------------------------------------------------------

RECEIPT = {"message_id": 7, "chat_id": 5, "read_by": UUID, "read_at": None, "read_by_all": True}


@pytest.fixture
def contract() -> SocketContract:
    return of_protocol("miniapp")


def test_a_frame_that_is_as_documented_passes(contract: SocketContract) -> None:
    contract.check({"action": "message_read", "data": RECEIPT})
    contract.check({"action": "message_read", "data": RECEIPT, "request_id": "1"})


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        ([], "No frame has action None"),
        ({"data": RECEIPT}, "No frame has action None"),
        ({"action": "message_reed", "data": RECEIPT}, "No frame has action 'message_reed'"),
        ({"action": "message_read", "data": RECEIPT, "more": 1}, "'more' was unexpected"),
        ({"action": "message_read", "data": {**RECEIPT, "more": 1}}, "'more' was unexpected"),
        ({"action": "message_read"}, '"data" is a required property'),
        ({"action": "message_read", "data": {**RECEIPT, "chat_id": "5"}}, "data.chat_id"),
        ({"action": "message_read", "data": {**RECEIPT, "read_by": "me"}}, "data.read_by"),
        ({"action": "message_read", "data": RECEIPT, "request_id": 1.5}, "request_id"),
        ({"action": "error", "detail": "x", "code": "unheard_of"}, "code"),
    ],
    ids=str,
)
def test_a_frame_that_is_not_as_documented_is_found(
    contract: SocketContract, frame: Any, complaint: str
) -> None:
    with pytest.raises(Undocumented, match=re.escape(complaint)):
        contract.check(frame)


def test_a_command_that_is_carried_out_must_be_as_documented(contract: SocketContract) -> None:
    answer: Schema = {"action": "message_read", "data": RECEIPT}
    contract.check_sent({"action": "message_read", "message_id": "7", "else": 1}, answer)
    contract.check_sent({"action": "message_read", "message_id": []}, {"action": "error"})
    with pytest.raises(Undocumented, match="message_id"):
        contract.check_sent({"action": "message_read", "message_id": []}, answer)


def test_the_answer_of_another_command_is_none() -> None:
    nodus = of_protocol("nodus")
    done = {"event": "ack", "data": {}, "request_id": 1}
    nodus.check(done)
    nodus.check_sent({"event": "ping", "request_id": 1}, done)
    with pytest.raises(Undocumented, match="The answer of message.read"):
        nodus.check_sent({"event": "message.read", "data": {"message_id": 7}}, done)


@each_protocol
def test_a_socket_knows_its_contract_by_its_path(protocol: Protocol) -> None:
    path = re.sub(r"{\w+}", "x.y-z", protocol.address)
    for found in (path, f"{path}/", f"{path}?token=x"):
        assert at(found) is of_protocol(protocol.name)
    assert at(f"{path}x/y") is None


# --- the pages -------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_document_is_there_for_everybody(api: Client, slash: str) -> None:
    response = api.get(f"/docs/ws.json{slash}")
    assert response.status_code == 200 and response["Content-Type"] == "application/json"
    assert orjson.loads(response.content) == document()


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_page_shows_every_command_and_event(api: Client, slash: str) -> None:
    response = api.get(f"/docs/ws{slash}")
    html = response.content.decode()
    assert response.status_code == 200 and response["Content-Type"].startswith("text/html")
    for protocol in protocols():
        assert f'<section id="{protocol.name}"' in html and protocol.address in html
        for key, message in messages_of(protocol.name).items():
            assert f"Example of {message['name']}" in html, key
            kind, _, name = key.partition(".")
            if kind == "command":
                assert f'<details id="{protocol.name}.receive.{name}">' in html
            elif kind == "event":
                assert f'<details id="{protocol.name}.event.{name}">' in html
    for code in CLOSES:
        assert f"<dt>{code}</dt>" in html


def test_the_page_holds_together_and_asks_nothing_of_anybody_else(api: Client) -> None:
    html = api.get("/docs/ws").content.decode()
    assert "<script" not in html and "//" not in re.sub(r"<pre.*?</pre>", "", html, flags=re.S)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)
    for link in re.findall(r'href="(/[^"]*)"', html):
        with closing(api.get(link)) as response:
            assert response.status_code == 200, link


def test_there_is_a_way_to_the_page(api: Client) -> None:
    assert 'href="/docs/ws"' in api.get("/about").content.decode()
    assert 'href="/docs"' in api.get("/docs/ws").content.decode()
