"""
Two server processes for all races, which need PostgreSQL and Redis.

ROUNDS (1) is how often each race is run, SEED how its draws begin: what is printed at the end.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings

from tests.live.servers import database_url, serving
from tests.races.arena import Arena

ROUNDS = int(os.environ.get("ROUNDS", "1"))
SEED = int(os.environ.get("SEED", "0")) or int.from_bytes(os.urandom(4))
# Milliseconds.
LOCK_PATIENCE = 30_000
ARENA = pytest.StashKey[Arena]()


@pytest.fixture(scope="session")
def processes(
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Arena]:
    if "sqlite" in settings.DATABASES["default"]["ENGINE"] or not settings.REDIS_URL:
        pytest.skip("needs PostgreSQL and Redis")
    own = {
        "REDIS_PREFIX": f"{settings.REDIS_PREFIX}-races",
        # Limits are by address and account, and all of these are one machine's.
        "RATE_LIMITS": "off",
        # Of 24 who want one chat the last may wait for long on a machine that is busy otherwise.
        "DATABASE_URL": f"{database_url()}?options=-c%20lock_timeout%3D{LOCK_PATIENCE}",
    }
    folder = tmp_path_factory.mktemp("races")
    with django_db_blocker.unblock(), ExitStack() as stack:
        kinds = ("daphne", "uvicorn")
        servers = [stack.enter_context(serving(folder, kind, **own)) for kind in kinds]
        arena = request.config.stash[ARENA] = Arena(servers, ROUNDS, SEED)
        yield arena


@pytest.fixture
def arena(processes: Arena) -> Arena:
    return processes


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    arena = config.stash.get(ARENA, None)
    if arena is not None:
        terminalreporter.write_line(
            f"Races: {arena.run} rounds ({arena.rounds} of each), {arena.calls} calls,"
            f" {len(arena.wrong)} violations, {arena.failures} 5xx,"
            f" {arena.busy} asked to come again (SEED={SEED})."
        )
