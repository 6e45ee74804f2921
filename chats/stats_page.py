"""A chat in numbers, as a page of the admin."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chats.models import Chat
from messaging.stats import PERIODS, ChatStats, Period, Unit, beginning, chat_stats
from messenger.plots import Plot, duration, plot, tenths, whole
from messenger.snapshot import snapshot

LABELS: dict[Period, Promise] = {
    "day": gettext_lazy("24 hours"),
    "week": gettext_lazy("7 days"),
    "month": gettext_lazy("30 days"),
    "year": gettext_lazy("A year"),
    "all": gettext_lazy("All the time"),
}
BY: dict[Unit, Promise] = {
    "hour": gettext_lazy("by hour"),
    "day": gettext_lazy("by day"),
    "week": gettext_lazy("by week"),
}


def stats_page(request: HttpRequest, chat: Chat, site: AdminSite) -> HttpResponse:
    """The page, for who may see it. `?period=` is one of PERIODS; anything else is a month."""
    asked = request.GET.get("period")
    period: Period = next((one for one in PERIODS if one == asked), "month")
    now = timezone.now()
    with snapshot():
        stats = chat_stats(chat.id, since=beginning(chat, period, now), until=now)
    unit = stats.series.unit
    times = [_time(point.at, unit) for point in stats.series.points]
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": _("Statistics"),
        "subtitle": str(chat),
        "opts": Chat._meta,
        "chat": chat,
        "periods": [(one, LABELS[one], one == period) for one in PERIODS],
        "since": date_format(stats.since, "DATETIME_FORMAT"),
        "until": date_format(stats.until, "DATETIME_FORMAT"),
        "figures": _figures(stats),
        "by": BY[unit],
        "plots": _plots(stats, times),
        "rows": [(_time(point.at, unit, "SHORT_"), point) for point in stats.series.points],
        "stats": stats,
        "message_link": _may_see(request, "messaging", "message"),
        "person_link": _may_see(request, "accounts", "user"),
    }
    return render(request, "admin/chats/chat/stats.html", context)


def _may_see(request: HttpRequest, app: str, model: str) -> bool:
    """Whether these have a page that this moderator may see."""
    user: Any = request.user
    return user.has_perm(f"{app}.view_{model}") or user.has_perm(f"{app}.change_{model}")


def _figures(stats: ChatStats) -> list[tuple[str, str]]:
    """What is shown large."""
    share, median = stats.share_read, stats.median_seconds_to_read
    return [
        (_("Messages"), whole(stats.messages)),
        (_("People who wrote"), whole(stats.people)),
        (_("Read"), "–" if share is None else f"{tenths(share * 100)} %"),
        (_("Median time to the first reading"), "–" if median is None else duration(median)),
        (_("Reactions"), whole(stats.reactions)),
    ]


def _time(at: datetime, unit: Unit, length: str = "") -> str:
    return date_format(at, f"{length}{'DATETIME' if unit == 'hour' else 'DATE'}_FORMAT")


def _plots(stats: ChatStats, times: Sequence[str]) -> list[Plot]:
    points = stats.series.points
    return [
        plot("messages", _("Messages"), times, [point.messages for point in points]),
        plot("reads", _("First readings"), times, [point.reads for point in points]),
        plot("likes", _("Likes"), times, [point.likes for point in points]),
    ]
