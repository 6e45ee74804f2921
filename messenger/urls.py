"""HTTP paths: the protocols', the admin, the landing page. For `/healthz` see messenger.health."""

from django.contrib import admin
from django.urls import path

from messenger import pages
from messenger.protocols import routes

urlpatterns = [
    path("", pages.home, name="home"),
    path("admin/", admin.site.urls),
    *routes(),
]

handler400 = "messenger.pages.bad_request"
handler403 = "messenger.pages.forbidden"
handler404 = "messenger.pages.not_found"
handler500 = "messenger.pages.server_error"
