"""The page of a case: what was reported, what was seen, and what to do about it."""

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db.models import Count, F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.backends import LoginBackend
from accounts.models import User
from messenger.errors import Forbidden, MessengerError
from messenger.texts import Sentence
from moderation import services
from moderation.admin.acting import (
    USUAL_REASONS,
    ReasonForm,
    attempt,
    must_have,
    person_of,
    refused,
)
from moderation.admin.decision_form import DecisionForm
from moderation.admin.evidence_seen import evidence_seen
from moderation.models import Appeal, Case, Decision, Report
from moderation.powers import must_judge

# The most of them on a page: a thing may be reported by a thousand people.
MOST_REPORTS = 50
MOST_HISTORY = 20


def urls(site: AdminSite) -> list[URLPattern]:
    """The acts of the page, each a POST of its own."""

    def act(name: str, view: Callable[..., HttpResponse]) -> URLPattern:
        door: Any = site.admin_view(require_POST(partial(view, site=site)))
        return path(f"<int:case_id>/{name}/", door, name=f"moderation_case_{name.split('/')[0]}")

    return [
        act("claim", claim),
        act("release", release),
        act("assign", assign),
        act("evidence", evidence),
        act("decide", decide),
        act("undo/<int:decision_id>", undo),
        act("appeal/<int:appeal_id>", answer),
    ]


def shown(
    request: HttpRequest,
    case: Case,
    site: AdminSite,
    *,
    form: DecisionForm | None = None,
    looking: bool = False,
) -> HttpResponse:
    """
    The page, for who may see the case. Its assignee sees the evidence; somebody else who may see it
    says so first (`looking`), because that is written down.
    """
    moderator: User = person_of(request)
    mine = case.assignee_id == moderator.pk
    assigns = moderator.has_perm("moderation.assign_case")
    seen = mine or (assigns and looking)
    frozen = evidence_seen(moderator, case) if seen else None
    may_look = frozen is not None if seen else assigns and _judges(moderator, case)
    open_now = case.state == Case.State.OPEN
    handles = moderator.has_perm("moderation.handle_case")
    reports = case.reports.select_related("reporter", "rule").order_by("-id")
    reasons = _reasons(case)
    # Of what a rule flags many times at once, the case's own number may miss some.
    reports_count = sum(count for _reason, count in reasons)
    decisions = list(_decisions(case.decisions.all()))
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": _("Case {number}").format(number=case.pk),
        "opts": Case._meta,
        "case": case,
        "mine": mine,
        "open": open_now,
        "handles": handles,
        "reasons": reasons,
        "reports_count": reports_count,
        "reports": reports[:MOST_REPORTS],
        "more_reports": max(0, reports_count - MOST_REPORTS),
        "may_look": may_look,
        "seen": seen,
        "evidence": frozen,
        "form": (form or DecisionForm(moderator, case)) if open_now and mine and handles else None,
        "usual_reasons": USUAL_REASONS,
        "decisions": [
            (decision, _may_undo(moderator, decision), _may_answer(moderator, decision))
            for decision in decisions
        ],
        "history": _history(case)[:MOST_HISTORY],
        "counts": _counts(case),
        "next": _next(moderator, case),
        "handlers": _handlers() if open_now and assigns else (),
        "person_link": _may_see(moderator, "accounts", "user"),
        "chat_link": _may_see(moderator, "chats", "chat"),
    }
    return render(request, "admin/moderation/case/page.html", context)


def claim(request: HttpRequest, case_id: int, site: AdminSite) -> HttpResponse:
    case, moderator = _case(request, case_id, "handle_case"), person_of(request)
    attempt(request, lambda: services.claim(moderator, case), done=_("The case is yours."))
    return _back(case)


def release(request: HttpRequest, case_id: int, site: AdminSite) -> HttpResponse:
    case, moderator = _case(request, case_id, "handle_case"), person_of(request)
    attempt(request, lambda: services.release(moderator, case), done=_("The case is given back."))
    return _back(case)


def assign(request: HttpRequest, case_id: int, site: AdminSite) -> HttpResponse:
    case, moderator = _case(request, case_id, "assign_case"), person_of(request)
    chosen = request.POST.get("to", "")
    to = _handlers().filter(pk=chosen).first() if chosen.isascii() and chosen.isdigit() else None
    if to is None:
        raise Http404
    done = _("The case is {person}'s.").format(person=to)
    attempt(request, lambda: services.assign(moderator, case, to), done=done)
    return _back(case)


def evidence(request: HttpRequest, case_id: int, site: AdminSite) -> HttpResponse:
    case = _case(request, case_id, "view_case")
    if case.assignee_id != request.user.pk:
        must_have(request, "moderation.assign_case")
    return shown(request, case, site, looking=True)


def decide(request: HttpRequest, case_id: int, site: AdminSite) -> HttpResponse:
    case, moderator = _case(request, case_id, "handle_case"), person_of(request)
    form = DecisionForm(moderator, case, request.POST)
    if form.is_valid():
        said = form.cleaned_data
        try:
            services.decide(
                moderator,
                case,
                action=said["action"],
                reason=said["reason"],
                until=said["until"],
                remove=said.get("remove", False),
            )
        except MessengerError as error:
            refused(form, error)
        else:
            messages.success(request, _("Decided. The case is closed."))
            return _back(case)
    case.refresh_from_db()
    if case.state != Case.State.OPEN or case.assignee_id != moderator.pk:
        # The form is not on the page any more, so what is wrong is said above it.
        for text in chain.from_iterable(form.errors.values()):
            messages.error(request, str(text))
        return _back(case)
    return shown(request, case, site, form=form)


