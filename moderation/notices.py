"""
What people are told of their reports, of decisions about them and of their appeals: messages of the
service's own account, in a private chat with it. They are written down with what they tell of, in
one transaction, and sent after it.
"""

import logging
from datetime import UTC
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.services import service_account
from chats.services import find_or_create_chat
from messaging.content import NOTICE
from messaging.services import SendMessage, send_messages
from messenger.errors import Internal, MessengerError, NotFound, RateLimited, Unavailable
from messenger.times import iso
from moderation.models import Appeal, Case, Decision, Notice

logger = logging.getLogger(__name__)

# How many are sent in one transaction.
BATCH = 50
# After these a notice is sent another time. NotFound: who is just being banned or let in.
TRANSIENT = (Internal, NotFound, RateLimited, Unavailable)
# The kind of what tells of each decision; who is not concerned is not told that nothing was done.
KINDS: dict[str, str] = {
    Decision.Action.REMOVE: "message_removed",
    Decision.Action.WARN: "warned",
    Decision.Action.MUTE_HERE: "muted",
    Decision.Action.MUTE: "muted",
    Decision.Action.BAN: "banned",
    Decision.Action.CLOSE_CHAT: "chat_closed",
}
# What was decided, as the person is told; a few words of it for each action.
DECIDED: dict[str, Promise] = {
    Decision.Action.REMOVE: gettext_lazy("A moderator has removed a message of yours."),
    Decision.Action.WARN: gettext_lazy("A moderator warns you."),
    Decision.Action.MUTE_HERE: gettext_lazy(
        "A moderator has muted you in a chat: you can read there but not write."
    ),
    Decision.Action.MUTE: gettext_lazy(
        "A moderator has muted you everywhere: you can read but not write."
    ),
    Decision.Action.BAN: gettext_lazy("A moderator has banned your account."),
    Decision.Action.CLOSE_CHAT: gettext_lazy("A moderator has closed a chat."),
}
UNDONE: dict[str, Promise] = {
    Decision.Action.REMOVE: gettext_lazy("The removal of a message of yours has been undone."),
    Decision.Action.WARN: gettext_lazy("A warning to you has been taken back."),
    Decision.Action.MUTE_HERE: gettext_lazy("You are not muted in a chat any more."),
    Decision.Action.MUTE: gettext_lazy("You are not muted any more."),
    Decision.Action.BAN: gettext_lazy("The ban of your account has been undone."),
    Decision.Action.CLOSE_CHAT: gettext_lazy("A chat that was closed is open again."),
}


def add(
    kind: str,
    *people: int,
    case: Case | None = None,
    decision: Decision | None = None,
) -> None:
    """
    Write down, in the caller's transaction, that these people (their ids) are to be told. It is
    sent when the transaction commits; what fails then is sent later.
    """
    Notice.objects.bulk_create(
        Notice(person_id=person, kind=kind, case=case, decision=decision) for person in people
    )
    transaction.on_commit(tell_notices, robust=True)


def tell_notices() -> int:
    """
    Send all that has not been sent; how many that were. Several processes may do so at once: each
    notice is sent by one, and its key lets it be sent once.
    """
    told, last = 0, 0
    while True:
        with transaction.atomic():
            # `of`: not the people and the decisions, too.
            notices = list(
                Notice.objects.filter(told_at=None, id__gt=last)
                .select_related("person", "case", "decision__case", "decision__chat")
                .select_for_update(skip_locked=True, of=("self",))
                .order_by("id")[:BATCH]
            )
            if not notices:
                return told
            last = notices[-1].id
            sent = _send(notices)
            Notice.objects.filter(id__in=sent).update(told_at=timezone.now())
            told += len(sent)


