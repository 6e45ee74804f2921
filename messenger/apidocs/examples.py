"""A value that a JSON Schema allows, as plausible as one can be that nobody wrote."""

from collections.abc import Mapping, Sequence
from typing import Any

from messenger.schemas import Schema

# What fields of these names may hold, where their schema allows it.
PLAUSIBLE: dict[str, Any] = {
    "chat_id": 5, "message_id": 7, "up_to_message_id": 7, "reply_to_id": 3, "seq": 17,
    "prev_seq": 16, "user_id": 2, "author_id": 2, "owner_id": 1, "members_count": 2,
    "text": "Hello", "content": "Hello", "name": "Bob", "username": "bob", "emoji": "👍",
    "client_message_id": "4f0c", "request_id": 1, "token": "eyJhbGciOi…", "id": 7, "type": "text",
    "is_typing": True, "read_status": "unread", "reason": "expired",
}  # fmt: skip
FORMATS = {
    "date-time": "2026-01-02T03:04:05.678901Z",
    "uuid": "01890a5d-ac96-774b-bcce-b302099a8057",
}
BASIC: dict[str, Any] = {
    "integer": 1, "number": 1.5, "string": "…", "boolean": False, "null": None
}  # fmt: skip


def example(
    schema: Schema,
    components: Mapping[str, Schema],
    *,
    name: str = "",
    everything: bool = False,
    also: Sequence[str] = (),
) -> Any:
    """
    A value of the field `name`. Objects have what is required, `also` those, or `everything`; what
    they refer to, only what is required.
    """
    if "$ref" in schema:
        return example(components[schema["$ref"].rpartition("/")[2]], components, name=name)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        known = PLAUSIBLE.get(name)
        return known if known in schema["enum"] else schema["enum"][0]
    for alternatives in ("oneOf", "anyOf"):
        if alternatives in schema:
            first = schema[alternatives][0]
            # What perhaps never happened has not.
            if first.get("format") == "date-time" and {"type": "null"} in schema[alternatives]:
                return None
            return example(first, components, name=name, everything=everything)
    kind = schema.get("type", "null")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "array":
        return [example(schema["items"], components, name=name.removesuffix("s"))]
    if kind == "object":
        fields: Mapping[str, Schema] = schema.get("properties", {})
        if not fields and isinstance(schema.get("additionalProperties"), dict):
            return {"5": example(schema["additionalProperties"], components, name="seq")}
        return {
            field: example(part, components, name=field, everything=everything, also=also)
            # What a frame is, comes first.
            for field, part in sorted(fields.items(), key=lambda item: "const" not in item[1])
            if everything or field in schema["required"] or field in also
        }
    if schema.get("format") in FORMATS and kind == "string":
        return FORMATS[schema["format"]]
    plausible = PLAUSIBLE.get(name)
    return plausible if type(plausible) is type(BASIC[kind]) else BASIC[kind]
