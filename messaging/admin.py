"""Messages in the admin: of chats that a moderator has opened, with a reason, and of no others."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from messaging.models import Message, Revision
from moderation import services
from moderation.admin.acting import ReasonedActionForm, attempt, given_reason, person_of
from moderation.admin.looked_at import LookedAt
from moderation.models import Opening


class RevisionInline(admin.TabularInline):
    """What the message said before its edits: for whoever may see messages."""

    model = Revision
    extra = 0
    fields = ("content", "replaced_at")
    readonly_fields = fields
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return person_of(request).has_perm("messaging.view_message")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Message)
class MessageAdmin(LookedAt):
    list_display = ("id", "chat", "author", "excerpt", "status", "created_at", "deleted_at")
    list_select_related = ("chat", "author")
    list_filter = (("deleted_at", admin.EmptyFieldListFilter),)
    lookups = ("chat__id__exact",)
    search_fields = ("=id", "=chat__id", "author__username_key")
    ordering = ("-id",)
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
    action_form = ReasonedActionForm
    actions = ("remove",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """What this moderator may read now: superusers, too, open a chat first."""
        opened = services.opened_by(person_of(request))
        return super().get_queryset(request).filter(chat__in=opened)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        live = Opening.objects.filter(moderator=person_of(request), expires_at__gt=timezone.now())
        opened = {
            opening.chat_id: opening for opening in live.select_related("chat").order_by("id")
        }
        return super().changelist_view(
            request, {**(extra_context or {}), "openings": list(opened.values())}
        )

    def has_remove_permission(self, request: HttpRequest) -> bool:
        """For the action."""
        return person_of(request).has_perm("moderation.handle_case")

    @admin.display(description=_("text of the message"))
    def excerpt(self, message: Message) -> str:
        return (message.content or "")[:80]

    @admin.action(description=_("Remove the messages for everybody"), permissions=["remove"])
    def remove(self, request: HttpRequest, messages: QuerySet[Message]) -> None:
        """Each is a case, decided at once: its author is told and can appeal."""
        moderator, reason = person_of(request), given_reason(request)
        if reason is None:
            return
        remove = services.remove_message
        removed = sum(
            attempt(request, partial(remove, moderator, one, reason=reason), done="", about=one)
            for one in messages.filter(deleted_at=None).select_related("chat", "author")
        )
        if removed:
            said = ngettext("{number} message removed.", "{number} messages removed.", removed)
            self.message_user(request, said.format(number=removed))
