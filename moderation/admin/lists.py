"""What may be asked of the lists of the admin, and that nothing that is asked breaks them."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import SuspiciousOperation
from django.db import DataError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from messenger.ids import MAX_ID

# What the filters of Django ask of a field, but for those of dates.
ASKED = ("exact", "in", "isnull", "isempty")
# What a database says of a value that it can't hold: a NUL, a number too large.
IMPOSSIBLE = (ValueError, OverflowError, DataError)


class PlainList(admin.ModelAdmin):
    """
    To be mixed in. A list is asked what its filters ask, and the `lookups` that links of ours name.
    Django takes any lookup of a column: who sees a list could ask for what is in columns that they
    don't see, and keep the database busy with a regular expression.
    """

    lookups: ClassVar[tuple[str, ...]] = ()

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        if lookup in self.lookups:
            return True
        filters = self.list_filter if request is None else self.get_list_filter(request)
        return any(lookup in _parameters(one) for one in filters)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        try:
            return super().get_changelist_instance(request)
        except IMPOSSIBLE as error:
            raise IncorrectLookupParameters(error) from error

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if "\x00" in search_term:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def response_action(self, request: HttpRequest, queryset: Any, *place: Any) -> Any:
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(_is_id(one) for one in chosen):
            self.message_user(request, _("This is not in the list."), messages.ERROR)
            return None
        return super().response_action(request, queryset, *place)

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **options)
        except (OverflowError, DataError) as error:
            raise SuspiciousOperation("A value that can't be kept") from error


def _parameters(one: Any) -> set[str]:
    """By which names a filter is asked in an address."""
    if isinstance(one, type):
        return {getattr(one, "parameter_name", "")}
    field = one if isinstance(one, str) else one[0]
    return {f"{field}__{lookup}" for lookup in ASKED}


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= MAX_ID
