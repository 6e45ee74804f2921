"""How exceptions are told in the logs: their kind and place, and not what they say."""

import asyncio
import logging
from typing import Any

import psycopg
import pytest
import redis
from django.db import IntegrityError, OperationalError, connection, transaction

from accounts.models import User
from messenger import logs
from messenger.errors import NotFound


def told(error: BaseException, message: str = "It failed", *args: Any) -> str:
    """The line, and lines, of a record with this exception."""
    record = logging.LogRecord("x", 40, __file__, 1, message, args, None)
    record.exc_info = (type(error), error, error.__traceback__)
    return logs.Formatter("{message}", style="{").format(record)


def raised(work: Any) -> BaseException:
    try:
        work()
    except BaseException as error:
        return error
    raise AssertionError("It worked.")


def test_an_exception_is_told_by_its_kind_and_place() -> None:
    def inner() -> None:
        int("canary-1")

    def outer() -> None:
        try:
            inner()
        except ValueError as error:
            raise KeyError("canary-2") from error

    lines = told(raised(outer))
    assert "canary-1" not in lines.replace('int("canary-1")', "") and "'canary-2'" not in lines
    first, second = lines.split("Then:")
    assert "ValueError" in first and "in inner" in first
    assert second.rstrip().endswith("KeyError") and "in outer" in second
    assert lines.startswith("It failed\n")


def test_a_group_and_a_ring_of_exceptions_come_to_an_end() -> None:
    one, two = ValueError("canary"), KeyError("canary")
    one.__cause__, two.__cause__ = two, one
    assert told(one).count("ValueError") == 1
    group = told(BaseExceptionGroup("canary", [one, OSError(2, "No such file", "canary")]))
    assert "OSError" in group or "FileNotFoundError No such file" in group
    assert "canary" not in group


def test_an_exception_among_the_words_of_a_line_is_told_the_same_way() -> None:
    record = logging.LogRecord("x", 30, __file__, 1, "%s: %s", ("so", ValueError("canary")), None)
    assert logs.Formatter().format(record) == "so: ValueError"
    # For other handlers it is as it was.
    assert record.getMessage() == "so: canary"


def test_what_speaks_of_places_is_told() -> None:
    assert logs.brief(ConnectionRefusedError(111, "Connection refused")) == (
        "ConnectionRefusedError Connection refused"
    )
    away = redis.ConnectionError("Error 111 connecting to 127.0.0.1:1.")
    assert logs.brief(away) == "ConnectionError Error 111 connecting to 127.0.0.1:1."
    assert logs.brief(NotFound()) == "NotFound"
    lost = psycopg.OperationalError("connection failed:\n\tConnection refused")
    assert logs.brief(lost) == "OperationalError"
    wrapped = raised(lambda: psycopg.connect("host=127.0.0.1 port=1 connect_timeout=2"))
    shown = OperationalError("x")
    shown.__cause__ = wrapped
    assert "port 1 failed" in logs.brief(shown)


def test_a_constraint_is_named_and_the_row_is_not(alice: User) -> None:
    def again() -> None:
        with transaction.atomic():
            User.objects.create_user(alice.email, username="x", password="x")

    error = raised(again)
    assert isinstance(error, IntegrityError)
    known = "23505 " if connection.vendor == "postgresql" else "SQLITE_CONSTRAINT_UNIQUE"
    assert known in logs.brief(error) and alice.email not in told(error)


async def test_a_task_that_nobody_waits_for_says_no_more(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    error = ValueError("canary")
    with caplog.at_level(logging.ERROR):
        logs.of_the_loop(loop, {"message": "Task failed", "exception": error, "task": "canary"})
        logs.of_the_loop(loop, {"message": "Slow"})
    assert [record.getMessage() for record in caplog.records] == ["Task failed", "Slow"]
    assert "canary" not in told(error, caplog.records[0].getMessage())
