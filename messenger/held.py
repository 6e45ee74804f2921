"""
Work that would have to wait for a lock, and is done again a moment later instead, so that no thread
waits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from messenger.errors import Unavailable

_comes_again: ContextVar[bool] = ContextVar("comes_again", default=False)
_counted: ContextVar[bool] = ContextVar("counted", default=False)


class Held(Unavailable):
    """
    Somebody else has the lock, and nothing was done. `about` is whose lock that is, where it is not
    plain from what was asked.
    """

    def __init__(self, about: object = None) -> None:
        super().__init__(retry_after=1)
        self.about = about


@contextmanager
def attempt(*, first: bool = True, last: bool = False) -> Iterator[None]:
    """
    Around work of this thread that may end as `Held`, unless this is the `last` time that it is
    tried.
    """
    tokens = _comes_again.set(not last), _counted.set(not first)
    try:
        yield
    finally:
        _comes_again.reset(tokens[0])
        _counted.reset(tokens[1])


def comes_again() -> bool:
    """Whether the work of this thread may end as `Held`."""
    return _comes_again.get()


def counted() -> bool:
    """Whether the limits have counted it already."""
    return _counted.get()
