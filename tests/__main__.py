"""
`python -m tests [pytest options]`: the suite, once for each way of running the server.

  embedded   SQLite and the in-memory layer: always
  services   PostgreSQL and Redis: DATABASE_URL and REDIS_URL, else the standard local ports

REQUIRE_SERVICES=1 makes it a failure if they are not found. What ran is said at the end.

Without options the legs run side by side, each in parts: what waits for processes and clocks most
of the time, what goes on in a browser, and three of the rest. What has nothing to do with where
things are kept (marked `once`) runs in the last leg only.

So many at once are a busy machine, and tests of patience know no better than to call it slow:
a few that fail are heard a second time, alone. What passes only then is named at the end.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"
REDIS = "redis://127.0.0.1:6379/0"
HERE = Path(__file__).parent
# The folders that wait more than they work, those with a browser, and of the others those that work
# most, in two parts.
WAITING = ("clients", "limits", "live", "presence", "realtime")
BROWSING = ("page",)
BUSY = ("fuzz", "hostile", "project")
MANY = ("moderation", "protocols")
# The folders that run in one leg: what is furthest from where things are kept, which both legs hear
# of from the apps below. In the last, as what is marked `once` does, or in the first, the quicker.
LAST = ("clients", "fuzz", "hostile", "live", "moderation", "page", "project")
FIRST = ("protocols",)
# Seconds between words about how far it is.
WORD = 10
# Failures of a part that are heard again; more than that are no accident.
HEARD_AGAIN = 8


def find_postgres() -> str:
    """The URL of a PostgreSQL that answers and lets us make databases, or nothing."""
    url = os.environ.get("DATABASE_URL") or POSTGRES
    if not url.startswith("postgres"):
        return ""
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            row = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
            return url if row and row[0] else ""
    except psycopg.Error:
        return ""


def find_redis() -> str:
    """The URL of a Redis that answers, or nothing."""
    url = os.environ.get("REDIS_URL") or REDIS
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=3) as client:
            client.ping()
        return url
    except redis.RedisError:
        return ""


@dataclass
class Leg:
    """One way of running the server, and where its services are."""

    name: str
    database: str
    redis: str

    def environment(self, part: int) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self.database,
            "REDIS_URL": self.redis,
            "REDIS_PREFIX": f"messenger-test-{os.getpid()}-{part}",
            "SECRET_KEY": "only-for-tests-" + "0" * 40,
            "DJANGO_SETTINGS_MODULE": "messenger.settings",
            "DEBUG": "off",
            "RATE_LIMITS": "on",
            "DEMO": "off",
        }

    def run(self, options: list[str]) -> bool:
        print(f"\n=== {self}", flush=True)
        command = [sys.executable, "-m", "pytest", *options]
        return subprocess.run(command, env=self.environment(0)).returncode == 0

    def __str__(self) -> str:
        where = self.database.split("@")[-1]
        return f"{self.name}: {where}, {self.redis or 'in-memory layer'}"


class Part:
    """Some folders of one leg, running on their own; what they say is kept in a file."""

    def __init__(self, leg: Leg, number: int, options: list[str], output: Path) -> None:
        self.leg = leg
        self.output = output
        # Their own databases have other names: the number of the process is in them.
        command = [sys.executable, "-m", "pytest", "--color=no", "-q", *options]
        self.environment = leg.environment(number)
        self.only_alone: list[str] = []
        """Tests that failed beside others, and passed alone."""
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=file, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def progress(self) -> str:
        percents = re.findall(r"\[ *(\d+)%\]", self.said)
        return f"{self.leg.name} {percents[-1] if percents else 0} %"

    @property
    def passed(self) -> bool:
        return self.process.returncode == 0 or bool(self.only_alone)

    def hear_again(self) -> None:
        """Run the few that failed once more, with nothing beside them."""
        failed = re.findall(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", self.said, re.MULTILINE)
        if self.process.returncode != 1 or not 0 < len(failed) <= HEARD_AGAIN:
            return
        command = [sys.executable, "-m", "pytest", "-q", *failed]
        print(f"\nA second time, alone: {', '.join(failed)}", flush=True)
        if subprocess.run(command, env=self.environment).returncode == 0:
            self.only_alone = failed

    def summary(self) -> str:
        """All of it if something failed, else what was skipped and how many passed."""
        if self.process.returncode:
            return self.said
        lines = self.said.splitlines()
        return "\n".join([line for line in lines if line.startswith("SKIPPED")] + lines[-1:])


def _folders(folders: list[str], leg: Leg, legs: list[Leg]) -> list[str]:
    """Those of them that run in this leg."""
    others = () if len(legs) == 1 else FIRST if leg is legs[-1] else LAST
    return [f"tests/{name}" for name in folders if name not in others]


def side_by_side(legs: list[Leg], folder: Path) -> Iterator[tuple[Leg, bool]]:
    """Run the whole suite: each leg, and whether it passed."""
    found = sorted(path.name for path in HERE.iterdir() if list(path.glob("test_*.py")))
    working = [name for name in found if name not in WAITING + BROWSING]
    groups = [
        [name for name in found if name in WAITING],
        [name for name in found if name in BROWSING],
        [name for name in working if name in BUSY],
        [name for name in working if name in MANY],
        [name for name in working if name not in BUSY + MANY],
    ]
    parts = [
        Part(
            leg,
            number,
            [*paths, *(() if leg is legs[-1] else ("-m", "not once"))],
            folder / f"{leg.name}-{number}.txt",
        )
        for leg in legs
        for number, group in enumerate(groups)
        if (paths := _folders(group, leg, legs))
    ]
    while any(part.process.poll() is None for part in parts):
        try:
            next(part for part in parts if part.process.poll() is None).process.wait(WORD)
        except subprocess.TimeoutExpired:
            print(", ".join(part.progress() for part in parts), flush=True)
    for leg in legs:
        print(f"\n=== {leg}", flush=True)
        own = [part for part in parts if part.leg is leg]
        for part in own:
            print(part.summary(), flush=True)
            part.hear_again()
        alone = [test for part in own for test in part.only_alone]
        if alone:
            print(f"\nPassed only alone ({leg.name}): {', '.join(alone)}", flush=True)
        yield leg, all(part.passed for part in own)


def main() -> int:
    options = sys.argv[1:]
    postgres, redis_url = find_postgres(), find_redis()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="messenger-test-") as folder:
        embedded = f"sqlite:///{Path(folder) / 'main.sqlite3'}"
        legs = [Leg("embedded", embedded, "")]
        if postgres or redis_url:
            legs.append(Leg("services", postgres or embedded, redis_url))
        if options:
            outcomes = [(leg, leg.run(options)) for leg in legs]
        else:
            outcomes = list(side_by_side(legs, Path(folder)))
    done = [leg.name for leg, passed in outcomes if passed]
    failed = [leg.name for leg, passed in outcomes if not passed]
    print(f"\nLegs that passed: {', '.join(done) or 'none'}.", end=" ")
    print(f"Failed: {', '.join(failed) or 'none'}.", end=" ")
    missing = [name for name, url in (("PostgreSQL", postgres), ("Redis", redis_url)) if not url]
    print(f"Not found: {', '.join(missing) or 'nothing'}.", end=" ")
    print(f"{time.monotonic() - started:.0f} s.")
    if missing and os.environ.get("REQUIRE_SERVICES") == "1":
        print("REQUIRE_SERVICES=1, and something was not found.")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
