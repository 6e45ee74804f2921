"""Mistakes in storing messages and in answering their senders."""

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from chats import changes
from chats.changes import Changes, LockedChat
from messaging import content, history, sending
from messaging.models import Message
from messaging.selectors import FACTS
from messaging.sending import NewMessage, SendMessage, Sent
from messenger.errors import Forbidden
from messenger.ids import lookup
from messenger.realtime import doorbell
from tests.faults.patches import around

# How often something goes wrong that would go wrong anyway, now and then.
SELDOM = 0.03


def ack_before_commit() -> None:
    """The answer goes out while the transaction is still open, and some do not commit."""
    threads = ThreadPoolExecutor(6)

    @around(sending, "_send_together")
    def together(real: Any, commands: Sequence[SendMessage], wait: bool) -> Any:
        answer: Future[Any] = Future()

        def store() -> None:
            try:
                with transaction.atomic():
                    answer.set_result(real(commands, wait))
                    time.sleep(random.uniform(0, 0.01))
                    if random.random() < 3 * SELDOM:
                        raise DatabaseError("the commit failed")
            except Exception as error:
                if not answer.done():
                    answer.set_exception(error)

        threads.submit(store)
        return answer.result()


def raw_ids() -> None:
    """Messages are numbered before the chat is locked, and pages go by these numbers."""
    reserved = threading.local()

    @around(sending, "_send_together")
    def together(real: Any, commands: Sequence[SendMessage], wait: bool) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence('messaging_message', 'id'))"
                " FROM generate_series(1, %s)",
                [len(commands)],
            )
            reserved.ids = [id for (id,) in cursor.fetchall()]
        # What a busy database, or a long transaction, makes of any.
        if random.random() < 0.3:
            time.sleep(random.uniform(0.05, 0.4))
        return real(commands, wait)

    @around(sending, "insert_many")
    def insert_many(real: Any, model: Any, columns: Any, rows: Sequence[NewMessage]) -> list[int]:
        ids: list[int] = reserved.ids[: len(rows)]
        real(model, ("id", *columns), [(id, *row) for id, row in zip(ids, rows, strict=True)])
        return ids

    @around(history, "_marked")
    def marked(real: Any, chat_id: int, ref: Any) -> Any:
        return Message.objects.filter(chat_id=chat_id, **lookup(ref)).values("id")

    @around(history, "_listed")
    def listed(
        real: Any, limit: int, kinds: Any, forward: bool, deleted: bool, skip: int, *refs: Any
    ) -> Any:
        chat_id, *marks = refs
        page = Message.objects.filter(chat_id=chat_id)
        for (side, _), ref in zip(kinds, marks, strict=True):
            page = page.filter(**{f"id__{side}": history._marked(chat_id, ref)})
        page = page.order_by("id" if forward else "-id")
        return page.values_list(*FACTS)[skip : skip + limit + 1]


def racy_keys() -> None:
    """Whether a key is known is looked up first, the chat is locked then."""
    found = threading.local()

    @around(sending, "_send_together")
    def together(real: Any, commands: Sequence[SendMessage], wait: bool) -> Any:
        found.keys = look_up(commands)
        return real(commands, wait)

    @around(sending, "_known_keys")
    def known_keys(real: Any, commands: Sequence[SendMessage]) -> Any:
        return found.keys

    def look_up(commands: Sequence[SendMessage]) -> dict[Any, Message]:
        digests = [
            content.key_digest(command.author_id, command.key)
            for command in commands
            if command.key is not None
        ]
        rows = Message.objects.filter(key_digest__in=digests)
        return {row.key_digest: row for row in rows.select_related("chat", "author", "reply_to")}


def no_lock() -> None:
    """The chat's counters are read, gone up with in Python and written back."""

    @around(QuerySet, "select_for_update")
    def select_for_update(real: Any, rows: QuerySet[Any], *args: Any, **options: Any) -> Any:
        return rows.all()


def told_before_commit() -> None:
    """Members hear of a change while its transaction is open, and some do not commit."""

    @around(changes, "publish")
    def publish(real: Any, *events: Any) -> None:
        doorbell.ring(events)

    @around(Changes, "write")
    def write(real: Any, made: Changes) -> None:
        real(made)
        if random.random() < SELDOM:
            raise DatabaseError("the commit failed")


def refused_late() -> None:
    """Something is checked after the message was stored."""

    @around(sending, "_send_together")
    def together(real: Any, commands: Sequence[SendMessage], wait: bool) -> Any:
        outcomes = real(commands, wait)
        return [Forbidden() if random.random() < SELDOM else outcome for outcome in outcomes]


def fresh_answers() -> None:
    """A retry is answered with the chat's place of now."""

    @around(sending, "_replay")
    def replay(real: Any, earlier: Message, *args: Any) -> Any:
        sent = real(earlier, *args)
        if not isinstance(sent, Sent):
            return sent
        now = earlier.chat.last_seq
        return replace(sent, seq=now, message=replace(sent.message, seq=now))


def seqs_in_blocks() -> None:
    """Each process takes five places of a chat at once and gives them out by itself."""
    blocks: dict[int, list[int]] = {}

    @around(LockedChat, "next_seq")
    def next_seq(real: Any, chat: LockedChat) -> int:
        block = blocks.setdefault(chat.id, [])
        if not block:
            block += [real(chat) for _ in range(5)]
        return block.pop(0)


def mixed_authors() -> None:
    """Who is writing is kept where another request overwrites it."""
    latest: dict[Any, int] = {}

    @around(sending, "_send_together")
    def together(real: Any, commands: Sequence[SendMessage], wait: bool) -> Any:
        mixed = []
        for command in commands:
            before = latest.get(command.chat, command.author_id)
            latest[command.chat] = command.author_id
            mixed.append(
                replace(command, author_id=before) if random.random() < 5 * SELDOM else command
            )
        return real(mixed, wait)
