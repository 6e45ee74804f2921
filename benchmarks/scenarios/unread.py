"""Unread: does counting what is unread cost more in a long chat? (Ours only.)"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from ..clients import Client
from ..load import Fleet
from ..servers import Server, running
from ..world import World
from .common import Bench, Column, Row, Scenario, Value

SMALL, MIDDLE, LARGE = 100, 2_000, 100_000
REPEATS = 20
TIMINGS = ("counts", "list", "daphne", "uvicorn")


@dataclass(frozen=True)
class _Chat:
    """A chat of some length, and a member of it for each case."""

    length: int
    people: dict[str, int]


CASES = {
    "a": "10 unread at the end",
    "b": "nothing read at all",
    "c": "one old unread, the rest read",
    "d": "nothing read, half one's own",
}


def run(bench: Bench) -> list[Row]:
    """Every case in a short, a middle and a long chat, and the ratios between them."""
    servers = [server for server in bench.servers if not server.is_textbook]
    if not servers:
        return []
    world = bench.worlds["ours"]
    large = 5_000 if bench.quick else LARGE
    chats = [_make(world, length, bench.progress) for length in (SMALL, MIDDLE, large)]
    world.call("analyze")
    rows = []
    with running(servers):
        for case, words in CASES.items():
            measured = _measure(world, servers, {c.length: c.people[case] for c in chats})
            for length, values in measured.items():
                rows.append(bench.report(Row(f"{words}, of {length:,}", "ours", values)))
            for small in (SMALL, MIDDLE):
                step = f"{words}, {large:,} : {small:,}"
                ratio = {
                    name: _ratio(measured[large].get(name), measured[small].get(name))
                    for name in TIMINGS
                }
                rows.append(bench.report(Row(step, "ratio", dict(ratio))))
    return rows


def _make(world: World, length: int, progress: Callable[[str], None]) -> _Chat:
    progress(f"  making a chat of {length:,} messages and reading it")
    people = world.people(len(CASES) + 1)
    writer, members = people[0], dict(zip(CASES, people[1:], strict=True))
    chat = world.chat(people)
    world.fill(chat, [writer, members["d"]], length)
    world.call("mark_read", members["a"], chat, 10)
    world.call("read_all_but_first", members["c"], chat, timeout=1800)
    return _Chat(length, members)


def _measure(
    world: World, servers: list[Server], people: dict[int, int]
) -> dict[int, dict[str, Value]]:
    """Values of a case by the length of the chat, given each chat's member of that case."""
    values: dict[int, dict[str, Value]] = {}
    found = world.call("time_unread", list(people.values()), REPEATS)
    for length, one in zip(people, found, strict=True):
        values[length] = {
            "unread": one["unread"],
            "listed": one["listed"],
            "cut": "yes" if one["truncated"] else "no",
            "counts": one["counts_ms"],
            "list": one["list_ms"],
        }
    for server in servers:
        for length, (milliseconds, size) in _first_frames(world, server, people).items():
            values[length][server.name] = milliseconds
            values[length]["frame"] = size / 1024
    return values


def _first_frames(
    world: World, server: Server, people: dict[int, int]
) -> dict[int, tuple[float, int]]:
    """Median time from connecting to the whole unread_messages frame (ms), and its bytes.

    Of each of the people; they take turns, one socket at a time.
    """
    tokens = world.tokens(list(people.values()))
    taken: dict[int, list[float]] = {length: [] for length in people}
    sizes: dict[int, int] = {}
    for _ in range(REPEATS + 1):
        for length, token in zip(people, tokens, strict=True):
            client = Client(token=token, chat=0)
            fleet = Fleet([client])
            try:
                fleet.connect(server.port)
            finally:
                fleet.close()
            taken[length].append(client.connect_seconds * 1000)
            sizes[length] = client.first_frame_bytes
    # The first round warms up.
    return {length: (statistics.median(taken[length][1:]), sizes[length]) for length in people}


def _ratio(large: Value, small: Value) -> float | None:
    if isinstance(large, int | float) and isinstance(small, int | float) and small:
        return large / small
    return None


SCENARIO = Scenario(
    name="unread",
    title="Unread",
    explanation=(
        "What a member's unread messages cost in chats of different length: counting them, "
        "listing them (1,000 at most; a longer list is cut and flagged) and the time from "
        "connecting to the whole unread_messages frame. Medians of "
        f"{REPEATS}, taken in turns. The lines `ratio` divide the long chat's times by a shorter "
        "one's: about 1 means that the length of the chat costs nothing. Where nothing at all is "
        f"read, compare with {MIDDLE:,}: both lists are cut at 1,000. The baseline counts nothing."
    ),
    columns=(
        Column("unread", "unread"),
        Column("listed", "listed"),
        Column("cut", "list cut"),
        Column("counts", "count ms", 2),
        Column("list", "list ms", 2),
        Column("daphne", "connect to frame ms (daphne)", 2),
        Column("uvicorn", "connect to frame ms (uvicorn)", 2),
        Column("frame", "frame KiB", 1),
    ),
    run=run,
)
