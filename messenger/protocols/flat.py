"""Frames that are flat objects: one field names the command, the others are its own."""

from dataclasses import dataclass
from typing import Any

from messenger.errors import MessengerError
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
class Flat:
    """`name` is the field that says what a frame is: "action", say."""

    name: str

    def decode(self, frame: dict[str, Any]) -> Incoming:
        return Incoming(text_of(frame.get(self.name), self.name), frame, request_id_of(frame))

    def answer(self, command: str, words: dict[str, Any], request_id: Any) -> dict[str, Any]:
        return words if request_id is None else {**words, "request_id": request_id}

    def error(self, error: MessengerError, incoming: Incoming | None) -> dict[str, Any]:
        words = {self.name: "error", **error.facts()}
        if incoming is not None:
            words["request"] = incoming.command[:40]
            if incoming.request_id is not None:
                words["request_id"] = incoming.request_id
        return words

    def command_schema(self, command: str, fields: Schema) -> Schema:
        return self._frame(command, fields, request_id=REQUEST_ID)

    def answer_schema(self, command: str, words: Any, schemas: Schemas) -> Schema:
        schema = schemas.whole(words)
        return {**schema, "properties": {**schema["properties"], "request_id": ECHO}}

    def error_schema(self, schemas: Schemas) -> Schema:
        return self._frame("error", schemas.whole(Error), request=REQUEST, request_id=ECHO)

    def _frame(self, name: str, fields: Schema, **more: Schema) -> Schema:
        """`fields` as those of a frame of this name, and `more` that may be there."""
        return {
            **fields,
            "properties": {self.name: {"const": name}, **fields["properties"], **more},
            "required": [self.name, *fields["required"]],
        }
