"""Putting our own code around the server's."""

from collections.abc import Callable
from typing import Any


def around(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """
    Replace the function or method `name` of a module or class by the decorated function, which gets
    the real one before the arguments. AttributeError if there is none of that name any more.
    """
    real = getattr(owner, name)

    def install(function: Callable[..., Any]) -> Callable[..., Any]:
        # Not a partial: a method must be a plain function to be given its object.
        def instead(*args: Any, **named: Any) -> Any:
            return function(real, *args, **named)

        setattr(owner, name, instead)
        return function

    return install
