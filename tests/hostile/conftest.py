"""What the hostile tests share, and the figures of their run."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings

from messenger.realtime import limits
from tests.hostile.tally import tally
from tests.live.servers import Server, serving
from tests.project.authorisation import World, make_world
from tests.project.test_authorisation import store, stored

KINDS = ("daphne", "uvicorn")


@pytest.fixture(scope="module")
def made() -> list[Any]:
    """The world of this module and its rows: to make them takes a hundred statements."""
    return []


@pytest.fixture
def world(made: list[Any]) -> World:
    """The same people, chats and messages for each test, as they were."""
    if made:
        store(made[1])
    else:
        made += [make_world(), stored()]
    found: World = made[0]
    return found


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy must not look like a Redis that is away."""
    monkeypatch.setattr(limits, "PATIENCE", 5.0)
    limits.counter = limits.Counter(settings.REDIS_URL)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if tally.tried:
        terminalreporter.section("hostile inputs")
        for line in tally.lines():
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def pair(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Server]]:
    """One server of each kind, which are one to their clients. Clients say where they come from."""
    own = {"REDIS_PREFIX": f"{settings.REDIS_PREFIX}-hostile", "PROXIES": "1"}
    with django_db_blocker.unblock(), ExitStack() as stack:
        yield {
            kind: stack.enter_context(serving(tmp_path_factory.mktemp(kind), kind, **own))
            for kind in KINDS
        }


@pytest.fixture(params=KINDS)
def attacked(request: pytest.FixtureRequest, pair: dict[str, Server]) -> tuple[Server, Server]:
    """The one that is attacked, and the other one."""
    other = next(server for kind, server in pair.items() if kind != request.param)
    return pair[request.param], other
