"""
What moderators decide, and how it is taken back. What comes of it is in `moderation.effects`.

The locks are taken in this order, and never the other way round: the case, the person, the chat,
the end of the audit log.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import is_erased
from chats.models import Chat
from messenger.errors import Conflict, Forbidden, Invalid
from messenger.texts import one_of
from messenger.times import iso
from moderation import effects, notices
from moderation.audit import record
from moderation.cases import locked, locked_open, locked_person, must_have
from moderation.models import Appeal, Case, Decision
from moderation.powers import must, must_judge, must_outrank
from moderation.waiting import release_message
from moderation.words import checked_reason, checked_until

Action = Decision.Action

# The longest mute for who bans nobody.
SHORT = timedelta(days=7)
MUTES = (Action.MUTE, Action.MUTE_HERE)
# Not for superusers to suffer.
SHUT_OUT = (*MUTES, Action.BAN)


def actions_for(moderator: User, case: Case) -> list[str]:
    """What this moderator may decide in this case, as far as it does not depend on the end."""
    found = [Action.DISMISS, Action.WARN]
    if case.kind != Case.Kind.PERSON:
        found.append(Action.REMOVE)
    if not case.person.is_superuser:
        found.append(Action.MUTE)
        if case.chat is not None and case.chat.kind == Chat.Kind.GROUP:
            found.append(Action.MUTE_HERE)
    if moderator.has_perm("moderation.ban_person"):
        if not case.person.is_superuser:
            found.append(Action.BAN)
        if case.chat is not None:
            found.append(Action.CLOSE_CHAT)
    return [action for action in Action.values if action in found]


def decide(
    moderator: User,
    case: Case,
    *,
    action: str,
    reason: str,
    until: datetime | None = None,
    remove: bool = False,
) -> list[Decision]:
    """
    Decide a case and close it. `until` is the end of a mute, which must have one, or of a ban. With
    `remove` the message goes as well. A message that waits is let through by a dismissal and by
    nothing else. The person is told, and who reported it that it was looked at.

    Invalid for what can't be decided of this case, Forbidden for who may not or has not claimed it,
    Conflict if it is closed, or its chat or the account gone. Then nothing has happened.
    """
    must(moderator, "moderation.handle_case")
    if action not in Action.values:
        raise Invalid.field("action", one_of(Action.values))
    reason, until = checked_reason(reason), checked_until(until)
    if action not in SHUT_OUT and until is not None:
        raise Invalid.field("until", _("only a mute and a ban have an end"))
    with transaction.atomic():
        found = locked_open(case)
        must_have(moderator, found)
        must_judge(moderator, found)
        _must_fit(moderator, found, action, until, remove)
        # One after the other of who is decided about in two cases: the longer mute counts.
        found.person = locked_person(found.person_id)
        if action in SHUT_OUT and is_erased(found.person):
            raise Conflict(_("This account is erased."))
        actions = [Action(action)]
        if action not in (Action.DISMISS, Action.REMOVE) and (remove or found.waiting_id):
            # First, while the chat is there.
            actions.insert(0, Action.REMOVE)
        decisions = [_carry_out(moderator, found, one, reason, until) for one in actions]
        if action == Action.DISMISS and found.waiting is not None:
            release_message(moderator, found.waiting)
        _close(found, decisions)
        record(
            moderator,
            "case.decided",
            found,
            reason=reason,
            actions=[decision.action for decision in decisions],
            decisions=[decision.id for decision in decisions],
            person=found.person_id,
            until=iso(until) if until else None,
        )
    case.refresh_from_db()
    return decisions


def undo(moderator: User, decision: Decision, *, reason: str) -> None:
    """
    Take a decision back, and what came of it as far as nothing else stands against it. For who made
    it, and who may undo the decisions of others. Conflict if it was undone already, if nothing was
    done, or if what it took away can't come back.
    """
    must(moderator, "moderation.handle_case")
    reason = checked_reason(reason)
    with transaction.atomic():
        found = locked_decision(decision)
        if found.moderator_id != moderator.id:
            must(moderator, "moderation.undo_decision")
        must_outrank(moderator, found.person)
        take_back(moderator, found, reason)
        # Who appealed has what they wanted.
        Appeal.objects.filter(decision=found, outcome="").update(
            outcome=Appeal.Outcome.GRANTED,
            reviewer=moderator,
            reason=reason,
            decided_at=found.undone_at,
        )
        notices.add("undone", found.person_id, case=found.case, decision=found)
        record_undoing(moderator, found)
    decision.refresh_from_db()


def locked_decision(decision: Decision) -> Decision:
    """The decision as it is now, its case and its person locked."""
    case = locked(decision.case)
    person = locked_person(decision.person_id)
    found = Decision.objects.select_for_update(no_key=True).get(id=decision.id)
    found.case, found.person = case, person
    return found


def take_back(moderator: User, decision: Decision, reason: str) -> None:
    """Undo a locked decision, in the caller's transaction, which tells of it."""
    if decision.undone_at is not None:
        raise Conflict(_("This decision has been undone already."))
    if decision.action == Action.DISMISS:
        raise Conflict(_("There is nothing to undo: nothing was done."))
    decision.undone_at, decision.undone_by = timezone.now(), moderator
    decision.undo_reason = reason
    decision.save(update_fields=["undone_at", "undone_by", "undo_reason"])
    match decision.action:
        case Action.REMOVE:
            effects.bring_message_back(moderator, decision)
        case Action.MUTE | Action.MUTE_HERE:
            effects.renew_mute(decision)
        case Action.BAN:
            effects.renew_ban(decision)
        case Action.CLOSE_CHAT:
            effects.bring_chat_back(decision)


