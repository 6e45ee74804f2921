"""People, chats and messages of the baseline (runs inside `benchmarks.world`)."""

# The type checker has loaded another Django project, and Channels has no types.
# mypy: disable-error-code="attr-defined"

import uuid

from django.contrib.auth.models import User
from django.db import connection
from rest_framework.authtoken.models import Token

from .textbook.models import Chat, Message

BATCH = 1000


def people(count: int) -> list[int]:
    """Make users whose names are UUIDs; return their ids."""
    users = [User(username=str(uuid.uuid4()), password="!") for _ in range(count)]
    return [user.pk for user in User.objects.bulk_create(users)]


def tokens(people: list[int]) -> list[str]:
    """A token for each of the users, in their order."""
    return [Token.objects.get_or_create(user_id=person)[0].key for person in people]


def chat(members: list[int]) -> int:
    """Make a chat with these members."""
    made = Chat.objects.create(name="benchmark")
    made.members.set(members)
    return made.pk


def fill(chat: int, senders: list[int], count: int) -> tuple[int, int]:
    """Put messages into a chat, senders in turn."""
    ids: list[int] = []
    for start in range(0, count, BATCH):
        batch = [
            Message(
                chat_id=chat,
                sender_id=senders[number % len(senders)],
                text=f"message {number} lorem ipsum dolor sit amet consectetur adipiscing elit",
            )
            for number in range(start, min(count, start + BATCH))
        ]
        ids.extend(message.pk for message in Message.objects.bulk_create(batch))
    return ids[0], ids[-1]


def stored(chats: list[int]) -> list[tuple[int, int, str]]:
    """(id, sender, text) of all messages of the chats, by ascending id."""
    messages = Message.objects.filter(chat_id__in=chats).order_by("id")
    return list(messages.values_list("id", "sender_id", "text"))


def analyze() -> None:
    """Let PostgreSQL gather its statistics, as autovacuum does after a while."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
