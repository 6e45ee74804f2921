"""The results as text: tables for the terminal and docs/benchmarks.md."""

import datetime
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .blaster import Ceiling
from .scenarios.common import Column, Row, Scenario, Value
from .servers import ROOT
from .services import Services

BASELINE = "textbook"
SERVERS = ("ours/daphne", "ours/uvicorn", BASELINE)


@dataclass
class Result:
    """The rows of a scenario, or why there are none."""

    scenario: Scenario
    rows: list[Row]
    problem: str = ""


def _number(value: Value, digits: int) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return f"{value:,.{digits}f}" if isinstance(value, float) else f"{value:,}"


def advantage(column: Column, row: Row, baseline: Row | None) -> float | None:
    """How many times better than the baseline: above 1 is better, whichever way `better` goes."""
    ours = row.values.get(column.key)
    theirs = baseline.values.get(column.key) if baseline is not None else None
    if not column.better or row.server == BASELINE:
        return None
    if not isinstance(ours, int | float) or not isinstance(theirs, int | float):
        return None
    over, under = (ours, theirs) if column.better == "more" else (theirs, ours)
    return over / under if under > 0 else None


def _baselines(rows: list[Row]) -> dict[str, Row]:
    return {row.step: row for row in rows if row.server == BASELINE}


def _cell(column: Column, row: Row, baseline: Row | None) -> str:
    digits = 2 if row.server == "ratio" else column.digits
    text = _number(row.values.get(column.key), digits)
    times = advantage(column, row, baseline)
    return f"{text} (×{times:.1f})" if text and times is not None else text


def table(result: Result) -> list[list[str]]:
    """A scenario's table as lines of cells, the titles first; empty columns are left out."""
    columns = [
        column
        for column in result.scenario.columns
        if any(row.values.get(column.key) is not None for row in result.rows)
    ]
    baselines = _baselines(result.rows)
    lines = [["step", "server", *(column.title for column in columns), "note"]]
    for row in result.rows:
        cells = [_cell(column, row, baselines.get(row.step)) for column in columns]
        lines.append([row.step, row.server, *cells, row.note])
    if not any(line[-1] for line in lines[1:]):
        lines = [line[:-1] for line in lines]
    return lines


def summary(results: list[Result]) -> list[list[str]]:
    """The most telling column of every step of every scenario, server by server."""
    lines = [["scenario", "step", "measure", *SERVERS, "faults"]]
    for result in results:
        columns = {c.key: c for c in result.scenario.columns if c.better}
        baselines = _baselines(result.rows)
        for step in dict.fromkeys(row.step for row in result.rows if columns):
            rows = {row.server: row for row in result.rows if row.step == step}
            wanted = next((row.headline for row in rows.values() if row.headline), None)
            column = columns[wanted or next(iter(columns))]
            cells = [
                _cell(column, rows[server], baselines.get(step)) if server in rows else ""
                for server in SERVERS
            ]
            faults = [f"{server}: {_fault(row)}" for server, row in rows.items() if _fault(row)]
            title = result.scenario.title
            lines.append([title, step, column.title, *cells, "; ".join(faults)])
    return lines


def _fault(row: Row) -> str:
    faults = row.values.get("faults", row.note)
    return "" if faults in (None, "none") else str(faults)


def plain(lines: list[list[str]]) -> str:
    """Lines of cells as a table for the terminal."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    text = []
    for line in lines:
        cells = [
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(text)


def markdown(lines: list[list[str]]) -> str:
    """Lines of cells as a Markdown table."""
    head, *body = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    rule = ["---" if index < 2 else "---:" for index in range(len(head))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *body))


def commit() -> str:
    """The checked-out commit, read from the repository's files; `unknown` without one."""
    git = ROOT / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head[:12]
        name = head[5:]
        if (git / name).exists():
            return (git / name).read_text().strip()[:12]
        found = re.search(
            rf"^(\w+) {re.escape(name)}$", (git / "packed-refs").read_text(), re.MULTILINE
        )
        return found[1][:12] if found else "none yet"
    except OSError:
        return "unknown"


def ceiling_lines(ceilings: list[Ceiling]) -> list[list[str]]:
    """The generator's own limits as a table."""
    words = {"joined": "32 frames a write", "single": "one frame a write"}
    lines = [["blaster", "sockets", "deliveries/s", "MB/s", "generator CPU %"]]
    for one in ceilings:
        cells = [f"{one.deliveries:,.0f}", f"{one.megabytes:,.0f}", f"{100 * one.cpu_share:,.0f}"]
        lines.append([words[one.mode], str(one.sockets), *cells])
    return lines


