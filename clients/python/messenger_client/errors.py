"""What can go wrong: one exception with the server's code, and four that end something."""

from collections.abc import Mapping
from typing import Any

import httpx

# The HTTP status of each code: frames say the code alone.
STATUSES = {
    "invalid": 400,
    "unknown_users": 400,
    "malformed": 400,
    "unknown_command": 400,
    "unauthenticated": 401,
    "wrong_credentials": 401,
    "token_reused": 401,
    "forbidden": 403,
    "banned": 403,
    "muted": 403,
    "undeliverable": 403,
    "content_rejected": 403,
    "awaiting_review": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
    "slow_mode": 429,
    "internal_error": 500,
    "unavailable": 503,
}


class MessengerError(Exception):
    """
    A refusal. `code` is for programs and `detail` for people; `errors` maps a field to its
    sentences; `retry_after` is in seconds; `until` is the end of a mute or a ban. `status` is 0
    where no server said it.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        errors: Mapping[str, list[str]] | None = None,
        retry_after: float | None = None,
        until: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = dict(errors or {})
        self.retry_after = retry_after
        self.until = until


class SignedOut(MessengerError):
    """The refresh token is no longer good: sign in again."""


class Banned(MessengerError):
    """The account is banned."""


class Unreachable(MessengerError):
    """The server could not be reached, or did not answer in time."""


class Closed(MessengerError):
    """The client is closed, or the connection was lost before the answer to a command came."""


def from_facts(facts: Any, status: int | None = None) -> MessengerError:
    """The error that a body or a frame `{code, detail, errors?, retry_after?, until?}` tells of."""
    if not isinstance(facts, dict):
        facts = {}
    code = str(facts.get("code", "error"))
    if status is None:
        status = STATUSES.get(code, 400)
    kind = Banned if code == "banned" else MessengerError
    return kind(
        status,
        code,
        str(facts.get("detail", "")),
        facts.get("errors"),
        facts.get("retry_after"),
        facts.get("until"),
    )


def from_response(response: httpx.Response) -> MessengerError:
    """The error of an HTTP answer, also of one that some proxy gave in words of its own."""
    try:
        facts = response.json()
    except ValueError:
        facts = None
    if not isinstance(facts, dict) or "code" not in facts:
        facts = {"code": f"http_{response.status_code}", "detail": response.reason_phrase}
    if "retry_after" not in facts:
        try:
            facts["retry_after"] = float(response.headers["Retry-After"])
        except (KeyError, ValueError):
            pass
    return from_facts(facts, response.status_code)
