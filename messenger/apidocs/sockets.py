"""`/docs/ws`: the sockets' documentation as a page, and as the document that it is made from."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from messenger.apidocs import asyncapi
from messenger.schemas import Schema

# What a type is called, in parts; those with a name beside them are links to that schema.
Kind = list[tuple[str, str]]
NAMES = {
    "string": _("text"),
    "integer": _("integer"),
    "number": _("number"),
    "boolean": _("true or false"),
}
FORMATS = {"date-time": _("time (ISO 8601, UTC)"), "uuid": "UUID"}


def page(request: HttpRequest) -> HttpResponse:
    """For people."""
    return HttpResponse(_page(get_language()))


def document(request: HttpRequest) -> HttpResponse:
    """For programs."""
    return HttpResponse(_json(), content_type="application/json")


@cache
def _json() -> bytes:
    return orjson.dumps(asyncapi.document())


@cache
def _page(language: str) -> str:
    """In the language of the request, which is this one."""
    found = asyncapi.document()
    most = number_format(settings.MAX_FRAME, force_grouping=True)
    return render_to_string(
        "apidocs/asyncapi.html",
        {
            "introduction": prose(gettext(asyncapi.INTRODUCTION).format(max_frame=most)),
            "ways": [prose(gettext(way["description"])) for way in asyncapi.SECURITY.values()],
            "closes": [
                (str(code), prose(gettext(meaning))) for code, meaning in asyncapi.CLOSES.items()
            ],
            "channels": _channels(found),
        },
    )


def _channels(document: Schema) -> "list[Channel]":
    """What several protocols say alike is described where it comes first."""
    shown: set[str] = set()
    channels = []
    for name in document["channels"]:
        channel = _channel(document, name)
        channel.shapes[:] = [shape for shape in channel.shapes if shape.id not in shown]
        shown.update(shape.id for shape in channel.shapes)
        channels.append(channel)
    return channels


@dataclass(frozen=True)
class Row:
    """One field: "data.chat_id"."""

    name: str
    kind: SafeString
    required: bool
    about: SafeString


@dataclass(frozen=True)
class Frame:
    name: str
    about: SafeString
    rows: list[Row]
    example: str


@dataclass(frozen=True)
class Exchange:
    """A command with its answers, or what an event says; with the id of its place on the page."""

    id: str
    name: str
    about: SafeString
    frames: list[Frame]
    answers: list[Frame] = field(default_factory=list)


@dataclass(frozen=True)
class Shape:
    id: str
    name: str
    about: SafeString
    rows: list[Row]


@dataclass(frozen=True)
class Channel:
    id: str
    title: str
    address: str
    about: list[SafeString]
    parameters: list[tuple[str, SafeString]]
    commands: list[Exchange]
    events: list[Exchange]
    shapes: list[Shape]


class Reader:
    """The parts of the document that one channel's section shows."""

    def __init__(self, document: Schema, channel: str) -> None:
        self.document = document
        self.forms: dict[str, Schema] = document["components"]["schemas"]
        self.prefix = channel.replace("_", " ").title().replace(" ", "")
        # The schemas that the frames refer to, in the order in which they do.
        self.shapes: dict[str, None] = {}

    def at(self, reference: Schema) -> Schema:
        """What `#/…/…` refers to, at last."""
        found: Any = reference
        while "$ref" in found:
            path = found["$ref"].removeprefix("#/").split("/")
            found = self.document
            for part in path:
                found = found[part]
        return dict(found)

    def frame(self, message: Schema) -> Frame:
        shown = message["examples"][0]["payload"]
        return Frame(
            name=message["name"],
            about=prose(message.get("description", "")),
            rows=list(self.rows(self.at(message["payload"]))),
            example=json.dumps(shown, indent=2, ensure_ascii=False),
        )

    def shape(self, name: str) -> Shape:
        schema = self.forms[name]
        about = prose(schema.get("description", ""))
        return Shape(name, self.label(name), about, list(self.rows(schema)))

    def label(self, name: str) -> str:
        return name.removeprefix(self.prefix)

    def rows(self, schema: Schema, inside: str = "") -> Iterator[Row]:
        """The fields of an object, what a frame is first, and those of the objects in it."""
        fields: dict[str, Schema] = schema["properties"]
        for name, part in sorted(fields.items(), key=lambda item: "const" not in item[1]):
            about = [part["description"]] if "description" in part else []
            if part.get("default") not in (None, "", []):
                about.append(f"`{json.dumps(part['default'])}` unless it is said.")
            kind = format_html_join("", "{}", ((piece,) for piece in self._linked(self.kind(part))))
            needed = name in schema["required"]
            yield Row(f"{inside}{name}", kind, needed, prose(" ".join(about)))
            if "properties" in part:
                yield from self.rows(part, f"{inside}{name}.")

    def kind(self, schema: Schema) -> Kind:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            self.shapes[name] = None
            return [(self.label(name), name)]
        if "const" in schema:
            return [(json.dumps(schema["const"]), "")]
        if "enum" in schema:
            return _either([(json.dumps(value), "")] for value in schema["enum"])
        if "title" in schema:
            kinds: list[Kind] = [[(schema["title"], "")]]
            if {"type": "null"} in schema.get("oneOf", ()):
                kinds.append([("null", "")])
            return _either(kinds)
        for alternatives in ("oneOf", "anyOf"):
            if alternatives in schema:
                return _either(self.kind(part) for part in schema[alternatives])
        kind = schema.get("type")
        if isinstance(kind, list):
            return _either(self.kind({**schema, "type": one}) for one in kind)
        if kind == "array":
            most = _at_most(schema, "maxItems")
            return [(gettext("list of"), ""), (" ", ""), *self.kind(schema["items"]), *most]
        if kind == "object":
            inside = schema.get("additionalProperties")
            most = _at_most(schema, "maxProperties")
            if not inside:
                return [(gettext("object"), ""), *most]
            return [(gettext("object of"), ""), (" ", ""), *self.kind(inside), *most]
        if kind is None:
            return [("JSON", "")]
        if kind == "string" and schema.get("format") in FORMATS:
            return [(str(FORMATS[schema["format"]]), "")]
        return [(str(NAMES.get(kind, kind)) + (_length(schema) if kind == "string" else ""), "")]

    def _linked(self, kind: Kind) -> Iterator[SafeString]:
        for text, name in kind:
            if name:
                yield format_html('<a href="#{}" lang="en">{}</a>', name, text)
            else:
                yield conditional_escape(text)


