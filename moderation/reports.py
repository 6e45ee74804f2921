"""Reporting messages and people, by somebody who saw them or by a rule."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.selectors import user_for
from chats.models import Chat, Membership
from chats.selectors import chat_for
from messaging.models import Message
from messaging.selectors import message_for
from messenger.errors import Conflict, Invalid, NotFound
from messenger.ids import Ref
from messenger.texts import one_of
from moderation import evidence, notices
from moderation.evidence import Snapshot
from moderation.models import MAX_COMMENT, Case, Evidence, Report, WaitingMessage
from moderation.words import checked_text

# What people may choose from.
REASONS = [reason for reason in Report.Reason.values if reason != Report.Reason.RULE]


# With so many reports, a case gets none from rules any more: else who goes on editing one message
# would fill the disk.
ENOUGH = 50


class Match(NamedTuple):
    """A message that was sent although this rule is against it, and the part that is."""

    message_id: int
    author_id: int
    chat_id: int
    rule_id: int
    matched: str


def report_message(reporter: User, *, message: Ref, reason: str, comment: str = "") -> Report:
    """
    Tell the moderators of a message. The first report of it opens a case, and each freezes what
    there was to be seen. Again by the same person, while the case is open: the first report, and
    nothing happens. NotFound for what the reporter can't see or is deleted, Invalid for one's own.
    """
    return find_or_report_message(reporter, message=message, reason=reason, comment=comment)[0]


def find_or_report_message(
    reporter: User, *, message: Ref, reason: str, comment: str = ""
) -> tuple[Report, bool]:
    """As `report_message`, and whether the report is new."""
    comment = _checked(reason, comment)
    found = message_for(reporter, message)
    if found.author is None or found.deleted_at is not None:
        raise NotFound
    if found.author_id == reporter.id:
        raise Invalid.field("message_id", _("this message is yours"))
    if found.author.is_service:
        raise Invalid.field("message_id", _("this message is of the service itself"))
    case = Case(kind=Case.Kind.MESSAGE, person=found.author, message=found, chat=found.chat)
    return _report(case, reporter, evidence.of_message(found), reason, comment)


def report_person(
    reporter: User, *, user: Ref, chat: Ref | None = None, reason: str, comment: str = ""
) -> Report:
    """
    Tell the moderators of a person, perhaps of what they do in a chat that the reporter is in: then
    their latest messages there are frozen. As `report_message` otherwise. NotFound for nobody, for
    a chat that is not the reporter's to see and for one that the person has no part in, Invalid for
    oneself.
    """
    return find_or_report_person(reporter, user=user, chat=chat, reason=reason, comment=comment)[0]


def find_or_report_person(
    reporter: User, *, user: Ref, chat: Ref | None = None, reason: str, comment: str = ""
) -> tuple[Report, bool]:
    """As `report_person`, and whether the report is new."""
    comment = _checked(reason, comment)
    person = user_for(user)
    if person.id == reporter.id:
        raise Invalid.field("user_id", _("say somebody else"))
    if person.is_service:
        raise NotFound
    where = chat_for(reporter, chat).chat if chat is not None else None
    if where is not None and not _has_a_part(person, where):
        # What is decided of the person names the chat, which would tell them whose word it was.
        raise NotFound
    case = Case(kind=Case.Kind.PERSON, person=person, chat=where)
    return _report(case, reporter, evidence.of_person(person, where), reason, comment)


def flag(matches: Sequence[Match]) -> None:
    """
    Rules are against these messages, which were stored in this transaction, or edited: a case for
    each, unless it has reports enough. A few queries, however many.
    """
    wanted = Message.objects.filter(author__isnull=False).select_related("author")
    found = wanted.in_bulk([one.message_id for one in matches])
    messages = {id: found[id] for id in sorted(found)}
    matches = [one for one in matches if one.message_id in messages]
    seen = evidence.of_messages(list(messages.values()))
    with transaction.atomic():
        cases = _cases_of(messages)
        matches = [one for one in matches if cases[one.message_id].reports_count < ENOUGH]
        frozen = _frozen(matches, cases, seen)
        Report.objects.bulk_create(
            Report(
                case=cases[one.message_id],
                rule_id=one.rule_id,
                reason=Report.Reason.RULE,
                comment=one.matched[:MAX_COMMENT],
                evidence=frozen[one.message_id],
            )
            for one in matches
        )


def wait(waiting: WaitingMessage, rule_id: int, matched: str) -> Case:
    """A case for a message that a rule held back in this transaction."""
    case = Case.objects.create(
        kind=Case.Kind.WAITING,
        person_id=waiting.author_id,
        chat_id=waiting.chat_id,
        waiting=waiting,
        reports_count=1,
    )
    Report.objects.create(
        case=case,
        rule_id=rule_id,
        reason=Report.Reason.RULE,
        comment=matched[:MAX_COMMENT],
        evidence=evidence.keep(case, evidence.of_waiting(waiting)),
    )
    return case


def open_case_like(case: Case) -> Case:
    """
    The open case about what this one is about, locked until the end of the transaction, or this one
    as a new one. IntegrityError if somebody else makes one at this moment.
    """
    # Who waits here for one that is being closed finds it closed, and opens another.
    same = Case.objects.filter(kind=case.kind, state=Case.State.OPEN)
    if case.kind == Case.Kind.MESSAGE:
        same = same.filter(message=case.message)
    else:
        same = same.filter(person=case.person)
    found = same.select_for_update(no_key=True).first()
    if found is None:
        # A copy: after an IntegrityError it is not what it was.
        found = Case(kind=case.kind, person=case.person, message=case.message, chat=case.chat)
        found.save(force_insert=True)
    elif found.chat_id is None and case.chat is not None:
        found.chat = case.chat
        found.save(update_fields=["chat"])
    return found


def add_report(
    case: Case, seen: Snapshot, *, reason: str, comment: str, reporter: User | None = None
) -> Report:
    """One more report in a case that this transaction has locked."""
    report = Report.objects.create(
        case=case,
        reporter=reporter,
        reason=reason,
        comment=comment,
        evidence=evidence.keep(case, seen),
    )
    case.reports_count = case.reports.count()
    case.save(update_fields=["reports_count"])
    return report


def _has_a_part(person: User, chat: Chat) -> bool:
    """Who has left has one if they wrote something."""
    inside = Membership.objects.filter(chat=chat, user=person)
    return inside.exists() or Message.objects.filter(chat=chat, author=person).exists()


def _checked(reason: str, comment: str) -> str:
    if reason not in REASONS:
        raise Invalid.field("reason", one_of(REASONS))
    return checked_text(comment, field="comment", least=0)


def _report(
    case: Case, reporter: User, seen: Snapshot, reason: str, comment: str
) -> tuple[Report, bool]:
    for _attempt in range(5):
        try:
            with transaction.atomic():
                found = open_case_like(case)
                if before := found.reports.filter(reporter=reporter).first():
                    return before, False
                report = add_report(found, seen, reason=reason, comment=comment, reporter=reporter)
                notices.add("report_received", reporter.id, case=found)
                return report, True
        except IntegrityError:
            # Somebody else opened the case a moment ago. (Or what it is about is gone.)
            continue
    raise Conflict


def _cases_of(messages: dict[int, Message]) -> dict[int, Case]:
    """
    The open case of each message, made where there is none. Their counts are one higher, but for
    those that have reports enough.
    """
    for _attempt in range(5):
        # Sending holds the chat, and who decides a case holds the case and waits for the chat: no
        # waiting here.
        cases = {
            case.message_id or 0: case
            for case in Case.objects.filter(
                kind=Case.Kind.MESSAGE, state=Case.State.OPEN, message__in=list(messages)
            )
        }
        free = Case.objects.filter(
            id__in=[case.id for case in cases.values()], reports_count__lt=ENOUGH
        )
        locked = list(free.select_for_update(no_key=True, skip_locked=True))
        try:
            with transaction.atomic():
                made = Case.objects.bulk_create(
                    Case(
                        kind=Case.Kind.MESSAGE,
                        person=message.author,
                        message=message,
                        chat_id=message.chat_id,
                        reports_count=1,
                    )
                    for message in messages.values()
                    if message.id not in cases
                )
        except IntegrityError:
            continue
        Case.objects.filter(id__in=[case.id for case in locked]).update(
            reports_count=F("reports_count") + 1
        )
        return cases | {case.message_id or 0: case for case in made}
    raise Conflict


def _frozen(
    matches: Sequence[Match], cases: dict[int, Case], seen: dict[int, Snapshot]
) -> dict[int, Evidence]:
    """By message id, what was seen of each; what was seen before in just the same way once."""
    Evidence.objects.bulk_create(
        [
            Evidence(
                case=cases[one.message_id],
                content=seen[one.message_id],
                digest=evidence.digest(seen[one.message_id]),
            )
            for one in matches
        ],
        ignore_conflicts=True,
    )
    ids = {case.id: message_id for message_id, case in cases.items()}
    digests = {evidence.digest(snapshot) for snapshot in seen.values()}
    rows = Evidence.objects.filter(case__in=list(ids), digest__in=digests)
    return {ids[row.case_id]: row for row in rows.defer("content")}
