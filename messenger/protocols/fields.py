"""What a command's fields may be: each checks a value and describes itself as JSON Schema."""

from dataclasses import dataclass
from typing import Any

from messaging.content import MAX_TEXT, problem_with
from messenger.ids import Ref, parse_ref


@dataclass(frozen=True)
class Field:
    """`clean` gives the value as the domain wants it, or a ValueError with a sentence."""

    required: bool = True
    default: Any = None

    def clean(self, value: Any) -> Any:
        if value is None:
            if self.required:
                raise ValueError("this is missing")
            return self.default
        return self.parse(value)

    def parse(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Identifier(Field):
    """An integer, the same as text, or a UUID."""

    def parse(self, value: Any) -> Ref:
        ref = parse_ref(value)
        if ref is None:
            raise ValueError("say an integer or a UUID")
        return ref

    def schema(self) -> dict[str, Any]:
        return {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}


@dataclass(frozen=True)
class Text(Field):
    """A text of `shortest` to `longest` characters (Unicode code points), without NUL."""

    shortest: int = 0
    longest: int = 1000

    def parse(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("say it as text")
        if not self.shortest <= len(value) <= self.longest:
            raise ValueError(f"{self.shortest} to {self.longest} characters")
        if "\x00" in value:
            raise ValueError("a NUL character is not text")
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
class Flag(Field):
    """true or false."""

    def parse(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("say true or false")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice(Field):
    """One of some words."""

    among: tuple[str, ...] = ()

    def parse(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.among:
            raise ValueError(f"say {' or '.join(self.among)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.among)}


@dataclass(frozen=True)
class Identifiers(Field):
    """A list of identifiers, no more than `most`."""

    most: int = 1000

    def parse(self, value: Any) -> list[Ref]:
        if not isinstance(value, list) or len(value) > self.most:
            raise ValueError(f"say a list of no more than {self.most} ids")
        refs = [parse_ref(item) for item in value]
        if any(ref is None for ref in refs):
            raise ValueError("each must be an integer or a UUID")
        return [ref for ref in refs if ref is not None]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": Identifier().schema(), "maxItems": self.most}
