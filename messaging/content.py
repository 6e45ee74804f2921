"""What a message may hold."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from messenger.errors import Invalid
from messenger.texts import Sentence, at_most, counted

# Characters (Unicode code points) of a text, bytes of a payload, characters of a key.
MAX_TEXT = 4096
MAX_PAYLOAD = 16 * 1024
MAX_KEY = 255
MAX_DEPTH = 32
# The type of what the service itself tells people (`accounts.services.service_account`).
NOTICE = "notice"

# The escape of a NUL in JSON, and not the same six characters after an escaped backslash.
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def check(
    *, content: str | None, type: str = "text", payload: Any = None, field: str = "content"
) -> None:
    """Invalid unless this can be stored. `field` is what the client calls the content."""
    if not isinstance(type, str) or not 0 < len(type) <= 20 or not type.isprintable():
        raise Invalid.field("type", _("1 to 20 characters that can be printed"))
    if content is None:
        if payload is None or type == "text":
            raise Invalid.field(field, _("say something"))
    else:
        check_text(content, field)
        if type == "text" and not content.strip():
            raise Invalid.field(field, _("say something"))
    if payload is not None:
        check_payload(payload)


def problem_with(text: Any) -> Sentence | None:
    """What is wrong with the text of a message, as a sentence; None if nothing is."""
    wrong = _no_text(text)
    return wrong or (None if text.strip() else _("say something"))


def check_text(text: Any, field: str) -> None:
    """A text that PostgreSQL can hold and every client can read."""
    if wrong := _no_text(text):
        raise Invalid.field(field, wrong)


def _no_text(text: Any) -> Sentence | None:
    if not isinstance(text, str):
        return _("say it as text")
    if len(text) > MAX_TEXT:
        return at_most(MAX_TEXT)
    if "\x00" in text:
        return _("a NUL character is not text")
    try:
        text.encode()
    except UnicodeEncodeError:
        return _("half of a surrogate pair is not text")
    return None


def check_payload(payload: Any) -> None:
    """Any JSON of moderate size and depth."""
    try:
        encoded = orjson.dumps(payload)
    except (TypeError, ValueError, RecursionError):
        raise Invalid.field("payload", _("this is not JSON")) from None
    if len(encoded) > MAX_PAYLOAD:
        wrong = counted("no more than {number} byte", "no more than {number} bytes", MAX_PAYLOAD)
        raise Invalid.field("payload", wrong)
    if NUL.search(encoded):
        raise Invalid.field("payload", _("a NUL character is not text"))
    level, depth = [payload], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            wrong = counted(
                "no more than {number} level", "no more than {number} levels", MAX_DEPTH
            )
            raise Invalid.field("payload", wrong)
        # PostgreSQL gives a large float back as an integer, and orjson writes none over 64 bits.
        if not all(abs(item) < 2**63 for item in level if isinstance(item, float)):
            raise Invalid.field("payload", _("no numbers beyond 64 bits"))
        level = [child for item in level for child in _children(item)]


def words(content: str | None, payload: Any) -> str:
    """All that somebody can read in a message that has passed `check`."""
    if payload is None:
        return content or ""
    found, rest = [content or ""], [payload]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            found.extend(map(str, item))
            rest.extend(item.values())
        elif isinstance(item, list | tuple):
            rest.extend(item)
    return "\n".join(found)


def check_key(key: Any, field: str = "client_message_id") -> None:
    """An idempotency key: any text of 1 to 255 characters."""
    check_text(key, field)
    if not 0 < len(key) <= MAX_KEY:
        wrong = format_lazy(_("{least} to {most} characters"), least=1, most=MAX_KEY)
        raise Invalid.field(field, wrong)


def key_digest(author_id: int, key: str) -> UUID:
    """What stands for an author's idempotency key, in one column that one look-up finds."""
    return UUID(bytes=hashlib.blake2b(f"{author_id}:{key}".encode(), digest_size=16).digest())


def fingerprint(*parts: Any) -> str:
    """Equal for equal parts: 32 hexadecimal digits for what came with an idempotency key."""
    body = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