def _channel(document: Schema, name: str) -> Channel:
    reader, channel = Reader(document, name), document["channels"][name]
    commands: list[Exchange] = []
    events: dict[str, Exchange] = {}
    for key, operation in document["operations"].items():
        if not key.startswith(f"{name}."):
            continue
        frames = [reader.frame(reader.at(message)) for message in operation["messages"]]
        about = prose(operation.get("description", ""))
        if operation["action"] == "receive":
            error = f"#/channels/{name}/messages/error"
            answers = [
                reader.frame(reader.at(message))
                for message in operation.get("reply", {}).get("messages", ())
                if message["$ref"] != error
            ]
            commands.append(Exchange(key, frames[0].name, about, frames, answers))
        else:
            # Several things may happen of which the same is told.
            for frame in frames:
                place = f"{name}.event.{frame.name}"
                events.setdefault(place, Exchange(place, frame.name, about, [frame]))
    shapes: list[Shape] = []
    while len(shapes) < len(reader.shapes):
        shapes.append(reader.shape(list(reader.shapes)[len(shapes)]))
    parameters = channel.get("parameters", {}).items()
    return Channel(
        id=name,
        title=channel["title"],
        address=channel["address"],
        about=[prose(paragraph) for paragraph in channel["description"].split("\n\n")],
        parameters=[
            (parameter, prose(gettext(facts["description"]))) for parameter, facts in parameters
        ],
        commands=commands,
        events=list(events.values()),
        shapes=shapes,
    )


def prose(text: str) -> SafeString:
    """Text in which what stands between backticks is code."""
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<code>{}</code>", part) if number % 2 else part,)
            for number, part in enumerate(text.split("`"))
        ),
    )


def _either(kinds: Iterable[Kind]) -> Kind:
    found: Kind = []
    for kind in kinds:
        found += [(" ", ""), (gettext("or"), ""), (" ", ""), *kind] if found else kind
    return found


def _at_most(schema: Schema, keyword: str) -> Kind:
    most = schema.get(keyword)
    if most is None:
        return []
    said = gettext("at most {number}").format(number=number_format(most, force_grouping=True))
    return [(f" ({said})", "")]


def _length(schema: Schema) -> str:
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
    if longest is None:
        return ""
    most = number_format(longest, force_grouping=True)
    if shortest:
        said = gettext("{least} to {most} characters").format(least=shortest, most=most)
    else:
        said = ngettext("up to {number} character", "up to {number} characters", longest)
        said = said.format(number=most)
    return f" ({said})"
