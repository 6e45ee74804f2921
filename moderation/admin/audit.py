"""The audit log in the admin: to read, and to search."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.models import User, fold
from messenger.ids import MAX_ID
from moderation.admin.looked_at import LookedAt
from moderation.models import AuditEntry


class EntryList(ChangeList):
    """A page of entries, with who acted: entries hold ids only. One query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        entries: list[Any] = list(self.result_list)
        actors = User.objects.in_bulk({entry.actor_id for entry in entries} - {None})
        for entry in entries:
            entry.actor = actors.get(entry.actor_id)
        self.result_list = entries


@admin.register(AuditEntry)
class AuditEntryAdmin(LookedAt):
    list_display = ("number", "at", "who", "action", "target", "reason", "beginning")
    search_fields = ("target",)
    search_help_text = _(
        "“case 5”, “user 12”, “chat 3”; an action, as “decision.undone”; the number of an entry;"
        " the username of who acted"
    )
    ordering = ("-number",)
    fields = ("number", "at", "who", "action", "target", "reason", "said", "previous", "hash")
    readonly_fields = fields

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return EntryList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(target=term) | Q(action__startswith=term)
        if term.isascii() and term.isdecimal() and int(term[:20]) <= MAX_ID:
            found |= Q(number=int(term[:20]))
        actor = User.objects.filter(username_key=fold(term)).values_list("id", flat=True).first()
        if actor is not None:
            found |= Q(actor_id=actor)
        return queryset.filter(found), False

    @admin.display(description=_("who"), ordering="actor_id")
    def who(self, entry: Any) -> str:
        if entry.actor_id is None:
            return str(_("the server"))
        if not hasattr(entry, "actor"):
            entry.actor = User.objects.filter(pk=entry.actor_id).first()
        return f"{entry.actor or '–'} ({entry.actor_id})"

    @admin.display(description=_("hash"))
    def beginning(self, entry: AuditEntry) -> str:
        return format_html("<code>{}</code>", entry.hash[:12])

    @admin.display(description=_("facts"))
    def said(self, entry: AuditEntry) -> str:
        text = json.dumps(entry.facts, ensure_ascii=False, indent=1, sort_keys=True)
        return format_html("<pre>{}</pre>", text)
