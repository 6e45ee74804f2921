"""Races in the database, what was published, and the log beside it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from django.db import connection

from chats.models import Chat, LogEntry, Membership
from messenger.errors import MessengerError
from messenger.events import Event
from messenger.realtime import doorbell
from tests.races import at_once


def listen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events that go out from here on: what leaves the core at the commit."""
    heard: list[Event] = []
    monkeypatch.setattr(doorbell, "ring", heard.extend)
    return heard


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
