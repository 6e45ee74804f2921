"""
HTTP paths: the protocols', what documents them, the admin, the landing page. For `/healthz` see
messenger.health.
"""

from django.contrib import admin
from django.urls import path, re_path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language

from messenger import pages
from messenger.apidocs.urls import urlpatterns as docs
from messenger.protocols import routes

admin.site.site_header = admin.site.site_title = _("Messenger")
admin.site.index_title = _("Administration")

urlpatterns = [
    path("", pages.home, name="home"),
    path("admin/", admin.site.urls),
    # Without a token against forgery, for which every page would have to set a cookie: whoever
    # posts here from elsewhere changes the language and nothing else.
    re_path(r"^language/?$", csrf_exempt(set_language), name="language"),
    *docs,
    *routes(),
]

handler400 = "messenger.pages.bad_request"
handler403 = "messenger.pages.forbidden"
handler404 = "messenger.pages.not_found"
handler500 = "messenger.pages.server_error"
