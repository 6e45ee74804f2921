"""Messages in the admin: to look at, and to remove through the service."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from messaging import services
from messaging.models import Message
from messenger.errors import NotFound


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    list_display = ("id", "chat", "author", "excerpt", "created_at", "deleted_at")
    list_select_related = ("chat", "author")
    list_filter = (("deleted_at", admin.EmptyFieldListFilter),)
    search_fields = ("=id", "=chat__id", "author__username_key")
    ordering = ("-id",)
    show_full_result_count = False
    readonly_fields = (
        "uuid",
        "chat",
        "author",
        "type",
        "content",
        "payload",
        "reply_to",
        "created_at",
        "edited_at",
        "deleted_at",
    )
    actions = ("remove",)

    @admin.display(description="content")
    def excerpt(self, message: Message) -> str:
        return (message.content or "")[:80]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Remove the messages for everybody", permissions=["change"])
    def remove(self, request: HttpRequest, messages: QuerySet[Message]) -> None:
        removed = 0
        for message in messages.filter(deleted_at=None).select_related("chat"):
            try:
                services.delete_message(None, message=message)
                removed += 1
            except NotFound:
                # Its chat is deleted, so nobody sees it.
                continue
        self.message_user(request, f"{removed} removed.")
