"""Messages in the admin: to look at, and to remove through the service."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from messaging import services
from messaging.models import Message, Revision
from messenger.errors import NotFound


class RevisionInline(admin.TabularInline):
    """What the message said before its edits: for whoever may see messages."""

    model = Revision
    extra = 0
    fields = ("content", "replaced_at")
    readonly_fields = fields
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user = request.user
        return user.has_perm("messaging.view_message") or user.has_perm("messaging.change_message")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    list_display = ("id", "chat", "author", "excerpt", "status", "created_at", "deleted_at")
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
        "status",
        "created_at",
        "edited_at",
        "deleted_at",
    )
    inlines = (RevisionInline,)
    actions = ("remove",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing is changed here; saving would write back what others have changed meanwhile."""

    @admin.display(description=_("text of the message"))
    def excerpt(self, message: Message) -> str:
        return (message.content or "")[:80]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description=_("Remove the messages for everybody"), permissions=["change"])
    def remove(self, request: HttpRequest, messages: QuerySet[Message]) -> None:
        removed = 0
        for message in messages.filter(deleted_at=None).select_related("chat"):
            try:
                services.delete_message(None, message=message)
                removed += 1
            except NotFound:
                # Its chat is deleted, so nobody sees it.
                continue
        said = ngettext("{number} message removed.", "{number} messages removed.", removed)
        self.message_user(request, said.format(number=removed))
