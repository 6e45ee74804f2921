"""The pages' paths, with and without a slash at the end as all paths."""

from typing import Any

from django.urls import URLPattern, path, re_path

from messenger.pages import views
from messenger.realtime import limits
from messenger.realtime.limits import Limit


def page(name: str, view: Any, hashing: Limit | None = None) -> URLPattern:
    """`hashing` is the limit of what hashes a password when it is sent: see messenger.handler."""
    pattern = re_path(rf"^{name}/?$", view, name=name)
    pattern.hashing = {"POST": hashing} if hashing else {}
    return pattern


urlpatterns = [
    path("", views.home, name="home"),
    page("sign-in", views.sign_in, hashing=limits.LOGIN_ADDRESS),
    page("sign-up", views.sign_up, hashing=limits.REGISTER),
    page("appeal", views.appeal, hashing=limits.LOGIN_ADDRESS),
    page("sign-out", views.sign_out),
    page("enter", views.enter),
    page("access", views.access),
    page("about", views.about),
]
