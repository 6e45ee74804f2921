"""Cases in the admin: the queue, what needs somebody first, and the page of each."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from moderation import services
from moderation.admin import case_page
from moderation.admin.acting import attempt, person_of
from moderation.admin.lists import PlainList
from moderation.models import Case, Report

REASONS = dict(Report.Reason.choices)


class StateFilter(admin.SimpleListFilter):
    """Open ones, unless others are asked for."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("closed", _("Closed")), ("all", _("All"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in ((None, _("Open")), *self.lookup_choices):
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        if self.value() == "all":
            return queryset
        closed = self.value() == "closed"
        return queryset.filter(state=Case.State.CLOSED if closed else Case.State.OPEN)


class WhoseFilter(admin.SimpleListFilter):
    title = _("whose")
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("mine", _("Mine")), ("nobodys", _("Nobody's")), ("others", _("Others'"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        mine = Q(assignee=person_of(request))
        nobodys = Q(assignee=None)
        wanted = {"mine": mine, "nobodys": nobodys, "others": ~mine & ~nobodys}
        return queryset.filter(wanted.get(self.value() or "", Q()))


class ReasonFilter(admin.SimpleListFilter):
    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Report.Reason.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        if self.value() not in REASONS:
            return queryset
        return queryset.filter(
            Exists(Report.objects.filter(case=OuterRef("pk"), reason=self.value()))
        )


class CaseList(ChangeList):
    """A page of cases, with why each was reported. One query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        cases: list[Any] = list(self.result_list)
        reasons = services.reasons_of([case.pk for case in cases])
        for case in cases:
            case.reason_counts = reasons[case.pk].most_common()
        self.result_list = cases


@admin.register(Case)
class CaseAdmin(PlainList):
    list_display = (
        *("number", "person", "reasons", "reports_count", "age", "assigned", "kind", "chat"),
        "state",
    )
    list_select_related = ("person", "chat", "assignee")
    list_filter = (StateFilter, WhoseFilter, "kind", ReasonFilter)
    list_per_page = 50
    search_fields = ("=id", "=person__id", "person__username_key")
    search_help_text = _("The number of a case, or the number or the username of a person")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = ("claim",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CaseList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        # What was reported of somebody, and by whom, is not for them to see.
        return super().get_queryset(request).exclude(person=person_of(request))

    def get_ordering(self, request: HttpRequest) -> Any:
        if request.GET.get("state") in ("closed", "all"):
            return ("-id",)
        nobodys = ExpressionWrapper(Q(assignee=None), output_field=BooleanField())
        return (nobodys.desc(), "opened_at", "id")

    @admin.display(description=_("case"), ordering="id")
    def number(self, case: Case) -> int:
        return case.pk

    @admin.display(description=_("reasons"))
    def reasons(self, case: Any) -> str:
        return ", ".join(
            f"{REASONS[reason]} × {count}" if count > 1 else str(REASONS[reason])
            for reason, count in case.reason_counts
        )

    @admin.display(description=_("age"), ordering="-opened_at")
    def age(self, case: Case) -> str:
        return timesince(case.opened_at, depth=1)

    @admin.display(description=_("assigned to"), ordering="assignee")
    def assigned(self, case: Case) -> Any:
        return case.assignee or _("nobody")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_handle_permission(self, request: HttpRequest) -> bool:
        """For the action."""
        return person_of(request).has_perm("moderation.handle_case")

    def get_urls(self) -> list[URLPattern]:
        return [*case_page.urls(self.admin_site), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        case = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, case):
            raise PermissionDenied
        if case is None:
            return self._get_obj_does_not_exist_redirect(  # type: ignore[attr-defined]
                request, self.opts, object_id
            )
        return case_page.shown(request, case, self.admin_site)

    @admin.action(description=_("Claim"), permissions=["handle"])
    def claim(self, request: HttpRequest, cases: QuerySet[Case]) -> None:
        moderator = person_of(request)
        claimed = sum(
            attempt(request, partial(services.claim, moderator, case), done="", about=case)
            for case in cases.select_related("person")
        )
        if claimed:
            said = ngettext("{number} case is yours.", "{number} cases are yours.", claimed)
            self.message_user(request, said.format(number=claimed))
