"""
`python -m tests [pytest options]`: the suite, once for each way of running the server.

  embedded   SQLite and the in-memory layer: always
  services   PostgreSQL and Redis: DATABASE_URL and REDIS_URL, else the standard local ports

REQUIRE_SERVICES=1 makes it a failure if they are not found. What ran is said at the end.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import redis

POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"
REDIS = "redis://127.0.0.1:6379/0"


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


def run(name: str, database: str, redis_url: str, options: list[str]) -> bool:
    print(f"\n=== {name}: {database.split('@')[-1]}, {redis_url or 'in-memory layer'}", flush=True)
    environment = {
        **os.environ,
        "DATABASE_URL": database,
        "REDIS_URL": redis_url,
        "REDIS_PREFIX": f"messenger-test-{os.getpid()}",
        "SECRET_KEY": "only-for-tests-" + "0" * 40,
        "DJANGO_SETTINGS_MODULE": "messenger.settings",
        "DEBUG": "off",
        "RATE_LIMITS": "on",
    }
    return (
        subprocess.run([sys.executable, "-m", "pytest", *options], env=environment).returncode == 0
    )


def main() -> int:
    options = sys.argv[1:]
    postgres, redis_url = find_postgres(), find_redis()
    done: list[str] = []
    failed: list[str] = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="messenger-test-") as folder:
        legs = [("embedded", f"sqlite:///{Path(folder) / 'main.sqlite3'}", "")]
        if postgres or redis_url:
            legs.append(("services", postgres or legs[0][1], redis_url))
        for name, database, layer in legs:
            (done if run(name, database, layer, options) else failed).append(name)
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
