"""What all acts in the admin have in common: a reason, and what is said when they are refused."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from messenger.errors import MessengerError
from messenger.texts import Sentence
from moderation.models import MAX_REASON
from moderation.words import LEAST, checked_reason

# What moderators say most often, to pick from.
USUAL_REASONS = (
    _("Advertising is not wanted here."),
    _("Insults are not tolerated here."),
    _("This was a threat."),
    _("This tells of somebody what only they may tell."),
    _("This is fraud."),
    _("This was said before, and a warning given."),
    _("Nothing here is against the rules."),
)


class ReasonForm(forms.Form):
    """Why something is done."""

    reason = forms.CharField(label=_("Reason"), max_length=MAX_REASON)


class ReasonedActionForm(ActionForm):
    """The actions of a list, each of which wants a reason."""

    reason = forms.CharField(label=_("Reason:"), required=False, max_length=MAX_REASON)


def person_of(request: HttpRequest) -> Any:
    """Who acts. A view of the admin is never asked by anybody who is not signed in."""
    return request.user


def must_have(request: HttpRequest, permission: str) -> None:
    if not person_of(request).has_perm(permission):
        raise PermissionDenied


def given_reason(request: HttpRequest) -> str | None:
    """The reason that came with an action of a list; None, and said so once, if it will not do."""
    try:
        return checked_reason(request.POST.get("reason", ""), least=LEAST)
    except MessengerError as error:
        for sentence in sentences(error):
            messages.error(request, _("Reason: {wrong}").format(wrong=sentence))
        return None


def sentences(error: MessengerError) -> list[Sentence]:
    """What a page says of an error: of its fields if it is about some."""
    return [text for texts in error.errors.values() for text in texts] or [error.detail]


def attempt(
    request: HttpRequest, act: Callable[[], Any], *, done: Sentence, about: object = ""
) -> bool:
    """Do it and say so, or say why not, naming what it was `about`. Whether it was done."""
    try:
        act()
    except MessengerError as error:
        named = f"{about}: " if about else ""
        say(request, error, named)
        return False
    if done:
        messages.success(request, str(done))
    return True


def say(request: HttpRequest, error: MessengerError, named: str = "") -> None:
    """Tell whoever acted why not, on the next page."""
    for sentence in sentences(error):
        messages.error(request, f"{named}{sentence}")


def refused(form: forms.Form, error: MessengerError) -> None:
    """Show what a service says at the fields that it is about."""
    for field, texts in error.errors.items():
        for text in texts:
            form.add_error(field if field in form.fields else None, str(text))
    if not error.errors:
        form.add_error(None, str(error.detail))
