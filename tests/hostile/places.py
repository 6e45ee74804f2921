"""
Where hostile inputs are put: each part of each request and of each command, one at a time, in a
request or frame that is sound otherwise.

The operations are those of the OpenAPI document and the commands those of the protocols, so what is
new is found here by itself. What makes one sound is in the tables of who may do what
(`tests/project/authorisation.py`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from messenger import health
from messenger.apidocs import openapi
from messenger.protocols import protocols
from messenger.protocols.base import Protocol
from tests.project.authorisation import COMMANDS, REST, filled

# Stands where the input goes.
HERE = "@here@"
# Headers that every request has; others are those that an operation reads.
METHODS = {"get", "post", "put", "patch", "delete"}


@dataclass(frozen=True)
class Place:
    """One part of an operation: `kind` is "body", "query", "path" or "header"."""

    kind: str
    name: str


@dataclass(frozen=True)
class Operation:
    """A method and a path of the document, and a request that Alice may make there."""

    method: str
    path: str
    sound_path: str
    sound_query: Mapping[str, str]
    sound_body: Mapping[str, Any]
    places: tuple[Place, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def of_kind(self, *kinds: str) -> list[Place]:
        return [place for place in self.places if place.kind in kinds]

    def target(self, ids: Mapping[str, Any], place: Place, word: str) -> tuple[str, bytes]:
        """Path and query, with `word` (as it comes over the wire) in this place."""
        path, query = self.sound_path, {k: str(filled(v, ids)) for k, v in self.sound_query.items()}
        if place.kind == "path":
            parts, names = path.split("/"), self.path.split("/")[1:]
            parts[names.index(f"{{{place.name}}}")] = HERE
            path = "/".join(parts)
        query = {name: quote(value) for name, value in query.items()}
        if place.kind == "query":
            query[place.name] = word
        path = "/" + filled(path, ids).replace(HERE, word)
        return path, "&".join(f"{name}={value}" for name, value in query.items()).encode()

    def body(self, ids: Mapping[str, Any], place: Place | None = None, value: str = "") -> bytes:
        """The body as JSON, with `value`, which is JSON too, in this place."""
        fields = dict(filled(dict(self.sound_body), ids))
        if place is not None and place.kind == "body":
            fields[place.name] = HERE
        text = json.dumps(fields) if fields else ""
        return text.replace(f'"{HERE}"', value).encode(errors="surrogatepass")


def operations() -> list[Operation]:
    """All of the document."""
    document = openapi.document()
    return [
        _operation(document, path, method)
        for path, item in document["paths"].items()
        # Health is asked before anybody looks at what else a request says.
        if path not in health.PATHS
        for method in METHODS & set(item)
    ]


def _operation(document: dict[str, Any], path: str, method: str) -> Operation:
    about = document["paths"][path][method]
    route = f"{method.upper()} {path.removeprefix('/')}"
    rows = [row for row in REST if row.route == route]
    assert rows, f"No row of the table is about {route}"
    row = min(rows, key=lambda row: int(row.answer("owner")) >= 300)
    sound_path, _, query = row.path.partition("?")
    places = [
        Place(parameter["in"], parameter["name"])
        for parameter in about.get("parameters", [])
        if parameter["in"] in ("path", "query", "header")
    ]
    places += [Place("body", name) for name in _fields(document, about)]
    return Operation(
        method.upper(),
        path,
        sound_path,
        dict(part.split("=") for part in query.split("&") if part),
        row.body or {},
        tuple(places),
    )


def _fields(document: dict[str, Any], about: dict[str, Any]) -> list[str]:
    """The names of the fields of its body."""
    if "requestBody" not in about:
        return []
    schema = about["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema["properties"])


@dataclass(frozen=True)
class CommandPlaces:
    """A command, a frame of Alice's that gives it, and the parts of the frame."""

    protocol: Protocol
    command: str
    sound: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.protocol.name} {self.command}"

    @property
    def places(self) -> list[str]:
        """The fields, what the frame names itself by, and what its data are in."""
        fields = list(self.protocol.commands[self.command].fields)
        inside = getattr(self.protocol.codec, "inside", None)
        return [*fields, self.protocol.codec.name, "request_id", *([inside] if inside else [])]

    def frame(self, ids: Mapping[str, Any], place: str, value: str) -> str:
        """The frame, with `value` (JSON) in this place."""
        frame: dict[str, Any] = json.loads(json.dumps(filled(dict(self.sound), ids)))
        inside = getattr(self.protocol.codec, "inside", None)
        if place in self.protocol.commands[self.command].fields and inside is not None:
            frame.setdefault(inside, {})[place] = HERE
        else:
            frame[place] = HERE
        return json.dumps(frame).replace(f'"{HERE}"', value)


def commands() -> list[CommandPlaces]:
    """All of all protocols."""
    sound = {(row.protocol.name, row.command): row.frame for row in reversed(COMMANDS)}
    return [
        CommandPlaces(protocol, name, sound[protocol.name, name])
        for protocol in protocols()
        for name in protocol.commands
    ]
