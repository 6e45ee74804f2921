"""What all scenarios share: the bench they run on, rows, columns and crews of sockets."""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .. import processes
from ..checks import Findings, examine, percentile
from ..clients import Client, Timing
from ..load import Fleet
from ..servers import Server
from ..world import World

Value = float | int | str | None


@dataclass(frozen=True)
class Column:
    """A column of a scenario's table: `better` is `more` or `less` where a ratio makes sense."""

    key: str
    title: str
    digits: int = 0
    better: str = ""


@dataclass
class Row:
    """One measured line: a step of a scenario on one server."""

    step: str
    server: str
    values: dict[str, Value] = field(default_factory=dict)
    note: str = ""
    headline: str = ""
    """The column for the summary; by default the first one that has a ratio."""


@dataclass(frozen=True)
class Scenario:
    """A scenario: what it does in words, the columns of its table, and how to run it."""

    name: str
    title: str
    explanation: str
    columns: tuple[Column, ...]
    run: Callable[["Bench"], list[Row]]


@dataclass
class Bench:
    """What a scenario gets: servers (not running), their worlds, and how long to measure."""

    servers: list[Server]
    worlds: dict[str, World]
    seconds: float
    quick: bool
    progress: Callable[[str], None]
    reported: list[Row] = field(default_factory=list)
    """All rows so far of the running scenario, for when it fails in the middle."""

    def world(self, server: Server) -> World:
        """The world that the server serves."""
        return self.worlds["textbook" if server.is_textbook else "ours"]

    def report(self, row: Row) -> Row:
        """Print a finished row as progress, and pass it on."""
        values = ", ".join(f"{key} {_short(value)}" for key, value in row.values.items())
        self.reported.append(row)
        note = f" -- {row.note}" if row.note else ""
        self.progress(f"  {row.step:<32} {row.server:<13} {values}{note}")
        return row


def _short(value: Value) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


_tags = itertools.count(1)


def new_tag() -> str:
    """A name for a run that no earlier run in any database of this machine had."""
    return f"{os.getpid()}x{next(_tags)}"


@dataclass
class Load:
    """How busy the machine was during a block, as shares: 1.0 is one full core."""

    server: float = 0.0
    machine: float = 0.0
    """Of all cores together: 1.0 is all cores busy."""


@contextlib.contextmanager
def watching(server: Server) -> Iterator[Load]:
    """Measure the server's and the machine's CPU use during the block."""
    load = Load()
    cpu, began = processes.cpu_seconds(server.pid), time.monotonic()
    busy, total = processes.machine_times()
    yield load
    load.server = (processes.cpu_seconds(server.pid) - cpu) / (time.monotonic() - began)
    busy_now, total_now = processes.machine_times()
    load.machine = (busy_now - busy) / max(0.01, total_now - total)


@dataclass(frozen=True)
class Group:
    """A chat to make: `writers` of its `members` will write."""

    members: int
    writers: int


@contextlib.contextmanager
def crew(bench: Bench, server: Server, groups: list[Group]) -> Iterator[Fleet]:
    """Make new people in new chats, connect a socket for each of them, close all at the end."""
    world = bench.world(server)
    people = world.people(sum(group.members for group in groups))
    keys = world.tokens(people)
    clients = []
    start = writer = 0
    for group in groups:
        members = people[start : start + group.members]
        chat = world.chat(members)
        for index in range(group.members):
            number = None
            if index < group.writers:
                number, writer = writer, writer + 1
            clients.append(Client(token=keys[start + index], chat=chat, writer=number))
        start += group.members
    fleet = Fleet(clients)
    try:
        fleet.connect(server.port)
        yield fleet
    finally:
        fleet.close()
        server.settle()


@dataclass
class Outcome:
    """A measured run: its timing, what was found, and who was how busy."""

    tag: str
    timing: Timing
    findings: Findings
    load: Load

    @property
    def seconds(self) -> float:
        """The length of the sending phase."""
        return (self.timing.ended - self.timing.began) / 1e9

    def common_values(self) -> dict[str, Value]:
        """The columns `faults`, `generator`, `server` and `machine`."""
        return {
            "faults": self.findings.faults(),
            "server_cpu": 100 * self.load.server,
            "generator": 100 * self.timing.cpu_share,
            "machine": 100 * self.load.machine,
        }


COMMON_COLUMNS = (
    Column("faults", "faults"),
    Column("server_cpu", "server CPU %"),
    Column("generator", "generator CPU %"),
    Column("machine", "machine busy %"),
)


def measure(server: Server, fleet: Fleet, load: Callable[[], Timing]) -> Outcome:
    """Apply a load to a fleet under a new tag, and examine every delivery."""
    tag = new_tag()
    fleet.begin(tag)
    with watching(server) as used:
        timing = load()
    return Outcome(tag, timing, examine(fleet.clients, timing), used)


def latencies(prefix: str, ordered: list[float]) -> dict[str, Value]:
    """The median and the 99th percentile of sorted milliseconds as two columns."""
    return {f"{prefix}_p50": percentile(ordered, 50), f"{prefix}_p99": percentile(ordered, 99)}


def notes(fleet: Fleet, outcome: Outcome, *more: str) -> str:
    """Remarks for a row: the first error frame, a busy generator, anything given."""
    found = [text for text in more if text]
    if fleet.first_error:
        found.append(f"first error: {fleet.first_error.decode(errors='replace')[-160:]}")
    if outcome.timing.cpu_share > 0.9:
        found.append("the generator was the bottleneck")
    return "; ".join(found)
