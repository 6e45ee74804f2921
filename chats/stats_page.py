"""A chat in numbers, as a page of the admin: plots drawn here, with nothing to run in a browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chats.models import Chat
from messaging.stats import PERIODS, ChatStats, Period, Unit, beginning, chat_stats
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
# The size of a plot, in units of its own: it is stretched to the width of the page. A bar and what
# is free beside it, and the least height of one that is not zero.
HEIGHT, STEP, BAR, LEAST = 100, 10, 8, 2


@dataclass(frozen=True)
class Bar:
    x: int
    y: int
    height: int
    text: str


@dataclass(frozen=True)
class Plot:
    """`name` is for the style sheet and the ids, `description` is read instead of looking."""

    name: str
    title: str
    description: str
    width: int
    total: str
    most: str
    bars: list[Bar]


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
        "begins": times[0] if times else "",
        "ends": times[-1] if times else "",
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
        (_("Messages"), _whole(stats.messages)),
        (_("People who wrote"), _whole(stats.people)),
        (_("Read"), "–" if share is None else f"{_tenths(share * 100)} %"),
        (_("Median time to the first reading"), "–" if median is None else duration(median)),
        (_("Reactions"), _whole(stats.reactions)),
    ]


def duration(seconds: float) -> str:
    """A time in the largest unit of which it has one: "41 s", "2.5 h"."""
    if seconds < 60:
        return _("%(count)s s") % {"count": _tenths(seconds)}
    if seconds < 3600:
        return _("%(count)s min") % {"count": _tenths(seconds / 60)}
    if seconds < 86_400:
        return _("%(count)s h") % {"count": _tenths(seconds / 3600)}
    return _("%(count)s days") % {"count": _tenths(seconds / 86_400)}


def _tenths(value: float) -> str:
    # `number_format` would cut off what it should round.
    return number_format(round(value, 1), 1)


def _whole(value: int) -> str:
    return number_format(value, force_grouping=True)


def _time(at: datetime, unit: Unit, length: str = "") -> str:
    return date_format(at, f"{length}{'DATETIME' if unit == 'hour' else 'DATE'}_FORMAT")


def _plots(stats: ChatStats, times: Sequence[str]) -> list[Plot]:
    points = stats.series.points
    return [
        _plot("messages", _("Messages"), times, [point.messages for point in points]),
        _plot("reads", _("First readings"), times, [point.reads for point in points]),
        _plot("likes", _("Likes"), times, [point.likes for point in points]),
    ]


def _plot(name: str, title: str, times: Sequence[str], values: Sequence[int]) -> Plot:
    most = max(values, default=0)
    bars = []
    for number, (time, value) in enumerate(zip(times, values, strict=True)):
        if value:
            height = max(LEAST, round(HEIGHT * value / most))
            text = f"{time}: {_whole(value)}"
            bars.append(Bar(number * STEP + (STEP - BAR) // 2, HEIGHT - height, height, text))
    if most:
        description = _(
            "%(total)s in all from %(begin)s to %(end)s; the most, %(most)s, on %(at)s."
        ) % {
            "total": _whole(sum(values)),
            "begin": times[0],
            "end": times[-1],
            "most": _whole(most),
            "at": times[values.index(most)],
        }
    else:
        description = _("None in this time.")
    width = max(1, len(values)) * STEP
    return Plot(name, title, description, width, _whole(sum(values)), _whole(most), bars)
