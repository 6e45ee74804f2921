"""A page with a form that says why something is done, and then does it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from messenger.errors import MessengerError
from messenger.texts import Sentence
from moderation.admin.acting import USUAL_REASONS, ReasonForm, refused


def act_page(
    request: HttpRequest,
    page: ModelAdmin,
    about: Model,
    *,
    title: Sentence,
    says: Sentence,
    button: Sentence,
    act: Callable[[dict[str, Any]], Any],
    done: Sentence = "",
    there: Any = None,
    form_class: type[forms.Form] = ReasonForm,
    danger: bool = False,
) -> HttpResponse:
    """
    Asked with GET, the form; with POST, `act` with what was filled in. What it returns, if that is
    an answer, is the answer; else `done` is said on the page of what it was `about`, or on `there`.
    """
    form = form_class(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            result = act(form.cleaned_data)
        except MessengerError as error:
            refused(form, error)
        else:
            if isinstance(result, HttpResponse):
                return result
            if done:
                messages.success(request, str(done))
            opts = page.opts
            return redirect(
                there or f"admin:{opts.app_label}_{opts.model_name}_change",
                *(() if there else (about.pk,)),
            )
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "subtitle": str(about),
        "opts": page.opts,
        "about": about,
        "form": form,
        "says": says,
        "button": button,
        "danger": danger,
        "usual_reasons": USUAL_REASONS,
    }
    return render(request, "admin/moderation/act.html", context)
