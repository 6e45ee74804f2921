"""People in the admin. What a moderator does here goes through the services, so sockets hear it."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.models import User, normal

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class RulesOfNames:
    """A form of people in which e-mails and usernames go by the rules of signing up."""

    def clean(self: Any) -> Any:
        cleaned = super().clean()  # type: ignore[misc]
        cleaned["username"] = normal(cleaned.get("username", "").strip())
        names = {name: cleaned.get(name, "") for name in ("email", "username", "name")}
        for field, sentences in services.problems(User(pk=self.instance.pk, **names)).items():
            if field not in self.errors:
                self.add_error(field, sentences)
        return cleaned


class NewUserForm(RulesOfNames, BaseUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "username")


class ChangedUserForm(RulesOfNames, UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    form = ChangedUserForm
    add_form = NewUserForm
    list_display = ("name", "username", "email", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("name", "username", "email")
    ordering = ("-id",)
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = ("uuid", "created_at", "banned_at", "last_login", "is_active")
    fieldsets = (
        (None, {"fields": ("email", "username", "name", "password", "uuid")}),
        (_("State"), {"fields": ("is_active", "banned_at", "created_at", "last_login")}),
        (_("Powers"), {"fields": POWERS}),
    )
    add_fieldsets = ((None, {"fields": ("email", "username", "password1", "password2")}),)
    actions = ("ban", "unban")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Who may change people must not be able to raise themselves by it.
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._in_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Deleting goes past the services: chats would lose their owners. Ban instead.
        return False

    def _in_reach(self, request: HttpRequest, user: User | None) -> bool:
        """Who could set the password of one with more powers would have those powers."""
        if user is None or request.user.is_superuser or user.pk == request.user.pk:
            return True
        return not user.is_staff and not user.is_superuser

    @admin.action(description=_("Ban: end all logins and shut out"), permissions=["change"])
    def ban(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in self._each_in_reach(request, users):
            services.ban(user)
            self.message_user(request, _("{person} is banned.").format(person=user))

    @admin.action(description=_("Let in again"), permissions=["change"])
    def unban(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in self._each_in_reach(request, users):
            services.unban(user)
            self.message_user(request, _("{person} is let in again.").format(person=user))

    def _each_in_reach(self, request: HttpRequest, users: QuerySet[User]) -> Iterator[User]:
        for user in users:
            if user.pk != request.user.pk and self._in_reach(request, user):
                yield user
            else:
                left_alone = _("{person} was left alone.").format(person=user)
                self.message_user(request, left_alone, messages.WARNING)
