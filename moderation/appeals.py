"""What people say against decisions about them, and what somebody else answers."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from messenger.errors import Conflict, Forbidden, NotFound
from moderation import notices
from moderation.audit import record
from moderation.decisions import locked_decision, record_undoing, take_back
from moderation.models import Appeal, Decision
from moderation.own import APPEAL_WITHIN
from moderation.powers import must, must_judge
from moderation.words import checked_reason, checked_text


def appeal(person: User, decision_id: int, *, text: str) -> Appeal:
    """
    Ask for somebody else to look at a decision, once. NotFound for what does not concern this
    person, Conflict for the second time and for what was undone, Forbidden after 30 days.
    """
    text = checked_text(text)
    with transaction.atomic():
        found = Decision.objects.filter(id=decision_id, person=person)
        found = found.exclude(action=Decision.Action.DISMISS)
        decision = found.select_for_update(no_key=True).first()
        if decision is None:
            raise NotFound
        if Appeal.objects.filter(decision=decision).exists():
            raise Conflict(_("You have appealed this decision already."))
        if decision.undone_at is not None:
            raise Conflict(_("This decision has been undone already."))
        if timezone.now() > decision.created_at + APPEAL_WITHIN:
            raise Forbidden(_("An appeal is possible for 30 days."))
        made = Appeal.objects.create(decision=decision, text=text)
        notices.add("appeal_received", person.id, case=decision.case, decision=decision)
    return made


def decide_appeal(moderator: User, appeal: Appeal, *, grant: bool, reason: str) -> None:
    """
    Undo the decision, or let it stand. Forbidden for who made it, superuser or not, and for who has
    a part in the case; Conflict if that was decided already.
    """
    must(moderator, "moderation.decide_appeal")
    reason = checked_reason(reason)
    with transaction.atomic():
        decision = locked_decision(appeal.decision)
        found = Appeal.objects.select_for_update(no_key=True).get(id=appeal.id)
        if decision.moderator_id == moderator.id:
            raise Forbidden(_("This decision is yours: somebody else looks at it."))
        must_judge(moderator, decision.case)
        if found.outcome:
            raise Conflict(_("This appeal has been decided already."))
        if grant:
            take_back(moderator, decision, reason)
        found.outcome = Appeal.Outcome.GRANTED if grant else Appeal.Outcome.UPHELD
        found.reviewer, found.reason, found.decided_at = moderator, reason, timezone.now()
        found.save(update_fields=["outcome", "reviewer", "reason", "decided_at"])
        notices.add("appeal_decided", decision.person_id, case=decision.case, decision=decision)
        if grant:
            record_undoing(moderator, decision)
        record(
            moderator,
            "appeal.decided",
            found,
            reason=reason,
            granted=grant,
            decision=decision.id,
            case=decision.case_id,
        )
    appeal.refresh_from_db()
