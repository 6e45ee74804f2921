"""
Every failure that the core tells a client about, each with a stable code and an HTTP status.

    MessengerError
    ├── Invalid                 400  a field is missing, of the wrong type, too long, unknown
    │   └── UnknownUsers        400  names the people who do not exist
    ├── Malformed               400  not JSON, or not an object
    ├── UnknownCommand          400  no such socket command
    ├── Unauthenticated         401  no token, or one that is no longer good
    │   ├── WrongCredentials    401  the same for a wrong password and an unknown account
    │   └── TokenReused         401  a refresh token that was already exchanged
    ├── Forbidden               403  seen, but not allowed
    │   ├── Banned              403  with `until`, if it ends
    │   ├── Muted               403  with `until`
    │   ├── Undeliverable       403  the other one of a private chat gets nothing from this person
    │   ├── ContentRejected     403  a rule does not let this text through
    │   └── AwaitingReview      403  a rule holds this message back until a moderator has seen it
    ├── NotFound                404  not there, or not yours to see: the same answer
    ├── MethodNotAllowed        405
    ├── Conflict                409
    ├── TooLarge                413
    ├── UnsupportedMedia        415
    ├── KeyReused               422  an idempotency key that came before with another body
    ├── RateLimited             429  with `retry_after`
    │   └── SlowMode            429  the chat lets nobody write that fast
    ├── Internal                500  a mistake of ours, logged
    └── Unavailable             503  the database is away; with `retry_after`

A service raises one of these; `messenger.rest` gives it its form over HTTP and each protocol's
`error` its form as a frame. Nowhere else is an error put into words for a client.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from messenger.texts import Sentence, counted
from messenger.times import iso


class MessengerError(Exception):
    """
    `detail` is a sentence for people; `errors` maps a field to its sentences. They are lazy: who is
    told decides the language, and a worker's thread knows nothing of it.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    text: ClassVar[Sentence] = _("The request could not be carried out.")

    def __init__(
        self,
        detail: Sentence | None = None,
        *,
        errors: Mapping[str, Sequence[Sentence]] | None = None,
        retry_after: float | None = None,
        until: datetime | None = None,
    ) -> None:
        self.detail = detail or self.text
        self.errors = {field: list(texts) for field, texts in (errors or {}).items()}
        self.retry_after = retry_after
        self.until = until
        super().__init__(self.detail)

    def facts(self) -> dict[str, Any]:
        """
        {code, detail, errors?, retry_after?, until?}: what every protocol says of an error, in the
        language that is active here.
        """
        facts: dict[str, Any] = {"code": self.code, "detail": str(self.detail)}
        if self.errors:
            facts["errors"] = {
                field: [str(text) for text in texts] for field, texts in self.errors.items()
            }
        if self.retry_after is not None:
            facts["retry_after"] = self.retry_after
        if self.until is not None:
            facts["until"] = iso(self.until)
        return facts


class Invalid(MessengerError):
    code = "invalid"
    status = 400
    text = _("Some fields are not valid.")

    @classmethod
    def field(cls, name: str, sentence: Sentence) -> "Invalid":
        return cls.fields({name: [sentence]})

    @classmethod
    def fields(cls, errors: Mapping[str, Sequence[Sentence]]) -> "Invalid":
        """The first sentence about each field is the detail."""
        form = "; ".join(["{}: {}"] * len(errors))
        told = [part for name, texts in errors.items() for part in (name, texts[0])]
        return cls(format_lazy(form, *told), errors=errors)


class UnknownUsers(Invalid):
    code = "unknown_users"


class Malformed(MessengerError):
    code = "malformed"
    text = _("This is not a JSON object.")


class UnknownCommand(MessengerError):
    code = "unknown_command"
    text = _("There is no such command.")


class Unauthenticated(MessengerError):
    code = "unauthenticated"
    status = 401
    text = _("Sign in: the token is missing, expired or revoked.")


class WrongCredentials(Unauthenticated):
    code = "wrong_credentials"
    text = _("No active account has this name and password.")


class TokenReused(Unauthenticated):
    code = "token_reused"
    text = _("This refresh token has been used already.")


class Forbidden(MessengerError):
    code = "forbidden"
    status = 403
    text = _("You are not allowed to do this.")


class Banned(Forbidden):
    code = "banned"
    text = _("This account is banned.")


class Muted(Forbidden):
    code = "muted"
    text = _("A moderator has muted you: you can read but not write for now.")


class Undeliverable(Forbidden):
    # The same whether the other one has blocked this person or is not there to read any more.
    code = "undeliverable"
    text = _("Messages to this person can't be delivered.")


class ContentRejected(Forbidden):
    code = "content_rejected"
    text = _("The rules of this place do not let this text through.")


class AwaitingReview(Forbidden):
    code = "awaiting_review"
    text = _("This message waits for a moderator. It is sent once it has been let through.")


class NotFound(MessengerError):
    code = "not_found"
    status = 404
    text = _("Not found.")


class MethodNotAllowed(MessengerError):
    code = "method_not_allowed"
    status = 405
    text = _("This address does not take that method.")


class Conflict(MessengerError):
    code = "conflict"
    status = 409
    text = _("This clashes with something that exists.")


class TooLarge(MessengerError):
    code = "too_large"
    status = 413
    text = _("This is too large.")

    @classmethod
    def beyond(cls, most: int) -> "TooLarge":
        return cls(counted("No more than {number} byte.", "No more than {number} bytes.", most))


class UnsupportedMedia(MessengerError):
    code = "unsupported_media_type"
    status = 415
    text = _("Send JSON.")


class KeyReused(MessengerError):
    code = "idempotency_key_reused"
    status = 422
    text = _("This key came before, with another message.")


class RateLimited(MessengerError):
    code = "rate_limited"
    status = 429
    text = _("Too many requests. Try again later.")


class SlowMode(RateLimited):
    code = "slow_mode"
    text = _("This chat is in slow mode. Wait a little before your next message.")


class Internal(MessengerError):
    code = "internal_error"
    status = 500
    text = _("Something went wrong on our side.")


class Unavailable(MessengerError):
    code = "unavailable"
    status = 503
    text = _("The service is busy or restarting. Try again in a moment.")


def every_error() -> list[type[MessengerError]]:
    """All classes above, for the tests that go through each error in each protocol."""
    found: list[type[MessengerError]] = [MessengerError]
    for cls in found:
        # What is made of them elsewhere goes by their codes.
        found.extend(one for one in cls.__subclasses__() if one.__module__ == __name__)
    return found
