"""What moderators see of a person and do to one: a section of their page, and its buttons."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from messenger.errors import Forbidden
from moderation import services
from moderation.admin.act_page import act_page
from moderation.admin.acting import (
    ReasonedActionForm,
    ReasonForm,
    attempt,
    given_reason,
    must_have,
    person_of,
)
from moderation.audit import record
from moderation.models import Case, Decision
from moderation.powers import must_outrank

MOST = 20
ROLES = (
    ("", _("none")),
    ("moderator", _("Moderator")),
    ("senior", _("Senior moderator")),
    ("administrator", _("Administrator")),
)


class RoleForm(ReasonForm):
    role = forms.ChoiceField(label=_("Role"), choices=ROLES, required=False)

    field_order = ("role", "reason")


class EraseForm(ReasonForm):
    username = forms.CharField(
        label=_("The username, to be sure"), widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    messages = forms.BooleanField(label=_("The texts of their messages go, too"), required=False)

    field_order = ("username", "messages", "reason")


class ModeratedPeople(admin.ModelAdmin):
    """To be mixed into the admin of people."""

    action_form = ReasonedActionForm
    actions: Any = ("ban", "unban")

    def get_urls(self) -> list[URLPattern]:
        def act(name: str, view: Any) -> URLPattern:
            door: Any = self.admin_site.admin_view(view)
            return path(f"<int:user_id>/{name}/", door, name=f"accounts_user_{name}")

        return [
            act("case", self.open_case),
            act("appoint", self.appoint),
            act("export", self.export),
            act("erase", self.erase),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context: dict[str, Any] = {**(extra_context or {})}
        if object_id.isascii() and object_id.isdecimal() and len(object_id) < 19:
            context["moderation"] = _section(person_of(request), int(object_id))
        return super().change_view(request, object_id, form_url, context)

    def open_case(self, request: HttpRequest, user_id: int) -> HttpResponse:
        moderator, user = self._acting(request, user_id, "moderation.handle_case")

        def act(said: dict[str, Any]) -> HttpResponse:
            case = services.open_case(moderator, user=user, reason=said["reason"])
            return redirect("admin:moderation_case_change", case.pk)

        return act_page(
            request,
            self,
            user,
            title=_("Open a case"),
            says=_("A case about this person, which is yours to decide."),
            button=_("Open a case"),
            act=act,
        )

    def appoint(self, request: HttpRequest, user_id: int) -> HttpResponse:
        moderator, user = self._acting(request, user_id, "accounts.appoint")
        return act_page(
            request,
            self,
            user,
            title=_("Appoint"),
            says=_("What this person may do from now on. It takes the place of what was before."),
            button=_("Appoint"),
            form_class=RoleForm,
            act=lambda said: services.appoint(
                moderator, user, said["role"] or None, reason=said["reason"]
            ),
            done=_("The role is set."),
        )

    def export(self, request: HttpRequest, user_id: int) -> HttpResponse:
        moderator, user = self._acting(request, user_id, "accounts.export_user")

        def act(said: dict[str, Any]) -> HttpResponse:
            if user != moderator:
                must_outrank(moderator, user)
            everything = services.export_of(user)
            record(moderator, "user.exported", user, reason=said["reason"])
            answer = HttpResponse(everything, content_type="application/json")
            answer["Content-Disposition"] = f'attachment; filename="person-{user.pk}.json"'
            answer["Cache-Control"] = "no-store"
            return answer

        return act_page(
            request,
            self,
            user,
            title=_("Export data"),
            says=_(
                "All that is kept about this person, as one JSON file: for them, or for who may"
                " ask for it by law. That it was made is written to the audit log."
            ),
            button=_("Export data"),
            act=act,
        )

    def erase(self, request: HttpRequest, user_id: int) -> HttpResponse:
        moderator, user = self._acting(request, user_id, "accounts.erase_user")

        class Form(EraseForm):
            def clean_username(self) -> str:
                if self.cleaned_data["username"].strip() != user.username:
                    raise forms.ValidationError(_("This is not the username."))
                return user.username

        def act(said: dict[str, Any]) -> None:
            if user == moderator:
                raise Forbidden(_("Your own account you delete on the page, with your password."))
            services.erase(user, by=moderator, reason=said["reason"], messages=said["messages"])

        return act_page(
            request,
            self,
            user,
            title=_("Erase"),
            says=_(
                "The account, its name, e-mail and logins go at once and for ever. Groups get"
                " another owner. What was written stays, as by a deleted account, unless you"
                " choose that its texts go, too."
            ),
            button=_("Erase for ever"),
            danger=True,
            form_class=Form,
            act=act,
            done=_("The account is erased."),
        )

    def has_ban_permission(self, request: HttpRequest) -> bool:
        """For the actions."""
        return person_of(request).has_perm("moderation.ban_person")

    @admin.action(description=_("Ban: end all logins and shut out"), permissions=["ban"])
    def ban(self, request: HttpRequest, users: QuerySet[User]) -> None:
        self._each(request, users, services.ban_person, _("{person} is banned."))

    @admin.action(description=_("Let in again"), permissions=["ban"])
    def unban(self, request: HttpRequest, users: QuerySet[User]) -> None:
        self._each(request, users, services.unban_person, _("{person} is let in again."))

    def _each(self, request: HttpRequest, users: QuerySet[User], act: Any, done: Any) -> None:
        moderator, reason = person_of(request), given_reason(request)
        for user in users if reason else ():
            attempt(
                request,
                partial(act, moderator, user, reason=reason),
                done=done.format(person=user),
                about=user,
            )

    def _acting(self, request: HttpRequest, user_id: int, permission: str) -> tuple[User, User]:
        """Who acts and the person; for who may see people and do this."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        must_have(request, permission)
        user = User.objects.filter(pk=user_id).first()
        if user is None:
            raise Http404
        return person_of(request), user


def _section(moderator: User, user_id: int) -> dict[str, Any] | None:
    """What the person's page says of moderation; to nobody of themselves."""
    if not moderator.has_perm("moderation.view_case") or moderator.pk == user_id:
        return None
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        return None
    now = timezone.now()
    decisions = Decision.objects.filter(person=user).select_related("moderator", "chat")
    gone = user.is_service or user.erased_at is not None
    able = moderator.has_perm
    return {
        "cases": Case.objects.filter(person=user, state=Case.State.OPEN).select_related("assignee"),
        "decisions": decisions.order_by("-id")[:MOST],
        "mutes": user.mutes.filter(until__gt=now).select_related("chat"),
        "may_open": not gone and able("moderation.handle_case"),
        "may_appoint": not gone and able("accounts.appoint"),
        "may_export": not gone and able("accounts.export_user"),
        "may_erase": not gone and able("accounts.erase_user"),
    }
