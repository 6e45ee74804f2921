"""The command line: `python -m benchmarks`."""

import argparse
import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from . import blaster, report, selftest
from .clients import LoadFailed
from .scenarios import SCENARIOS
from .scenarios.common import Bench, Scenario
from .servers import ROOT, Server, ServerFailed
from .services import DEFAULT_DATABASE_URL, DEFAULT_REDIS_URL, Services, ServicesMissing
from .world import World

SERVERS = ("daphne", "uvicorn", "textbook")
TIME_LIMIT_SECONDS = 90 * 60


def _names(known: tuple[str, ...]):  # type: ignore[no-untyped-def]
    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return [name for name in known if name in names]

    return parse


def arguments() -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=(
            "Starts the application on PostgreSQL and Redis and, beside it, a textbook Channels "
            "chat; applies the same load to both and writes a report."
        ),
        epilog=(
            "The environment's DATABASE_URL and REDIS_URL say where the services are; defaults: "
            f"{DEFAULT_DATABASE_URL} and {DEFAULT_REDIS_URL}. Databases named messenger_bench_* "
            "are created and dropped again."
        ),
    )
    parser.add_argument(
        "--only",
        type=_names(tuple(SCENARIOS)),
        default=list(SCENARIOS),
        metavar="NAME,...",
        help=f"only these scenarios: {', '.join(SCENARIOS)}",
    )
    parser.add_argument(
        "--servers",
        type=_names(SERVERS),
        default=list(SERVERS),
        metavar="NAME,...",
        help=f"only these servers: {', '.join(SERVERS)}",
    )
    parser.add_argument("--seconds", type=float, help="seconds of load for each line (default: 5)")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke test: 1 s, small chats, few steps"
    )
    parser.add_argument(
        "--output",
        default="docs/benchmarks.md",
        metavar="FILE",
        help="where the report goes (default: docs/benchmarks.md); - for nowhere",
    )
    parsed = parser.parse_args()
    if parsed.seconds is None:
        parsed.seconds = 1.0 if parsed.quick else 5.0
    if not 0.2 <= parsed.seconds <= 120:
        parser.error("--seconds must be between 0.2 and 120")
    return parsed


def say(text: str) -> None:
    """Print progress at once."""
    print(text, flush=True)


@contextlib.contextmanager
def prepared(options: argparse.Namespace, services: Services) -> Iterator[Bench]:
    """Databases, tables and worlds for the chosen servers; all gone at the end."""
    servers: list[Server] = []
    worlds: dict[str, World] = {}
    urls: dict[str, str] = {}
    try:
        for name in options.servers:
            side = "textbook" if name == "textbook" else "ours"
            fresh = side not in urls
            if fresh:
                urls[side] = services.create_database(side)
            server = Server(name, urls[side], services.redis_url)
            servers.append(server)
            if fresh:
                server.migrate()
                worlds[side] = World(side, urls[side], services.redis_url)
        yield Bench(servers, worlds, options.seconds, options.quick, say)
    finally:
        for server in servers:
            server.stop()
        for world in worlds.values():
            world.stop()
        services.clean_up()


def ceilings(quick: bool) -> list[blaster.Ceiling]:
    """Check that the load generator finds faults; measure its own limit."""
    selftest.run()
    say("The load generator's own limit")
    found = [blaster.measure(mode, seconds=0.7 if quick else 2.0) for mode in ("joined", "single")]
    say(report.plain(report.ceiling_lines(found)))
    return found


def run(bench: Bench, scenario: Scenario) -> report.Result:
    """Run one scenario; a failure of it is a result too."""
    say(f"\n{scenario.title} ({scenario.name})")
    bench.reported.clear()
    try:
        result = report.Result(scenario, scenario.run(bench))
    except (LoadFailed, ServerFailed, OSError) as error:
        rows = list(bench.reported)
        result = report.Result(scenario, rows, f"{type(error).__name__}: {error}")
        say(f"  FAILED: {result.problem}")
    if result.rows:
        say("\n" + report.plain(report.table(result)))
    return result


def _stop(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signal_number)


def main() -> int:
    """Run what the command line asks for; 0 if every scenario could be measured."""
    options = arguments()
    for signal_number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(signal_number, _stop)
    signal.alarm(TIME_LIMIT_SECONDS)
    began, load_before = time.monotonic(), os.getloadavg()[0]
    services = Services()
    try:
        services.check()
    except ServicesMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    results = []
    limits: list[blaster.Ceiling] = []
    try:
        limits = ceilings(options.quick)
        with prepared(options, services) as bench:
            results = [run(bench, SCENARIOS[name]) for name in options.only]
    except KeyboardInterrupt:
        print("interrupted; everything is stopped", file=sys.stderr)
        return 130
    except ServerFailed as error:
        print(error, file=sys.stderr)
        return 1
    say("\nIn short\n" + report.plain(report.summary(results)))
    if options.output != "-":
        command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
        minutes = (time.monotonic() - began) / 60
        text = report.document(
            results, limits, services, command, options.seconds, minutes, load_before
        )
        path = ROOT / Path(options.output)
        report.write(path, text)
        say(f"\nwritten: {options.output}")
    return 1 if any(result.problem for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
