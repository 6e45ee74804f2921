"""What moderators look at: cases, evidence, and the figures of the dashboard."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Min, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from messaging.models import Message
from messenger.errors import Forbidden, NotFound
from moderation.audit import record
from moderation.models import Appeal, Case, Decision, Evidence, Report
from moderation.powers import must, must_judge

# Of the evidence of one case, as much as a page can show.
MOST_EVIDENCE = 20

# Clocks of hosts differ, and a message is numbered a moment before its time is taken.
SKEW = timedelta(hours=1)


def case_for(moderator: User, case_id: int) -> Case:
    """The only door to a case. Forbidden for who sees none, NotFound if there is no such case."""
    must(moderator, "moderation.view_case")
    case = _with_names(Case.objects.filter(id=case_id)).first()
    if case is None:
        raise NotFound
    return case


def evidence_for(moderator: User, case: Case) -> list[Evidence]:
    """
    What was frozen for a case, the latest of it, the oldest first: for who has claimed it, and for
    who assigns cases, whose looking is noted in the audit log. Forbidden for anybody else, and for
    who could not judge the case.
    """
    must(moderator, "moderation.view_case")
    must_judge(moderator, case)
    with transaction.atomic():
        if case.assignee_id != moderator.id:
            if not moderator.has_perm("moderation.assign_case"):
                raise Forbidden(_("Claim the case first."))
            record(moderator, "evidence.seen", case)
        latest = list(case.evidence.order_by("-id")[:MOST_EVIDENCE])
        return latest[::-1]


def queue(state: str | None = Case.State.OPEN) -> QuerySet[Case]:
    """The cases in this state, or all: nobody's first, the oldest before others."""
    cases = _with_names(Case.objects.all())
    if state is not None:
        cases = cases.filter(state=state)
    return cases.order_by(F("assignee_id").asc(nulls_first=True), "opened_at", "id")


def reasons_of(case_ids: list[int]) -> dict[int, Counter[str]]:
    """By case, how many reports give which reason. One query."""
    found: dict[int, Counter[str]] = defaultdict(Counter)
    rows = Report.objects.filter(case__in=case_ids).order_by().values_list("case_id", "reason")
    for case_id, reason, count in rows.annotate(count=Count("id")):
        found[case_id][reason] = count
    return found


@dataclass(frozen=True)
class Deciding:
    """A moderator and how often they decided what."""

    moderator: User
    actions: Counter[str]


# What happened on each day, in UTC, the oldest first and none left out.
Daily = list[tuple[date, int]]


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """
    Ages are in seconds, None where no case is open. Decisions and days are of the last `days`, of
    which today is the last one; an undone decision was one, too.
    """

    days: int
    open: int
    unclaimed: int
    oldest_age: float | None
    median_age: float | None
    open_appeals: int
    decisions: list[Deciding]
    sign_ups: Daily
    messages: Daily
    reports: Daily
    closed: Daily


def dashboard(days: int = 30) -> Dashboard:
    """Eleven queries, however much there is."""
    now = timezone.now().astimezone(UTC)
    since = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    cases = Case.objects.filter(state=Case.State.OPEN)
    figures = cases.aggregate(
        open=Count("id"), unclaimed=Count("id", filter=Q(assignee=None)), oldest=Min("opened_at")
    )
    oldest = figures.pop("oldest")
    return Dashboard(
        days=days,
        **figures,
        oldest_age=(now - oldest).total_seconds() if oldest else None,
        median_age=_median_age(cases, figures["open"], now),
        open_appeals=Appeal.objects.filter(outcome="").count(),
        decisions=_decisions_by_moderator(since),
        sign_ups=_daily(User.objects.filter(is_service=False), "created_at", since, days),
        messages=_daily(_messages_since(since), "created_at", since, days),
        reports=_daily(Report.objects.order_by(), "created_at", since, days),
        closed=_daily(Case.objects.all(), "closed_at", since, days),
    )


def _with_names(cases: QuerySet[Case]) -> QuerySet[Case]:
    return cases.select_related("person", "chat", "message", "waiting", "assignee")


def _median_age(cases: QuerySet[Case], count: int, now: datetime) -> float | None:
    middle = cases.order_by("opened_at").values_list("opened_at", flat=True)
    ages = [(now - at).total_seconds() for at in middle[max(0, count - 1) // 2 : count // 2 + 1]]
    return sum(ages) / len(ages) if ages else None


def _decisions_by_moderator(since: datetime) -> list[Deciding]:
    """Who decided most first."""
    decisions = Decision.objects.filter(created_at__gte=since).order_by()
    rows = decisions.values_list("moderator_id", "action").annotate(count=Count("id"))
    actions: dict[int, Counter[str]] = defaultdict(Counter)
    for moderator_id, action, count in rows:
        actions[moderator_id][action] = count
    people = User.objects.in_bulk(list(actions))
    found = [Deciding(people[id], counts) for id, counts in actions.items()]
    return sorted(found, key=lambda one: (-one.actions.total(), one.moderator.id))


def _messages_since(since: datetime) -> QuerySet[Message]:
    """
    Found by the index of UUIDs, which begin with the time of their making; there is none of times.
    """
    first = max(0, int((since - SKEW).timestamp() * 1000))
    return Message.objects.filter(uuid__gte=UUID(int=first << 80))


def _daily(rows: QuerySet[Any], field: str, since: datetime, days: int) -> Daily:
    counted = (
        rows.filter(**{f"{field}__gte": since})
        .order_by()
        .annotate(day=TruncDate(field, tzinfo=UTC))
        .values_list("day")
        .annotate(count=Count("id"))
    )
    counts: dict[date, int] = dict(counted)
    each = [since.date() + timedelta(days=day) for day in range(days)]
    return [(day, counts.get(day, 0)) for day in each]
