"""
HTTP paths: the pages', the protocols', what documents them, the admin. For `/healthz` see
messenger.health.
"""

from django.contrib import admin
from django.urls import path, re_path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language

from accounts.admin_passwords import password_url
from messenger.apidocs.urls import urlpatterns as docs
from messenger.pages.urls import urlpatterns as pages
from messenger.protocols import routes
from moderation.dashboard import dashboard_url

admin.site.site_header = admin.site.site_title = _("Messenger")
admin.site.index_title = _("Administration")

urlpatterns = [
    *pages,
    dashboard_url(admin.site),
    password_url(admin.site),
    path("admin/", admin.site.urls),
    # Without a token against forgery, for which every page would have to set a cookie: whoever
    # posts here from elsewhere changes the language and nothing else.
    re_path(r"^language/?$", csrf_exempt(set_language), name="language"),
    *docs,
    *routes(),
]

handler400 = "messenger.pages.errors.bad_request"
handler403 = "messenger.pages.errors.forbidden"
handler404 = "messenger.pages.errors.not_found"
handler500 = "messenger.pages.errors.server_error"
