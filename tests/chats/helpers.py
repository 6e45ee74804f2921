"""Races in the database, what was published, and the log beside it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from django.db import connection

from chats.models import Chat, LogEntry, Membership
from messenger.errors import MessengerError
from messenger.events import Event
from messenger.realtime import doorbell

# Seconds that a race may take.
PATIENCE = 20


def listen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events that go out from here on: what leaves the core at the commit."""
    heard: list[Event] = []
    monkeypatch.setattr(doorbell, "ring", heard.extend)
    return heard


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """What each returns or raises, all called at the same moment on connections of their own."""
    start = threading.Barrier(len(functions))

    def run(function: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            start.wait(PATIENCE)
            return function()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(functions)) as threads:
        return list(threads.map(run, functions))


@contextmanager
def meanwhile(function: Callable[[], Any], *, before: str = "FOR UPDATE") -> Iterator[None]:
    """
    In the block, just before its transaction takes its lock (or does `before`), `function` happens
    on another connection. SQLite's transactions take their lock as they begin.
    """
    moment = "BEGIN" if connection.vendor == "sqlite" else before
    happened: list[Any] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if moment in sql and not happened:
            happened.extend(at_once(function))
        return execute(sql, params, many, context)

    try:
        with connection.execute_wrapper(watch):
            yield
    finally:
        assert len(happened) == 1 and not isinstance(happened[0], Exception), happened


def refusal(function: Callable[..., Any], *args: Any, **options: Any) -> bytes:
    """What a client is told when `function` refuses."""
    with pytest.raises(MessengerError) as caught:
        function(*args, **options)
    return orjson.dumps(caught.value.facts())


def log(chat: Chat) -> list[tuple[int, str]]:
    """(seq, kind) of every change in the log of the chat."""
    return list(LogEntry.objects.filter(chat_id=chat.id).order_by("seq").values_list("seq", "kind"))


def told(events: Sequence[Any], chat: Chat) -> list[tuple[int, str]]:
    """(seq, kind) of every published event of the chat, as they went out."""
    return [(event.seq, event.kind) for event in events if event.chat_id == chat.id]


def roles(chat: Chat) -> dict[str, str]:
    """Username → role of the members, by the time of joining."""
    members = Membership.objects.filter(chat_id=chat.id).order_by("id")
    return dict(members.values_list("user__username", "role"))
