"""Chats in the admin: to look at, and to delete through the service."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chats import services
from chats.models import Chat, Membership
from chats.stats_page import stats_page
from messenger.errors import NotFound


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    fields = ("user", "role", "joined_at")
    readonly_fields = fields
    can_delete = False
    max_num = 100

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user").order_by("id")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Chat)
class ChatAdmin(admin.ModelAdmin):
    list_display = ("id", "name", "kind", "last_position", "last_activity_at", "deleted_at")
    list_filter = ("kind", "is_open")
    search_fields = ("name",)
    ordering = ("-id",)
    readonly_fields = (
        "uuid",
        "kind",
        "name",
        "description",
        "is_open",
        "last_seq",
        "last_position",
        "created_at",
        "last_activity_at",
        "deleted_at",
    )
    inlines = (MembershipInline,)
    actions = ("close",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing is changed here; saving would write back what others have changed meanwhile."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        stats = self.admin_site.admin_view(self.stats)
        return [path("<int:chat_id>/stats/", stats, name="chats_chat_stats"), *super().get_urls()]

    def stats(self, request: HttpRequest, chat_id: int) -> HttpResponse:
        """A chat in numbers, for who may look at it."""
        chat = self.get_object(request, str(chat_id))
        if not self.has_view_permission(request, chat):
            raise PermissionDenied
        if chat is None:
            raise Http404
        return stats_page(request, chat, self.admin_site)

    @admin.action(description=_("Delete the chats for everybody"), permissions=["change"])
    def close(self, request: HttpRequest, chats: QuerySet[Chat]) -> None:
        closed = 0
        for chat in chats.filter(deleted_at=None):
            try:
                services.delete_chat(None, chat)
                closed += 1
            except NotFound:
                # Its owner was quicker.
                continue
        said = ngettext("{number} chat deleted.", "{number} chats deleted.", closed)
        self.message_user(request, said.format(number=closed))
