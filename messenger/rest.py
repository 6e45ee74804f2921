"""What the viewsets share: paths with and without a slash, and bodies that are objects."""

from collections.abc import Mapping
from typing import Any

from django.urls import URLPattern, re_path
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from messenger import errors


def route(path: str, view: type[ViewSet], **actions: str) -> URLPattern:
    """
    `path` with and without a slash at its end, and no redirect between them: a redirected POST
    loses its body. `actions` maps methods to the names of the viewset's functions.
    """
    pattern = re_path(rf"^{path}/?$", view.as_view(actions))
    pattern.hashes_passwords = getattr(view, "hashes_passwords", False)  # type: ignore[attr-defined]
    return pattern


def fields_of(request: Request) -> dict[str, Any]:
    """The body of a request, which must be a JSON object."""
    if not isinstance(request.data, Mapping):
        raise errors.Malformed
    return dict(request.data)
