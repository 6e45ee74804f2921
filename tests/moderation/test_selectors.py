"""The figures of the dashboard: right, and of a bounded number of queries."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from moderation.models import Case, Decision, Report
from moderation.services import appeal, assign, dashboard, decide, report_person, undo
from tests.people import make_user


def days_ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


@pytest.fixture
def cases(alice: User, bob: User, charlie: User, mia: User, sara: User, mine: Case) -> list[Case]:
    """Three open ones, of which Mia has one, and two that she and Sara decided."""
    people = [bob, charlie, make_user("dora"), make_user("eve")]
    made = [report_person(alice, user=one.id, reason="spam").case for one in people]
    for moderator, case in zip((mia, sara), made[2:], strict=True):
        assign(sara, case, moderator)
        decide(moderator, case, action="warn", reason="Spam")
    for case, days in zip([mine, *made[:2]], (1, 5, 2), strict=True):
        Case.objects.filter(id=case.id).update(opened_at=days_ago(days))
    return [mine, *made]


def test_the_open_cases_and_their_ages(cases: list[Case]) -> None:
    seen = dashboard()
    assert (seen.open, seen.unclaimed) == (3, 2)
    day = 24 * 60 * 60
    assert seen.oldest_age == pytest.approx(5 * day, abs=60)
    assert seen.median_age == pytest.approx(2 * day, abs=60)
    Case.objects.filter(id=cases[1].id).update(state="closed")
    assert dashboard().median_age == pytest.approx(1.5 * day, abs=60)


def test_where_nothing_is_there_are_zeros() -> None:
    seen = dashboard(7)
    assert (seen.open, seen.unclaimed, seen.open_appeals) == (0, 0, 0)
    assert seen.oldest_age is None and seen.median_age is None and seen.decisions == []
    for series in (seen.sign_ups, seen.messages, seen.reports, seen.closed):
        assert [count for _, count in series] == [0] * 7


def test_decisions_are_counted_by_moderator(mia: User, sara: User, cases: list[Case]) -> None:
    decide(mia, cases[0], action="warn", reason="Rude", remove=True)
    seen = dashboard()
    assert [(one.moderator, one.actions) for one in seen.decisions] == [
        (mia, {"warn": 2, "remove": 1}),
        (sara, {"warn": 1}),
    ]
    Decision.objects.filter(moderator=mia).update(created_at=days_ago(31))
    assert [one.moderator for one in dashboard().decisions] == [sara]


def test_appeals_are_open_until_they_are_decided(sara: User, cases: list[Case]) -> None:
    decision = Decision.objects.filter(moderator=sara).get()
    appeal(decision.person, decision.id, text="x")
    assert dashboard().open_appeals == 1
    undo(sara, decision, reason="Fine")
    assert dashboard().open_appeals == 0


def test_each_day_is_counted_in_utc_and_none_left_out(
    bob: User, cases: list[Case], group: Chat
) -> None:
    today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    moments = {0: today, 1: today - timedelta(microseconds=1), 6: today - timedelta(days=6)}
    User.objects.update(created_at=days_ago(99))
    Message.objects.update(created_at=days_ago(99))
    Report.objects.update(created_at=days_ago(99))
    Case.objects.filter(state="closed").update(closed_at=days_ago(99))
    ids = list(Report.objects.values_list("id", flat=True))
    people = list(User.objects.filter(is_service=False))
    for number, moment in enumerate(moments.values()):
        User.objects.filter(id=people[number].id).update(created_at=moment)
        Report.objects.filter(id=ids[number]).update(created_at=moment)
        sent = Message.objects.order_by("id")[number]
        Message.objects.filter(id=sent.id).update(created_at=moment)
    User.objects.filter(is_service=True).update(created_at=today)
    Case.objects.filter(id=cases[-1].id).update(closed_at=moments[1])
    # The day before the first one does not count.
    Report.objects.filter(id=ids[3]).update(created_at=moments[6] - timedelta(microseconds=1))
    seen = dashboard(7)
    expected = [1, 0, 0, 0, 0, 1, 1]
    assert [count for _, count in seen.messages] == expected
    assert [count for _, count in seen.reports] == expected
    assert [count for _, count in seen.sign_ups] == expected
    assert [count for _, count in seen.closed] == [0, 0, 0, 0, 0, 1, 0]
    assert [day for day, _ in seen.reports] == [
        (today - timedelta(days=days)).date() for days in range(6, -1, -1)
    ]


def test_the_number_of_queries_does_not_grow(
    alice: User, sara: User, bob: User, group: Chat, mine: Case
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            dashboard()
        return len(queries)

    before = cost()
    people = [make_user(f"person{n}") for n in range(5)]
    for person in people:
        assign(sara, report_person(alice, user=person.id, reason="spam").case, sara)
    for case in Case.objects.filter(assignee=sara):
        decide(sara, case, action="warn", reason="Spam")
    # The people who decided, once there are any.
    assert cost() == before + 1 <= 11
