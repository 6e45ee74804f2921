"""One server of each kind for all tests that only talk to it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings

from tests.live.servers import Server, serving


@pytest.fixture(scope="session")
def running(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Server]]:
    """Gives the server of a kind, started when it is first asked for: tests come in any order."""
    started: dict[str, Server] = {}
    with django_db_blocker.unblock(), ExitStack() as stack:

        def get(kind: str) -> Server:
            if kind not in started:
                # They look after whoever is online under their prefix, also while other tests run.
                own = {"REDIS_PREFIX": f"{settings.REDIS_PREFIX}-{kind}"}
                folder = tmp_path_factory.mktemp(kind)
                started[kind] = stack.enter_context(serving(folder, kind, **own))
            return started[kind]

        yield get


@pytest.fixture(params=["daphne", "uvicorn"])
def server(request: pytest.FixtureRequest, running: Callable[[str], Server]) -> Server:
    return running(request.param)
