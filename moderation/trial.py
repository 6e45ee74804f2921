"""
What a rule would have found in the messages of the last days: the dry run before it is switched on.

Counts and the fragments that match, never messages: a moderator reads nothing that is in no case.
Of private chats not even fragments: "*a*" would show most of the words that were said there.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import NamedTuple

from django.db.models import Case, F, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from messenger.errors import Conflict
from moderation.audit import record
from moderation.matching import Matcher
from moderation.models import Rule
from moderation.powers import must

PAGE = 2000
MOST_FRAGMENTS = 20
# Fragments that are counted at once; of more than twice as many, the rarest are forgotten.
COUNTED = 5000

# Each keeps a core busy, and the server has others to answer.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Trial:
    """
    What came of a dry run. `looked_at` messages of the `of` that there are in the time: the newest,
    where there are too many or it was `stopped` since it took too long. `by_day` has every day, the
    oldest first; `fragments` are of groups only.
    """

    since: datetime
    looked_at: int
    of: int
    matches: int
    authors: int
    chats: int
    by_day: list[tuple[date, int]]
    fragments: list[tuple[str, int]]
    stopped: bool = False

    @property
    def complete(self) -> bool:
        return self.looked_at >= self.of


class _Row(NamedTuple):
    id: int
    chat_id: int
    author_id: int | None
    created_at: datetime
    kind: str
    # None where the rule would not look.
    text: str | None


def try_rule(
    moderator: User | None,
    rule: Rule,
    *,
    days: int,
    most: int | None = 50_000,
    seconds: float | None = None,
    progress: Callable[[int], None] = lambda looked_at: None,
) -> Trial:
    """
    A `trial` of a saved rule that the audit log tells of. Forbidden without the permission to
    change rules, which commands (None) have; Conflict while this process is busy with another one.
    """
    if moderator is not None:
        must(moderator, "moderation.change_rule")
    if not _one_at_a_time.acquire(blocking=False):
        raise Conflict(_("A rule is being tried at this moment. Try it again in some seconds."))
    try:
        found = trial(rule, days=days, most=most, seconds=seconds, progress=progress)
    finally:
        _one_at_a_time.release()
    record(
        moderator,
        "rule.tried",
        rule,
        days=days,
        looked_at=found.looked_at,
        matches=found.matches,
        in_private=rule.in_private,
    )
    return found


def trial(
    rule: Rule,
    *,
    days: int = 7,
    most: int | None = 50_000,
    seconds: float | None = None,
    progress: Callable[[int], None] = lambda looked_at: None,
) -> Trial:
    """
    Try a rule, switched on or not, saved or not, on the messages of the last `days`, the newest
    first and `most` of them (None for all), until `seconds` are over. Only those that it would look
    at: in groups, unless it holds in private chats, too. `progress` hears now and then how many it
    has looked at.
    """
    end = None if seconds is None else monotonic() + seconds
    now = timezone.now()
    since = now - timedelta(days=days)
    matcher = Matcher([(rule.pk or 0, rule.kind, rule.patterns)])
    looked_at, matches, of, stopped = 0, 0, None, False
    authors: set[int | None] = set()
    chats: set[int] = set()
    by_day: Counter[date] = Counter()
    fragments: Counter[str] = Counter()
    for row in _newest_first(since, in_private=rule.in_private):
        # Also between messages that it does not look at: there may be very many in a row.
        stopped = end is not None and monotonic() >= end
        if stopped or (row.text and looked_at == most):
            of = looked_at + _how_many(since, row.id, in_private=rule.in_private)
            break
        if not row.text:
            continue
        looked_at += 1
        if looked_at % PAGE == 0:
            progress(looked_at)
        for _rule_id, matched in matcher.find(row.text):
            matches += 1
            authors.add(row.author_id)
            chats.add(row.chat_id)
            by_day[row.created_at.astimezone(UTC).date()] += 1
            if row.kind == Chat.Kind.GROUP:
                fragments[matched] += 1
            if len(fragments) > 2 * COUNTED:
                fragments = Counter(dict(fragments.most_common(COUNTED)))
    return Trial(
        since=since,
        looked_at=looked_at,
        of=looked_at if of is None else of,
        matches=matches,
        authors=len(authors),
        chats=len(chats),
        by_day=[(day, by_day[day]) for day in _days(since, now)],
        fragments=fragments.most_common(MOST_FRAGMENTS),
        stopped=stopped,
    )


def _newest_first(since: datetime, *, in_private: bool) -> Iterator[_Row]:
    """Page by page along the primary key: it needs little memory and no index of times."""
    looked_for = When(_judged(in_private), then=F("content"))
    rows = Message.objects.order_by("-id").annotate(text=Case(looked_for, default=Value(None)))
    columns = rows.values_list("id", "chat_id", "author_id", "created_at", "chat__kind", "text")
    page = [_Row(*row) for row in columns[:PAGE]]
    while page:
        for row in page:
            if row.created_at >= since:
                yield row
        if page[-1].created_at < since:
            return
        page = [_Row(*row) for row in columns.filter(id__lt=page[-1].id)[:PAGE]]


def _how_many(since: datetime, last_id: int, *, in_private: bool) -> int:
    """Those up to this one, with it."""
    rows = Message.objects.filter(_judged(in_private), id__lte=last_id, created_at__gte=since)
    return rows.exclude(content="").count()


def _judged(in_private: bool) -> Q:
    """What a rule looks at."""
    judged = Q(content__isnull=False) & ~Q(author__is_service=True)
    return judged if in_private else judged & Q(chat__kind=Chat.Kind.GROUP)


def _days(since: datetime, until: datetime) -> Iterator[date]:
    day, last = since.astimezone(UTC).date(), until.astimezone(UTC).date()
    while day <= last:
        yield day
        day += timedelta(days=1)
