"""Frames that are envelopes: one field names the command or the event, another one holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from messenger.errors import Malformed, MessengerError
from messenger.protocols.base import (
    ECHO,
    REQUEST,
    REQUEST_ID,
    Incoming,
    request_id_of,
    text_of,
)
from messenger.schemas import Error, Schema, Schemas


@dataclass(frozen=True)
class Enveloped:
    """
    `name` is the field that says what a frame is, "event" say, and `inside` the one with its data.
    Commands are answered by "ack", or as `answers` says. Fields of the data may also stand `beside`
    it, in the envelope.
    """

    name: str
    inside: str
    answers: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[str, ...] = ()

    def decode(self, frame: dict[str, Any]) -> Incoming:
        data = frame.get(self.inside)
        command, request_id = text_of(frame.get(self.name), self.name), request_id_of(frame)
        if data is None:
            data = {}
        if not isinstance(data, dict):
            raise Malformed(format_lazy("{}: {}", self.inside, _("say an object.")))
        outside = {name: frame[name] for name in self.beside if name in frame}
        return Incoming(command, {**outside, **data}, request_id)

    def answer(self, command: str, words: dict[str, Any], request_id: Any) -> dict[str, Any]:
        return self._frame(self._answers(command), words, request_id)

    def error(self, error: MessengerError, incoming: Incoming | None) -> dict[str, Any]:
        words = error.facts()
        if incoming is None:
            return self._frame("error", words, None)
        return self._frame(
            "error", {**words, "request": incoming.command[:40]}, incoming.request_id
        )

    def _frame(self, name: str, words: dict[str, Any], request_id: Any) -> dict[str, Any]:
        frame = {self.name: name, self.inside: words}
        return frame if request_id is None else {**frame, "request_id": request_id}

    def _answers(self, command: str) -> str:
        return self.answers.get(command, "ack")

    def command_schema(self, command: str, fields: Schema) -> Schema:
        outside = {name: s for name, s in fields["properties"].items() if name in self.beside}
        required = [name for name in fields["required"] if name not in outside]
        inside = {**fields, "required": required}
        if not required:
            inside["type"] = ["object", "null"]
        schema = self._schema(command, inside, REQUEST_ID)
        schema["properties"].update(outside)
        return schema if required else {**schema, "required": [self.name]}

    def answer_schema(self, command: str, words: Any, schemas: Schemas) -> Schema:
        return self._schema(self._answers(command), schemas.of(words), ECHO)

    def error_schema(self, schemas: Schemas) -> Schema:
        facts = schemas.whole(Error)
        inside = {**facts, "properties": {**facts["properties"], "request": REQUEST}}
        return self._schema("error", inside, ECHO)

    def _schema(self, name: str, inside: Schema, request_id: Schema) -> Schema:
        return {
            "type": "object",
            "properties": {
                self.name: {"const": name},
                self.inside: inside,
                "request_id": request_id,
            },
            "required": [self.name, self.inside],
        }
