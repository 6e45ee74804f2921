"""
Whether the frames that the server sends are those that `/docs/ws` says it sends.

All frames that any test gets come by here (see `tests/sockets.py`, `tests/live/servers.py`). One
that is not documented is a mistake, and so is one with a field too many or too few; so is a command
that is carried out although the documentation would refuse it.
"""

import re
from functools import cache
from typing import Any

from jsonschema_rs import Validator

from messenger.apidocs import asyncapi
from messenger.protocols import protocols
from messenger.protocols.base import Protocol
from messenger.schemas import Schema
from tests.contracts import Undocumented, closed, compiled, complaints


class SocketContract:
    """What one protocol's channel says, in the form in which a frame is looked up."""

    def __init__(self, protocol: Protocol, document: Schema) -> None:
        self.name = protocol.codec.name
        self.forms: dict[str, Schema] = document["components"]["schemas"]
        self.shapes: dict[str, Schema] = closed(self.forms)
        self.told: dict[str, list[Schema]] = {}
        self.commands: dict[str, Schema] = {}
        # By command the name of its answer, and the whole of it.
        self.answers: dict[str, tuple[str, Schema]] = {}
        for key, reference in document["channels"][protocol.name]["messages"].items():
            name = reference["$ref"].removeprefix("#/components/messages/")
            message = document["components"]["messages"][name]
            kind, _, command = key.partition(".")
            if kind == "command":
                self.commands[command] = message["payload"]
                continue
            if kind == "answer":
                self.answers[command] = (message["name"], message["payload"])
            self.told.setdefault(message["name"], []).append(message["payload"])
        self.validators: dict[tuple[str, str], Validator] = {}

    def check(self, frame: Any) -> None:
        """Undocumented unless the server may say this."""
        name = frame.get(self.name) if isinstance(frame, dict) else None
        if name not in self.told:
            raise Undocumented(f"No frame has {self.name} {name!r}: {frame!r:.500}")
        validator = self._validator("told", name, closed(_any_of(self.told[name])), self.shapes)
        if not validator.is_valid(frame):
            raise Undocumented(f"{name}: {self._complaints(name, frame)} in {frame!r:.500}")

    def check_sent(self, command: Any, answer: Any) -> None:
        """
        Undocumented if `command` was carried out and should not have been, or if this is the answer
        of another one.
        """
        name = command.get(self.name) if isinstance(command, dict) else None
        if not isinstance(name, str) or name not in self.answers:
            return
        answer_name, schema = self.answers[name]
        if answer.get(self.name) != answer_name:
            return
        validator = self._validator("command", name, self.commands[name], self.forms)
        if found := complaints(validator, command):
            raise Undocumented(f"{name} is accepted: {'; '.join(found)} in {command!r:.500}")
        validator = self._validator("answer", name, closed(schema), self.shapes)
        if found := complaints(validator, answer):
            raise Undocumented(f"The answer of {name}: {'; '.join(found)} in {answer!r:.500}")

    def _validator(
        self, kind: str, name: str, schema: Schema, components: dict[str, Schema]
    ) -> Validator:
        key = (kind, name)
        if key not in self.validators:
            self.validators[key] = compiled(schema, components)
        return self.validators[key]

    def _complaints(self, name: str, frame: Any) -> str:
        """What is wrong with the frame, as one of the kinds of this name that it comes closest."""
        return min(
            (
                "; ".join(complaints(compiled(closed(schema), self.shapes), frame))
                for schema in self.told[name]
            ),
            key=len,
        )


def _any_of(schemas: list[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


@cache
def contracts() -> list[tuple[re.Pattern[str], SocketContract]]:
    document = asyncapi.document()
    return [
        (re.compile(f"/{protocol.path}/?"), SocketContract(protocol, document))
        for protocol in protocols()
    ]


@cache
def of_protocol(name: str) -> SocketContract:
    return next(c for p, (_, c) in zip(protocols(), contracts(), strict=True) if p.name == name)


def at(path: str) -> SocketContract | None:
    """The contract of the sockets at this path, if there are any."""
    plain = path.partition("?")[0]
    return next((contract for regex, contract in contracts() if regex.fullmatch(plain)), None)
