"""What waits to be read, from positions: nothing is ever counted up or down."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db import connection

from accounts.models import User
from chats.models import Membership
from messaging.events import MessageFacts
from messaging.models import Message, ReadRange
from messaging.selectors import message_facts

# Messages in a list of what is unread, and characters of text in them all together.
UNREAD_LIST = 1000
UNREAD_TEXT = 512 * 1024

# What lies between the read position and the last message, less what has been read there, less
# what needs no reading: one's own messages and deleted ones. Positions have no gaps, so nothing
# is counted that is merely unread, and a chat of 100,000 messages costs what one of 100 does.
COUNT = """
SELECT m.chat_id, c.last_position - m.read_position
  - COALESCE((SELECT SUM(r.last - r.first + 1) FROM messaging_readrange r
              WHERE r.membership_id = m.id), 0)
  - (SELECT COUNT(*) FROM messaging_message x
     WHERE x.author_id = m.user_id AND x.chat_id = m.chat_id AND x.position > m.read_position
       AND NOT EXISTS (SELECT 1 FROM messaging_readrange r WHERE r.membership_id = m.id
                       AND x.position BETWEEN r.first AND r.last))
  - (SELECT COUNT(*) FROM messaging_message x
     WHERE x.chat_id = m.chat_id AND x.position > m.read_position AND x.deleted_at IS NOT NULL
       AND (x.author_id IS NULL OR x.author_id <> m.user_id)
       AND NOT EXISTS (SELECT 1 FROM messaging_readrange r WHERE r.membership_id = m.id
                       AND x.position BETWEEN r.first AND r.last))
FROM chats_membership m JOIN chats_chat c ON c.id = m.chat_id
WHERE m.user_id = %s AND c.deleted_at IS NULL AND (%s OR m.chat_id IN ({chats}))
"""


def unread_counts(user: User, chat_ids: Sequence[int] | None = None) -> dict[int, int]:
    """
    How many messages wait for `user` in each of their chats, or of these of them, by chat id. One
    query.
    """
    ids = list(chat_ids or ())
    sql = COUNT.format(chats=", ".join(["%s"] * len(ids)) or "NULL")
    with connection.cursor() as cursor:
        cursor.execute(sql, [user.id, chat_ids is None, *ids])
        return {chat_id: int(count) for chat_id, count in cursor.fetchall()}


@dataclass(frozen=True)
class Unread:
    """
    What waits for a person: messages, oldest first, whether there are more, and `places`: all the
    person's chats, each with the `seq` up to which this is what has happened there.
    """

    messages: list[MessageFacts]
    truncated: bool
    places: dict[int, int]


def unread_messages(user: User, *, limit: int = UNREAD_LIST) -> Unread:
    """
    The messages that wait for `user` in all their chats, no more than `limit`. Looks only into the
    gaps between what has been read, so what has been read costs nothing.
    """
    memberships = Membership.objects.filter(user_id=user.id, chat__deleted_at=None)
    rows = memberships.values_list(
        "id", "chat_id", "read_position", "chat__last_position", "chat__last_seq"
    )
    places: dict[int, int] = {}
    behind: list[tuple[int, int, int, int]] = []
    for id, chat_id, read, last, seq in rows:
        places[chat_id] = seq
        if read < last:
            behind.append((id, chat_id, read, last))
    ids = ids_in(gaps(behind), user, limit)
    listed = message_facts(Message.objects.filter(id__in=ids[:limit]).order_by("id")) if ids else []
    text = 0
    for number, facts in enumerate(listed):
        text += len(facts.content or "")
        if text > UNREAD_TEXT:
            return Unread(listed[:number], truncated=True, places=places)
    return Unread(listed, truncated=len(ids) > limit, places=places)


def ids_in(stretches: Iterable[tuple[int, int, int]], user: User, limit: int) -> list[int]:
    """Ids of the oldest messages in these gaps that `user` did not write, one more than `limit`."""
    ids: list[int] = []
    by_chat: dict[int, int] = defaultdict(int)
    waiting = iter(stretches)
    while chunk := list(islice(waiting, 100)):
        # A chat that has given enough gives nothing more: its later gaps hold later messages.
        wanted = [gap for gap in chunk if by_chat[gap[0]] <= limit]
        # Each part with a limit of its own, so that a long gap is not read to its end.
        part = (
            "SELECT * FROM (SELECT id, chat_id FROM messaging_message"
            " WHERE chat_id = %s AND position BETWEEN %s AND %s AND deleted_at IS NULL"
            " AND (author_id IS NULL OR author_id <> %s) ORDER BY position LIMIT %s) AS gap"
        )
        if not wanted:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                " UNION ALL ".join([part] * len(wanted)),
                [value for gap in wanted for value in (*gap, user.id, limit + 1)],
            )
            for id, chat_id in cursor.fetchall():
                ids.append(id)
                by_chat[chat_id] += 1
    return sorted(ids)


def gaps(behind: list[tuple[int, int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """
    (chat id, first, last) of each stretch of positions that has not been read, from (membership
    id, chat id, read position, where to end) of memberships that are behind.
    """
    ranges: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if behind:
        rows = ReadRange.objects.filter(membership_id__in=[row[0] for row in behind])
        for membership_id, first, last in rows.order_by("first").values_list(
            "membership_id", "first", "last"
        ):
            ranges[membership_id].append((first, last))
    for id, chat_id, read, end in behind:
        for first, last in ranges[id]:
            if first > end:
                break
            if read + 1 < first:
                yield chat_id, read + 1, first - 1
            read = last
        if read < end:
            yield chat_id, read + 1, end
