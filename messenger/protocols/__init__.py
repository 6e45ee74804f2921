"""
The client protocols. Each is a package here with the same files: `shapes.py` what its nouns look
like, `frames.py` its frames, `rest.py` (or a folder of that name) its viewsets and `routes`,
`socket.py` its commands in and events out.

A package is found by being here; adding one needs no other edit. It exports `routes` and, if it
has sockets, `protocol`.
"""

import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.urls import URLPattern

    from messenger.protocols.base import Protocol


@cache
def packages() -> list[ModuleType]:
    """The protocol packages, by name."""
    found = sorted(info.name for info in pkgutil.iter_modules(__path__) if info.ispkg)
    return [import_module(f"{__name__}.{name}") for name in found]


def protocols() -> "list[Protocol]":
    """Those with sockets."""
    return [package.protocol for package in packages() if hasattr(package, "protocol")]


def routes() -> "list[URLPattern]":
    """The REST paths of all."""
    return [route for package in packages() for route in package.routes]
