"""What a command's fields may be: each checks a value and describes itself as JSON Schema."""

from dataclasses import dataclass
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from messaging.content import MAX_TEXT, problem_with
from messenger.ids import MAX_ID, Ref, parse_ref
from messenger.texts import counted, one_of


@dataclass(frozen=True)
class Field:
    """`clean` gives the value as the domain wants it, or a ValueError with a lazy sentence."""

    required: bool = True
    default: Any = None

    def clean(self, value: Any) -> Any:
        if value is None:
            if self.required:
                raise ValueError(_("this is missing"))
            return self.default
        return self.parse(value)

    def parse(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {}

    def described(self) -> dict[str, Any]:
        """The schema of what may stand there: one that is not required may be null, too."""
        schema = self.schema()
        if self.required:
            return schema
        if "type" in schema:
            schema["type"] = [schema["type"], "null"]
        elif "oneOf" in schema:
            schema["oneOf"] = [*schema["oneOf"], {"type": "null"}]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
        if self.default is not None:
            default = self.default
            schema["default"] = list(default) if isinstance(default, tuple) else default
        return schema


@dataclass(frozen=True)
class Identifier(Field):
    """An integer, the same as text, or a UUID."""

    def parse(self, value: Any) -> Ref:
        ref = parse_ref(value)
        if ref is None:
            raise ValueError(_("say an integer or a UUID"))
        return ref

    def schema(self) -> dict[str, Any]:
        return {
            "title": "id",
            "description": "An integer, the same as text, or a UUID.",
            "oneOf": [{"type": "integer", "minimum": 0}, {"type": "string"}],
        }


@dataclass(frozen=True)
class Text(Field):
    """A text of `shortest` to `longest` characters (Unicode code points), without NUL."""

    shortest: int = 0
    longest: int = 1000

    def parse(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(_("say it as text"))
        if not self.shortest <= len(value) <= self.longest:
            wrong = _("{least} to {most} characters")
            raise ValueError(format_lazy(wrong, least=self.shortest, most=self.longest))
        if "\x00" in value:
            raise ValueError(_("a NUL character is not text"))
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": self.shortest, "maxLength": self.longest}


@dataclass(frozen=True)
class Content(Field):
    """What a message says: a text of which something can be seen."""

    def parse(self, value: Any) -> str:
        wrong = problem_with(value)
        if wrong is not None:
            raise ValueError(wrong)
        return str(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": r"\S"}


@dataclass(frozen=True)
class Anything(Field):
    """Any JSON; how much of it and how deep, the core says."""

    def schema(self) -> dict[str, Any]:
        return {"description": "Any JSON value."}


@dataclass(frozen=True)
class Flag(Field):
    """true or false."""

    def parse(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(_("say true or false"))
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice(Field):
    """One of some words."""

    among: tuple[str, ...] = ()

    def parse(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.among:
            raise ValueError(one_of(self.among))
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.among)}


@dataclass(frozen=True)
class Identifiers(Field):
    """A list of identifiers, no more than `most`."""

    most: int = 1000

    def parse(self, value: Any) -> list[Ref]:
        if not isinstance(value, list) or len(value) > self.most:
            raise ValueError(
                counted(
                    "say a list of no more than {number} id",
                    "say a list of no more than {number} ids",
                    self.most,
                )
            )
        refs = [parse_ref(item) for item in value]
        if any(ref is None for ref in refs):
            raise ValueError(_("each must be an integer or a UUID"))
        return [ref for ref in refs if ref is not None]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": Identifier().schema(), "maxItems": self.most}


@dataclass(frozen=True)
class Positions(Field):
    """An object of no more than `most` chats, each with the `seq` that the client has of it."""

    most: int = 1000

    def parse(self, value: Any) -> dict[Ref, int]:
        if not isinstance(value, dict) or len(value) > self.most:
            raise ValueError(
                counted(
                    "say an object of no more than {number} chat",
                    "say an object of no more than {number} chats",
                    self.most,
                )
            )
        found: dict[Ref, int] = {}
        for name, seq in value.items():
            ref = parse_ref(name)
            if ref is None:
                raise ValueError(_("each name must be an integer or a UUID"))
            if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= MAX_ID:
                raise ValueError(_("each value must be a number, 0 or more"))
            found[ref] = seq
        return found

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 0},
            "maxProperties": self.most,
        }
