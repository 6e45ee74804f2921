"""
What people see of moderation: their own reports, and what was decided about them. Not who decided,
nor who reported them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from moderation.models import Appeal, Case, Decision, Report

# For so long after a decision the person may appeal.
APPEAL_WITHIN = timedelta(days=30)


def decisions_on(person: User) -> QuerySet[Decision]:
    """What was decided about `person`, the latest first. That nothing was wrong is no decision."""
    decisions = Decision.objects.filter(person=person).exclude(action=Decision.Action.DISMISS)
    return decisions.select_related("appeal").order_by("-id")


def appeal_of(decision: Decision) -> Appeal | None:
    """The appeal against it, if there is one."""
    return getattr(decision, "appeal", None)


def can_appeal(decision: Decision) -> bool:
    """Whether the person may still appeal: once, for thirty days, unless it was undone."""
    return (
        decision.undone_at is None
        and appeal_of(decision) is None
        and decision.action != Decision.Action.DISMISS
        and timezone.now() < decision.created_at + APPEAL_WITHIN
    )


def chat_named(report: Report) -> Chat | None:
    """
    The chat that the reporter spoke of. The case may know of another one from somebody else, of
    which this one is to hear nothing.
    """
    case = report.case
    if case.kind != Case.Kind.PERSON:
        return case.chat
    seen = report.evidence.content.get("chat")
    if seen is None:
        return None
    return case.chat if case.chat_id == seen["id"] else Chat.objects.filter(id=seen["id"]).first()


@dataclass(frozen=True)
class ReportFacts:
    """A report as its reporter may see it. `person` is whom it is about, with a message too."""

    id: int
    message: Message | None
    person: User
    chat: Chat | None
    reason: str
    comment: str
    created_at: datetime


def facts_of(report: Report) -> ReportFacts:
    case = report.case
    return ReportFacts(
        id=report.id,
        message=case.message,
        person=case.person,
        chat=chat_named(report),
        reason=report.reason,
        comment=report.comment,
        created_at=report.created_at,
    )
