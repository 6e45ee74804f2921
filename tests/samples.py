"""A sample of anything that is made of plain dataclasses: for tests that go through a registry."""

import dataclasses
import types
import typing
from typing import Any

from messenger.events import EVENTS, Event

UUID = "01890a5d-ac96-774b-bcce-b302099a8057"
UUIDS = ("read_by", "liked_by")
TIME = "2026-01-02T03:04:05.000006Z"


def sample(cls: type, **chosen: Any) -> Any:
    """An instance with something plausible in every field that is not `chosen`."""
    hints = typing.get_type_hints(cls)
    values = {
        field.name: _value(field.name, hints[field.name])
        for field in dataclasses.fields(cls)
        if field.init
    }
    return cls(**{**values, **chosen})


def told_events() -> list[type[Event]]:
    """Every kind of event that a protocol must have an opinion about."""
    return [event for event in EVENTS.values() if not event.internal]


def _value(name: str, hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        hint = typing.get_args(hint)[0]
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return typing.get_args(hint)[0]
    if dataclasses.is_dataclass(hint):
        return sample(typing.cast(type, hint))
    if origin in (list, tuple):
        return [_value(name.rstrip("s"), typing.get_args(hint)[0])]
    if hint is int:
        return 7
    if hint is bool:
        return True
    if name == "status":
        return "delivered"
    if hint is str:
        return UUID if "uuid" in name or name in UUIDS else TIME if name.endswith("_at") else "x"
    return None
