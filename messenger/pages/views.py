"""The pages: the door, which needs no script, the messenger itself, and what there is besides."""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from accounts import demo, selectors, services
from accounts.models import User
from accounts.tokens import TokenPair
from messenger.drf import address_of, plain_error
from messenger.errors import (
    Banned,
    Conflict,
    Forbidden,
    MessengerError,
    MethodNotAllowed,
    Unauthenticated,
    WrongCredentials,
)
from messenger.pages import sessions, words
from messenger.pages.errors import answer, not_found, sentence
from messenger.pages.forms import Appeal, DoorForm, SignIn, SignUp
from messenger.protocols import protocols
from messenger.protocols.accounts import limit_guesses
from messenger.realtime import limits
from messenger.realtime.limits import Limit
from moderation import services as moderation
from moderation.models import Decision
from moderation.own import appeal_of, decisions_on

View = Callable[[HttpRequest], HttpResponse]
Form = TypeVar("Form", bound=DoorForm)
# A longer one could not be sent to a browser.
LONGEST_PATH = 2000


def takes(*methods: str) -> Callable[[View], View]:
    """Marks a view with the methods that it takes, and refuses the others."""

    def mark(view: View) -> View:
        @wraps(view)
        def run(request: HttpRequest) -> HttpResponse:
            if request.method in methods or (request.method == "HEAD" and "GET" in methods):
                return view(request)
            response = answer(request, MethodNotAllowed())
            response["Allow"] = ", ".join(methods)
            return response

        run.methods = methods  # type: ignore[attr-defined]
        return run

    return mark


@takes("GET")
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """The messenger for who is signed in, else the door."""
    person, signed_out = _visitor(request)
    if person is None:
        return _door(request, SignIn(), signed_out=signed_out)
    sessions.stay(request)
    return render(request, "chat.html", _chat(person))


@takes("GET", "POST")
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """With the same limits and the same service as every login."""

    def start(form: SignIn) -> TokenPair:
        login, password = form.cleaned_data["login"], form.cleaned_data["password"]
        limit_guesses(request, login)
        return services.log_in(login, password)

    return _enter(request, SignIn, limits.LOGIN_ADDRESS, start)


@takes("GET", "POST")
@never_cache
def sign_up(request: HttpRequest) -> HttpResponse:
    """A new person, who is signed in at once."""

    def start(form: SignUp) -> TokenPair:
        return services.start_login(services.register(**form.cleaned_data))

    return _enter(request, SignUp, limits.REGISTER, start)


@takes("GET", "POST")
@never_cache
def appeal(request: HttpRequest) -> HttpResponse:
    """A word against a ban, by who can't sign in for it; then, and later, what becomes of it."""
    if request.method != "POST":
        return _door(request, Appeal())
    form, error, decision = Appeal(request.POST), None, None
    try:
        # As everywhere where a password is tried.
        limits.check(limits.LOGIN_ADDRESS, address_of(request))
        if form.is_valid():
            decision = _appealed(request, **form.cleaned_data)
    except MessengerError as refused:
        error = refused
        form.refuse(error)
    if decision is not None:
        return render(request, "appealed.html", {"decision": decision, "appeal": decision.appeal})
    return _door(request, form, error=error)


@takes("POST")
@never_cache
def sign_out(request: HttpRequest) -> HttpResponse:
    """Also where nobody is signed in: that is what was wanted."""
    sessions.end(request)
    return redirect("home")


@takes("POST")
@never_cache
def enter(request: HttpRequest) -> HttpResponse:
    """By one click as one of the demo people, where there are any."""
    if not settings.DEMO:
        return not_found(request)
    try:
        limits.check(limits.LOGIN_ADDRESS, address_of(request))
        person = demo.find(request.POST.get("username", ""))
    except MessengerError as error:
        return _door(request, SignIn(), error=error)
    sessions.begin(request, services.start_login(person))
    return redirect("home")


