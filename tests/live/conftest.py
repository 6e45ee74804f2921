"""One server of each kind for all tests that only talk to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.servers import Server, serving


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def server(
    request: pytest.FixtureRequest,
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    with (
        django_db_blocker.unblock(),
        serving(tmp_path_factory.mktemp("server"), request.param) as started,
    ):
        yield started
