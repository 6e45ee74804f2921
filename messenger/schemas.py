"""
JSON Schema of the words that protocols say, from the types that they are written as.

A protocol's `shapes.py` states its nouns and frames as TypedDicts: mypy holds the code against
them, and from here they come into the documentation at `/docs`, so that there is one description.
"""

import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict, TypeVar, Union

Schema = dict[str, Any]


@dataclass(frozen=True)
class Format:
    """Which texts are meant, in the terms of JSON Schema."""

    name: str


# Of the texts that a client sends no one may hold a NUL character, and some not only what Python
# takes for space.
TEXT = r"^[^\u0000]*$"
SEEN = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"

# ISO 8601 in UTC.
Time = Annotated[str, Format("date-time")]
Uuid = Annotated[str, Format("uuid")]
# Any JSON value.
Json = Any

_BASIC: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    Any: {},
    object: {},
}


class Schemas:
    """
    The schemas of types, with each TypedDict once under its name; `components` collects them.
    `prefix` is where they will stand, for the references: "#/components/schemas/".
    """

    def __init__(self, prefix: str = "#/components/schemas/") -> None:
        self.prefix = prefix
        self.components: dict[str, Schema] = {}
        self._named: dict[str, Any] = {}

    def of(self, hint: Any) -> Schema:
        """The schema of a type: a TypedDict becomes a reference."""
        if hint is None:
            hint = type(None)
        if _is_typed_dict(hint):
            return self._reference(hint)
        if hint in _BASIC:
            return dict(_BASIC[hint])
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is Annotated:
            return {**self.of(arguments[0]), "format": arguments[1].name}
        if origin in (NotRequired, Required):
            return self.of(arguments[0])
        if origin is Literal:
            return _literal(arguments)
        if origin in (Union, types.UnionType):
            return self._union(arguments)
        if origin in (list, tuple):
            return {"type": "array", "items": self.of(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        raise TypeError(f"There is no schema for {hint!r}.")

    def whole(self, cls: Any) -> Schema:
        """The schema of a TypedDict itself, for one that is to be more."""
        self._reference(cls)
        return self.components[name_of(cls)]

    def _reference(self, cls: Any) -> Schema:
        name = name_of(cls)
        assert self._named.setdefault(name, cls) == cls, f"Two kinds of {name}."
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = self._object(cls)
        return {"$ref": f"{self.prefix}{name}"}

    def _object(self, cls: Any) -> Schema:
        origin = typing.get_origin(cls) or cls
        chosen = dict(zip(_parameters(origin), typing.get_args(cls), strict=False))
        hints = typing.get_type_hints(origin, include_extras=True)
        schema: Schema = {
            "type": "object",
            "properties": {name: self.of(chosen.get(hint, hint)) for name, hint in hints.items()},
            "required": [name for name in hints if name in origin.__required_keys__],
        }
        if origin.__doc__:
            schema["description"] = " ".join(origin.__doc__.split())
        return schema

    def _union(self, among: tuple[Any, ...]) -> Schema:
        schemas = [self.of(one) for one in among]
        plain = [schema for schema in schemas if set(schema) == {"type"}]
        if len(plain) == len(schemas):
            return {"type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}


def name_of(cls: Any) -> str:
    """What a TypedDict is called among those of all protocols: "NodusMessage"."""
    origin = typing.get_origin(cls) or cls
    parts = origin.__module__.split(".")
    packages = parts[parts.index("protocols") + 1 :] if "protocols" in parts else [""]
    package = "".join(word.title() for word in packages[0].split("_")) if len(packages) > 1 else ""
    return package + origin.__name__ + "".join(name_of(a) for a in typing.get_args(cls))


def _parameters(origin: Any) -> tuple[TypeVar, ...]:
    return getattr(origin, "__parameters__", ())


def _is_typed_dict(hint: Any) -> bool:
    return typing.is_typeddict(typing.get_origin(hint) or hint)


def _literal(values: tuple[Any, ...]) -> Schema:
    if len(values) == 1:
        return {"const": values[0]}
    return {"enum": list(values)}


class Error(TypedDict):
    """What went wrong: `detail` for people, `code` for programs, `errors` by field."""

    code: str
    detail: str
    errors: NotRequired[dict[str, list[str]]]
    retry_after: NotRequired[float]
    until: NotRequired[Time]
