"""
What the viewsets share: paths with and without a slash, and what an operation takes and answers.

    @operation({201: shapes.Message}, body=NewMessage, errors=[409])
    def create(self, request, wanted): ...

checks the body against the form before the function runs and documents the whole at `/docs`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, get_type_hints

from django.urls import URLPattern, re_path
from django.utils.translation import gettext as _
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.models import User
from accounts.tokens import Claims
from messaging.content import check_key, problem_with
from messenger import errors
from messenger.ids import Ref, parse_ref
from messenger.schemas import Schema


def route(path: str, view: type[ViewSet], **actions: str) -> URLPattern:
    """
    `path` with and without a slash at its end, and no redirect between them: a redirected POST
    loses its body. `actions` maps methods to the names of the viewset's functions.
    """
    # A function of a method's name would answer that method on every path of the viewset.
    assert not {"get", "post", "put", "patch", "delete"} & set(dir(view)), view
    pattern = re_path(rf"^{path}/?$", view.as_view(dict(actions)))
    # What hashes a password, and by what limit: see messenger.handler.
    hashing = getattr(view, "hashing", {})
    pattern.hashing = {  # type: ignore[attr-defined]
        method.upper(): hashing[name] for method, name in actions.items() if name in hashing
    }
    return pattern


# What a body or a query is checked against. One of what its `either` names must be there: a field,
# or fields as a JSON Schema describes them; the documentation has that from there.
Form = type[serializers.Serializer]
# The checked fields of a body or a query.
Wanted = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """
    What a function of a viewset takes and answers. `answers` maps a status to the type of its body,
    None for none; `errors` are the statuses that are its own, besides those that go for all.

    Where protocols share a viewset, `body` may be the name of its attribute that is the form, and
    an answer the name of its function that gives it.
    """

    answers: Mapping[int, Any]
    body: Form | str | None
    query: Form | None
    errors: Sequence[int]
    headers: Mapping[str, str]

    def body_on(self, view: Any) -> Form | None:
        """The form of the body, on this viewset."""
        return getattr(view, self.body) if isinstance(self.body, str) else self.body

    def answers_on(self, view: Any) -> dict[int, Any]:
        """The types of the answers, on this viewset."""
        return {
            status: get_type_hints(getattr(view, kind))["return"] if isinstance(kind, str) else kind
            for status, kind in self.answers.items()
        }


def operation(
    answers: Mapping[int, Any],
    *,
    body: Form | str | None = None,
    query: Form | None = None,
    errors: Sequence[int] = (),
    headers: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """
    Marks a function of a viewset that answers a request. It gets the checked fields of its `body`
    or `query` as `wanted`, and parts of the path that are ids as Refs. `headers` are those that it
    reads, each with what it is for.
    """

    here = Operation(answers, body, query, errors, headers or {})

    def register(function: Callable[..., Response]) -> Callable[..., Response]:
        @wraps(function)
        def run(view: Any, request: Request, **path: str) -> Response:
            given: dict[str, Any] = {
                name: ref_in_path(part) if name.endswith("_id") else part
                for name, part in path.items()
            }
            form = here.body_on(view)
            if form is not None:
                given["wanted"] = body_of(request, form)
            elif query is not None:
                given["wanted"] = query_of(request, query)
            return function(view, request, **given)

        run.operation = here  # type: ignore[attr-defined]
        return run

    return register


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


class PlaceField(WholeField):
    """After which one a page begins, in numbers."""

    # An empty one in a query is a mistake, and not the beginning.
    allow_blank = True


class NumberField(serializers.IntegerField):
    """A whole number in a body. DRF's own takes "5", and 5.0, for numbers."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """A text. DRF's own takes numbers for texts, and large ones lose their digits on the way."""

    # What the documentation says of it besides: rules that something else looks after.
    documented: ClassVar[Schema] = {}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class IdField(serializers.Field):
    """An integer or a UUID, in either form."""

    # As in PlaceField.
    allow_blank = True

    def to_internal_value(self, data: Any) -> Ref:
        ref = parse_ref(data)
        if ref is None:
            raise serializers.ValidationError(_("say an integer or a UUID"))
        return ref

    def to_representation(self, value: Ref) -> str:
        return str(value)


class FlagField(serializers.Field):
    """true or false, and nothing that merely looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError(_("say true or false"))
        return data

    def to_representation(self, value: bool) -> bool:
        return value


class ContentField(serializers.Field):
    """What a message says."""

    def to_internal_value(self, data: Any) -> str:
        wrong = problem_with(data)
        if wrong is not None:
            raise serializers.ValidationError(str(wrong))
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
    key = request.headers.get("Idempotency-Key")
    if key is not None:
        check_key(key, "Idempotency-Key")
    return key


KEY_HEADER = {
    "Idempotency-Key": "The client's own name for this message, 1 to 255 characters. Sent again"
    " with it, a message is not stored again."
}


def sent_response(words: Mapping[str, Any], *, replayed: bool) -> Response:
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
