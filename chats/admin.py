"""Chats in the admin: to look at, and to delete through the service."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from chats import services
from chats.models import Chat, Membership
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Delete the chats for everybody", permissions=["change"])
    def close(self, request: HttpRequest, chats: QuerySet[Chat]) -> None:
        closed = 0
        for chat in chats.filter(deleted_at=None):
            try:
                services.delete_chat(None, chat)
                closed += 1
            except NotFound:
                # Its owner was quicker.
                continue
        self.message_user(request, f"{closed} deleted.")
