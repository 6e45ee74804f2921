"""Chats in the admin: what they are and who is in them, and no messages but for a stated reason."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chats.models import Chat, Membership
from chats.stats_page import stats_page
from moderation import services
from moderation.admin.act_page import act_page
from moderation.admin.acting import (
    ReasonedActionForm,
    attempt,
    given_reason,
    must_have,
    person_of,
)
from moderation.admin.looked_at import LookedAt


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    fields = ("user", "role", "joined_at")
    readonly_fields = fields
    can_delete = False
    max_num = 100

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user").order_by("id")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For who may see the chat."""
        return person_of(request).has_perm("chats.view_chat")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ChatActionForm(ReasonedActionForm):
    seconds = forms.IntegerField(
        label=_("Slow mode, seconds:"), required=False, min_value=0, max_value=21_600
    )


@admin.register(Chat)
class ChatAdmin(LookedAt):
    list_display = ("id", "name", "kind", "last_position", "last_activity_at", "deleted_at")
    list_filter = ("kind", "is_open", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("=id", "name")
    ordering = ("-id",)
    readonly_fields = (
        "uuid",
        "kind",
        "name",
        "description",
        "is_open",
        "slow_mode",
        "last_seq",
        "last_position",
        "created_at",
        "last_activity_at",
        "deleted_at",
    )
    inlines = (MembershipInline,)
    action_form = ChatActionForm
    actions = ("close", "reopen", "slow")

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        """For the actions."""
        return person_of(request).has_perm("chats.change_chat")

    def get_urls(self) -> list[URLPattern]:
        stats = self.admin_site.admin_view(self.stats)
        reading = self.admin_site.admin_view(self.open_and_read)
        return [
            path("<int:chat_id>/stats/", stats, name="chats_chat_stats"),
            path("<int:chat_id>/open/", reading, name="chats_chat_open"),
            *super().get_urls(),
        ]

    def stats(self, request: HttpRequest, chat_id: int) -> HttpResponse:
        """A chat in numbers, for who may look at it."""
        return stats_page(request, self._chat(request, chat_id), self.admin_site)

    def open_and_read(self, request: HttpRequest, chat_id: int) -> HttpResponse:
        """Its messages, for an hour and a reason that is written down."""
        must_have(request, "moderation.open_chat")
        chat, moderator = self._chat(request, chat_id), person_of(request)
        messages = f"{reverse('admin:messaging_message_changelist')}?chat__id__exact={chat.pk}"
        if request.method == "GET" and services.may_read(moderator, chat.pk):
            return redirect(messages)
        return act_page(
            request,
            self,
            chat,
            title=_("Open and read"),
            says=_(
                "You can read the messages of this chat for an hour. That you did, and why, is"
                " written to the audit log."
            ),
            button=_("Open and read"),
            act=lambda said: services.open_chat(moderator, chat=chat, reason=said["reason"]),
            done=_("The chat is open to you for an hour."),
            there=messages,
        )

    @admin.action(description=_("Close the chats for everybody"), permissions=["moderate"])
    def close(self, request: HttpRequest, chats: QuerySet[Chat]) -> None:
        closed = self._each(request, chats, services.close_chat)
        if closed:
            said = ngettext("{number} chat closed.", "{number} chats closed.", closed)
            self.message_user(request, said.format(number=closed))

    @admin.action(
        description=_("Give closed chats back to their members"), permissions=["moderate"]
    )
    def reopen(self, request: HttpRequest, chats: QuerySet[Chat]) -> None:
        opened = self._each(request, chats, services.reopen_chat)
        if opened:
            said = ngettext("{number} chat given back.", "{number} chats given back.", opened)
            self.message_user(request, said.format(number=opened))

    @admin.action(description=_("Set slow mode (0 for none)"), permissions=["moderate"])
    def slow(self, request: HttpRequest, chats: QuerySet[Chat]) -> None:
        seconds = request.POST.get("seconds", "")
        if not (seconds.isascii() and seconds.isdecimal() and len(seconds) < 9):
            self.message_user(request, _("Say how many seconds; 0 for no slow mode."), "ERROR")
            return
        act = partial(services.slow_chat, seconds=int(seconds))
        slowed = self._each(request, chats, act)
        if slowed:
            said = ngettext("{number} chat changed.", "{number} chats changed.", slowed)
            self.message_user(request, said.format(number=slowed))

    def _each(self, request: HttpRequest, chats: QuerySet[Chat], act: Any) -> int:
        """How many it was done to. Of each other it is said why not."""
        moderator, reason = person_of(request), given_reason(request)
        if reason is None:
            return 0
        return sum(
            attempt(request, partial(act, moderator, chat, reason=reason), done="", about=chat)
            for chat in chats
        )

    def _chat(self, request: HttpRequest, chat_id: int) -> Chat:
        chat: Chat | None = self.get_object(request, str(chat_id))
        if not self.has_view_permission(request, chat):
            raise PermissionDenied
        if chat is None:
            raise Http404
        return chat
