"""A real browser, and a server for it, where there is one to look with."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from messenger.realtime import doorbell
from tests.chromium import CHROMIUM
from tests.live.servers import Server, serving
from tests.page.windows import Chromium, Windows


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: Any) -> bool | None:
    """Tests with windows run on the browser's loop; all others as everywhere."""
    chromium = pyfuncitem.funcargs.get("chromium")
    if chromium is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames

    async def run() -> None:
        try:
            await pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
        finally:
            if doorbell.hub is not None:
                await doorbell.hub.stop()

    chromium.run(run())
    return True


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium to look with")
    started = Chromium()
    yield started
    started.close()


@pytest.fixture(scope="session")
def page_server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """For all tests that do nothing to it."""
    own = {"REDIS_PREFIX": f"{settings.REDIS_PREFIX}-page", "DEMO": "off"}
    with django_db_blocker.unblock(), serving(tmp_path_factory.mktemp("page"), **own) as started:
        yield started


@pytest.fixture
def windows(database: None, chromium: Chromium, page_server: Server) -> Iterator[Windows]:
    """All that are opened are closed, and nothing went wrong in any of them."""
    opened = Windows(chromium, page_server)
    yield opened
    chromium.run(opened.close())
    assert opened.wrong == []
