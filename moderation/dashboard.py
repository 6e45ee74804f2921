"""How it stands with the community, as a page of the admin."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Login
from messenger.plots import Plot, duration, plot, whole
from messenger.realtime import doorbell
from messenger.snapshot import snapshot
from moderation import selectors
from moderation.models import Case, Decision
from moderation.selectors import Daily, Dashboard
from presence import store as stores

PERIODS = {7: gettext_lazy("7 days"), 30: gettext_lazy("30 days")}


def dashboard_url(site: AdminSite) -> URLPattern:
    def view(request: HttpRequest) -> HttpResponse:
        return dashboard_page(request, site)

    door: Callable[..., HttpResponse] = site.admin_view(view)
    return path("admin/moderation/dashboard/", door, name="dashboard")


def dashboard_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """The page, for who may see it. `?days=` is one of PERIODS; anything else is thirty."""
    moderator: Any = request.user
    if not moderator.has_perm("moderation.view_dashboard"):
        raise PermissionDenied
    asked = request.GET.get("days")
    days = next((one for one in PERIODS if str(one) == asked), 30)
    with snapshot():
        found = selectors.dashboard(days)
    days_as_words = [date_format(day, "DATE_FORMAT") for day, _count in found.messages]
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": _("Dashboard"),
        "opts": Case._meta,
        "periods": [(one, label, one == days) for one, label in PERIODS.items()],
        "figures": _figures(found),
        "by": _("by day"),
        "plots": _plots(found, days_as_words),
        "rows": _rows(found),
        "actions": [label for _value, label in Decision.Action.choices],
        "deciding": [
            (
                one.moderator,
                [one.actions[value] for value in Decision.Action.values],
                one.actions.total(),
            )
            for one in found.decisions
        ],
        "may_see_people": moderator.has_perm("accounts.view_user"),
        "here": whole(_here()),
        "sockets": whole(len(doorbell.hub.sockets) if doorbell.hub is not None else 0),
    }
    return render(request, "admin/moderation/dashboard.html", context)


def _here() -> int:
    """How many people are online or away, by all processes: of those who have a login."""
    live = Login.objects.filter(ended_at=None, expires_at__gt=timezone.now())
    ids = set(live.filter(user__is_active=True).values_list("user_id", flat=True))
    return len(stores.store.statuses(ids))


def _figures(found: Dashboard) -> list[tuple[str, str]]:
    """What is shown large."""
    oldest, median = found.oldest_age, found.median_age
    return [
        (_("Open cases"), whole(found.open)),
        (_("Nobody's"), whole(found.unclaimed)),
        (_("Age of the oldest"), "–" if oldest is None else duration(oldest)),
        (_("Median age"), "–" if median is None else duration(median)),
        (_("Open appeals"), whole(found.open_appeals)),
    ]


def _plots(found: Dashboard, days: list[str]) -> list[Plot]:
    def of(name: str, title: str, daily: Daily) -> Plot:
        return plot(name, title, days, [count for _day, count in daily])

    return [
        of("messages", _("Messages"), found.messages),
        of("sign-ups", _("Sign-ups"), found.sign_ups),
        of("reports", _("Reports"), found.reports),
        of("closed", _("Cases closed"), found.closed),
    ]


def _rows(found: Dashboard) -> list[tuple[str, int, int, int, int]]:
    together = zip(found.messages, found.sign_ups, found.reports, found.closed, strict=True)
    return [
        (date_format(day, "SHORT_DATE_FORMAT"), messages, sign_ups, reports, closed)
        for (day, messages), (_a, sign_ups), (_b, reports), (_c, closed) in together
    ]
