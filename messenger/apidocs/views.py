"""The pages of `/docs`. They are the same for everybody, and all that they need comes from here."""

from functools import cache

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.renderers import OpenApiYamlRenderer

from messenger.apidocs import openapi


def swagger(request: HttpRequest) -> HttpResponse:
    """The REST paths, to read and to try."""
    return render(request, "docs.html")


def openapi_json(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_json(), content_type="application/json")


def openapi_yaml(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_yaml(), content_type="application/yaml")


@cache
def _json() -> bytes:
    return orjson.dumps(openapi.document())


@cache
def _yaml() -> bytes:
    return OpenApiYamlRenderer().render(openapi.document())