def undo(request: HttpRequest, case_id: int, decision_id: int, site: AdminSite) -> HttpResponse:
    case, moderator = _case(request, case_id, "handle_case"), person_of(request)
    decision = _decisions(case.decisions.filter(pk=decision_id)).first()
    if decision is None:
        raise Http404
    if reason := _given(request):
        attempt(
            request,
            lambda: services.undo(moderator, decision, reason=reason),
            done=_("The decision is undone."),
        )
    return _back(case)


def answer(request: HttpRequest, case_id: int, appeal_id: int, site: AdminSite) -> HttpResponse:
    case, moderator = _case(request, case_id, "decide_appeal"), person_of(request)
    appeal = Appeal.objects.filter(pk=appeal_id, decision__case=case).first()
    if appeal is None or request.POST.get("grant") not in ("yes", "no"):
        raise Http404
    grant = request.POST["grant"] == "yes"
    if reason := _given(request):
        attempt(
            request,
            lambda: services.decide_appeal(moderator, appeal, grant=grant, reason=reason),
            done=_("The decision is undone.") if grant else _("The decision stays."),
        )
    return _back(case)


def _case(request: HttpRequest, case_id: int, permission: str) -> Case:
    """The case, for who may see cases and do this."""
    must_have(request, "moderation.view_case")
    must_have(request, f"moderation.{permission}")
    related = ("person", "chat", "message", "assignee")
    case = Case.objects.select_related(*related).filter(pk=case_id).first()
    # What was reported of somebody, and by whom, is not for them to see.
    if case is None or case.person_id == person_of(request).pk:
        raise Http404
    return case


def _back(case: Case) -> HttpResponse:
    return redirect("admin:moderation_case_change", case.pk)


def _given(request: HttpRequest) -> str | None:
    """What was given as the reason; None, and said so, where it will not do."""
    form = ReasonForm(request.POST)
    if form.is_valid():
        reason: str = form.cleaned_data["reason"]
        return reason
    for text in form.errors["reason"]:
        messages.error(request, _("Reason: {wrong}").format(wrong=text))
    return None


def _reasons(case: Case) -> list[tuple[Sentence, int]]:
    labels = dict(Report.Reason.choices)
    counted = case.reports.order_by().values_list("reason").annotate(count=Count("id"))
    return [(labels[reason], count) for reason, count in counted.order_by("-count", "reason")]


def _decisions(decisions: QuerySet[Decision]) -> QuerySet[Decision]:
    related = ("person", "moderator", "chat", "undone_by", "appeal", "appeal__reviewer")
    return decisions.select_related(*related)


def _history(case: Case) -> QuerySet[Decision]:
    """What was decided about this person in other cases."""
    others = Decision.objects.filter(person=case.person_id).exclude(case=case)
    return others.select_related("moderator", "chat").order_by("-id")


def _counts(case: Case) -> list[tuple[Sentence, int]]:
    """How often what was decided about this person, but for what was undone."""
    labels = dict(Decision.Action.choices)
    stand = Decision.objects.filter(person=case.person_id, undone_at=None).exclude(case=case)
    counted = stand.order_by().values_list("action").annotate(count=Count("id"))
    return [(labels[action], count) for action, count in counted.order_by("action")]


def _next(moderator: User, case: Case) -> Case | None:
    """What to do after this one: one's own first, then nobody's; the oldest."""
    mine_or_nobodys = Q(assignee=moderator) | Q(assignee=None)
    waiting = Case.objects.filter(mine_or_nobodys, state=Case.State.OPEN)
    waiting = waiting.exclude(pk=case.pk).exclude(person=moderator)
    return waiting.order_by(F("assignee").asc(nulls_last=True), "opened_at", "id").first()


def _handlers() -> QuerySet[User]:
    """Who may be given a case."""
    able: QuerySet[User] = LoginBackend().with_perm("moderation.handle_case")
    return able.filter(is_staff=True).order_by("username_key")


def _judges(moderator: User, case: Case) -> bool:
    try:
        must_judge(moderator, case)
    except Forbidden:
        return False
    return True


def _may_undo(moderator: User, decision: Decision) -> bool:
    if decision.undone_at is not None or decision.action == Decision.Action.DISMISS:
        return False
    if not moderator.has_perm("moderation.handle_case") or decision.person_id == moderator.pk:
        return False
    return decision.moderator_id == moderator.pk or moderator.has_perm("moderation.undo_decision")


def _may_answer(moderator: User, decision: Decision) -> bool:
    appeal = getattr(decision, "appeal", None)
    return (
        appeal is not None
        and not appeal.outcome
        and moderator.has_perm("moderation.decide_appeal")
        and moderator.pk not in (decision.moderator_id, decision.person_id)
    )


def _may_see(moderator: User, app: str, model: str) -> bool:
    return moderator.has_perm(f"{app}.view_{model}") or moderator.has_perm(f"{app}.change_{model}")
