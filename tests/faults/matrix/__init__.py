"""The faults. A module here is found by being there; `base` says what a fault is."""

import importlib
import pkgutil
from typing import Any

from tests.faults.matrix.base import Fault


def faults() -> list[Fault]:
    """All of them, F1 first."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    found: list[Fault] = [kind() for kind in _below(Fault) if hasattr(kind, "name")]
    return sorted(found, key=lambda fault: int(fault.name.strip("F")))


def _below(kind: Any) -> list[Any]:
    return [one for child in kind.__subclasses__() for one in (child, *_below(child))]
