"""Does something grow with time? A straight line through samples, and how sure one can be of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

# The share of itself by which a value may rise in an hour; minutes below which a slope is worth
# nothing; half of the width of the range in which a slope is, in standard errors.
RISE = 0.01
MINUTES = 20.0
SURE = 2.0

Word = Literal["flat", "rises", "not sure", "too short", "over its ceiling"]


@dataclass(frozen=True)
class Line:
    """
    A slope by least squares, and its standard error. Neighbouring samples are alike, so that the
    real error is rather larger.
    """

    slope: float
    error: float


def line(points: Sequence[tuple[float, float]]) -> Line | None:
    """The line through points (x, y); None where they do not make one."""
    count = len(points)
    if count < 3:
        return None
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return Line(slope, math.sqrt(rest / (count - 2) / spread))


@dataclass
class Series:
    """
    One value in the course of time, of one process if it is of a process. `samples` are seconds,
    messages until then, and the value. `ceiling` is what it must never exceed; `grows`: it is meant
    to grow with the messages.
    """

    name: str
    unit: str
    ceiling: float = math.inf
    grows: bool = False
    samples: list[tuple[float, int, float]] = field(default_factory=list)

    def add(self, seconds: float, messages: int, value: float) -> None:
        self.samples.append((seconds, messages, value))

    def warm(self, seconds: float) -> "Series":
        """Without its first so many seconds, but no more than a third of it."""
        if not self.samples:
            return self
        first, last = self.samples[0][0], self.samples[-1][0]
        since = first + min(seconds, (last - first) / 3)
        kept = [sample for sample in self.samples if sample[0] >= since]
        return Series(self.name, self.unit, self.ceiling, self.grows, kept)

    @property
    def minutes(self) -> float:
        return (self.samples[-1][0] - self.samples[0][0]) / 60 if self.samples else 0.0

    @property
    def first(self) -> float:
        return self.samples[0][2]

    @property
    def last(self) -> float:
        return self.samples[-1][2]

    @property
    def most(self) -> float:
        return max(value for _, _, value in self.samples)

    def by_hour(self) -> Line | None:
        return line([(seconds / 3600, value) for seconds, _, value in self.samples])

    def by_messages(self) -> Line | None:
        """For each 1,000 of them."""
        return line([(messages / 1000, value) for _, messages, value in self.samples])

    @property
    def word(self) -> Word:
        """
        What can be said: it rises if even the low end of the range is more than `RISE`, it is flat
        if even the high end is not. Under `MINUTES` neither is said.
        """
        if self.most > self.ceiling:
            return "over its ceiling"
        found = self.by_hour()
        if found is None or self.minutes < MINUTES:
            return "too short"
        allowed = RISE * abs(self.first)
        if found.slope - SURE * found.error > allowed:
            return "rises"
        return "flat" if found.slope + SURE * found.error <= allowed else "not sure"

    @property
    def passed(self) -> bool:
        word = self.word
        return word != "over its ceiling" and (self.grows or word != "rises")