@takes("POST")
@never_cache
def access(request: HttpRequest) -> HttpResponse:
    """For the page's script: a fresh access token of the session's login, and whose are notices."""
    try:
        login_id = sessions.login_of(request)
        if login_id is None:
            limits.check(limits.REQUESTS, address_of(request))
            raise Unauthenticated
        limits.check(limits.REFRESHES, f"login {login_id}")
        token = sessions.access(request)
        return JsonResponse({"access_token": token, "notices_from": selectors.notices_from()})
    except MessengerError as error:
        return plain_error(error)


@takes("GET")
def about(request: HttpRequest) -> HttpResponse:
    """Where to find what."""
    return render(request, "about.html", {"protocols": protocols(), "demo": settings.DEMO})


def _visitor(request: HttpRequest) -> tuple[User | None, bool]:
    """Who is signed in; and whether somebody was, and is not any more."""
    named = sessions.login_of(request) is not None
    person = sessions.person(request)
    return person, named and person is None


def _chat(person: User) -> dict[str, Any]:
    return {"person": person, "words": words.words(), "demo": settings.DEMO}


def _appealed(request: HttpRequest, login: str, password: str, text: str) -> Decision:
    """The ban of who has this name and password, with their appeal, which is made if need be."""
    limit_guesses(request, login)
    try:
        services.authenticate(login, password)
    except Banned:
        person = selectors.named(login)
    else:
        raise Conflict(_("This account is not banned. You can sign in."))
    if person is None:
        raise WrongCredentials
    bans = decisions_on(person).filter(action=Decision.Action.BAN, undone_at=None)
    # The latest that can be appealed still, else the latest, with what became of its appeal.
    decision = next((ban for ban in bans if appeal_of(ban) is None), bans.first())
    if decision is None:
        raise Forbidden(_("This ban can't be appealed here. Write to who runs this server."))
    if appeal_of(decision) is None:
        moderation.appeal(person, decision.id, text=text)
        decision = bans.get(id=decision.id)
    return decision


def _enter(
    request: HttpRequest, kind: type[Form], limit: Limit, start: Callable[[Form], TokenPair]
) -> HttpResponse:
    """A form that leads in: `start` gives the login of one that is filled in, or what is wrong."""
    there = _own_path(request.POST.get("next") or request.GET.get("next", ""))
    if request.method != "POST":
        person, signed_out = _visitor(request)
        if person is not None:
            return HttpResponseRedirect(there)
        return _door(request, kind(), there=there, signed_out=signed_out)
    form, error = kind(request.POST), None
    try:
        # Before the form is looked at: what is taken for an answer to that counts too.
        limits.check(limit, address_of(request))
        if form.is_valid():
            sessions.begin(request, start(form))
            return HttpResponseRedirect(there)
    except MessengerError as refused:
        error = refused
        form.refuse(error)
    return _door(request, form, error=error, there=there)


def _door(
    request: HttpRequest,
    form: DoorForm,
    *,
    error: MessengerError | None = None,
    there: str = "",
    signed_out: bool = False,
) -> HttpResponse:
    """The door with this form, and with what was wrong."""
    people = demo.PEOPLE if settings.DEMO else {}
    if form.is_bound or not people:
        form.focus()
    about = {
        "form": form,
        "there": "" if there == reverse("home") else there,
        "people": people,
        "refused": sentence(error) if error is not None and not form.is_bound else "",
        "signed_out": signed_out,
        "banned": isinstance(error, Banned),
    }
    response = render(request, form.page, about)
    if form.is_bound or error is not None:
        # Not 401, which is about tokens: a wrong password is a mistake in a form.
        status = error.status if error is not None else 400
        response.status_code = 400 if status == 401 else status
    if error is not None and error.retry_after is not None:
        response["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def _own_path(text: str) -> str:
    """Where to go on: a path of ours, and nothing that leads elsewhere."""
    short = text.startswith("/") and len(text) <= LONGEST_PATH
    own = short and url_has_allowed_host_and_scheme(text, allowed_hosts=None)
    return text if own else reverse("home")
