"""Who opened which chat, and why."""

from django.contrib import admin

from moderation.admin.looked_at import LookedAt
from moderation.models import Opening


@admin.register(Opening)
class OpeningAdmin(LookedAt):
    list_display = ("id", "moderator", "chat", "reason", "opened_at", "expires_at")
    list_select_related = ("moderator", "chat")
    search_fields = ("=chat__id", "moderator__username_key")
    ordering = ("-id",)
