"""`/docs` and below, with and without a slash at the end as all paths."""

from django.urls import re_path

from messenger.apidocs import sockets, views

urlpatterns = [
    re_path(r"^docs/?$", views.swagger, name="docs"),
    re_path(r"^docs/openapi\.json/?$", views.openapi_json, name="openapi"),
    re_path(r"^docs/openapi\.yaml/?$", views.openapi_yaml, name="openapi-yaml"),
    re_path(r"^docs/ws/?$", sockets.page, name="sockets"),
    re_path(r"^docs/ws\.json/?$", sockets.document, name="asyncapi"),
]