def record_undoing(moderator: User, decision: Decision) -> None:
    record(
        moderator,
        "decision.undone",
        decision,
        reason=decision.undo_reason,
        decided=decision.action,
        case=decision.case_id,
        person=decision.person_id,
    )


def _must_fit(
    moderator: User, case: Case, action: str, until: datetime | None, remove: bool
) -> None:
    """Invalid or Forbidden unless this moderator can decide so in this case."""
    if (action == Action.REMOVE or remove) and case.kind == Case.Kind.PERSON:
        raise Invalid.field("action", _("this case is about no message"))
    if action == Action.DISMISS and remove:
        raise Invalid.field("remove", _("what is dismissed is not removed"))
    if action in MUTES and until is None:
        raise Invalid.field("until", _("say until when"))
    if action == Action.MUTE_HERE and (case.chat is None or case.chat.kind != Chat.Kind.GROUP):
        raise Invalid.field("action", _("this case is about no group"))
    if action == Action.CLOSE_CHAT and case.chat is None:
        raise Invalid.field("action", _("this case is about no chat"))
    if action in SHUT_OUT and case.person.is_superuser:
        raise Forbidden(_("A superuser can't be muted or banned."))
    long = action in MUTES and until is not None and until > timezone.now() + SHORT
    if action in (Action.BAN, Action.CLOSE_CHAT) or long:
        must(moderator, "moderation.ban_person")


def _carry_out(
    moderator: User, case: Case, action: Decision.Action, reason: str, until: datetime | None
) -> Decision:
    """
    One decision and what comes of it. Of what was deleted by it, its time is the time of that: this
    is how it is known later what to bring back.
    """
    decision = Decision(
        case=case, action=action, person=case.person, moderator=moderator, reason=reason
    )
    match action:
        case Action.REMOVE:
            decision.created_at = effects.remove(moderator, case)
        case Action.CLOSE_CHAT:
            decision.chat = case.chat
            decision.created_at = effects.shut_chat(case)
        case Action.MUTE | Action.MUTE_HERE:
            decision.chat = case.chat if action == Action.MUTE_HERE else None
            decision.until = until
        case Action.BAN:
            decision.until = until
    decision.save(force_insert=True)
    match action:
        case Action.MUTE | Action.MUTE_HERE:
            effects.renew_mute(decision)
        case Action.BAN:
            effects.renew_ban(decision)
    return decision


def _close(case: Case, decisions: Sequence[Decision]) -> None:
    case.state, case.closed_at = Case.State.CLOSED, timezone.now()
    case.save(update_fields=["state", "closed_at"])
    for decision in decisions:
        if decision.action != Action.DISMISS:
            kind = notices.KINDS[decision.action]
            notices.add(kind, case.person_id, case=case, decision=decision)
    reporters = case.reports.filter(reporter__isnull=False).values_list("reporter_id", flat=True)
    notices.add("report_decided", *(one for one in reporters if one), case=case)
