"""People in the admin. What a moderator does here goes through the services, so sockets hear it."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.admin_passwords import SetPassword
from accounts.models import User, normal
from messenger.errors import MessengerError
from moderation.admin.acting import say
from moderation.admin.audited import Audited
from moderation.admin.lists import PlainList
from moderation.admin.people import ModeratedPeople

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class RulesOfNames:
    """A form of people in which e-mails and usernames go by the rules of signing up."""

    def clean(self: Any) -> Any:
        cleaned = super().clean()  # type: ignore[misc]
        if "username" in cleaned:
            cleaned["username"] = normal(cleaned["username"].strip())
        names = {
            name: cleaned.get(name, getattr(self.instance, name))
            for name in ("email", "username", "name")
        }
        for field, sentences in services.problems(User(pk=self.instance.pk, **names)).items():
            if field not in self.errors:
                self.add_error(field if field in self.fields else None, sentences)
        return cleaned


class NewUserForm(RulesOfNames, BaseUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "username")


class ChangedUserForm(RulesOfNames, UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(Audited, PlainList, DjangoGroupAdmin):
    """Who may change what a group may do is a superuser, or could become one."""


@admin.register(User)
class UserAdmin(ModeratedPeople, Audited, PlainList, DjangoUserAdmin):
    form = ChangedUserForm
    add_form = NewUserForm
    change_password_form = SetPassword
    list_display = ("name", "username", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff")
    ordering = ("-id",)
    show_full_result_count = False
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = (
        *("uuid", "created_at", "banned_at", "banned_until", "erased_at", "last_login"),
        "is_active",
    )
    add_fieldsets = ((None, {"fields": ("email", "username", "password1", "password2")}),)

    def get_list_display(self, request: HttpRequest) -> Any:
        email = ("email",) if self._sees_emails(request) else ()
        return ("name", "username", *email, "is_active", "is_staff", "created_at")

    def get_search_fields(self, request: HttpRequest) -> Any:
        # Who may not see an e-mail must not find out letter by letter what it is.
        email = ("email",) if self._sees_emails(request) else ()
        return ("=id", "name", "username", *email)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        names = ["username", "name", "uuid"]
        if self._sees_emails(request):
            names.insert(0, "email")
        if self.has_change_permission(request, obj):
            names.append("password")
        state = ("is_active", "banned_at", "banned_until", "erased_at", "created_at", "last_login")
        powers = POWERS if request.user.is_superuser else ("is_staff", "groups")
        return (
            (None, {"fields": names}),
            (_("State"), {"fields": state}),
            (_("Powers"), {"fields": powers}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Who may change people must not be able to raise themselves by it.
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._in_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Deleting goes past the services: chats would lose their owners. Erase instead.
        return False

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        user: User | None = super().get_object(request, object_id, from_field)
        if user is not None and request.method == "POST" and connection.in_atomic_block:
            # Nobody bans, erases or demotes them until what was sent is judged and written.
            user = User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()
        return user

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            return super().save_model(request, obj, form, change)
        columns = {field.name for field in self.opts.concrete_fields}
        obj.save(update_fields=columns.intersection(form.changed_data))

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        try:
            # The change and its entry in the audit log, or neither.
            with transaction.atomic():
                return super().user_change_password(request, id, form_url)
        except MessengerError as error:
            say(request, error)
            return redirect("admin:accounts_user_changelist")

    def _in_reach(self, request: HttpRequest, user: User | None) -> bool:
        """Who could set the password of one with more powers would have those powers."""
        if user is not None and (user.is_service or services.is_erased(user)):
            return False
        if user is None or request.user.is_superuser or user.pk == request.user.pk:
            return True
        return not user.is_staff and not user.is_superuser

    def _sees_emails(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.view_email")