def _send(notices: list[Notice]) -> list[int]:
    """The ids of those that need not be sent again."""
    service = service_account()
    appeals = Appeal.objects.filter(decision__in={one.decision_id for one in notices} - {None})
    by_decision = {appeal.decision_id: appeal for appeal in appeals}
    commands: dict[int, SendMessage] = {}
    settled: list[int] = []
    with translation.override(settings.LANGUAGE_CODE):
        for one in notices:
            if one.person.erased_at is not None:
                settled.append(one.id)
                continue
            try:
                with transaction.atomic():
                    chat, _new = find_or_create_chat(service, kind="private", members=[one.person])
            except MessengerError as error:
                settled += _failed(one, error)
                continue
            appeal = by_decision.get(one.decision_id or 0)
            commands[one.id] = SendMessage(
                author_id=service.id,
                # Who is banned is found by the chat alone.
                chat=None if one.person.is_active else chat.id,
                recipient=one.person_id if one.person.is_active else None,
                content=_sentences(one, appeal),
                type=NOTICE,
                payload=_payload(one, appeal),
                key=f"notice:{one.id}",
                judged=False,
            )
    outcomes = send_messages(list(commands.values()))
    by_id = {one.id: one for one in notices}
    for id, outcome in zip(commands, outcomes, strict=True):
        settled += _failed(by_id[id], outcome) if isinstance(outcome, MessengerError) else [id]
    return settled


def _failed(notice: Notice, error: MessengerError) -> list[int]:
    """Another time, or not at all: what can't be sent must not be tried for ever."""
    logger.warning("Notice %s was not sent: %s", notice.id, error.code)
    return [] if isinstance(error, TRANSIENT) else [notice.id]


def _payload(notice: Notice, appeal: Appeal | None) -> dict[str, Any]:
    decision = notice.decision
    return {
        "notice": notice.kind,
        "case_id": notice.case_id,
        "decision_id": notice.decision_id,
        "action": decision.action if decision else None,
        "chat_id": decision.chat_id if decision else None,
        "until": iso(decision.until) if decision and decision.until else None,
        "reason": _reason(notice, appeal),
        "can_appeal": _can_appeal(notice, appeal),
    }


def _can_appeal(notice: Notice, appeal: Appeal | None) -> bool:
    decision = notice.decision
    if decision is None or notice.kind not in KINDS.values():
        return False
    return decision.undone_at is None and appeal is None


def _reason(notice: Notice, appeal: Appeal | None) -> str | None:
    if notice.decision is None or notice.kind == "appeal_received":
        return None
    if notice.kind == "undone":
        return notice.decision.undo_reason
    if notice.kind == "appeal_decided":
        return appeal.reason if appeal else None
    return notice.decision.reason


def _sentences(notice: Notice, appeal: Appeal | None) -> str:
    said = [_first(notice, appeal)]
    decision = notice.decision
    if decision is not None and notice.kind in KINDS.values():
        if decision.chat is not None and decision.chat.name:
            said.append(_("Chat: {name}.").format(name=decision.chat.name))
        if decision.until is not None:
            end = decision.until.astimezone(UTC)
            said.append(_("Until {time} UTC.").format(time=f"{end:%Y-%m-%d %H:%M}"))
    if reason := _reason(notice, appeal):
        said.append(_("Reason: {reason}").format(reason=reason))
    if _can_appeal(notice, appeal):
        said.append(_("You can appeal once, within 30 days: another moderator will look at it."))
    return "\n".join(said)


def _first(notice: Notice, appeal: Appeal | None) -> str:
    decision, case = notice.decision, notice.case
    match notice.kind:
        case "report_received":
            return _("Thank you for your report. A moderator will look at it.")
        case "report_decided":
            done = case is not None and case.decisions.exclude(action="dismiss").exists()
            if done:
                return _("A moderator has looked at what you reported, and has acted.")
            return _("A moderator has looked at what you reported, and found nothing to act on.")
        case "appeal_received":
            return _("We have your appeal. Another moderator will look at it.")
        case "appeal_decided":
            if appeal is not None and appeal.outcome == Appeal.Outcome.GRANTED:
                return _("Your appeal was granted: the decision is undone.")
            return _("Another moderator has looked at your appeal: the decision stays.")
        case "undone" if decision is not None:
            return str(UNDONE[decision.action])
        case "message_removed" if decision is not None and decision.case.kind == "waiting":
            return _("A moderator has not let a message of yours through.")
        case _ if decision is not None:
            return str(DECIDED[decision.action])
    raise ValueError(notice.kind)
