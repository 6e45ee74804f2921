"""People in the admin. What a moderator does here goes through the services, so sockets hear it."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import services
from accounts.models import User

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewUserForm(BaseUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "username")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    add_form = NewUserForm
    list_display = ("name", "username", "email", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("name", "username", "email")
    ordering = ("-id",)
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = ("uuid", "created_at", "banned_at", "last_login", "is_active")
    fieldsets = (
        (None, {"fields": ("email", "username", "name", "password", "uuid")}),
        ("State", {"fields": ("is_active", "banned_at", "created_at", "last_login")}),
        ("Powers", {"fields": POWERS}),
    )
    add_fieldsets = ((None, {"fields": ("email", "username", "password1", "password2")}),)
    actions = ("ban", "unban")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Who may change people must not be able to raise themselves by it.
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *POWERS)

    @admin.action(description="Ban: end all logins and shut out")
    def ban(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            if user.pk == request.user.pk or (user.is_superuser and not request.user.is_superuser):
                self.message_user(request, f"{user} was left alone.", messages.WARNING)
            else:
                services.ban(user)
                self.message_user(request, f"{user} is banned.")

    @admin.action(description="Let in again")
    def unban(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            services.unban(user)
