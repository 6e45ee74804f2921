"""The figures of a run: how much was tried, what was answered, and how long things took."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.facts import Facts
from tests.faults.history import (
    Attempt,
    Closed,
    Delivery,
    History,
    Loaded,
    Note,
    Opened,
    Ready,
)

# The code with which a client goes by itself.
GOING = 1000


@dataclass(frozen=True)
class Times:
    """Durations in seconds, ascending."""

    values: list[float]

    @classmethod
    def of(cls, values: list[float]) -> "Times":
        return cls(sorted(values))

    def at(self, percent: float) -> float | None:
        """A percentile (nearest rank); None where nothing was measured."""
        if not self.values:
            return None
        return self.values[max(0, math.ceil(percent / 100 * len(self.values)) - 1)]

    def __len__(self) -> int:
        return len(self.values)


@dataclass
class Figures:
    """Sends: `attempts` counts tries, `sends` messages. Times are in seconds."""

    sends: int = 0
    attempts: int = 0
    acked: int = 0
    # Tries without an answer, and messages that are there though some try of them had none.
    info: int = 0
    recovered: int = 0
    deliveries: int = 0
    faults: int = 0
    ack: Times = field(default_factory=lambda: Times([]))
    # Requests over HTTP that were answered at all, those with 5xx, those with 503 of these.
    requests: int = 0
    server_errors: int = 0
    unavailable: int = 0
    # The longest time without a successful send while there was load.
    gap: float = 0.0
    # How long each client that lost its socket in a fault was without one that had caught up; how
    # long that lasted after the healing, and when each reader had seen all that had been
    # acknowledged by then.
    away: Times = field(default_factory=lambda: Times([]))
    back: Times = field(default_factory=lambda: Times([]))
    converge: Times = field(default_factory=lambda: Times([]))
    # How sockets ended: how often with each code.
    codes: dict[int, int] = field(default_factory=dict)

    @property
    def error_share(self) -> float:
        return self.server_errors / self.requests if self.requests else 0.0


def figures(history: History, facts: Facts) -> Figures:
    """The figures of a whole run."""
    sends: dict[str, list[Attempt]] = defaultdict(list)
    found = Figures()
    for attempt in history.of(Attempt):
        if attempt.way == "rest" and attempt.status:
            found.requests += 1
            found.server_errors += attempt.status >= 500
            found.unavailable += attempt.status == 503
        if attempt.action == "send":
            sends[attempt.key].append(attempt)
    tries = [one for several in sends.values() for one in several]
    found.sends, found.attempts = len(sends), len(tries)
    found.acked = sum(any(one.result == "ok" for one in several) for several in sends.values())
    found.info = sum(one.result == "info" for one in tries)
    found.recovered = sum(
        any(one.result == "info" for one in several) and facts.row(key) is not None
        for key, several in sends.items()
    )
    found.ack = Times.of([one.completed - one.time for one in tries if one.result == "ok"])
    found.deliveries = sum(1 for _ in history.of(Delivery))
    found.gap = _gap(history, tries)
    spans = history.spans()
    found.faults = len(spans)
    for closed in history.of(Closed):
        found.codes[closed.code] = found.codes.get(closed.code, 0) + 1
    lost = list(_lost(history, spans))
    found.away = Times.of([again - at for at, _, again in lost])
    found.back = Times.of([max(0.0, again - healed) for _, healed, again in lost])
    found.converge = Times.of(_converge(history, facts, spans, sends))
    return found


def _gap(history: History, tries: list[Attempt]) -> float:
    notes = {note.kind: note.time for note in history.of(Note) if note.kind in ("begin", "end")}
    if len(notes) < 2:
        return 0.0
    begin, end = notes["begin"], notes["end"]
    done = sorted(one.completed for one in tries if one.result == "ok")
    moments = [begin, *(at for at in done if begin < at < end), end]
    return max(after - before for before, after in zip(moments, moments[1:], strict=False))


def _lost(
    history: History, spans: list[tuple[float, float, str]]
) -> Iterator[tuple[float, float, float]]:
    """Of each socket that was lost in a fault: when, when it was healed, when there was another."""
    client = {opened.session: opened.client for opened in history.of(Opened)}
    ready: dict[int, list[float]] = defaultdict(list)
    for one in history.of(Ready):
        ready[client[one.session]].append(one.time)
    for closed in history.of(Closed):
        if closed.code == GOING:
            continue
        for began, healed, _ in reversed(spans):
            if began <= closed.time:
                again = (when for when in ready[client[closed.session]] if when >= closed.time)
                yield closed.time, healed, min(again, default=math.inf)
                break


def _converge(
    history: History,
    facts: Facts,
    spans: list[tuple[float, float, str]],
    sends: dict[str, list[Attempt]],
) -> list[float]:
    """How long after the healing each reader had seen everything acknowledged by then."""
    if not spans:
        return []
    opened = {one.session: one for one in history.of(Opened)}
    seen: dict[int, dict[str, float]] = defaultdict(dict)
    for record in history.records:
        if isinstance(record, Delivery) and record.kind == "sent":
            who = opened[record.session].client
            seen[who].setdefault(facts.name(record.ref), record.time)
        elif isinstance(record, Loaded):
            who = opened[record.session].client
            for ref in record.refs:
                seen[who].setdefault(facts.name(ref), record.time)
    acked = {
        key: min(one.completed for one in several if one.result == "ok")
        for key, several in sends.items()
        if any(one.result == "ok" for one in several)
    }
    readers = {one.client: one.person for one in opened.values()}
    found = []
    before = 0.0
    for _, healed, _ in spans:
        latest: dict[int, float] = {}
        for key, at in acked.items():
            if not before <= at <= healed:
                continue
            for client in readers:
                when = seen[client].get(key)
                if when is not None:
                    latest[client] = max(latest.get(client, 0.0), when - healed)
        found += [max(0.0, late) for late in latest.values()]
        before = healed
    return found
