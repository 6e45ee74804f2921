"""Appeals in the admin: those that wait first. They are answered on the page of their case."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from moderation.admin.acting import person_of
from moderation.admin.looked_at import LookedAt
from moderation.models import Appeal


class OutcomeFilter(admin.SimpleListFilter):
    """Those that wait, unless others are asked for."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*Appeal.Outcome.choices, ("all", _("All"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in ((None, _("Not decided")), *self.lookup_choices):
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appeal]) -> QuerySet[Appeal]:
        if self.value() == "all":
            return queryset
        return queryset.filter(outcome=self.value() or "")


@admin.register(Appeal)
class AppealAdmin(LookedAt):
    list_display = ("number", "person", "action", "decided_by", "created_at", "outcome", "reviewer")
    list_select_related = ("decision__person", "decision__moderator", "reviewer")
    list_filter = (OutcomeFilter,)
    search_fields = ("=decision__case__id", "decision__person__username_key")
    search_help_text = _("The number of a case, or the username of a person")
    ordering = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Appeal]:
        # Who decided about somebody is not for them to see.
        return super().get_queryset(request).exclude(decision__person=person_of(request))

    @admin.display(description=_("appeal"), ordering="id")
    def number(self, appeal: Appeal) -> int:
        return appeal.pk

    @admin.display(description=_("person"), ordering="decision__person__username_key")
    def person(self, appeal: Appeal) -> Any:
        return appeal.decision.person

    @admin.display(description=_("decision"), ordering="decision__action")
    def action(self, appeal: Appeal) -> str:
        return appeal.decision.get_action_display()

    @admin.display(description=_("moderator"), ordering="decision__moderator__username_key")
    def decided_by(self, appeal: Appeal) -> Any:
        return appeal.decision.moderator

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        appeal = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, appeal):
            raise PermissionDenied
        if appeal is None:
            return self._get_obj_does_not_exist_redirect(  # type: ignore[attr-defined]
                request, self.opts, object_id
            )
        return redirect("admin:moderation_case_change", appeal.decision.case_id)
