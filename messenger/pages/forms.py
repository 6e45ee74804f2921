"""The forms at the door. They ask; what is answered, `accounts.services` looks at."""

from typing import ClassVar

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from messenger.errors import MessengerError
from messenger.pages.errors import sentence
from moderation.models import MAX_COMMENT

PLAIN = {"autocapitalize": "none", "spellcheck": "false"}


class DoorForm(forms.Form):
    """A form that takes the errors of services, each beside its field. `page` is where it is."""

    page: ClassVar[str]

    def refuse(self, error: MessengerError) -> None:
        """Say what is wrong: beside the fields that the error names, else above them all."""
        if not error.errors:
            self.add_error(None, str(sentence(error)))
        for name, told in error.errors.items():
            for text in told:
                self.add_error(name if name in self.fields else None, capfirst(str(text)))

    def focus(self) -> None:
        """Who reads the page begins where something is to be done, and hears what is wrong."""
        wrong = [name for name in self.fields if name in self.errors]
        # A password is never sent back, so it is what is missing when all else is right.
        first = (wrong or ["password"] if self.is_bound else list(self.fields))[0]
        attrs = self.fields[first].widget.attrs
        if self.non_field_errors():
            attrs["aria-describedby"] = f"wrong {self[first].aria_describedby or ''}".strip()
        attrs["autofocus"] = True


class SignIn(DoorForm):
    page = "sign_in.html"

    login = forms.CharField(
        label=_("E-mail or username"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", **PLAIN}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class Appeal(SignIn):
    """By who is banned, and so can't sign in."""

    page = "appeal.html"

    text = forms.CharField(
        label=_("Why the ban is wrong"),
        max_length=MAX_COMMENT,
        required=False,
        help_text=_("Leave it empty to see what has become of your appeal."),
        widget=forms.Textarea(attrs={"rows": 5}),
    )


class SignUp(DoorForm):
    page = "sign_up.html"

    name = forms.CharField(
        label=_("Your name"),
        max_length=100,
        help_text=_("As others will see it."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    username = forms.CharField(
        label=_("Username"),
        max_length=64,
        required=False,
        help_text=_("Others find you by it. Empty: made from the e-mail."),
        widget=forms.TextInput(attrs={"autocomplete": "nickname", **PLAIN}),
    )
    email = forms.CharField(
        label=_("E-mail"),
        max_length=254,
        help_text=_("To sign in with. Nothing is sent to it, and others do not see it."),
        widget=forms.EmailInput(attrs={"autocomplete": "username", **PLAIN}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        strip=False,
        help_text=_("At least 8 characters, and not only digits."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
