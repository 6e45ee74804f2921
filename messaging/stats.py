"""
Statistics of a chat: what was said in a period, who said it, and what became of it.

All numbers are about the messages of the period that are not deleted now. The database counts, over
a range of positions; how many people a chat has makes no difference but to reactions.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from django.db import connection
from django.db.models import (
    Case,
    Count,
    DateTimeField,
    F,
    FloatField,
    Func,
    Q,
    QuerySet,
    When,
    Window,
)

from chats.models import Chat, Membership
from messaging.emoji import LIKE
from messaging.models import Message, Reaction

Period = Literal["day", "week", "month", "year", "all"]
PERIODS: tuple[Period, ...] = get_args(Period)
# What one point of a series is about: whole ones in UTC, a week from Monday on.
Unit = Literal["hour", "day", "week"]

# How many are among the most liked and the most active.
TOP = 10
# Positions are in the order of time as far as the clocks of the hosts agree. They may differ by
# this much, and still each message is counted where its `created_at` says.
SKEW = timedelta(hours=1)
STEPS: dict[Unit, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}


@dataclass(frozen=True)
class Liked:
    """A message and how many like it."""

    message_id: int
    uuid: str
    author_id: int | None
    likes: int


@dataclass(frozen=True)
class Active:
    """A person and how many messages of theirs there are."""

    user_id: int
    uuid: str
    username: str
    name: str
    messages: int


@dataclass(frozen=True)
class Point:
    """
    What happened from `at` on, for the unit of the series: messages sent; messages read for the
    first time by somebody other than their author; likes given, that are still there.
    """

    at: datetime
    messages: int
    reads: int
    likes: int


@dataclass(frozen=True)
class Series:
    unit: Unit
    points: list[Point]


@dataclass(frozen=True, kw_only=True)
class ChatStats:
    """
    `people` have written `messages`. `share_read`: of those that anybody else had to read, how many
    somebody has; None if there are none. `median_seconds_to_read`: from sending to that first
    reading, of those that were read; None if none was. `reactions` of all kinds.
    """

    since: datetime
    until: datetime
    messages: int
    people: int
    share_read: float | None
    median_seconds_to_read: float | None
    reactions: int
    most_liked: list[Liked]
    most_active: list[Active]
    series: Series


def beginning(chat: Chat, period: Period, now: datetime) -> datetime:
    """
    When a period up to `now` begins: with a whole unit of its series. A day is this hour and the 23
    before it, a week and a month are today and 6 or 29 days, a year is this week and 52, `all` is
    from the first message on (one query).
    """
    match period:
        case "day":
            return _start(now, "hour") - timedelta(hours=23)
        case "week":
            return _start(now, "day") - timedelta(days=6)
        case "month":
            return _start(now, "day") - timedelta(days=29)
        case "year":
            return _start(now, "week") - timedelta(weeks=52)
        case "all":
            first = Message.objects.filter(chat_id=chat.id, position=1)
            sent = first.values_list("created_at", flat=True).first()
            return min(chat.created_at, sent or chat.created_at)


def chat_stats(chat_id: int, *, since: datetime, until: datetime) -> ChatStats:
    """The statistics from `since`, included, to `until`, which is not. Eight queries."""
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    unit = _unit(until - since)
    first, last = _positions(chat_id, since, until)
    said = Message.objects.filter(
        chat_id=chat_id,
        position__range=(first, last),
        created_at__gte=since,
        created_at__lt=until,
        deleted_at=None,
    )
    counted = _counted(said, chat_id, unit, until)
    people, most_active = _most_active(said)
    reactions, likes = _reactions(said, unit, until)
    return ChatStats(
        since=since,
        until=until,
        messages=counted.messages.total(),
        people=people,
        share_read=counted.read / counted.owed if counted.owed else None,
        median_seconds_to_read=_median_seconds(said, counted.read),
        reactions=reactions,
        most_liked=_most_liked(said),
        most_active=most_active,
        series=Series(unit, _points(unit, since, until, counted, likes)),
    )


# --- when ------------------------------------------------------------------------------------


def _unit(length: timedelta) -> Unit:
    if length <= timedelta(days=2):
        return "hour"
    return "day" if length <= timedelta(days=92) else "week"


def _start(at: datetime, unit: Unit) -> datetime:
    """When the hour, the day or the week began."""
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if unit == "hour":
        return hour
    day = hour.replace(hour=0)
    return day if unit == "day" else day - timedelta(days=day.weekday())


# For each of two times, how many messages of the chat came before it: by halving, as positions have
# no gaps. That many look-ups as the number of messages has binary digits, and no index on time. Not
# as a join: for a chat that its statistics do not know yet, PostgreSQL would read all of it, for
# each step.
BEFORE = """
WITH RECURSIVE search(at, low, high) AS (
  SELECT times.at, CAST(0 AS bigint), last_position + 1
  FROM chats_chat, (SELECT %s AS at UNION ALL SELECT %s) AS times WHERE id = %s
  UNION ALL
  SELECT at,
    CASE WHEN {sent} < at THEN (low + high) / 2 ELSE low END,
    CASE WHEN {sent} < at THEN high ELSE (low + high) / 2 END
  FROM search WHERE high - low > 1
)
SELECT MAX(low) FROM search GROUP BY at ORDER BY at
""".format(
    sent="(SELECT created_at FROM messaging_message WHERE chat_id = %s"
    " AND position = (search.low + search.high) / 2)"
)


def _positions(chat_id: int, since: datetime, until: datetime) -> tuple[int, int]:
    """The first and the last position between which all messages of the period are."""
    times = [connection.ops.adapt_datetimefield_value(at) for at in (since - SKEW, until + SKEW)]
    with connection.cursor() as cursor:
        cursor.execute(BEFORE, [*times, chat_id, chat_id, chat_id])
        found = [count for (count,) in cursor.fetchall()]
    # None where there is no such chat.
    before, upto = found or (0, 0)
    return before + 1, upto


class _Start(Func):
    """The same in the database."""

    output_field = DateTimeField()
    template = "DATE_TRUNC('%(unit)s', %(expressions)s, 'UTC')"

    def __init__(self, time: str, unit: Unit) -> None:
        super().__init__(F(time), unit=unit)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        # Without the fraction of the second, which SQLite would round.
        return self.as_sql(compiler, connection, template=IN_SQLITE[self.extra["unit"]], **extra)


IN_SQLITE = {
    "hour": "SUBSTR(%(expressions)s, 1, 13) || ':00:00'",
    "day": "SUBSTR(%(expressions)s, 1, 10) || ' 00:00:00'",
    "week": "DATE(SUBSTR(%(expressions)s, 1, 10), 'weekday 0', '-6 days') || ' 00:00:00'",
}


class _Seconds(Func):
    """The seconds from one time to another."""

    output_field = FloatField()
    template = "EXTRACT(EPOCH FROM %(expressions)s)::float8"
    arg_joiner = " - "

    def __init__(self, end: str, start: str) -> None:
        super().__init__(F(end), F(start))

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        days = self.copy()
        days.set_source_expressions(
            [Func(time, function="JULIANDAY") for time in self.get_source_expressions()]
        )
        template = "((%(expressions)s) * 86400.0)"
        return days.as_sql(compiler, connection, template=template, **extra)


# --- what ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counted:
    """Messages and first readings by unit; how many were read, of how many that were to be."""

    messages: Counter[datetime]
    reads: Counter[datetime]
    read: int
    owed: int


def _counted(said: QuerySet[Message], chat_id: int, unit: Unit, until: datetime) -> Counted:
    rows = said.values_list(
        _Start("created_at", unit),
        Case(When(first_read_at__lt=until, then=_Start("first_read_at", unit))),
    ).annotate(
        messages=Count("id"),
        read=Count("first_read_at"),
        owed=Count("id", filter=Q(first_read_at__isnull=False) | _waits(chat_id)),
    )
    # One scan for both series: of when it was sent and when it was read there are few pairs.
    messages: Counter[datetime] = Counter()
    reads: Counter[datetime] = Counter()
    read = owed = 0
    for sent_in, read_in, count, read_here, owed_here in rows:
        messages[sent_in] += count
        if read_in is not None:
            reads[read_in] += count
        read += read_here
        owed += owed_here
    return Counted(messages, reads, read, owed)


def _waits(chat_id: int) -> Q:
    """
    Whether somebody is in the chat who was there before the message came and did not write it. The
    first two to join decide that: whoever wrote it, the first of the others is one of them.
    """
    members = Membership.objects.filter(chat_id=chat_id).order_by("joined_position", "id")
    waits = Q(pk__in=[])
    for user_id, joined in members.values_list("user_id", "joined_position")[:2]:
        waits |= Q(position__gt=joined) & ~Q(author_id=user_id)
    return waits


def _median_seconds(said: QuerySet[Message], count: int) -> float | None:
    """The one in the middle of so many that were read, or between the two there."""
    if not count:
        return None
    seconds = said.filter(first_read_at__isnull=False).annotate(
        seconds=_Seconds("first_read_at", "created_at")
    )
    found = seconds.order_by("seconds").values_list("seconds", flat=True)
    # The clocks of two hosts may make it negative.
    middle = [max(0.0, one) for one in found[(count - 1) // 2 : count // 2 + 1]]
    return round(sum(middle) / len(middle), 3) if middle else None


def _most_active(said: QuerySet[Message]) -> tuple[int, list[Active]]:
    """How many people wrote, and those who wrote most; who came first, before others as active."""
    rows = (
        said.filter(author__isnull=False)
        .values_list("author_id", "author__uuid", "author__username", "author__name")
        .annotate(messages=Count("id"), people=Window(Count("*")))
        .order_by("-messages", "author_id")[:TOP]
    )
    found = list(rows)
    active = [
        Active(id, str(uuid), username, name, messages)
        for id, uuid, username, name, messages, _ in found
    ]
    return found[0][-1] if found else 0, active


def _reactions(
    said: QuerySet[Message], unit: Unit, until: datetime
) -> tuple[int, Counter[datetime]]:
    """How many there are of all kinds, and likes by unit."""
    likes = Q(emoji=LIKE, created_at__lt=until)
    rows = (
        _to(said)
        .values_list(Case(When(likes, then=_Start("created_at", unit))))
        .annotate(count=Count("id"))
    )
    found = Counter(dict(rows))
    total = found.total()
    del found[None]
    return total, found


def _most_liked(said: QuerySet[Message]) -> list[Liked]:
    # Ids go up with positions: both are given under the lock of the chat.
    likes = dict(
        _to(said)
        .filter(emoji=LIKE)
        .values_list("message_id")
        .annotate(likes=Count("id"))
        .order_by("-likes", "-message_id")[:TOP]
    )
    rows = Message.objects.filter(id__in=list(likes)).values_list("id", "uuid", "author_id")
    about = {id: (str(uuid), author_id) for id, uuid, author_id in rows}
    return [Liked(id, *about[id], count) for id, count in likes.items()]


def _to(said: QuerySet[Message]) -> QuerySet[Reaction]:
    """The reactions to these messages."""
    return Reaction.objects.filter(message__in=said)


def _points(
    unit: Unit, since: datetime, until: datetime, counted: Counted, likes: Counter[datetime]
) -> list[Point]:
    points: list[Point] = []
    at = _start(since, unit)
    while at < until:
        points.append(Point(at, counted.messages[at], counted.reads[at], likes[at]))
        at += STEPS[unit]
    return points