def document(
    results: list[Result],
    ceilings: list[Ceiling],
    services: Services,
    command: str,
    seconds: float,
    minutes: float,
    load_before: float,
) -> str:
    """The whole of docs/benchmarks.md."""
    now = datetime.datetime.now(datetime.UTC)
    parts = [
        "# Benchmarks",
        "This file is written by `make bench`; edit `benchmarks/`, not this.",
        _circumstances(services, command, seconds, minutes, load_before, now),
        "## How to read it",
        HOW_TO_READ,
        "## In short",
        markdown(summary(results)),
    ]
    for result in results:
        parts += [f"## {result.scenario.title}", result.scenario.explanation]
        if result.problem:
            parts.append(f"**Not measured to the end:** {result.problem.splitlines()[0]}")
        if result.rows:
            parts.append(markdown(table(result)))
    if ceilings:
        parts += ["## The load generator's own limit", CEILING, markdown(ceiling_lines(ceilings))]
    parts += ["## How to repeat it", HOW_TO_REPEAT]
    return "\n\n".join(parts) + "\n"


def _circumstances(
    services: Services,
    command: str,
    seconds: float,
    minutes: float,
    load_before: float,
    now: datetime.datetime,
) -> str:
    facts = {
        "Date": f"{now:%Y-%m-%d %H:%M} UTC, {minutes:.0f} minutes in all",
        "Machine": f"{os.cpu_count()} cores, {processes.cpu_model()}, Linux {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": services.postgres_version,
        "Redis": services.redis_version,
        "Commit": commit(),
        "Command": f"`{command}`",
        "Measured": f"{seconds:g} s for each line, after a warm-up",
        "Load average before": f"{load_before:.1f} (above 0.3 the machine had other work, too)",
    }
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def write(path: Path, text: str) -> None:
    """Write the document, making its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


HOW_TO_READ = """\
`ours/daphne` and `ours/uvicorn` are this application, one process, started with
`manage.py serve`. `textbook` is the baseline in `benchmarks/textbook`: a small chat written as
the Channels tutorial teaches it (one ORM `create` and one `group_send` per message, the core Redis
channel layer with its default options, Django REST framework, one Daphne process). All of them
run on the same PostgreSQL and Redis, with durable commits as PostgreSQL is configured, and take
the same load from the same generator in turn, step by step, so that a noisy moment doesn't hit
just one of them.

- `(×n)` is how many times better than the baseline the value in front of it is: more messages, or
  less time or memory.
- The server, the load generator, PostgreSQL and Redis share the machine's cores. CPU shares are
  of one core, `machine busy` is of all. A server at 100 % is at its limit; a generator
  above 90 % would be the bottleneck, and the line says so.
- `faults` counts over every socket and every message, not over a sample: *lost*, *doubled*,
  *disordered* (after a later message of the same writer), *differing* (sockets that saw the
  chat's messages in another order than the others did), *errors* (refused commands), *dropped*
  (sockets closed by the server), *malformed* (of the few sockets that are read strictly, frame by
  frame and as JSON: those that got anything but one new_message frame for each message).
- The baseline does less: no receipts, no unread counts, no idempotency, no log to resume from.
  Its connections get an empty unread list.
- The baseline's channel layer holds the default of 100 waiting messages and silently drops what
  comes on top; that is where its *lost* deliveries are. It opens a database connection for every
  query, as Django's default (`CONN_MAX_AGE = 0`) has it.
- Times are `time.monotonic_ns()` of the generator's process on both ends."""

CEILING = """\
A bare socket server (`benchmarks/blaster.py`) writes prebuilt frames as fast as it can; this is
what the generator takes in, storing the marker of every one. A saturated server resembles the
first line, an idle one the second. How near the generator was to its limit in a measurement is its
CPU share there."""

HOW_TO_REPEAT = """\
```
make bench                                    # everything; needs PostgreSQL and Redis
python -m benchmarks --quick --output -       # a smoke test, about two minutes
python -m benchmarks --only sends,room --seconds 10 --servers uvicorn,textbook --output -
```

`DATABASE_URL` and `REDIS_URL` say where the services are (by default
`postgres://postgres@127.0.0.1:5432/postgres` and `redis://127.0.0.1:6379/5`). The benchmark
creates databases named `messenger_bench_*` and drops them at the end."""
