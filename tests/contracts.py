"""
Whether what the server says is what `/docs` says that it says.

All answers that any test gets over REST come by here (see `tests/conftest.py`). A field, a status
or a type that is not documented is a mistake, as is one that is documented and not there.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import orjson

from messenger.apidocs import openapi
from messenger.schemas import Schema

METHODS = {"get", "post", "put", "patch", "delete"}


class Undocumented(AssertionError):
    """Something was said that the documentation does not know."""


def compiled(
    schema: Schema, components: Mapping[str, Schema], *, formats: bool = True
) -> jsonschema_rs.Validator:
    """A validator of JSON. `components` are what `#/components/schemas/` in the schema means."""
    whole = {**schema, "components": {"schemas": dict(components)}}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=formats)


def closed(schema: Any) -> Any:
    """The same schema with no other fields in its objects than those that it names."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(part) for name, part in schema.items()}
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


def complaints(validator: jsonschema_rs.Validator, value: Any) -> list[str]:
    if validator.is_valid(value):
        return []
    return [
        f"{'.'.join(map(str, error.instance_path)) or 'it'}: {error.message}"
        for error in validator.iter_errors(value)
    ]


class Contract:
    """The document in the form in which an answer is looked up."""

    def __init__(self, document: Schema) -> None:
        self.document = document
        self.forms: dict[str, Schema] = document["components"]["schemas"]
        self.shapes: dict[str, Schema] = closed(self.forms)
        # Paths without parameters come first, as in the routes.
        paths = sorted(document["paths"], key=lambda path: path.count("{"))
        self.paths = [(re.compile(re.sub(r"{\w+}", "[^/]+", path) + "/?"), path) for path in paths]
        self.validators: dict[tuple[str, str, str], jsonschema_rs.Validator] = {}
        self.seen: set[tuple[str, str, str]] = set()

    def path_of(self, path: str) -> str | None:
        """The documented path that this one is an instance of."""
        return next((found for regex, found in self.paths if regex.fullmatch(path)), None)

    def check(
        self,
        method: str,
        path: str,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        sent: bytes = b"",
    ) -> None:
        """Undocumented unless this answer to `sent` at one of the documented paths is foreseen."""
        found = self.path_of(path)
        if found is None:
            return
        name = f"{method} {found}: {status}"
        item, method, code = self.document["paths"][found], method.lower(), str(status)
        if method == "head":
            assert not body, name
            return
        if method not in item:
            # Nobody may do this here. What OPTIONS says is Django REST framework's.
            if method != "options" and not (status >= 400 and not self._no_error(headers, body)):
                raise Undocumented(f"{name} {body[:500]!r}")
            return
        answers = item[method]["responses"]
        if code not in answers:
            raise Undocumented(f"{name} is not documented: {body[:500]!r}")
        self.seen.add((found, method, code))
        answer = self._resolved(answers[code])
        missing = {
            header
            for header, about in answer.get("headers", {}).items()
            if about.get("required") and header.lower() not in {h.lower() for h in headers}
        }
        if missing:
            raise Undocumented(f"{name} lacks {missing}")
        if "content" not in answer:
            if body:
                raise Undocumented(f"{name} has a body: {body[:500]!r}")
            return
        kind = {header.lower(): value for header, value in headers.items()}.get("content-type", "")
        if kind not in answer["content"]:
            raise Undocumented(f"{name} comes as {kind!r}")
        validator = self._validator(found, method, code, answer["content"][kind]["schema"])
        self._hold(name, validator, body)
        if sent and status < 300 and "requestBody" in item[method]:
            self._check_sent(found, method, sent)

    def _check_sent(self, path: str, method: str, sent: bytes) -> None:
        """What was accepted must be acceptable by the documentation."""
        content = self.document["paths"][path][method]["requestBody"]["content"]
        try:
            orjson.loads(sent)
        except ValueError:
            # A form.
            return
        schema = content["application/json"]["schema"]
        key = (path, method, "request")
        if key not in self.validators:
            # An e-mail may come with space around it, and a UUID without hyphens.
            self.validators[key] = compiled(schema, self.forms, formats=False)
        self._hold(f"The body of {method} {path}", self.validators[key], sent)

    def _validator(
        self, path: str, method: str, code: str, schema: Schema
    ) -> jsonschema_rs.Validator:
        key = (path, method, code)
        if key not in self.validators:
            self.validators[key] = compiled(closed(schema), self.shapes)
        return self.validators[key]

    def _hold(self, name: str, validator: jsonschema_rs.Validator, body: bytes) -> None:
        if found := complaints(validator, orjson.loads(body)):
            raise Undocumented(f"{name}: {'; '.join(found)} in {body[:500]!r}")

    def _no_error(self, headers: Mapping[str, str], body: bytes) -> list[str]:
        key = ("", "", "error")
        if key not in self.validators:
            self.validators[key] = compiled(self.shapes["Error"], self.shapes)
        return complaints(self.validators[key], orjson.loads(body))

    def _resolved(self, answer: Schema) -> Schema:
        found: Any = answer
        if "$ref" in answer:
            found = self.document
            for part in answer["$ref"].removeprefix("#/").split("/"):
                found = found[part]
        return dict(found)


@cache
def rest() -> Contract:
    """The contract of this project's REST paths."""
    return Contract(openapi.document())
