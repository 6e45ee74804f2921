"""
How exceptions get into the logs: by their kind and by where they happened, without their words.

What an exception says often has in it what it failed over: PostgreSQL's DETAIL is the whole row,
the text of a ValueError is the value. Passwords, tokens and texts of messages would come to stand
in the logs that way. Only what is known to speak of places and not of values is told whole.
"""

import asyncio
import logging
import traceback
from types import TracebackType
from typing import Any

import psycopg
import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError

logger = logging.getLogger(__name__)

# Their words are a host, a port and what the system says of them; or a sentence of ours.
PLAIN = (redis.ConnectionError, redis.TimeoutError, ImproperlyConfigured)


def brief(error: BaseException) -> str:
    """`IntegrityError 23505 username_unique`: what can be told of an exception in one line."""
    told = [type(error).__name__]
    if isinstance(error, DatabaseError | InterfaceError):
        told += _of_the_database(error.__cause__ or error)
    elif isinstance(error, OSError):
        told.append(error.strerror or "")
    elif isinstance(error, PLAIN):
        told.append(str(error))
    return " ".join(filter(None, told))


def _of_the_database(error: BaseException) -> list[str]:
    state = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
    if state is None:
        # The driver's own: it found no server, or lost it.
        lost = isinstance(error, psycopg.OperationalError)
        return [" ".join(str(error).split())] if lost else []
    diagnosis = getattr(error, "diag", None)
    return [str(state), getattr(diagnosis, "constraint_name", None) or ""]


class Formatter(logging.Formatter):
    """A line for each record; exceptions without their words, wherever they stand in it."""

    def format(self, record: logging.LogRecord) -> str:
        args = record.args
        # A copy: what is made of it here is kept in it, and other handlers have their own way.
        record = logging.makeLogRecord(record.__dict__)
        record.exc_text = None
        if isinstance(args, tuple):
            record.args = tuple(
                brief(arg) if isinstance(arg, BaseException) else arg for arg in args
            )
        return super().format(record)

    def formatException(self, ei: Any) -> str:
        _, error, trace = ei
        return "" if error is None else "\n".join(_chain(error, trace, set()))


def _chain(error: BaseException, trace: TracebackType | None, seen: set[int]) -> list[str]:
    """The exception and what led to it, oldest first, each with its lines of code."""
    seen.add(id(error))
    lines: list[str] = []
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None and id(earlier) not in seen:
        lines += [*_chain(earlier, earlier.__traceback__, seen), "", "Then:", ""]
    lines += "".join(traceback.format_tb(trace)).rstrip().splitlines()
    lines.append(brief(error))
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            if id(each) not in seen:
                lines += ["", "Among them:", "", *_chain(each, each.__traceback__, seen)]
    return lines


def of_the_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's handler of exceptions that nobody took: asyncio's own tells them whole."""
    logger.error("%s", context.get("message", "A task failed"), exc_info=context.get("exception"))
