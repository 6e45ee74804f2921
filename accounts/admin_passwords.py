"""Passwords that are set in the admin go through the service, as all others do."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminPasswordChangeForm as OwnForm
from django.contrib.auth.forms import AdminPasswordChangeForm as SetForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse

from accounts.models import User
from accounts.services import change_password
from messenger.errors import MessengerError
from moderation.admin.acting import sentences


class SetPassword(SetForm):
    """Somebody's, or none at all."""

    def save(self, commit: bool = True) -> User:
        usable = self.cleaned_data["set_usable_password"]
        change_password(self.user, self.cleaned_data["password1"] if usable else None)
        return self.user


class OwnPassword(OwnForm):
    def save(self, commit: bool = True) -> User:
        change_password(self.user, self.cleaned_data["new_password1"])
        return self.user


class OwnPasswordView(PasswordChangeView):
    form_class = OwnPassword

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            return super().form_valid(form)
        except MessengerError as error:
            # Its page shows what is wrong with fields only.
            for sentence in sentences(error):
                form.add_error("new_password1", str(sentence))
            return self.form_invalid(form)


def password_url(site: AdminSite) -> URLPattern:
    """In place of Django's own, whose form writes the whole person as they were."""

    def view(request: HttpRequest) -> HttpResponseBase:
        done, context = reverse("admin:password_change_done"), site.each_context(request)
        shown = OwnPasswordView.as_view(success_url=done, extra_context=context)
        return shown(request)

    door: Any = site.admin_view(view, cacheable=True)
    return path("admin/password_change/", door, name="own_password")
