"""
OpenAPI 3.1 of the REST paths, from what `@operation` says of each and from nothing else.

drf-spectacular finds the paths and the forms' fields; the answers come from the TypedDicts of the
protocols' `shapes.py`. `manage.py spectacular` writes it down, `/docs/openapi.json` serves it.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from http import HTTPStatus
from threading import Lock
from types import ModuleType
from typing import Any

from django.utils import translation
from drf_spectacular.drainage import warn
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent, append_meta
from rest_framework import serializers
from rest_framework.permissions import AllowAny

from messaging.content import MAX_DEPTH, MAX_KEY, MAX_PAYLOAD, MAX_TEXT
from messenger import errors, health
from messenger.ids import MAX_ID
from messenger.protocols import packages
from messenger.protocols.base import as_written
from messenger.rest import (
    ContentField,
    FlagField,
    Form,
    IdField,
    Operation,
    PayloadField,
    PlaceField,
    TextField,
    WholeField,
)
from messenger.schemas import SEEN, TEXT, Error, Schema, Schemas, name_of
from messenger.texts import Sentence

JSON = "application/json"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# An id in any of its forms: see messenger.ids.
ID: Schema = {
    "description": "An integer in plain digits (34, not 34.0), the same as text, or a UUID.",
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": MAX_ID},
        {"type": "string", "pattern": "^[0-9]{1,100}$"},
        {"type": "string", "format": "uuid"},
    ],
}
# By status an error that stands for all that have it: the most general one.
ERRORS = {cls.status: cls for cls in reversed(errors.every_error()) if cls.code != "error"}
# Headers of some answers, whatever the path.
HEADERS: dict[int, dict[str, Schema]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    429: {"Retry-After": {"required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}},
    503: {"Retry-After": {"required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}},
}
REPLAYED: Schema = {
    "description": "This key came before: the message was not stored again.",
    "schema": {"const": "true"},
}


class BearerToken(OpenApiAuthenticationExtension):
    target_class = "messenger.drf.TokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token that signing in answered with.",
        }


class Described(AutoSchema):
    """One operation: a method of a path, as `@operation` at its function describes it."""

    view: Any
    registry: ComponentRegistry

    def get_operation(
        self,
        path: str,
        path_regex: str,
        path_prefix: str,
        method: str,
        registry: ComponentRegistry,
    ) -> Schema | None:
        self.registry, self.path, self.method = registry, path, method
        function = getattr(self.view, self.view.action)
        found: Operation | None = getattr(function, "operation", None)
        if found is None:
            warn(f"{method} {path} is no @operation.")
            return None
        protocol = homes()[path_regex]
        summary, description = _said(function.__doc__ or type(self.view).__doc__ or "")
        form = found.body_on(self.view)
        return {
            "operationId": self._name(protocol),
            "tags": [protocol],
            "summary": summary,
            **({"description": description} if description else {}),
            "parameters": self._parameters(found),
            **({"requestBody": self._body(form)} if form else {}),
            "security": [] if self._open else self.get_auth(),
            "responses": self._answers(found, form),
        }

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        # Apart from the shapes, which may go by the same names.
        return f"{name_of(type(serializer))}Form"

    @property
    def _open(self) -> bool:
        return AllowAny in self.view.permission_classes

    def _name(self, protocol: str) -> str:
        """The protocol, the path without its parameters, and what is done there."""
        places = re.findall(r"(?<=/)[\w-]+", self.path.removeprefix("/api/v1"))
        words = "_".join([protocol, *places]).replace("-", "_")
        # Django REST framework adds HEAD beside GET with the first request.
        actions = [name for method, name in self.view.action_map.items() if method != "head"]
        alone = actions.count(self.view.action) == 1
        action = self.view.action if alone else self.method.lower()
        action = "delete" if action == "destroy" else action
        return words if words.endswith(action) else f"{words}_{action}"

    # --- what it takes -----------------------------------------------------------------------

    def _parameters(self, found: Operation) -> list[Schema]:
        parameters: list[Schema] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": self._id() if name.endswith("_id") else {"type": "string"},
            }
            for name in re.findall(r"{(\w+)}", self.path)
        ]
        if found.query is not None:
            form = found.query()
            fields = self._map_basic_serializer(form, "request")
            for name, schema in fields["properties"].items():
                more = {"required": True} if name in fields.get("required", []) else {}
                if isinstance(form.fields[name], WholeField) and not isinstance(
                    form.fields[name], PlaceField
                ):
                    # "limit=" is the same as none.
                    more["allowEmptyValue"] = True
                parameters.append({"name": name, "in": "query", **more, "schema": schema})
        for name, purpose in found.headers.items():
            key = {"type": "string", "minLength": 1, "maxLength": MAX_KEY}
            parameters.append({"name": name, "in": "header", "schema": key, "description": purpose})
        return parameters

    def _body(self, form: Form) -> Schema:
        component = self.resolve_serializer(form(), "request")
        return {
            "required": bool({"required", "anyOf"} & set(component.schema)),
            "content": {
                parser.media_type: {"schema": component.ref} for parser in self.view.parser_classes
            },
        }

    def _map_serializer(self, serializer: Any, direction: Any, *args: Any) -> Schema:
        schema: Schema = super()._map_serializer(serializer, direction, *args)
        if either := getattr(serializer, "either", ()):
            schema["anyOf"] = [
                {"required": [one]} if isinstance(one, str) else one for one in either
            ]
        return schema

    def _map_serializer_field(self, field: Any, direction: Any, *args: Any) -> Schema | None:
        match field:
            case IdField():
                schema = self._id()
            case TextField():
                schema = _text(field)
            case FlagField():
                schema = {"type": "boolean"}
            case ContentField():
                schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": SEEN}
            case PayloadField():
                return {
                    "description": f"Any JSON of up to {MAX_PAYLOAD // 1024} KB and {MAX_DEPTH}"
                    " levels, without NUL characters and numbers beyond 64 bits."
                }
            case _ if _is_own(type(field)):
                # It may say its `schema`; else it is a text whose inside is nobody's concern, as
                # that of a cursor.
                schema = {**getattr(field, "schema", {"type": "string", "minLength": 1})}
            case _:
                return super()._map_serializer_field(field, direction, *args)
        return append_meta(schema, self._get_serializer_field_meta(field, direction))

    def _insert_field_validators(self, field: Any, schema: Schema) -> None:
        # The bounds of a text are in its schema already; spectacular would forget them in a
        # text that may be blank. And in a query our own fields refuse a blank (`allow_blank`).
        if not (isinstance(field, TextField) or _is_own(type(field))):
            super()._insert_field_validators(field, schema)

    def _id(self) -> Schema:
        return self._component("Id", ID)

    # --- what it answers ---------------------------------------------------------------------

    def _answers(self, found: Operation, form: Form | None) -> Schema:
        answers: dict[int, Schema] = {}
        replays = "Idempotency-Key" in found.headers
        for status, kind in found.answers_on(self.view).items():
            answer: Schema = {"description": HTTPStatus(status).phrase}
            if kind is not None:
                answer["content"] = {JSON: {"schema": self._shape(kind)}}
            if replays and status == 200:
                answer["headers"] = {"Idempotent-Replayed": REPLAYED}
            answers[status] = answer
        for status in sorted(self._errors(found, form)):
            answers[status] = self._error(status)
        return {str(status): answer for status, answer in answers.items()}

    def _errors(self, found: Operation, form: Form | None) -> set[int]:
        return {
            *(400, 429, 503),
            *found.errors,
            *(() if self._open else (401,)),
            *((404,) if "{" in self.path else ()),
            *((413, 415) if form else ()),
        }

    def _error(self, status: int) -> Schema:
        """That status with the shape of an error, which is one for all."""
        answer: Schema = {
            "description": _in_english(ERRORS[status].text),
            "content": {JSON: {"schema": self._shape(Error)}},
        }
        if status in HEADERS:
            answer["headers"] = HEADERS[status]
        return self._component(ERRORS[status].__name__, answer, ResolvedComponent.RESPONSE)

    def _shape(self, kind: Any) -> Schema:
        """The schema of a type, with its TypedDicts among the components."""
        schemas = Schemas()
        schema = schemas.of(kind)
        for name, component in schemas.components.items():
            self._component(name, component)
        return schema

    def _component(self, name: str, schema: Schema, type: str = ResolvedComponent.SCHEMA) -> Schema:
        component = ResolvedComponent(name=name, type=type, schema=schema, object=name)
        self.registry.register_on_missing(component)
        return component.ref


def _is_own(field: type[serializers.Field]) -> bool:
    """Whether a protocol made this field for itself, out of nothing."""
    return field.__base__ is serializers.Field and field.__module__.startswith("messenger.")


def _text(field: TextField) -> Schema:
    least = max(field.min_length or 0, 0 if field.allow_blank else 1)
    format = field.style.get("input_type")
    return {
        "type": "string",
        **({"format": format} if format else {}),
        **({"minLength": least} if least else {}),
        **({"maxLength": field.max_length} if field.max_length else {}),
        "pattern": SEEN if field.trim_whitespace and not field.allow_blank else TEXT,
        **field.documented,
    }


def _said(docstring: str) -> tuple[str, str]:
    """A docstring as a first sentence without its full stop, and the rest."""
    text = " ".join(docstring.split())
    first, _, rest = text.partition(". ")
    return first.removesuffix("."), rest


# --- the whole document ----------------------------------------------------------------------


def name_in(package: ModuleType) -> str:
    """What a protocol is called in the document."""
    return package.__name__.rpartition(".")[2]


def _text_of(package: ModuleType) -> str:
    return (package.__doc__ or "").strip()


@cache
def homes() -> dict[str, str]:
    """The protocol of each routed pattern, in the order of the routes."""
    return {
        str(route.pattern): name_in(package) for package in packages() for route in package.routes
    }


Endpoint = tuple[str, str, str, Any]


def endpoints(endpoints: Iterable[Endpoint]) -> Sequence[Endpoint]:
    """The paths of the protocols, without a slash at the end, always in the same order."""
    places = {pattern: place for place, pattern in enumerate(homes())}
    found = [
        (as_written(pattern), pattern, method, callback)
        for _, pattern, method, callback in endpoints
        if pattern in places
    ]
    return sorted(found, key=lambda one: (places[one[1]], METHODS.index(one[2])))


def whole(result: Schema, generator: SchemaGenerator, **kwargs: Any) -> Schema:
    """Adds what is outside of Django REST framework: how the process is; and what the tags are."""
    for path, kind, purpose in (
        ("/healthz", health.Alive, "Whether this process answers, and is not about to end"),
        ("/readyz", health.Ready, "Whether this process can do its work"),
    ):
        schemas = Schemas()
        answer = {"content": {JSON: {"schema": schemas.of(kind)}}}
        result["paths"][path] = {
            "get": {
                "operationId": path[1:],
                "tags": ["health"],
                "summary": purpose,
                "security": [],
                "responses": {
                    "200": {"description": "It does", **answer},
                    "503": {"description": "It does not", **answer},
                },
            }
        }
        result["components"]["schemas"].update(schemas.components)
    result["components"]["schemas"] = dict(sorted(result["components"]["schemas"].items()))
    result["tags"] = [
        {
            "name": name_in(package),
            "description": _text_of(package),
        }
        for package in packages()
    ] + [{"name": "health", "description": "For whoever keeps the server running."}]
    return result


def _in_english(sentence: Sentence) -> str:
    """The language of all that the document says, whoever asks for it first."""
    with translation.override("en"):
        return str(sentence)


# drf-spectacular makes one document at a time.
_making = Lock()


def document() -> Schema:
    """The same for everybody, made once in a process."""
    with _making:
        return _made()


@cache
def _made() -> Schema:
    found: Schema = SchemaGenerator().get_schema(request=None, public=True)
    return found
