"""Frames that are flat objects: one field names the command, the others are its own."""

from dataclasses import dataclass
from typing import Any

from messenger.errors import MessengerError
from messenger.protocols.base import Incoming, request_id_of, text_of


@dataclass(frozen=True)
class Flat:
    """`field` is the name of the one that says what a frame is: "action", say."""

    field: str

    def decode(self, frame: dict[str, Any]) -> Incoming:
        return Incoming(text_of(frame.get(self.field), self.field), frame, request_id_of(frame))

    def answer(self, command: str, words: dict[str, Any], request_id: Any) -> dict[str, Any]:
        return words if request_id is None else {**words, "request_id": request_id}

    def error(self, error: MessengerError, incoming: Incoming | None) -> dict[str, Any]:
        words = {self.field: "error", **error.facts()}
        if incoming is not None:
            words["request"] = incoming.command[:40]
            if incoming.request_id is not None:
                words["request_id"] = incoming.request_id
        return words
