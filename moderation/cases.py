"""Who looks at a case: claim, give back, assign, and start one oneself."""

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chats.changes import lock_chats
from messenger.errors import Conflict, Forbidden, Invalid
from moderation import evidence
from moderation.audit import record
from moderation.models import Case, Report
from moderation.powers import must, must_judge, must_outrank
from moderation.reports import add_report, open_case_like
from moderation.words import checked_reason


def claim(moderator: User, case: Case) -> None:
    """
    Take a case that nobody has. One's own again: nothing happens. Conflict if it is closed or
    somebody else's, Forbidden for who has a part in it.
    """
    must(moderator, "moderation.handle_case")
    with transaction.atomic():
        locked = locked_open(case)
        if locked.assignee_id not in (None, moderator.id):
            raise Conflict(_("Somebody else has this case."))
        if locked.assignee_id is None:
            must_judge(moderator, locked)
            _assign(locked, moderator)
            record(moderator, "case.claimed", locked)
    case.refresh_from_db()


def release(moderator: User, case: Case) -> None:
    """
    Give a case back: one's own, or, for who assigns cases, anybody's. Where nobody has it, nothing
    happens. Conflict if it is closed, Forbidden for who has a part in it and does not have it.
    """
    must(moderator, "moderation.handle_case")
    with transaction.atomic():
        locked = locked_open(case)
        if locked.assignee_id is not None:
            if locked.assignee_id != moderator.id:
                must(moderator, "moderation.assign_case")
                must_judge(moderator, locked)
            before = locked.assignee_id
            _assign(locked, None)
            record(moderator, "case.released", locked, assignee=before)
    case.refresh_from_db()


def assign(senior: User, case: Case, to: User) -> None:
    """
    Give a case to a moderator, whoever has it. Invalid for who is none, Conflict if it is closed,
    Forbidden if either has a part in it.
    """
    must(senior, "moderation.assign_case")
    if not (to.is_staff and to.has_perm("moderation.handle_case")):
        raise Invalid.field("to", _("this person decides no cases"))
    with transaction.atomic():
        locked = locked_open(case)
        if locked.assignee_id != to.id:
            must_judge(senior, locked)
            must_judge(to, locked)
            before = locked.assignee_id
            _assign(locked, to)
            record(senior, "case.assigned", locked, to=to.id, assignee=before)
    case.refresh_from_db()


def open_case(moderator: User, *, user: User, reason: str) -> Case:
    """
    A moderator starts a case about a person, and has it. One that is open already is claimed.
    Conflict if that one is somebody else's.
    """
    must(moderator, "moderation.handle_case")
    reason = checked_reason(reason)
    if user.is_service:
        raise Invalid.field("user", _("this is the service itself"))
    must_outrank(moderator, user)
    return start(
        moderator, Case(kind=Case.Kind.PERSON, person=user), evidence.of_person(user, None), reason
    )


def start(moderator: User, about: Case, seen: evidence.Snapshot, reason: str) -> Case:
    """A case like `about`, new or open already, as one of this moderator's own."""
    for _attempt in range(5):
        try:
            with transaction.atomic():
                case = open_case_like(about)
                if case.assignee_id not in (None, moderator.id):
                    raise Conflict(_("Somebody else has an open case about this."))
                must_judge(moderator, case)
                # What a decision in this transaction will lock: the audit log comes after it.
                locked_person(case.person_id)
                if case.message is not None:
                    lock_chats([case.message.chat_id])
                # Nobody's report: who reports does not decide.
                add_report(case, seen, reason=Report.Reason.OTHER, comment=reason)
                _assign(case, moderator)
                record(moderator, "case.opened", case, reason=reason)
                return case
        except IntegrityError:
            # Somebody reported the person a moment ago.
            continue
    raise Conflict


def locked(case: Case) -> Case:
    """The case as it is now, locked until the end of the transaction; the first of all locks."""
    rows = Case.objects.select_for_update(no_key=True, of=("self",)).select_related("person")
    return rows.get(id=case.id)


def locked_person(person_id: int) -> User:
    """The person as they are now, locked until the end of the transaction; after the case."""
    return User.objects.select_for_update(no_key=True).get(id=person_id)


def locked_open(case: Case) -> Case:
    """As `locked`. Conflict if the case is closed."""
    found = locked(case)
    if found.state != Case.State.OPEN:
        raise Conflict(_("This case is closed."))
    return found


def must_have(moderator: User, case: Case) -> None:
    """Forbidden for who has not claimed the case."""
    if case.assignee_id != moderator.id:
        raise Forbidden(_("Claim the case first."))


def _assign(case: Case, to: User | None) -> None:
    case.assignee, case.claimed_at = to, timezone.now() if to else None
    case.save(update_fields=["assignee", "claimed_at"])
