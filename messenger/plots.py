"""Plots of the pages of the admin: bars drawn here, with nothing to run in a browser."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _

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
    """
    `name` is for the style sheet and the ids, `description` is read instead of looking; `begins`
    and `ends` are the first and the last of the times.
    """

    name: str
    title: str
    description: str
    width: int
    total: str
    most: str
    bars: list[Bar]
    begins: str
    ends: str


def plot(name: str, title: str, times: Sequence[str], values: Sequence[int]) -> Plot:
    """A bar for each of `values` that is not 0. `times` are words for when each was."""
    most = max(values, default=0)
    bars = []
    for number, (time, value) in enumerate(zip(times, values, strict=True)):
        if value:
            height = max(LEAST, round(HEIGHT * value / most))
            text = f"{time}: {whole(value)}"
            bars.append(Bar(number * STEP + (STEP - BAR) // 2, HEIGHT - height, height, text))
    if most:
        description = _(
            "%(total)s in all from %(begin)s to %(end)s; the most, %(most)s, on %(at)s."
        ) % {
            "total": whole(sum(values)),
            "begin": times[0],
            "end": times[-1],
            "most": whole(most),
            "at": times[values.index(most)],
        }
    else:
        description = _("None in this time.")
    width = max(1, len(values)) * STEP
    ends = (times[0], times[-1]) if times else ("", "")
    return Plot(name, title, description, width, whole(sum(values)), whole(most), bars, *ends)


def duration(seconds: float) -> str:
    """A time in the largest unit of which it has one: "41 s", "2.5 h"."""
    if seconds < 60:
        return _("%(count)s s") % {"count": tenths(seconds)}
    if seconds < 3600:
        return _("%(count)s min") % {"count": tenths(seconds / 60)}
    if seconds < 86_400:
        return _("%(count)s h") % {"count": tenths(seconds / 3600)}
    return _("%(count)s days") % {"count": tenths(seconds / 86_400)}


def tenths(value: float) -> str:
    # `number_format` would cut off what it should round.
    return number_format(round(value, 1), 1)


def whole(value: int) -> str:
    return number_format(value, force_grouping=True)
