"""What the viewsets share: paths with and without a slash, and bodies that are objects."""

from collections.abc import Mapping
from typing import Any

from django.urls import URLPattern, re_path
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.models import User
from accounts.tokens import Claims
from messaging.content import check_key, problem_with
from messenger import errors
from messenger.ids import Ref, parse_ref


def route(path: str, view: type[ViewSet], **actions: str) -> URLPattern:
    """
    `path` with and without a slash at its end, and no redirect between them: a redirected POST
    loses its body. `actions` maps methods to the names of the viewset's functions.
    """
    # A function of a method's name would answer that method on every path of the viewset.
    assert not {"get", "post", "put", "patch", "delete"} & set(dir(view)), view
    pattern = re_path(rf"^{path}/?$", view.as_view(dict(actions)))
    pattern.hashes_passwords = getattr(view, "hashes_passwords", False)  # type: ignore[attr-defined]
    return pattern


def fields_of(request: Request) -> dict[str, Any]:
    """The body of a request, which must be a JSON object."""
    if not isinstance(request.data, Mapping):
        raise errors.Malformed
    return dict(request.data)


def body_of(request: Request, form: type[serializers.Serializer]) -> dict[str, Any]:
    """The fields of the body, as `form` cleans them. Invalid names every one that is wrong."""
    return _cleaned(form(data=fields_of(request)))


def query_of(request: Request, form: type[serializers.Serializer]) -> dict[str, Any]:
    """The same of the query."""
    return _cleaned(form(data=request.query_params))


def _cleaned(form: serializers.Serializer) -> dict[str, Any]:
    form.is_valid(raise_exception=True)
    cleaned: dict[str, Any] = form.validated_data
    return cleaned


class WholeField(serializers.IntegerField):
    """A number in plain digits. DRF's own takes "1_000", "+1", " 1", "1.0" and "١" for numbers."""

    def to_internal_value(self, data: Any) -> int:
        if not (isinstance(data, str) and data.isascii() and data.isdecimal()):
            self.fail("invalid")
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """A text. DRF's own takes numbers for texts, and large ones lose their digits on the way."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class IdField(serializers.Field):
    """An integer or a UUID, in either form."""

    def to_internal_value(self, data: Any) -> Ref:
        ref = parse_ref(data)
        if ref is None:
            raise serializers.ValidationError("say an integer or a UUID")
        return ref

    def to_representation(self, value: Ref) -> str:
        return str(value)


class FlagField(serializers.Field):
    """true or false, and nothing that merely looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("say true or false")
        return data

    def to_representation(self, value: bool) -> bool:
        return value


class ContentField(serializers.Field):
    """What a message says."""

    def to_internal_value(self, data: Any) -> str:
        wrong = problem_with(data)
        if wrong is not None:
            raise serializers.ValidationError(wrong)
        return str(data)

    def to_representation(self, value: str) -> str:
        return value


class PayloadField(serializers.Field):
    """Any JSON; how much of it and how deep, the core says."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


def ref_in_path(value: str) -> Ref:
    """An id that stands in a path. NotFound for what can be no id, as for one that nobody has."""
    ref = parse_ref(value)
    if ref is None:
        raise errors.NotFound
    return ref


def idempotency_key(request: Request) -> str | None:
    """The `Idempotency-Key` of a request, if it has one. Invalid for one that can't be."""
    key = request.headers.get("Idempotency-Key") or None
    if key is not None:
        check_key(key, "Idempotency-Key")
    return key


def sent_response(words: dict[str, Any], *, replayed: bool) -> Response:
    """The answer to a send: 201, or 200 and a header where an earlier send is answered again."""
    if replayed:
        return Response(words, headers={"Idempotent-Replayed": "true"})
    return Response(words, status=status.HTTP_201_CREATED)


def user_of(request: Request) -> User:
    """Who is signed in. Unauthenticated where nobody is."""
    if not isinstance(request.user, User):
        raise errors.Unauthenticated
    return request.user


def claims_of(request: Request) -> Claims:
    """The claims of the token that the request came with."""
    claims: object = request.auth
    if not isinstance(claims, Claims):
        raise errors.Unauthenticated
    return claims
