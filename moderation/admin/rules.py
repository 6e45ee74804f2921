"""Rules of words and links in the admin: written, tried on what was said, and then switched on."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from messenger.errors import MessengerError
from messenger.plots import plot, whole
from moderation.admin.acting import attempt, must_have, person_of, sentences
from moderation.admin.lists import PlainList
from moderation.matching import problems
from moderation.models import Rule
from moderation.rules import delete_rule, save_rule, switch
from moderation.trial import Trial, try_rule

# The page would rather say less than let somebody wait, and the server with them.
MOST_SECONDS = 8.0
PERIODS = {1: _("A day"), 7: _("7 days"), 30: _("30 days")}


class RuleForm(forms.ModelForm):
    class Meta:
        model = Rule
        fields = ("name", "kind", "patterns", "mode", "in_private")
        widgets = {"patterns": forms.Textarea(attrs={"rows": 15, "spellcheck": "false"})}
        help_texts = {
            "patterns": _(
                "One on each line. Words: a word or a phrase; * at an end stands for any letters."
                " Links: a domain, * for any link, ! before an exception. # begins a note."
            )
        }

    def clean(self) -> dict[str, Any] | None:
        cleaned: dict[str, Any] = super().clean() or {}
        if "kind" in cleaned and "patterns" in cleaned:
            for sentence in problems(cleaned["kind"], cleaned["patterns"]):
                self.add_error("patterns", str(sentence))
        return cleaned


@admin.register(Rule)
class RuleAdmin(PlainList):
    form = RuleForm
    list_display = ("id", "name", "kind", "mode", "in_private", "is_on", "changed_at")
    list_display_links = ("id", "name")
    list_filter = ("is_on", "kind", "mode")
    search_fields = ("name",)
    ordering = ("name", "id")
    show_facets = admin.ShowFacets.NEVER
    fields = ("name", "kind", "patterns", "mode", "in_private", "is_on", "changed_at")
    readonly_fields = ("is_on", "changed_at")
    # Each is deleted on its page, through the service.
    actions = None

    def get_urls(self) -> list[URLPattern]:
        trying: Any = self.admin_site.admin_view(self.try_it)
        switching: Any = self.admin_site.admin_view(require_POST(self.switch))
        return [
            path("<int:rule_id>/try/", trying, name="moderation_rule_try"),
            path("<int:rule_id>/switch/", switching, name="moderation_rule_switch"),
            *super().get_urls(),
        ]

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        return self._or_say_why_not(request, super().changeform_view, *args, **options)

    def delete_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        return self._or_say_why_not(request, super().delete_view, *args, **options)

    def _or_say_why_not(
        self, request: HttpRequest, view: Callable[..., Any], *args: Any, **options: Any
    ) -> Any:
        """The form has looked at everything; but somebody may have changed the rule meanwhile."""
        try:
            return view(request, *args, **options)
        except MessengerError as error:
            for sentence in sentences(error):
                messages.error(request, str(sentence))
            return redirect("admin:moderation_rule_changelist")

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        names = ("name", "kind", "patterns", "mode", "in_private")
        said = {name: form.cleaned_data[name] for name in names}
        obj.pk = save_rule(person_of(request), obj if change else None, **said).pk

    def delete_model(self, request: HttpRequest, obj: Rule) -> None:
        delete_rule(person_of(request), obj)

    def try_it(self, request: HttpRequest, rule_id: int) -> HttpResponse:
        """
        The dry run: how often the rule would have found something, and what, but not where. It is
        done by POST, since it costs something and the audit log tells of it.
        """
        must_have(request, "moderation.change_rule")
        rule = self._rule(rule_id)
        asked = request.POST.get("days")
        days = next((one for one in PERIODS if str(one) == asked), 7)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try it"),
            "subtitle": str(rule),
            "opts": self.opts,
            "rule": rule,
            "periods": [(one, label, one == days) for one, label in PERIODS.items()],
        }
        if request.method == "POST":
            try:
                found = try_rule(person_of(request), rule, days=days, seconds=MOST_SECONDS)
            except MessengerError as error:
                for sentence in sentences(error):
                    messages.error(request, str(sentence))
                return redirect("admin:moderation_rule_try", rule_id)
            context |= _shown(found)
        return render(request, "admin/moderation/rule/try.html", context)

    def switch(self, request: HttpRequest, rule_id: int) -> HttpResponse:
        must_have(request, "moderation.change_rule")
        rule, on = self._rule(rule_id), request.POST.get("on") == "yes"
        attempt(
            request,
            lambda: switch(person_of(request), rule, on=on),
            done=_("The rule is switched on.") if on else _("The rule is switched off."),
        )
        return redirect("admin:moderation_rule_change", rule_id)

    def _rule(self, rule_id: int) -> Rule:
        rule = Rule.objects.filter(pk=rule_id).first()
        if rule is None:
            raise Http404
        return rule


def _shown(found: Trial) -> dict[str, Any]:
    return {
        "found": found,
        "figures": _figures(found),
        "by": _("by day"),
        "plot": plot(
            "matches",
            str(_("Messages that match")),
            [date_format(day, "DATE_FORMAT") for day, _count in found.by_day],
            [count for _day, count in found.by_day],
        ),
    }


def _figures(found: Trial) -> list[tuple[Any, str]]:
    return [
        (_("Messages that match"), whole(found.matches)),
        (_("Their authors"), whole(found.authors)),
        (_("Chats"), whole(found.chats)),
        (_("Messages looked at"), whole(found.looked_at)),
    ]
