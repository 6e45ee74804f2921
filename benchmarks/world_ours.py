"""People, chats and messages of the application (runs inside `benchmarks.world`).

Messages go through the application's own services, so positions, the log and
receipts are exactly what real traffic would have left behind.
"""

import statistics
import time
import uuid
from typing import Any

from django.db import connection

from accounts.models import User
from accounts.services import start_login
from chats.models import Membership
from chats.services import create_chat
from messaging import unread
from messaging.models import Message
from messaging.reading import Read, ReadMessage, read_messages
from messaging.services import SendMessage, Sent, send_messages

BATCH = 500


def people(count: int) -> list[int]:
    """Make users; return their ids."""
    made = []
    for _ in range(count):
        name = uuid.uuid4().hex[:16]
        user = User.objects.create_user(
            email=f"{name}@example.com", username=name, name=f"Person {name}", password=None
        )
        made.append(user.pk)
    return made


def tokens(people: list[int]) -> list[str]:
    """A fresh access token for each of the users, in their order."""
    users = User.objects.in_bulk(people)
    return [start_login(users[person]).access for person in people]


def chat(members: list[int]) -> int:
    """Make a private chat of two members, a group of any other number."""
    users = User.objects.in_bulk(members)
    first, *others = [users[member] for member in members]
    kind = "private" if len(members) == 2 else "group"
    name = "" if kind == "private" else "benchmark"
    return create_chat(first, kind=kind, name=name, members=others).pk


def fill(chat: int, senders: list[int], count: int) -> tuple[int, int]:
    """Put messages into a chat, senders in turn."""
    ids: list[int] = []
    for start in range(0, count, BATCH):
        batch = [
            SendMessage(
                author_id=senders[number % len(senders)],
                chat=chat,
                content=f"message {number} lorem ipsum dolor sit amet consectetur adipiscing elit",
                key=f"fill-{chat}-{number}",
            )
            for number in range(start, min(count, start + BATCH))
        ]
        for outcome in send_messages(batch):
            if not isinstance(outcome, Sent):
                raise outcome
            ids.append(outcome.message.id)
    return ids[0], ids[-1]


def stored(chats: list[int]) -> list[tuple[int, int | None, str | None]]:
    """(id, sender, text) of all messages of the chats, by ascending id."""
    messages = Message.objects.filter(chat_id__in=chats).order_by("id")
    return list(messages.values_list("id", "author_id", "content"))


def mark_read(person: int, chat: int, but_last: int) -> None:
    """Set the person's read position so that only the last messages are unread."""
    membership = Membership.objects.select_related("chat").get(user_id=person, chat_id=chat)
    membership.read_position = membership.chat.last_position - but_last
    membership.save(update_fields=["read_position"])


def read_all_but_first(person: int, chat: int) -> int:
    """Read every message from others after the first of them, each with a real receipt.

    Returns how many were read.
    """
    others = Message.objects.filter(chat_id=chat).exclude(author_id=person).order_by("position")
    ids = list(others.values_list("id", flat=True))[1:]
    for start in range(0, len(ids), BATCH):
        batch = [ReadMessage(reader_id=person, message=ref) for ref in ids[start : start + BATCH]]
        for outcome in read_messages(batch):
            if not isinstance(outcome, Read):
                raise outcome
    return len(ids)


def analyze() -> None:
    """Let PostgreSQL gather its statistics, as autovacuum does after a while."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def time_unread(people: list[int], repeats: int) -> list[dict[str, Any]]:
    """How long counting and listing each person's unread messages takes.

    Returns for each medians in milliseconds and what was found. They take turns, so that a noisy
    moment hits all of them alike.
    """
    users = [User.objects.get(pk=person) for person in people]
    counting: list[list[float]] = [[] for _ in users]
    listing: list[list[float]] = [[] for _ in users]
    answers: list[dict[str, Any]] = [{} for _ in users]
    for _ in range(repeats + 1):
        for index, user in enumerate(users):
            began = time.perf_counter()
            counts = unread.unread_counts(user)
            counted = time.perf_counter()
            found = unread.unread_messages(user)
            listed = time.perf_counter()
            counting[index].append((counted - began) * 1000)
            listing[index].append((listed - counted) * 1000)
            answers[index] = {
                "unread": sum(counts.values()),
                "listed": len(found.messages),
                "truncated": found.truncated,
            }
    for answer, counted_ms, listed_ms in zip(answers, counting, listing, strict=True):
        # The first round warms up.
        answer["counts_ms"] = statistics.median(counted_ms[1:])
        answer["list_ms"] = statistics.median(listed_ms[1:])
    return answers
