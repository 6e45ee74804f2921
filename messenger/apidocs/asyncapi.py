"""
AsyncAPI 3.0 of the sockets, from what the protocols' registries say and from nothing else.

Each protocol is a channel. AsyncAPI speaks from the server's side: it *receives* commands, each an
operation with its answers as the reply, and *sends* events. `/docs/ws` shows it to people,
`/docs/ws.json` serves it to programs.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop as _

from messenger.apidocs.examples import example
from messenger.errors import Invalid, every_error
from messenger.events import Event
from messenger.protocols import packages
from messenger.protocols.base import Incoming, Protocol, words_of
from messenger.realtime.limits import Limit
from messenger.schemas import Error, Schema, Schemas, name_of

# What is marked here is in English in the document and translated on the page.
SECURITY: dict[str, Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": _("An access token in the handshake's `Authorization` header."),
    },
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": _(
            "For browsers, which can set no other header: the subprotocols"
            " `bearer, <access token>`, of which the server chooses `bearer`."
        ),
    },
    "ticket": {
        "type": "httpApiKey",
        "in": "query",
        "name": "ticket",
        "description": _(
            "`?ticket=`, from `POST /api/v1/auth/ws-ticket`: it opens one socket, once."
        ),
    },
    "query": {
        "type": "httpApiKey",
        "in": "query",
        "name": "token",
        "description": _(
            "`?token=`: an access token, where nothing else can be. No log of ours shows it."
        ),
    },
}
CLOSES = {
    1009: _("A frame was larger than any that could be right."),
    1011: _("A mistake of ours. Connect again."),
    1012: _("The server restarts. Connect again."),
    1013: _("The database is away for a moment. Connect again, a little later each time."),
    4400: _("A hundred frames in a row were malformed."),
    4401: _("Not signed in, or no longer: the token is missing, no good, expired or revoked."),
    4403: _("The account is banned."),
    4404: _("There is no such path."),
    4408: _("Too slow in reading. Connect again."),
    4429: _("Too many connections, sockets of one person, or frames."),
}
PARAMETERS = {
    "token": _("An access token. One in a header goes before it. No log of ours shows it."),
}
INTRODUCTION = _(
    "Frames are texts, each a JSON object of no more than {max_frame} bytes. Nothing that a"
    " client sends closes its socket, short of abuse: what can't be done is answered with an error."
    " A command may carry a `request_id`, and its answer does too, then. Fields that are not known"
    " here are passed over, and a client should do the same: there may be more some day."
)


@cache
def document() -> Schema:
    """The document, of all protocols that have sockets."""
    builder = Builder()
    for package in packages():
        if hasattr(package, "protocol"):
            builder.add(package.protocol, package.__doc__ or "")
    return builder.document()


class Builder:
    def __init__(self) -> None:
        self.schemas = Schemas()
        codes = sorted({error.code for error in every_error()} - {"error"})
        self.schemas.whole(Error)["properties"]["code"] = {"type": "string", "enum": codes}
        self.channels: dict[str, Schema] = {}
        self.operations: dict[str, Schema] = {}
        self.messages: dict[str, Schema] = {}

    def document(self) -> Schema:
        found: Schema = {
            "asyncapi": "3.0.0",
            "info": {
                "title": "Messenger: sockets",
                "version": settings.SPECTACULAR_SETTINGS["VERSION"],
                "description": "\n\n".join([introduction(), "Close codes:", close_codes()]),
            },
            "defaultContentType": "application/json",
            "servers": {
                "here": {
                    "host": "{host}",
                    "protocol": "wss",
                    "variables": {"host": {"default": "localhost:8000"}},
                    "description": "One of `security` is enough.",
                    "security": [{"$ref": f"#/components/securitySchemes/{n}"} for n in SECURITY],
                }
            },
            "channels": self.channels,
            "operations": self.operations,
        }
        forms = self.schemas.components
        used = set(_references(self.messages, forms))
        components: Schema = {
            "messages": self.messages,
            "schemas": {name: forms[name] for name in sorted(used)},
            "securitySchemes": SECURITY,
        }
        return {**found, "components": components}

    def add(self, protocol: Protocol, about: str) -> None:
        """One protocol: its channel, its messages and its operations."""
        title, _, _ = _plain(about).partition(":")
        names = re.findall(r"{(\w+)}", protocol.address)
        self.channels[protocol.name] = {
            "address": protocol.address,
            "title": title,
            "description": _plain(about),
            "messages": {},
            **({"parameters": {n: {"description": PARAMETERS[n]} for n in names}} if names else {}),
        }
        if protocol.greet is not None:
            told = [self._told(protocol, words) for words in words_of(protocol.greet)]
            self._operation(protocol, "send.greeting", "send", told, protocol.greet.__doc__)
        for name in protocol.commands:
            self._command(protocol, name)
        for event, renderers in protocol.renderers.items():
            self._event(protocol, event, renderers)
        self._operation(protocol, "send.error", "send", [self._error(protocol)], Error.__doc__)

    def _command(self, protocol: Protocol, name: str) -> None:
        command, codec = protocol.commands[name], protocol.codec
        schema = codec.command_schema(name, command.schema())
        about = f"{_plain(command.run.__doc__)} {_limited(command.limit)}".strip()
        asked = self._message(protocol, f"command.{name}", schema, about, everything=True)
        answers = [
            self._message(
                protocol,
                f"answer.{name}" + (f".{number}" if number else ""),
                codec.answer_schema(name, words, self.schemas),
                _plain(words.__doc__),
                also=("request_id",),
            )
            for number, words in enumerate(command.answers())
        ]
        operation = self._operation(protocol, f"receive.{name}", "receive", [asked], about)
        if answers:
            operation["reply"] = {
                "channel": operation["channel"],
                "messages": [*answers, self._error(protocol)],
            }

    def _event(
        self, protocol: Protocol, event: type[Event], renderers: list[Callable[[Any], Any]]
    ) -> None:
        kinds = {name_of(words): words for render in renderers for words in words_of(render)}
        told = [self._told(protocol, words) for words in kinds.values()]
        self._operation(protocol, f"send.{event.kind}", "send", told, event.__doc__)

    def _told(self, protocol: Protocol, words: Any) -> Schema:
        """A frame that nobody asked for."""
        name = self.schemas.whole(words)["properties"][protocol.codec.name]["const"]
        about = _plain(words.__doc__)
        return self._message(protocol, f"event.{name}", self.schemas.of(words), about)

    def _error(self, protocol: Protocol) -> Schema:
        name = next(iter(protocol.commands))
        real = protocol.error(Invalid.field("field", "this is missing"), Incoming(name, {}, 1))
        schema = protocol.codec.error_schema(self.schemas)
        about = "Instead of an answer. The socket stays open."
        return self._message(protocol, "error", schema, about, shown=real)

    def _message(
        self,
        protocol: Protocol,
        key: str,
        payload: Schema,
        about: str,
        *,
        shown: Any = None,
        everything: bool = False,
        also: tuple[str, ...] = (),
    ) -> Schema:
        """
        The reference to a message of the channel. Its example is `shown`, or one with the fields
        that are required (or `everything`) and `also` those.
        """
        unique = f"{protocol.name}.{key}"
        whole = self._resolved(payload)
        if shown is None:
            shown = example(whole, self.schemas.components, everything=everything, also=also)
        message: Schema = {
            "name": whole["properties"][protocol.codec.name]["const"],
            "payload": payload,
            "examples": [{"payload": shown}],
        }
        if about:
            message["description"] = about
        known = self.messages.setdefault(unique, message)
        assert known["payload"] == payload, f"Two kinds of {unique}."
        messages = self.channels[protocol.name]["messages"]
        messages[key] = {"$ref": f"#/components/messages/{unique}"}
        return {"$ref": f"#/channels/{protocol.name}/messages/{key}"}

    def _operation(
        self,
        protocol: Protocol,
        name: str,
        action: str,
        messages: list[Schema],
        about: str | None,
    ) -> Schema:
        operation: Schema = {
            "action": action,
            "channel": {"$ref": f"#/channels/{protocol.name}"},
            "messages": messages,
        }
        if plain := _plain(about):
            operation["description"] = plain
        self.operations[f"{protocol.name}.{name}"] = operation
        return operation

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        return self.schemas.components[schema["$ref"].removeprefix(self.schemas.prefix)]


def introduction() -> str:
    return INTRODUCTION.format(max_frame=f"{settings.MAX_FRAME:,}")


def close_codes() -> str:
    return "\n".join(f"- {code}: {meaning}" for code, meaning in CLOSES.items())


def _limited(limit: Limit | None) -> str:
    if limit is None:
        return ""
    return f"A person may give it {limit.burst} times at once, then every {limit.every:g} s."


def _plain(text: str | None) -> str:
    """A docstring as one line for each paragraph."""
    paragraphs = (text or "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _references(value: Any, forms: dict[str, Schema], seen: Iterable[str] = ()) -> Iterator[str]:
    """The names of the schemas that this one needs, at any depth."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            name = reference.rpartition("/")[2]
            if name not in seen:
                yield name
                yield from _references(forms[name], forms, {*seen, name})
        else:
            for part in value.values():
                yield from _references(part, forms, seen)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part, forms, seen)
