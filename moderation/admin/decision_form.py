"""The form in which a case is decided: what this moderator may do, and what fits the case."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from messenger.texts import Sentence
from moderation.admin.acting import ReasonForm
from moderation.decisions import SHORT, SHUT_OUT, actions_for
from moderation.models import Case, Decision

Action = Decision.Action

# The ends to pick from.
ENDS: dict[str, tuple[Sentence, timedelta]] = {
    "hour": (_("1 hour"), timedelta(hours=1)),
    "day": (_("1 day"), timedelta(days=1)),
    "days": (_("3 days"), timedelta(days=3)),
    "week": (_("7 days"), timedelta(days=7)),
    "month": (_("30 days"), timedelta(days=30)),
}
# What they are called where a message waits.
OF_WAITING: dict[str, Sentence] = {
    Action.DISMISS: _("Let the message through"),
    Action.REMOVE: _("Refuse the message"),
}


class DecisionForm(ReasonForm):
    action = forms.ChoiceField(label=_("Decision"), widget=forms.RadioSelect)
    end = forms.ChoiceField(label=_("Mute or ban for"), required=False)
    until = forms.DateTimeField(
        label=_("or until (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    remove = forms.BooleanField(label=_("Also remove the message"), required=False)

    field_order = ("action", "end", "until", "remove", "reason")

    def __init__(self, moderator: User, case: Case, data: Any = None) -> None:
        super().__init__(data, auto_id="decision-%s")
        senior = moderator.has_perm("moderation.ban_person")
        fields: Any = self.fields
        labels: dict[str, Sentence] = dict(Action.choices)
        if case.kind == Case.Kind.WAITING:
            labels |= OF_WAITING
        actions = actions_for(moderator, case)
        fields["action"].choices = [(action, labels[action]) for action in actions]
        ends = [
            (name, label) for name, (label, length) in ENDS.items() if senior or length <= SHORT
        ]
        if senior:
            ends.append(("none", _("no end (bans only)")))
        fields["end"].choices = [("", "—"), *ends]
        if case.kind != Case.Kind.MESSAGE:
            del fields["remove"]
        fields["reason"].widget.attrs |= {"list": "usual-reasons", "autocomplete": "off"}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("action") not in SHUT_OUT:
            cleaned["until"] = None
        elif "until" in cleaned and "end" in cleaned:
            cleaned["until"] = self._end(cleaned)
        return cleaned

    def _end(self, cleaned: dict[str, Any]) -> datetime | None:
        end, until = cleaned["end"], cleaned["until"]
        if bool(end) == bool(until):
            self.add_error("end", _("Choose for how long, or give a date."))
        elif end == "none":
            if cleaned["action"] != Action.BAN:
                self.add_error("end", _("Only a ban can be without an end."))
        elif end:
            return timezone.now() + ENDS[end][1]
        return until
